//! The pace of processes: how much one may do within a length of simulated time, so that a loop
//! without an end is a violation.

use std::fmt;

use super::words::seconds;
use crate::plan::{Millis, Node};

/// A step of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is polled.
    Poll,
    /// It reads its clock.
    Clock,
    /// It sends a call.
    Call,
}

/// How many steps of each kind a process took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Steps {
    polls: u64,
    readings: u64,
    calls: u64,
}

impl Steps {
    fn count(&mut self, step: Step) {
        match step {
            Step::Poll => self.polls += 1,
            Step::Clock => self.readings += 1,
            Step::Call => self.calls += 1,
        }
    }

    fn exceed(self, limit: Limit) -> bool {
        self.polls + self.readings + self.calls > limit.steps || self.calls > limit.calls
    }
}

/// The most that one process may do within a length of simulated time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    within: Millis,
    steps: u64,
    calls: u64,
}

/// In 1,500 seeds each of the profiles swarm, hostile and lambda, a process took at most 53 steps in a
/// millisecond, 1,578 steps and 116 calls in a second, and all took 24,571 steps in a run.
const LIMITS: [Limit; 3] = [
    Limit { within: Millis(1), steps: 500, calls: 100 },
    Limit { within: Millis(1_000), steps: 8_000, calls: 400 },
    // Longer than any run.
    Limit { within: Millis(1_000_000), steps: 400_000, calls: 40_000 },
];

/// The steps of a process in the present one of the spans of a limit.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    number: u64,
    steps: Steps,
}

/// The steps of each node's process.
#[derive(Debug)]
pub(crate) struct StepCounts(Vec<[Span; LIMITS.len()]>);

impl StepCounts {
    pub(crate) fn new(nodes: u16) -> StepCounts {
        StepCounts(vec![Default::default(); usize::from(nodes)])
    }

    /// Counts a step of a process.
    ///
    /// # Errors
    /// What it did, if that is more than it may.
    pub(crate) fn count(&mut self, at: Millis, node: Node, step: Step) -> Result<(), Overrun> {
        for (span, limit) in self.0[usize::from(node.0)].iter_mut().zip(LIMITS) {
            let number = at.0 / limit.within.0;
            if span.number != number {
                *span = Span { number, steps: Steps::default() };
            }
            span.steps.count(step);
            if span.steps.exceed(limit) {
                return Err(Overrun { at, steps: span.steps, limit });
            }
        }
        Ok(())
    }
}

/// What a process did that was more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overrun {
    at: Millis,
    steps: Steps,
    limit: Limit,
}

/// The half of a sentence that follows the name of the process.
impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Overrun { at, steps: Steps { polls, readings, calls }, limit } = self;
        write!(
            f,
            "does not come to rest: within {} of simulated time, at {}, it was polled {polls} \
             times, read its clock {readings} times and sent {calls} calls, and it may take {} \
             steps, of which {} are calls",
            seconds(limit.within),
            seconds(*at),
            limit.steps,
            limit.calls,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a step every `every` milliseconds leads to within a minute.
    fn overrun(step: Step, every: u64) -> Option<Millis> {
        let mut counts = StepCounts::new(1);
        let times = (0..60_000).step_by(every as usize).map(Millis);
        times
            .filter_map(|at| counts.count(at, Node(0), step).err())
            .map(|it| it.limit.within)
            .next()
    }

    #[test]
    fn a_loop_is_an_overrun_of_the_limit_that_it_reaches_first() {
        let mut counts = StepCounts::new(2);
        let within_a_moment =
            |at: u64, count: usize, counts: &mut StepCounts| -> Result<(), Overrun> {
                (0..count).try_for_each(|_| counts.count(Millis(at), Node(1), Step::Poll))
            };
        assert_eq!(within_a_moment(7, 500, &mut counts), Ok(()));
        // Another process, and another moment, begin anew.
        assert_eq!(counts.count(Millis(7), Node(0), Step::Poll), Ok(()));
        assert_eq!(within_a_moment(8, 500, &mut counts), Ok(()));
        let overrun_of = within_a_moment(8, 1, &mut counts).expect_err("one too many");
        assert_eq!(overrun_of.limit.within, Millis(1));
        assert!(overrun_of.to_string().contains("it was polled 501 times"), "{overrun_of}");
        assert_eq!(overrun(Step::Poll, 1), None);
        assert_eq!(overrun(Step::Call, 2), Some(Millis(1_000)));
        assert_eq!(overrun(Step::Call, 3), None);
    }
}
