//! What things are called: a partition is named only where there are several.

use super::super::action::{Action, Process};
use super::super::small::PartitionNo;
use super::path::Path;
use super::place::{Place, Position};

impl Path {
    /// A group in a partition: "group g1 in p2".
    pub(super) fn group_name(&self, place: Place) -> String {
        format!("group {}{}", place.group, self.in_partition(place.partition))
    }

    /// A group's checkpoint: "group g1's checkpoint in p2".
    pub(super) fn checkpoint_name(&self, place: Place) -> String {
        format!("group {}'s checkpoint{}", place.group, self.in_partition(place.partition))
    }

    /// A group's lease: "group g1's lease in p2".
    pub(super) fn lease_name(&self, place: Place) -> String {
        format!("group {}'s lease{}", place.group, self.in_partition(place.partition))
    }

    /// A group without its noun, where it was named before: "g1 in p2".
    pub(super) fn short_name(&self, place: Place) -> String {
        format!("{}{}", place.group, self.in_partition(place.partition))
    }

    /// A slot of a partition: "slot 3 of p2".
    pub(super) fn slot_name(&self, position: Position) -> String {
        format!("slot {}{}", position.slot, self.of_partition(position.partition))
    }

    /// What belongs to a partition: " of p2".
    pub(super) fn of_partition(&self, partition: PartitionNo) -> String {
        if self.has_partitions() { format!(" of {partition}") } else { String::new() }
    }

    /// Who did a step, as the subject of a clause. A request that did not arrive at once says when
    /// it was sent.
    pub(super) fn subject(&self, step: usize) -> String {
        let deed = self.deed(step);
        match (deed.who, deed.action, deed.sent) {
            (Some(who), Action::Arrive { .. }, Some(sent)) => {
                format!("a late request of {}, sent at step {sent},", name(who))
            }
            (Some(who), Action::Land { .. }, Some(sent)) => {
                format!("a slow request of {}, sent at step {sent},", name(who))
            }
            (Some(who), _, _) => name(who),
            (None, _, _) => "a step of the world".to_owned(),
        }
    }

    fn in_partition(&self, partition: PartitionNo) -> String {
        if self.has_partitions() { format!(" in {partition}") } else { String::new() }
    }

    /// What belongs to a group, where there are several places: " of g1 in p2".
    pub(super) fn of_place(&self, place: Place) -> String {
        let several = self.start().places().count() > 1;
        if several { format!(" of {}", self.short_name(place)) } else { String::new() }
    }

    fn has_partitions(&self) -> bool {
        self.start().partitions().count() > 1
    }
}

/// A process, as a sentence names it.
pub(super) fn name(process: Process) -> String {
    match process {
        Process::Producer(producer) if producer.is_second() => {
            format!("the second run of producer {}", producer.first())
        }
        Process::Producer(_) | Process::Worker(_) | Process::Operator(_) => process.to_string(),
    }
}
