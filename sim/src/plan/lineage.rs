//! Draws operators that split and merge partitions while everything else goes on.

use gapless::{Layout, PartitionId};
use gapless_model::design::{Design, Increment};

use super::Plan;
use super::dice::Dice;
use super::incident::{Happening, Incident, OperatorAction};
use super::profile::Profile;
use super::units::Millis;

/// Has operators split and merge in every other plan, where the design can. They have dice of their own, so
/// that the rest of a seed's plan is as it was.
pub(super) fn add_splits(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[45, plan.profile as u64]);
    let can = plan.partition_bits.is_some() && can_split(&plan.design);
    if plan.profile == Profile::Calm || !can || !dice.percent(50) {
        return;
    }
    for _ in 0..dice.between(1, 4) {
        let at = Millis(dice.between(50, plan.heals.0 * 9 / 10));
        let leaf = dice.below(8) as u8;
        plan.incidents.push(operation(at, leaf, &mut dice));
        // Another operator does the same at that moment, or the opposite.
        if dice.percent(35) {
            let at = Millis(at.0 + dice.below(30));
            plan.incidents.push(operation(at, leaf, &mut dice));
        }
    }
}

fn operation(at: Millis, leaf: u8, dice: &mut Dice) -> Incident {
    let splits = dice.percent(60);
    // It dies before it has its answer, or in the middle of several merges.
    let dies = dice.percent(25).then(|| Millis(dice.below(40)));
    let act = match splits {
        true => OperatorAction::Split { leaf, dies },
        false => OperatorAction::Merge { leaf, dies },
    };
    Incident { at, happening: Happening::Operate { act }, ambush: None }
}

/// Whether partitions can be split and merged: without a counter there is no head that a seal could freeze.
fn can_split(design: &Design) -> bool {
    match design.increment {
        Increment::CompareAndSet | Increment::Add | Increment::Transaction => true,
        Increment::None => false,
    }
}

/// Where the events of a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the key's own partition.
    EachKey,
    /// In the partitions that cover its hash.
    Hashed,
}

impl Home {
    /// Whether the events of a key belong into a partition, or did before something took its place.
    pub(crate) fn is_of(self, key: &str, partition: &PartitionId) -> bool {
        match self {
            Home::EachKey => Layout::EachKey.route(key) == *partition,
            Home::Hashed => {
                // As fine as a layout tells. No run splits as often as that.
                Layout::Fixed { bits: Layout::MOST_BITS }.route(key).overlaps(partition)
            }
        }
    }
}

impl Plan {
    /// Where the events of a key may be.
    pub(crate) fn home(&self) -> Home {
        self.partition_bits.map_or(Home::EachKey, |_| Home::Hashed)
    }

    /// How many partitions operators make at most: two by a split, and by a merge as many as it takes to
    /// merge all there are.
    pub(super) fn most_made(&self) -> u64 {
        let made = |incident: &Incident| match incident.happening {
            Happening::Operate { act: OperatorAction::Split { .. } } => 2,
            Happening::Operate { act: OperatorAction::Merge { .. } } => 7,
            _ => 0,
        };
        self.incidents.iter().map(made).sum()
    }
}
