//! `gapless mutants`: breaks the traffic or the protocol on purpose, and reports what notices.

use std::time::Duration;

use gapless_model::Mutant;
use gapless_model::check::{Bounds, Clocks, Ended, Task, check};
use gapless_model::design::{Design, NAMED, Read, named};
use gapless_sim::conformance::{Conformity, converse};
use gapless_sim::{Campaign, CampaignReport, EngineKind, Profile};
use serde_json::json;

use super::sim::{progress_bar, run_campaign};
use crate::cli::sim::MutantsArgs;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::report::mutants::{Broken, Checked, Fate, row, tell};
use crate::status::Status;
use crate::{files, interrupt, output};

/// The design in which a mutant's fault can show.
fn design_for(mutant: Mutant) -> Design {
    let name = match mutant {
        Mutant::TransactionHalved => "transaction",
        // In other designs no two appends compete for a slot.
        Mutant::TokenReused => "no-counter",
        _ => "recommended",
    };
    named(name).map_or(Design::RECOMMENDED, |known| known.design)
}

/// How many random dialogues to hold with each mutant before it counts as a survivor.
const DIALOGUES: u32 = 1000;

/// Designs that lose triggers. The adapter cannot: its workers sweep the tables in any case,
/// and with `trigger = "sweep"` the checker finds that each of these designs holds.
const RESCUED_BY_SWEEPS: [&str; 5] = [
    "best-effort-trigger",
    "drop-busy-trigger",
    "eventual-reads",
    "eventual-reads-checked",
    "eventual-reads-wake",
];

fn all() -> Vec<Broken> {
    let traffic = Mutant::ALL.iter().copied().filter(|mutant| mutant.is_in_traffic());
    let traffic = traffic.map(|mutant| Broken {
        name: mutant.name().to_owned(),
        scenario: mutant.scenario(),
        design: design_for(mutant),
        mutant: Some(mutant),
    });
    let refuted = NAMED
        .iter()
        .filter(|known| !known.breaks.is_empty() && !RESCUED_BY_SWEEPS.contains(&known.name));
    let designs = refuted.map(|known| Broken {
        name: format!("design {}", known.name),
        scenario: None,
        design: known.design,
        mutant: None,
    });
    traffic.chain(designs).collect()
}

/// Runs every mutant.
pub fn run(args: &MutantsArgs) -> Result<Status, Failure> {
    let chosen = chosen(args)?;
    // What cannot be written should be known before hours of runs, not after them.
    files::try_files(&args.json)?;
    interrupt::install_handler();
    let mut fates = Vec::new();
    for broken in &chosen {
        let fate = Fate {
            checked: checked(broken),
            conformity: broken.mutant.map(|mutant| hold_dialogues(mutant, &broken.name)),
            simulated: simulated(args, broken, false),
            // A refuted design is simulated as it is: it refines itself.
            alone: broken.mutant.is_some().then(|| simulated(args, broken, true)),
        };
        if interrupt::is_requested() {
            break;
        }
        fates.push((broken, fate));
    }
    let left = &chosen[fates.len()..];
    // The file comes first: the reader of the output may close it early, as `head` does.
    let written = args.json.as_ref().map_or(Ok(()), |path| {
        let rows: Vec<_> = fates.iter().map(|(broken, fate)| row(broken, fate)).collect();
        let left: Vec<_> = left.iter().map(|broken| broken.name.as_str()).collect();
        let document = json!({
            "format": "gapless-mutants", "version": 2, "mutants": rows, "not-run": left,
        });
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        files::write(path, &(text + "\n"))
    });
    let told =
        tell(&mut output::verdict(), &fates, left, args.seeds, DIALOGUES, &RESCUED_BY_SWEEPS);
    written.and(told.map_err(Failure::from))?;
    let survives = |(_, fate): &(_, Fate)| fate.simulated.failures.is_empty();
    Ok(match (fates.iter().any(survives), left.is_empty()) {
        (true, _) => Status::Violated,
        (false, true) => Status::Holds,
        (false, false) => Status::Unfinished,
    })
}

fn chosen(args: &MutantsArgs) -> Result<Vec<Broken>, Failure> {
    let mut all = all();
    if args.names.is_empty() {
        return Ok(all);
    }
    if let Some(unknown) =
        args.names.iter().find(|name| !all.iter().any(|broken| broken.name == **name))
    {
        let names: Vec<_> = all.iter().map(|broken| broken.name.as_str()).collect();
        return Err(Failure::Usage {
            what: format!("there is no mutant `{unknown}`"),
            help: format!("the mutants are {}", names.join(", ")),
        });
    }
    all.retain(|broken| args.names.contains(&broken.name));
    Ok(all)
}

/// The checker's verdict, where the model has the fault.
fn checked(broken: &Broken) -> Option<Checked> {
    let (mutant, design) = match broken.mutant {
        None => (None, broken.design),
        // The design has an axis for how events are read.
        Some(Mutant::StaleReads) => (None, Design { read: Read::Eventual, ..broken.design }),
        Some(mutant) if mutant.is_in_model() => (Some(mutant), broken.design),
        Some(_) => return None,
    };
    // From the cheapest search to the dearest, until one finds something. Some faults show
    // only under unbounded clocks. Time is limited, since the dearest take long.
    let all = match mutant {
        Some(Mutant::ExpectationUnguarded) => Bounds { expected: 1, ..Bounds::DEFAULT },
        // A partition is split, and what came of it is merged or split again.
        Some(Mutant::SealIgnored | Mutant::SealUnguarded) => {
            Bounds { producers: 1, events: 2, resplits: 1, ..Bounds::FAMILY }
        }
        Some(_) | None => Bounds::DEFAULT,
    };
    let few = Bounds { faults: 1, ..all };
    let searches = [
        (few, Clocks::Timely, 4),
        (few, Clocks::Unbounded, 4),
        (all, Clocks::Timely, 60),
        (all, Clocks::Unbounded, 60),
    ];
    let mut last = None;
    for (bounds, clocks, seconds) in searches {
        let mut task = Task::new(&broken.name, design, bounds, clocks);
        (task.mutant, task.timeout) = (mutant, Some(Duration::from_secs(seconds)));
        let mut bar = Bar::new(&broken.name);
        let report = last.insert(check(&task, &mut bar));
        bar.finish();
        if !report.violated().is_empty() || interrupt::is_requested() {
            break;
        }
    }
    let report = last?;
    let breaks: Vec<_> = report.violated().iter().map(|invariant| invariant.name()).collect();
    let breaks = match (breaks.is_empty(), report.ended) {
        (false, _) => breaks.join(" "),
        (true, Ended::Exhausted) => "holds".to_owned(),
        (true, Ended::Timeout | Ended::Memory | Ended::Interrupted) => "not exhausted".to_owned(),
        (true, Ended::Disk | Ended::Outgrown | Ended::Crowded) => "not exhausted".to_owned(),
    };
    Some(Checked { breaks, report })
}

/// Compares the altered traffic with the specification, in random dialogues.
fn hold_dialogues(mutant: Mutant, name: &str) -> Conformity {
    let bar = progress_bar(u64::from(DIALOGUES));
    bar.set_message(format!("{name}: random dialogues"));
    let conformity = converse(Some(mutant), EngineKind::default(), DIALOGUES, |held| {
        bar.set_position(held);
        !interrupt::is_requested()
    });
    bar.finish_and_clear();
    conformity
}

fn simulated(args: &MutantsArgs, broken: &Broken, invariants_only: bool) -> CampaignReport {
    // Half of the seeds in a swarm of faults, then the other half under all of them.
    let half = args.seeds.div_ceil(2);
    let mut campaign = Campaign::new(broken.design, Profile::Swarm, half);
    campaign.jobs = args.jobs.map_or(campaign.jobs, usize::from);
    (campaign.mutant, campaign.invariants_only) = (broken.mutant, invariants_only);
    let first = run_campaign(&campaign, &broken.name);
    if !first.failures.is_empty() || interrupt::is_requested() {
        return first;
    }
    campaign.profile = Profile::Hostile;
    let mut second = run_campaign(&campaign, &broken.name);
    (second.seeds, second.elapsed) = (first.seeds + second.seeds, first.elapsed + second.elapsed);
    second
}
