//! The named designs, each with its declared verdict. A test checks every declaration.

use super::axes::{
    Acquire, Busy, Checkpoint, ConsumersTable, Design, Expiry, Finish, Gap, Handover, Increment,
    Merging, OwnToken, Parents, Producer, Read, Records, Release, SealedTail, SlotWrite, Splitting,
    Trigger, Undrained,
};
use crate::invariant::Invariant;

/// A design with a name.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// The name, on the command line and as a base of design files.
    pub name: &'static str,
    /// How the design differs from the recommended one, and what comes of it: half a sentence.
    pub about: &'static str,
    /// The design.
    pub design: Design,
    /// The invariants that can be the first to break, within [`Bounds::DEFAULT`] and under timely
    /// clocks; of the designs in [`LINEAGE`](super::LINEAGE), within [`Bounds::FAMILY`]. Production accepts only designs
    /// for which this is empty.
    ///
    /// [`Bounds::DEFAULT`]: crate::check::Bounds::DEFAULT
    /// [`Bounds::FAMILY`]: crate::check::Bounds::FAMILY
    pub breaks: &'static [Invariant],
}

impl Design {
    /// The protocol as first drafted. It breaks most invariants.
    pub const SEED: Design = Design {
        increment: Increment::CompareAndSet,
        slot_write: SlotWrite::Blind,
        own_token: OwnToken::Ignore,
        producer: Producer::Anonymous,
        gap: Gap::Skip,
        acquire: Acquire::ReadThenSet,
        checkpoint: Checkpoint::Unconditional,
        read: Read::Consistent,
        release: Release::Unconditional,
        finish: Finish::TwoWrites,
        expiry: Expiry::WallClock,
        trigger: Trigger::BestEffort,
        busy: Busy::Drop,
        handover: Handover::ReleaseThenTrigger,
        split: Splitting::CreateThenSeal,
        merge: Merging::Intent,
        parents: Parents::Nothing,
        sealed_tail: SealedTail::Leave,
        undrained: Undrained::Drop,
        records: Records::Leaf,
        consumers_table: ConsumersTable::PartitionFirst,
    };

    /// The protocol as it ships. Every invariant holds.
    pub const RECOMMENDED: Design = Design {
        increment: Increment::Add,
        slot_write: SlotWrite::IfAbsent,
        own_token: OwnToken::Recognise,
        producer: Producer::Named,
        gap: Gap::Void,
        acquire: Acquire::Conditional,
        checkpoint: Checkpoint::EpochForward,
        read: Read::Consistent,
        release: Release::Unconditional,
        finish: Finish::OneWrite,
        expiry: Expiry::WallClock,
        trigger: Trigger::Stream,
        busy: Busy::ComeBack,
        handover: Handover::GiveBack,
        split: Splitting::Intent,
        merge: Merging::Transaction,
        parents: Parents::Begun,
        sealed_tail: SealedTail::Void,
        undrained: Undrained::GoOver,
        records: Records::Path,
        consumers_table: ConsumersTable::ConsumerFirst,
    };
}

const R: Design = Design::RECOMMENDED;

/// The named designs in a world whose partitions stay as they are: the first draft, the recommended
/// design, and the recommended design with one mechanism disabled or replaced. [`LINEAGE`](super::LINEAGE) has
/// those that differ in how partitions split and merge.
pub const NAMED: &[Named] = &[
    Named {
        name: "seed",
        about: "the protocol as first drafted",
        design: Design::SEED,
        breaks: &[
            Invariant::D2,
            Invariant::D3,
            Invariant::L1,
            Invariant::L2,
            Invariant::L3,
            Invariant::P1,
        ],
    },
    Named {
        name: "recommended",
        about: "the protocol as it is recommended",
        design: R,
        breaks: &[],
    },
    Named {
        name: "blind-slots",
        about: "slots are written without a condition: a late write overwrites a void",
        design: Design { slot_write: SlotWrite::Blind, ..R },
        breaks: &[Invariant::S1, Invariant::S2, Invariant::D3, Invariant::P1],
    },
    Named {
        name: "own-token-ignored",
        about: "a writer that finds its own event in its slot appends it again",
        design: Design { own_token: OwnToken::Ignore, ..R },
        breaks: &[Invariant::S2],
    },
    Named {
        name: "anonymous",
        about: "producers have no name and keep no record: a rerun appends its input again",
        design: Design { producer: Producer::Anonymous, ..R },
        breaks: &[],
    },
    Named {
        name: "skip-gaps",
        about: "readers step over empty slots: a slow writer's event is never delivered",
        design: Design { gap: Gap::Skip, ..R },
        breaks: &[Invariant::D2, Invariant::D3, Invariant::P1],
    },
    Named {
        name: "wait-at-gaps",
        about: "readers wait at an empty slot: a dead writer strands everything behind it",
        design: Design { gap: Gap::Wait, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "read-then-set",
        about: "the lease is read, then set: two workers can both find it free",
        design: Design { acquire: Acquire::ReadThenSet, ..R },
        breaks: &[Invariant::D2, Invariant::L1, Invariant::L2],
    },
    Named {
        name: "unfenced-checkpoint",
        about: "the checkpoint has no condition, and renewals and releases demand no epoch",
        design: Design { checkpoint: Checkpoint::Unconditional, ..R },
        breaks: &[Invariant::D2, Invariant::L2, Invariant::L3],
    },
    Named {
        name: "epoch-only-checkpoint",
        about: "the checkpoint demands the epoch, but may move back",
        design: Design { checkpoint: Checkpoint::Epoch, ..R },
        breaks: &[Invariant::L2, Invariant::L3],
    },
    Named {
        name: "eventual-reads",
        about: "reads at half the price: a worker leaves at a stale tail",
        design: Design { read: Read::Eventual, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "eventual-reads-confirmed",
        about: "reads at half the price; what looks like the tail is read again, consistently",
        design: Design { read: Read::EventualConfirmed, ..R },
        breaks: &[],
    },
    Named {
        name: "eventual-reads-checked",
        about: "reads at half the price, and the next slot checked: a gap hides what is behind it",
        design: Design { read: Read::Eventual, release: Release::NextEmpty, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "eventual-reads-wake",
        about: "reads at half the price, and a wake counter: no trigger corrects a stale read",
        design: Design { read: Read::Eventual, release: Release::Wake, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "checked-release",
        about: "the release demands that the next slot is empty: a transaction, at four write units",
        design: Design { release: Release::NextEmpty, ..R },
        breaks: &[],
    },
    Named {
        name: "two-writes",
        about: "the last checkpoint and the release are two writes: one write unit more",
        design: Design { finish: Finish::TwoWrites, ..R },
        breaks: &[],
    },
    Named {
        name: "look-again",
        about: "the release does not check the next slot; the worker looks again afterwards",
        design: Design { release: Release::LookAgain, ..R },
        breaks: &[],
    },
    Named {
        name: "wake-counter",
        about: "the release demands that no trigger came meanwhile",
        design: Design { release: Release::Wake, ..R },
        breaks: &[],
    },
    Named {
        name: "observer",
        about: "a lease has ended once another worker watched it unchanged for its length",
        design: Design { expiry: Expiry::Observer, ..R },
        breaks: &[],
    },
    Named {
        name: "best-effort-trigger",
        about: "a trigger is sent once: if it is lost, no worker looks",
        design: Design { trigger: Trigger::BestEffort, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "queue-trigger",
        about: "a trigger goes to a durable queue before the append is acknowledged",
        design: Design { trigger: Trigger::Queue, ..R },
        breaks: &[],
    },
    Named {
        name: "sweep-trigger",
        about: "the crate's default: a trigger is sent once, and a sweep looks at the tables now and then",
        design: Design { trigger: Trigger::Sweep, ..R },
        breaks: &[],
    },
    Named {
        name: "drop-busy-trigger",
        about: "a trigger that meets a held lease is dropped",
        design: Design { busy: Busy::Drop, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "release-then-trigger",
        about: "a worker that hands over releases the lease, then triggers a successor",
        design: Design { handover: Handover::ReleaseThenTrigger, ..R },
        breaks: &[],
    },
    Named {
        name: "trigger-then-release",
        about: "a worker that hands over triggers a successor, then releases the lease",
        design: Design { handover: Handover::TriggerThenRelease, ..R },
        breaks: &[],
    },
    Named {
        name: "compare-and-set",
        about: "the head is read, then raised if unchanged: one more round trip, and contention",
        design: Design { increment: Increment::CompareAndSet, ..R },
        breaks: &[],
    },
    Named {
        name: "transaction",
        about: "raise and write in one transaction: no gaps, at twice the write units",
        design: Design { increment: Increment::Transaction, ..R },
        breaks: &[],
    },
    Named {
        name: "no-counter",
        about: "conditional puts at the tail: half the write units, no gaps, no names, contention",
        design: Design { increment: Increment::None, producer: Producer::Anonymous, ..R },
        breaks: &[],
    },
    Named {
        name: "partition-first",
        about: "Consumers keyed by partition first: the same protocol, and catching up costs more",
        design: Design { consumers_table: ConsumersTable::PartitionFirst, ..R },
        breaks: &[],
    },
];
