//! The time without service: how long a key waited where its partition was split or merged, and otherwise.
//!
//! A key is without service from one thing that happened to it to the next: from one of its appends being
//! acknowledged to the next, while there is always another to make, or from one of its deliveries to the
//! next. An operation is charged with the longest such time that ends after it began, up to the first
//! thing that happened to the key in what took its partition's place. All other times are those of the
//! steady state.

use std::time::Duration;

use gapless::PartitionId;

use super::moment::Moment;
use super::steps::Step;

/// What happened to a key, in order.
#[derive(Clone, Debug, Default)]
pub struct Track(Vec<(Moment, PartitionId)>);

impl Track {
    /// Takes note of what happened next. What happened at the same moment is one.
    pub fn push(&mut self, at: Moment, partition: &PartitionId) {
        if self.0.last().is_none_or(|(last, _)| *last != at) {
            self.0.push((at, partition.clone()));
        }
    }
}

/// An operation that was done.
#[derive(Clone, Debug)]
pub struct Operation {
    pub step: Step,
    /// When an operator began with it first.
    pub begun: Moment,
}

/// From when to when something was measured.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: Moment,
    pub to: Moment,
}

/// Times without service.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    pub steady: Vec<Duration>,
    pub split: Vec<Duration>,
    pub merge: Vec<Duration>,
}

impl Outages {
    /// Adds the times of a key that belongs to `place` at the finest.
    pub fn add(
        &mut self,
        place: &PartitionId,
        track: &Track,
        operations: &[Operation],
        span: Span,
    ) {
        let Track(track) = track;
        let mut charged = vec![false; track.len()];
        let during =
            |operation: &&Operation| span.from <= operation.begun && operation.begun <= span.to;
        for operation in operations.iter().filter(during) {
            let mut parents = operation.step.parents().iter();
            let Some(parent) = parents.find(|parent| parent.overlaps(place)) else { continue };
            // What took a partition's place sorts behind it.
            let first = track.partition_point(|(_, partition)| partition <= parent);
            let begin = track.partition_point(|(at, _)| *at <= operation.begun).max(1);
            if first >= track.len() || begin > first {
                continue;
            }
            charged[begin..=first].fill(true);
            let longest = (begin..=first).map(|index| gap(track, index)).max();
            let outages = match operation.step {
                Step::Split(_) => &mut self.split,
                Step::Merge(_) => &mut self.merge,
            };
            outages.extend(longest);
        }
        let within = |index: &usize| span.from <= track[index - 1].0 && track[*index].0 <= span.to;
        let steady = (1..track.len()).filter(|index| !charged[*index]).filter(within);
        self.steady.extend(steady.map(|index| gap(track, index)));
    }
}

fn gap(track: &[(Moment, PartitionId)], index: usize) -> Duration {
    track[index].0.since(track[index - 1].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> PartitionId {
        id.parse().expect("an id")
    }

    fn outages(happened: &[(u64, &str)], operations: &[(u64, &str)]) -> Outages {
        let mut track = Track::default();
        happened.iter().for_each(|(at, partition)| track.push(Moment(*at), &id(partition)));
        let operations: Vec<_> = operations
            .iter()
            .map(|(at, step)| Operation { step: step.parse().expect("a step"), begun: Moment(*at) })
            .collect();
        let mut outages = Outages::default();
        let span = Span { from: Moment(0), to: Moment(1000) };
        outages.add(&id("p0000"), &track, &operations, span);
        outages
    }

    fn micros(times: &[Duration]) -> Vec<u128> {
        times.iter().map(Duration::as_micros).collect()
    }

    #[test]
    fn an_operation_is_charged_with_the_longest_gap_up_to_the_first_event_behind_it() {
        let happened =
            [(10, "p"), (20, "p"), (50, "p"), (65, "p0"), (75, "p0"), (95, "p~"), (105, "p~")];
        let outages = outages(&happened, &[(30, "p"), (76, "p0+p1")]);
        // The append that was under way when the split began took longer than the one that met the seal.
        assert_eq!(micros(&outages.split), [30]);
        assert_eq!(micros(&outages.merge), [20]);
        assert_eq!(micros(&outages.steady), [10, 10, 10]);
    }

    #[test]
    fn operations_on_other_partitions_are_not_charged_to_a_key() {
        let outages = outages(&[(10, "p0"), (40, "p0"), (50, "p0")], &[(20, "p1")]);
        assert!(outages.split.is_empty());
        assert_eq!(micros(&outages.steady), [30, 10]);
    }

    #[test]
    fn a_key_that_no_event_came_to_between_two_operations_is_charged_with_the_gap_twice() {
        let outages = outages(&[(10, "p"), (90, "p00")], &[(20, "p"), (40, "p0")]);
        assert_eq!(micros(&outages.split), [80, 80]);
        assert!(outages.steady.is_empty());
    }

    #[test]
    fn what_happened_at_one_moment_is_one() {
        let outages = outages(&[(10, "p"), (10, "p"), (30, "p")], &[]);
        assert_eq!(micros(&outages.steady), [20]);
    }
}
