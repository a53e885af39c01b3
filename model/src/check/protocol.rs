//! The checked protocol: a design, its bounds, and how a search looks at it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::bounds::{Bounds, Clocks};
use super::coverage::Coverage;
use super::lineage;
use super::small::{GroupNo, PartitionNo, ProducerNo, Small, Tick};
use super::world::{Norm, World};
use crate::design::{Acquire, Design, Producer as ProducerKind, Trigger};
use crate::invariant::Invariant;
use crate::mutant::Mutant;
use crate::rules::Rules;

/// A design under its bounds: the model that is searched.
pub struct Protocol {
    /// The rules that every machine borrows.
    pub rules: Rules<Small>,
    /// The size of the world and the faults that may strike it.
    pub bounds: Bounds,
    /// What clocks may do.
    pub clocks: Clocks,
    /// The invariants that are checked.
    pub checked: Vec<Invariant>,
    /// The protection that is taken out, if one is.
    pub mutant: Option<Mutant>,
    /// Whether to leave out orders of steps that make no difference to any verdict.
    pub reduced: bool,
    /// The invariants that end a path where they are violated: those that are checked; and L1 where
    /// a design could lower an epoch, since then epochs say nothing any more.
    pub(super) ends_at: Vec<Invariant>,
    /// The marks that were reached so far.
    pub coverage: Coverage,
    /// Whether a number outgrew the world, so that the search was not exhaustive.
    pub(super) outgrown: AtomicBool,
}

impl Protocol {
    /// Returns a protocol to check for the given invariants, with reduction and without a mutant.
    #[must_use]
    pub fn new(design: Design, bounds: Bounds, clocks: Clocks, checked: Vec<Invariant>) -> Self {
        let rules = Rules {
            design,
            lease: Tick::LEASE,
            renew: Tick::RENEW,
            grace: Tick::GRACE,
            skew: bounds.skew.into(),
        };
        let mut ends_at = checked.clone();
        match design.acquire {
            Acquire::ReadThenSet if !checked.contains(&Invariant::L1) => {
                ends_at.push(Invariant::L1)
            }
            Acquire::ReadThenSet | Acquire::Conditional => {}
        }
        Protocol {
            rules,
            bounds,
            clocks,
            checked,
            ends_at,
            mutant: None,
            reduced: true,
            coverage: Coverage::default(),
            outgrown: AtomicBool::new(false),
        }
    }

    /// Takes a protection out.
    #[must_use]
    pub fn mutated(mut self, mutant: Mutant) -> Self {
        self.mutant = Some(mutant);
        self
    }

    /// Explores every order of steps, even those that make no difference to any verdict.
    #[must_use]
    pub fn unreduced(mut self) -> Self {
        self.reduced = false;
        self
    }

    pub(super) fn design(&self) -> &Design {
        &self.rules.design
    }

    /// Whether producers keep their name across restarts.
    pub(super) fn named(&self) -> bool {
        match self.design().producer {
            ProducerKind::Named => true,
            ProducerKind::Anonymous => false,
        }
    }

    /// Whether triggers are durable, so that one that a dead worker held comes back.
    pub(super) fn durable(&self) -> bool {
        match self.design().trigger {
            Trigger::Queue | Trigger::Stream => true,
            Trigger::BestEffort | Trigger::Sweep => false,
        }
    }

    /// What brings a state into its normal form.
    pub(super) fn norm(&self) -> Norm {
        let pauses = self.clocks == Clocks::Unbounded;
        let Bounds { splits, merges, resplits, .. } = self.bounds;
        let operators = [splits, merges, resplits];
        let keeps_free =
            matches!(self.mutant, Some(Mutant::RenewalRevives | Mutant::EpochStandsStill));
        Norm { skew: self.bounds.skew.into(), keeps_free, pauses, operators }
    }

    /// By how many ticks a worker's clock may be ahead of the time of the world.
    pub(super) fn most_ahead(&self) -> u8 {
        match self.clocks {
            Clocks::Timely => self.bounds.skew,
            Clocks::Unbounded => self.bounds.skew + Tick::LEASE as u8,
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = GroupNo> + use<> {
        (0..self.bounds.groups).map(GroupNo)
    }

    /// The other run of a producer's name, if the world has room for one.
    pub(super) fn other_run(&self, world: &World, producer: ProducerNo) -> Option<ProducerNo> {
        let other = producer.other();
        (other.index() < world.producers.len()).then_some(other)
    }

    /// The partition in whose log the judges keep what they remember of a producer: the one to which it
    /// appends, or the first of those that come of one another.
    pub(super) fn home_of(&self, producer: ProducerNo) -> PartitionNo {
        self.bounds.home(producer)
    }

    /// The partitions that a producer's events may be in, ascending.
    pub(super) fn path_of(&self, producer: ProducerNo) -> Vec<PartitionNo> {
        match self.bounds.has_lineage() {
            true => lineage::path(&self.bounds, lineage::key_of(&self.bounds, producer)),
            false => vec![self.home_of(producer)],
        }
    }

    /// Of the partitions that take a sealed one's place, the one of a producer's key.
    pub(super) fn child_of(
        &self,
        producer: ProducerNo,
        children: &[PartitionNo],
    ) -> Option<PartitionNo> {
        let key = lineage::key_of(&self.bounds, producer);
        children.iter().copied().find(|child| lineage::covers(*child, key))
    }

    /// Returns the state before the first step, in its normal form.
    #[must_use]
    pub fn initial(&self) -> World {
        self.normal(&self.untouched())
    }

    /// The state before the first step.
    pub(super) fn untouched(&self) -> World {
        World::new(&self.bounds, |producer, run| self.first_work(producer, run))
    }

    /// Notes that a path was cut short because a number outgrew the world.
    pub(super) fn note_outgrown(&self) {
        self.outgrown.store(true, Ordering::Relaxed);
    }
}
