//! `gapless mutants`: what is broken on purpose, and what notices it.

use std::io::stdout;
use std::time::Duration;

use gapless_model::Mutant;
use gapless_model::check::{Bounds, Clocks, Ended, Task, check};
use gapless_model::design::{Design, NAMED, Read, named};
use gapless_sim::conformance::{Conformity, converse};
use gapless_sim::{Campaign, CampaignReport, EngineKind, Profile};
use serde_json::json;

use super::sim::{bar, watched};
use crate::cli::sim::MutantsArgs;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::report::mutants::{Broken, Checked, Fate, row, tell};
use crate::status::Status;
use crate::{files, interrupt};

/// Where the traffic only shows its fault in a design that uses it.
fn design_for(mutant: Mutant) -> Design {
    let name = match mutant {
        Mutant::TransactionHalved => "transaction",
        // Elsewhere no two appends ever meet in a slot.
        Mutant::TokenReused => "no-counter",
        _ => "recommended",
    };
    named(name).map_or(Design::RECOMMENDED, |known| known.design)
}

/// How many random dialogues each may survive at the most.
const DIALOGUES: u32 = 1000;

/// Designs that lose their triggers, which the adapter cannot: its workers sweep the
/// tables in any case, and with `trigger = "sweep"` the checker finds that each of these
/// holds.
const RESCUED_BY_SWEEPS: [&str; 5] = [
    "best-effort-trigger",
    "drop-busy-trigger",
    "eventual-reads",
    "eventual-reads-wake",
    "plain-release-eventual",
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
    interrupt::listen();
    let chosen = chosen(args)?;
    let mut fates = Vec::new();
    for broken in &chosen {
        let fate = Fate {
            checked: checked(broken),
            conformity: broken.mutant.map(|mutant| conversed(mutant, &broken.name)),
            simulated: simulated(args, broken, false),
            // The protocol itself is what is simulated there: refinement has nothing to say.
            alone: broken.mutant.is_some().then(|| simulated(args, broken, true)),
        };
        if interrupt::asked() {
            break;
        }
        fates.push((broken, fate));
    }
    tell(&mut stdout().lock(), &fates, args.seeds, DIALOGUES, &RESCUED_BY_SWEEPS)?;
    if let Some(path) = &args.json {
        let rows: Vec<_> = fates.iter().map(|(broken, fate)| row(broken, fate)).collect();
        let document = json!({ "format": "gapless-mutants", "version": 2, "mutants": rows });
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        files::write(path, &(text + "\n"))?;
    }
    let survives = |(_, fate): &(_, Fate)| fate.simulated.failures.is_empty();
    Ok(match (fates.iter().any(survives), fates.len() == chosen.len()) {
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
        let help = format!("there are {}", names.join(", "));
        return Err(Failure::Option(format!("there is no mutant `{unknown}`"), help));
    }
    all.retain(|broken| args.names.contains(&broken.name));
    Ok(all)
}

/// What the checker says of it, where the model has what is broken.
fn checked(broken: &Broken) -> Option<Checked> {
    let (mutant, design) = match broken.mutant {
        None => (None, broken.design),
        // How events are read is an axis of the design.
        Some(Mutant::StaleReads) => (None, Design { read: Read::Eventual, ..broken.design }),
        Some(mutant) if mutant.is_in_model() => (Some(mutant), broken.design),
        Some(_) => return None,
    };
    // The cheapest search that finds something; a fence matters where clocks cannot be
    // trusted. Under some mutants epochs grow for ever: such a search ends when its time is up.
    let few = Bounds { faults: Bounds::DEFAULT.faults.min(2), ..Bounds::DEFAULT };
    let searches = [
        (few, Clocks::Timely, 4),
        (few, Clocks::Unbounded, 4),
        (Bounds::DEFAULT, Clocks::Timely, 60),
        (Bounds::DEFAULT, Clocks::Unbounded, 60),
    ];
    let mut last = None;
    for (bounds, clocks, seconds) in searches {
        let mut task = Task::new(&broken.name, design, bounds, clocks);
        (task.mutant, task.timeout) = (mutant, Some(Duration::from_secs(seconds)));
        let mut bar = Bar::new(&broken.name);
        let report = last.insert(check(&task, &mut bar));
        bar.finish();
        if !report.violated().is_empty() || interrupt::asked() {
            break;
        }
    }
    let report = last?;
    let breaks: Vec<_> = report.violated().iter().map(|(invariant, _)| invariant.name()).collect();
    let breaks = match (breaks.is_empty(), report.ended) {
        (false, _) => breaks.join(" "),
        (true, Ended::Exhausted) => "holds".to_owned(),
        (true, Ended::Timeout | Ended::Memory | Ended::Interrupted | Ended::Outgrown) => {
            "not exhausted".to_owned()
        }
    };
    Some(Checked { breaks, report })
}

/// What random dialogues with the bent traffic show.
fn conversed(mutant: Mutant, name: &str) -> Conformity {
    let bar = bar(u64::from(DIALOGUES));
    bar.set_message(format!("{name}: random dialogues"));
    let conformity = converse(Some(mutant), EngineKind::default(), DIALOGUES, |held| {
        bar.set_position(held);
        !interrupt::asked()
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
    let first = watched(&campaign, &broken.name);
    if !first.failures.is_empty() || interrupt::asked() {
        return first;
    }
    campaign.profile = Profile::Hostile;
    let mut second = watched(&campaign, &broken.name);
    (second.seeds, second.elapsed) = (first.seeds + second.seeds, first.elapsed + second.elapsed);
    second
}
