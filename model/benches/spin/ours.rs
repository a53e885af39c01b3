//! The checker of this crate, each search in a process of its own so that its memory can be told.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Instant;

use gapless_model::Invariant;
use gapless_model::check::{Clocks, Progress, Task, check};
use gapless_model::design::Design;

use super::budget::Budget;
use super::table::Row;

/// How the checker searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every order of steps, and states that differ in names apart.
    Plain,
    /// As the command does: with its reduction, and with symmetry.
    Full,
}

/// The first argument of a process that is to search and nothing else.
const SEARCH: &str = "--search-here";

/// What a process is asked to search.
pub struct Question {
    budget: Budget,
    look: Look,
    /// The most memory, in MiB.
    memory: usize,
}

impl Question {
    /// Reads the arguments of a process that is to search; `None` if it is not one.
    pub fn parse(arguments: &[String]) -> Option<Question> {
        let (first, rest) = arguments.split_first()?;
        let numbers: Vec<usize> = rest.iter().filter_map(|number| number.parse().ok()).collect();
        let &[events, crashes, lost_replies, expiries, full, memory] = numbers.as_slice() else {
            return None;
        };
        let [events, crashes, lost_replies, expiries] =
            [events, crashes, lost_replies, expiries].map(|number| number as u8);
        let budget = Budget { events, crashes, lost_replies, expiries };
        let look = if full == 1 { Look::Full } else { Look::Plain };
        (first == SEARCH).then_some(Question { budget, look, memory })
    }
}

/// Searches, and prints the numbers of states, of transitions, and of bytes of memory.
pub fn answer(question: &Question) {
    let bounds = question.budget.bounds();
    let mut task = Task::new("recommended", Design::RECOMMENDED, bounds, Clocks::Timely);
    // Spin searches for violations of safety alone.
    task.checked.retain(|invariant| *invariant != Invariant::P1);
    task.threads = NonZeroUsize::MIN;
    task.max_memory = Some(question.memory << 20);
    (task.reduced, task.symmetric) = match question.look {
        Look::Plain => (false, false),
        Look::Full => (true, true),
    };
    let mut before = None;
    let report = check(&task, &mut |progress: Progress| {
        before.get_or_insert(progress.memory);
        true
    });
    if report.is_exhaustive() && report.violated().is_empty() {
        let memory = report.peak_memory.saturating_sub(before.unwrap_or(0));
        println!("{} {} {memory}", report.unique, report.generated);
    } else {
        println!("the search ended: {:?}, violated: {}", report.ended, report.violated().len());
    }
}

/// Has a process of its own search a budget with at most `memory` MiB.
///
/// # Errors
/// The process did not start, or its search was not exhaustive, or an invariant does not hold.
pub fn search(budget: Budget, look: Look, memory: usize) -> Result<Row, String> {
    let Budget { events, crashes, lost_replies, expiries } = budget;
    let full = usize::from(look == Look::Full);
    let numbers = [events, crashes, lost_replies, expiries].map(usize::from);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let began = Instant::now();
    let output = Command::new(program)
        .arg(SEARCH)
        .args(numbers.iter().chain(&[full, memory]).map(ToString::to_string))
        .output()
        .map_err(|error| format!("the checker does not start: {error}"))?;
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    match numbers.as_slice() {
        &[states, transitions, memory] => Ok(Row { states, transitions, seconds, memory }),
        _ => Err(format!("the checker: {}", said.trim())),
    }
}
