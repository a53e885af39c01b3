//! What is broken on purpose, and what noticed it: the table of `gapless mutants`.

use std::io::{self, Write};

use gapless_model::Mutant;
use gapless_model::check::Report;
use gapless_model::design::Design;
use gapless_sim::CampaignReport;
use gapless_sim::conformance::Conformity;
use indicatif::HumanCount;
use serde_json::json;

use super::table::{plain, right};

/// Something that is broken on purpose.
pub struct Broken {
    /// What it is called.
    pub name: String,
    /// The scenario of the field that it stands for, if it is one of the ten.
    pub scenario: Option<u8>,
    /// The protocol.
    pub design: Design,
    /// What is done to the traffic otherwise.
    pub mutant: Option<Mutant>,
}

/// What became of one mutant.
pub struct Fate {
    /// What the checker finds, for faults that the model has too.
    pub checked: Option<Checked>,
    /// What random dialogues show, for mutants of the traffic.
    pub conformity: Option<Conformity>,
    /// The simulation.
    pub simulated: CampaignReport,
    /// The simulation with the invariants alone, where refinement was judged as well.
    pub alone: Option<CampaignReport>,
}

/// What the checker says of a mutant.
pub struct Checked {
    /// The invariants that are violated, or that none is.
    pub breaks: String,
    /// The search.
    pub report: Report,
}

/// The table, and what it comes to. `left` are those that were not run, because of an interruption.
pub fn tell(
    out: &mut impl Write,
    fates: &[(&Broken, Fate)],
    left: &[Broken],
    seeds: u64,
    dialogues: u32,
    left_out: &[&str],
) -> io::Result<()> {
    writeln!(out, "{}\n", table(fates))?;
    let names = |chosen: &dyn Fn(&Fate) -> bool| {
        let names = fates.iter().filter(|(_, fate)| chosen(fate));
        names.map(|(broken, _)| broken.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let count =
        |chosen: &dyn Fn(&Fate) -> bool| fates.iter().filter(|(_, fate)| chosen(fate)).count();
    let run = match left {
        [] => format!("{} mutants", fates.len()),
        [first, ..] => {
            let all = fates.len() + left.len();
            writeln!(
                out,
                "interrupted: {} of {all} mutants were not run, from {} on",
                left.len(),
                first.name
            )?;
            format!("the {} that were run", fates.len())
        }
    };
    writeln!(
        out,
        "{} of {run} are killed by the simulation within {seeds} seeds",
        count(&Fate::is_killed),
    )?;
    writeln!(
        out,
        "{} of the {} mutants of the traffic differ from the specification in random dialogues (at \
         most {dialogues})",
        count(&Fate::differs),
        count(&|fate| fate.conformity.is_some()),
    )?;
    let agrees = names(&|fate| fate.conformity.is_some() && !fate.differs());
    if !agrees.is_empty() {
        writeln!(out, "not seen in any dialogue: {agrees}")?;
    }
    let sound =
        names(&|fate| fate.checked.as_ref().is_some_and(|c| c.report.violated().is_empty()));
    if !sound.is_empty() {
        writeln!(
            out,
            "the checker finds no violation, with default bounds and either kind of clocks, of {sound}: \
             each is covered by a second safeguard, or harmless to every invariant"
        )?;
    }
    writeln!(
        out,
        "left out: the designs {}. The adapter's workers always sweep the tables, and with \
         `trigger = \"sweep\"` the checker finds that these designs hold",
        left_out.join(", ")
    )?;
    let survived = names(&|fate| !fate.is_killed());
    if !survived.is_empty() {
        writeln!(out, "survived: {survived}")?;
    }
    Ok(())
}

impl Fate {
    /// Whether the simulation noticed.
    fn is_killed(&self) -> bool {
        !self.simulated.failures.is_empty()
    }

    /// Whether a random dialogue noticed.
    fn differs(&self) -> bool {
        self.conformity.as_ref().is_some_and(|held| held.difference.is_some())
    }
}

fn table(fates: &[(&Broken, Fate)]) -> comfy_table::Table {
    let mut table = plain([
        "mutant",
        "scenario",
        "checker",
        "states",
        "s",
        "dialogues",
        "simulation",
        "seeds",
        "s",
        "invariants alone",
        "seeds",
    ]);
    right(&mut table, &[1, 3, 4, 5, 7, 8, 10]);
    for (broken, fate) in fates {
        let (caught, seeds) = verdict(&fate.simulated);
        let (alone, alone_seeds) =
            fate.alone.as_ref().map_or((caught.clone(), seeds.clone()), verdict);
        let checked = fate.checked.as_ref();
        table.add_row([
            broken.name.clone(),
            broken.scenario.map_or(String::new(), |number| number.to_string()),
            checked.map_or("-".to_owned(), |checked| checked.breaks.clone()),
            checked.map_or(String::new(), |checked| {
                HumanCount(checked.report.unique as u64).to_string()
            }),
            checked.map_or(String::new(), |checked| {
                format!("{:.1}", checked.report.elapsed.as_secs_f64())
            }),
            fate.conformity.as_ref().map_or(String::new(), |conformity| {
                if fate.differs() { conformity.dialogues.to_string() } else { "-".to_owned() }
            }),
            caught,
            seeds,
            format!("{:.2}", fate.simulated.elapsed.as_secs_f64()),
            alone,
            alone_seeds,
        ]);
    }
    table
}

/// A mutant for machines.
pub fn row(broken: &Broken, fate: &Fate) -> serde_json::Value {
    let alone = fate.alone.as_ref().unwrap_or(&fate.simulated);
    let checked = fate.checked.as_ref().map(|Checked { breaks, report }| {
        json!({
            "breaks": breaks,
            "states": report.unique,
            "seconds": report.elapsed.as_secs_f64(),
        })
    });
    let conformity = fate.conformity.as_ref().map(|conformity| {
        let difference = conformity.difference.as_ref();
        json!({
            "dialogues": conformity.dialogues,
            "differs": difference.map(|difference| difference.step()),
            "steps": difference.map(|difference| difference.dialogue.len()),
        })
    });
    json!({
        "mutant": broken.name,
        "scenario": broken.scenario,
        "checker": checked,
        "conformance": conformity,
        "simulation": verdict(&fate.simulated).0,
        "seeds": fate.simulated.seeds,
        "seconds": fate.simulated.elapsed.as_secs_f64(),
        "invariants-alone": verdict(alone).0,
        "invariants-alone-seeds": alone.seeds,
    })
}

fn verdict(summary: &CampaignReport) -> (String, String) {
    let seeds = HumanCount(summary.seeds).to_string();
    match summary.failures.first() {
        Some(failed) => (failed.violation.breach.to_string(), seeds),
        None => ("SURVIVED".to_owned(), seeds),
    }
}
