//! `gapless mutants`: what is broken on purpose, and what notices it.

use std::io::{Write as _, stdout};

use gapless_model::check::{Bounds, Clocks, Task, check};
use gapless_model::design::{Design, NAMED, named};
use gapless_sim::{Campaign, Mutant, Profile, Summary};
use indicatif::HumanCount;
use serde_json::json;

use super::sim::watched;
use crate::cli::sim::MutantsArgs;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::report::table::{plain, right};
use crate::{Status, files, interrupt};

/// Something that is broken on purpose.
struct Broken {
    name: String,
    scenario: Option<u8>,
    design: Design,
    /// The design's name, where it is the protocol that is broken.
    named: Option<&'static str>,
    mutant: Option<Mutant>,
}

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
    let traffic = Mutant::ALL.into_iter().map(|mutant| Broken {
        name: mutant.name(),
        scenario: mutant.scenario(),
        design: design_for(mutant),
        named: None,
        mutant: Some(mutant),
    });
    let refuted = NAMED
        .iter()
        .filter(|known| !known.breaks.is_empty() && !RESCUED_BY_SWEEPS.contains(&known.name));
    let designs = refuted.map(|known| Broken {
        name: format!("design {}", known.name),
        scenario: None,
        design: known.design,
        named: Some(known.name),
        mutant: None,
    });
    traffic.chain(designs).collect()
}

/// Runs every mutant.
pub fn run(args: &MutantsArgs) -> Result<Status, Failure> {
    interrupt::listen();
    let chosen = chosen(args)?;
    let mut table = plain([
        "mutant",
        "scenario",
        "checker",
        "states",
        "simulation",
        "seeds",
        "s",
        "invariants alone",
        "seeds",
    ]);
    right(&mut table, &[1, 3, 5, 6, 8]);
    let mut rows = Vec::new();
    let mut survived = Vec::new();
    for broken in &chosen {
        let (checker, states) = checked(broken);
        let whole = simulated(args, broken, false);
        // The protocol itself is what is simulated there: refinement has nothing to say.
        let alone = (broken.mutant.is_some()).then(|| simulated(args, broken, true));
        if interrupt::asked() {
            break;
        }
        let (caught, seeds) = found(&whole);
        let (by_invariant, alone_seeds) =
            alone.as_ref().map_or((caught.clone(), seeds.clone()), found);
        if whole.failures.is_empty() {
            survived.push(broken.name.clone());
        }
        rows.push(json!({
            "mutant": broken.name,
            "scenario": broken.scenario,
            "checker": checker,
            "simulation": caught,
            "seeds": whole.seeds,
            "seconds": whole.elapsed.as_secs_f64(),
            "invariants-alone": by_invariant,
        }));
        let seconds = format!("{:.2}", whole.elapsed.as_secs_f64());
        let scenario = broken.scenario.map_or(String::new(), |number| number.to_string());
        table.add_row([
            broken.name.clone(),
            scenario,
            checker,
            states,
            caught,
            seeds,
            seconds,
            by_invariant,
            alone_seeds,
        ]);
    }
    let mut out = stdout().lock();
    writeln!(out, "{table}\n")?;
    let killed = rows.len() - survived.len();
    writeln!(
        out,
        "{killed} of {} mutants are killed by the simulation within {} seeds",
        rows.len(),
        args.seeds
    )?;
    writeln!(
        out,
        "left out: the designs {}: the adapter's workers sweep the tables in any case, and with \
         `trigger = \"sweep\"` the checker finds that they hold",
        RESCUED_BY_SWEEPS.join(", ")
    )?;
    if !survived.is_empty() {
        writeln!(out, "survived: {}", survived.join(", "))?;
    }
    if let Some(path) = &args.json {
        let document = json!({ "format": "gapless-mutants", "version": 1, "mutants": rows });
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        files::write(path, &(text + "\n"))?;
    }
    Ok(match (survived.is_empty(), rows.len() == chosen.len()) {
        (false, _) => Status::Violated,
        (true, true) => Status::Holds,
        (true, false) => Status::Unfinished,
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

/// What the checker says of it, where it is the protocol that is broken.
fn checked(broken: &Broken) -> (String, String) {
    let Some(name) = broken.named else { return ("-".to_owned(), String::new()) };
    let task = Task::new(name, broken.design, Bounds::DEFAULT, Clocks::Timely);
    let mut bar = Bar::new(name);
    let report = check(&task, &mut bar);
    bar.finish();
    let breaks: Vec<_> = report.violated().iter().map(|(invariant, _)| invariant.name()).collect();
    (breaks.join(" "), HumanCount(report.unique as u64).to_string())
}

fn simulated(args: &MutantsArgs, broken: &Broken, invariants_only: bool) -> Summary {
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

fn found(summary: &Summary) -> (String, String) {
    let seeds = HumanCount(summary.seeds).to_string();
    match summary.failures.first() {
        Some(failed) => (failed.violation.breach.to_string(), seeds),
        None => ("SURVIVED".to_owned(), seeds),
    }
}
