//! Each search in a process of its own, so that its memory can be told.

use std::process::Command;
use std::time::Instant;

use gapless_model::check::{Ended, Engine, Progress, Task, check};
use stateright::{Checker, Model};

use crate::search::{Measured, Outcome, Search};
use crate::two_phase_commit::System;

/// The first argument of a process that is to search and nothing else.
const SEARCH: &str = "--search-here";

/// Whether a process was one that is to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was, and has printed what the search came to.
    Given,
    /// It was not: these are arguments of the benchmark.
    NotAsked,
}

/// Searches if these are the arguments of a process that is to.
#[must_use]
pub(crate) fn answer(arguments: &[String]) -> Answer {
    let [first, search] = arguments else { return Answer::NotAsked };
    let Some(search) = (first == SEARCH).then(|| serde_json::from_str(search).ok()).flatten()
    else {
        return Answer::NotAsked;
    };
    match run(&search) {
        Ok(measured) => println!("{}", serde_json::to_string(&measured).unwrap_or_default()),
        Err(problem) => println!("{problem}"),
    }
    Answer::Given
}

/// Has a process of its own search.
///
/// # Errors
/// The process does not start, or an invariant does not hold, or a number outgrew the model.
pub fn measure(search: &Search) -> Result<Measured, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let search = serde_json::to_string(search).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let output = Command::new(program)
        .args([SEARCH, &search])
        .output()
        .map_err(|error| format!("the checker does not start: {error}"))?;
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    match serde_json::from_str::<Measured>(&said) {
        Ok(measured) => Ok(Measured { seconds, ..measured }),
        Err(_) => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!("the checker: {} {}", said.trim(), complaint.trim()))
        }
    }
}

fn run(search: &Search) -> Result<Measured, String> {
    match search {
        Search::Protocol(protocol) => run_check(&protocol.task()),
        Search::TwoPhaseCommit(participants) => Ok(run_yardstick(*participants)),
    }
}

/// Checks the protocol.
fn run_check(task: &Task) -> Result<Measured, String> {
    let before = held();
    let report = check(task, &mut |_: Progress| true);
    if let Some(invariant) = report.violated().first() {
        return Err(format!("the design violates {invariant}"));
    }
    let outcome = match report.ended {
        Ended::Exhausted => Outcome::Exhaustive,
        Ended::Timeout | Ended::Interrupted => Outcome::Time,
        Ended::Memory => Outcome::Memory,
        Ended::Disk => return Err("the disk could not be used".to_owned()),
        Ended::Outgrown => return Err("a number outgrew the model".to_owned()),
        Ended::Crowded => return Err("there were too many components".to_owned()),
    };
    // Stateright counts the first state as generated.
    let first = usize::from(task.engine == Engine::Stateright);
    Ok(Measured {
        states: report.unique as u64,
        transitions: (report.generated - first) as u64,
        seconds: report.elapsed.as_secs_f64(),
        memory: report.peak_memory.saturating_sub(before) as u64,
        outcome,
    })
}

/// Searches two-phase commit.
fn run_yardstick(participants: usize) -> Measured {
    let (before, began) = (held(), Instant::now());
    let checker = System(participants).checker().threads(1).spawn_dfs().join();
    Measured {
        states: checker.unique_state_count() as u64,
        transitions: checker.state_count() as u64 - 1,
        seconds: began.elapsed().as_secs_f64(),
        memory: held().saturating_sub(before) as u64,
        outcome: Outcome::Exhaustive,
    }
}

/// The memory that this process holds, in bytes; 0 where the system does not say.
fn held() -> usize {
    memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem)
}
