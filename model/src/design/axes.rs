//! The axes of the design space and the one table of their names.
//!
//! The design file, the command line and the documentation all read this table,
//! so a name is spelled in one place.

use serde::{Deserialize, Serialize};

/// Declares the axes: for each an enum, its names, its documentation, and its field in [`Design`]. An axis
/// that came later says what a stream, a plan or a log has on it that does not mention it.
macro_rules! axes {
    ($(
        $(#[doc = $axis_doc:literal])+
        $field:ident : $axis:ident = $name:literal $(unless_mentioned $before:ident)? {
            $( $(#[doc = $doc:literal])+ $value:ident = $value_name:literal ),+ $(,)?
        }
    )+) => {
        $(
            $(#[doc = $axis_doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
            pub enum $axis {
                $( $(#[doc = $doc])+ #[serde(rename = $value_name)] $value ),+
            }

            impl $axis {
                /// Every choice on this axis. The first draft's comes first.
                pub const ALL: &'static [$axis] = &[$($axis::$value),+];

                /// Returns the name in design files and on the command line.
                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self { $($axis::$value => $value_name),+ }
                }
            }

            $(
                impl Default for $axis {
                    fn default() -> Self {
                        $axis::$before
                    }
                }
            )?

            impl std::fmt::Display for $axis {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.pad(self.name())
                }
            }
        )+

        /// A protocol: one choice on each axis.
        ///
        /// Any combination can be checked. Production accepts only named designs that are
        /// declared to hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Design {
            $(
                $(#[doc = $axis_doc])+
                $(
                    #[doc = concat!(" Unless mentioned: `", stringify!($before), "`.")]
                    #[serde(default, skip_serializing_if = "is_default")]
                )?
                pub $field: $axis
            ),+
        }

        /// Every axis, from appending to consuming.
        pub const AXES: &[Axis] = &[$(
            Axis {
                name: $name,
                doc: concat!($($axis_doc),+),
                values: &[$( Value { name: $value_name, doc: concat!($($doc),+) } ),+],
                get: |design| design.$field as usize,
                set: |design, value| design.$field = $axis::ALL[value],
                unless_mentioned: &[$($axis::$before.name())?],
            }
        ),+];
    };
}

/// One axis as data, for design files, listings and documentation.
pub struct Axis {
    /// The key in a design file.
    pub name: &'static str,
    /// What is chosen on this axis: a sentence, which may begin with a space.
    pub doc: &'static str,
    /// The choices. The first draft's comes first.
    pub values: &'static [Value],
    get: fn(&Design) -> usize,
    set: fn(&mut Design, usize),
    unless_mentioned: &'static [&'static str],
}

/// One choice on an axis as data.
pub struct Value {
    /// The value in a design file.
    pub name: &'static str,
    /// What the choice means: a sentence, which may begin with a space.
    pub doc: &'static str,
}

impl Axis {
    /// Returns the axis of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Axis> {
        AXES.iter().find(|axis| axis.name == name)
    }

    /// Returns what `design` chooses on this axis.
    #[must_use]
    pub fn of(&self, design: &Design) -> &'static Value {
        &self.values[(self.get)(design)]
    }

    /// Returns what a stream, a plan or a log has on this axis that does not mention it, if the axis came
    /// later.
    #[must_use]
    pub fn unless_mentioned(&self) -> Option<&'static str> {
        self.unless_mentioned.first().copied()
    }

    /// Makes `design` choose `value` on this axis. Returns `false`, and changes nothing, if the
    /// axis has no such value.
    #[must_use]
    pub fn choose(&self, design: &mut Design, value: &str) -> bool {
        match self.values.iter().position(|known| known.name == value) {
            Some(index) => {
                (self.set)(design, index);
                true
            }
            None => false,
        }
    }
}

axes! {
    /// How an append gets its sequence number.
    increment: Increment = "increment" {
        /// Reads the head, then raises it if it still has that value.
        CompareAndSet = "compare-and-set",
        /// Raises the head in one round trip.
        Add = "add",
        /// Raises the head and writes the slot in one transaction.
        Transaction = "transaction",
        /// Keeps no counter: writes into the first empty slot behind the tail.
        None = "none",
    }
    /// What the write of a slot demands.
    slot_write: SlotWrite = "slot-write" {
        /// A write overwrites whatever the slot holds.
        Blind = "blind",
        /// A write demands an empty slot; if the slot is taken, the append takes a new number.
        IfAbsent = "if-absent",
    }
    /// What a writer concludes from its own token in a taken slot.
    own_token: OwnToken = "own-token" {
        /// A taken slot counts as lost, even if it holds the writer's own token.
        Ignore = "ignore",
        /// The writer's own token in a taken slot shows that its write was applied.
        Recognise = "recognise",
    }
    /// What a producer is after a restart.
    producer: Producer = "producer" {
        /// A restarted producer is a new one, and may append an event again.
        Anonymous = "anonymous",
        /// A restarted producer is the same: the partition's item keeps a record under its name.
        Named = "named",
    }
    /// What a reader does at an empty slot with a filled or voided one behind it.
    gap: Gap = "gap" {
        /// A reader steps over the slot.
        Skip = "skip",
        /// A reader waits until the slot is written.
        Wait = "wait",
        /// A reader voids the slot after a grace period, by a conditional put.
        Void = "void",
    }
    /// How a worker takes a lease.
    acquire: Acquire = "acquire" {
        /// Reads the lease, then writes it without a condition.
        ReadThenSet = "read-then-set",
        /// Takes the lease and raises its epoch in one conditional update.
        Conditional = "conditional",
    }
    /// What a checkpoint demands. Renewals and releases demand the epoch if it does.
    checkpoint: Checkpoint = "checkpoint" {
        /// A checkpoint demands nothing.
        Unconditional = "unconditional",
        /// A checkpoint demands that the lease has the worker's epoch.
        Epoch = "epoch",
        /// A checkpoint demands the worker's epoch, and that it moves forward.
        EpochForward = "epoch-forward",
    }
    /// How a worker reads events.
    read: Read = "read" {
        /// Reads are strongly consistent.
        Consistent = "consistent",
        /// Reads are eventually consistent, at half the price.
        Eventual = "eventual",
        /// Reads are eventually consistent; what looks like the tail is read again, consistently.
        EventualConfirmed = "eventual-confirmed",
    }
    /// What a release at the tail demands.
    release: Release = "release" {
        /// A release demands nothing.
        Unconditional = "unconditional",
        /// A release demands nothing; the worker looks for new events afterwards.
        LookAgain = "look-again",
        /// A release demands that the slot after the checkpoint is empty (a transaction).
        NextEmpty = "next-empty",
        /// A release demands that no trigger came since the worker last looked (a counter).
        Wake = "wake",
    }
    /// How the last checkpoint and the release of a turn are written.
    finish: Finish = "finish" {
        /// The checkpoint moves, the worker reads on, and at the tail it releases the lease.
        TwoWrites = "two-writes",
        /// A worker whose page ended with its delivery looks once more; if nothing came behind it,
        /// one update moves the checkpoint and releases the lease.
        OneWrite = "one-write",
    }
    /// How other workers know that a lease has ended.
    expiry: Expiry = "expiry" {
        /// A lease has ended at the time that its owner wrote into it, plus the bound on skew.
        WallClock = "wall-clock",
        /// A lease has ended once another worker has watched it unchanged for its whole length.
        Observer = "observer",
    }
    /// How a worker learns of work.
    trigger: Trigger = "trigger" {
        /// A trigger is sent once after the write, and may be lost.
        BestEffort = "best-effort",
        /// A trigger goes to a durable queue before the append is acknowledged.
        Queue = "queue",
        /// The table's own stream is the trigger: durable, and there with the write.
        Stream = "stream",
        /// A trigger is sent once after the write, and a sweep looks at the tables now and then.
        Sweep = "sweep",
    }
    /// What happens to a trigger that meets a held lease.
    busy: Busy = "busy" {
        /// The trigger is dropped.
        Drop = "drop",
        /// The trigger comes back when the lease can have ended.
        ComeBack = "come-back",
    }
    /// How a worker hands over when its time runs out.
    handover: Handover = "handover" {
        /// Releases the lease, then triggers a successor.
        ReleaseThenTrigger = "release-then-trigger",
        /// Triggers a successor, then releases the lease.
        TriggerThenRelease = "trigger-then-release",
        /// Releases the lease and gives its own trigger back.
        GiveBack = "give-back",
    }
    /// How a partition is split.
    split: Splitting = "split" unless_mentioned Intent {
        /// Creates the children, then seals the partition.
        CreateThenSeal = "create-then-seal",
        /// Seals the partition, then creates the children.
        SealThenCreate = "seal-then-create",
        /// One update seals the partition and names its children; a child comes into being with its
        /// first append.
        Intent = "intent",
    }
    /// How partitions are merged.
    merge: Merging = "merge" unless_mentioned Transaction {
        /// Seals the parents one after another; each names the merged partition.
        Intent = "intent",
        /// Seals all parents in one transaction, which demands that all are open.
        Transaction = "transaction",
    }
    /// What a worker asks before its group begins a partition that came of others.
    parents: Parents = "parents" unless_mentioned Begun {
        /// Asks nothing.
        Nothing = "nothing",
        /// Asks the direct parents: each is sealed, and the group's checkpoint is at its head.
        Checkpoints = "checkpoints",
        /// Asks the same, and that the group has begun the parent.
        Begun = "begun",
        /// Asks for the checkpoints in all ancestors.
        Ancestors = "ancestors",
    }
    /// What a reader does at an empty slot below the head of a sealed partition, with nothing behind it.
    sealed_tail: SealedTail = "sealed-tail" unless_mentioned Void {
        /// A reader leaves the slot alone, as in an open partition.
        Leave = "leave",
        /// A reader voids the slot like any gap.
        Void = "void",
    }
    /// What becomes of a trigger whose partition has a parent that is not drained.
    undrained: Undrained = "undrained" unless_mentioned GoOver {
        /// The trigger is dropped.
        Drop = "drop",
        /// The trigger comes back.
        GiveBack = "give-back",
        /// The trigger goes over to the parent, and the turn that drains the parent triggers its
        /// children.
        GoOver = "go-over",
    }
    /// Where a named producer that starts again settles what an earlier run began.
    records: Records = "records" unless_mentioned Path {
        /// In the partition that takes its events now.
        Leaf = "leaf",
        /// In every partition from the first one on that took them.
        Path = "path",
    }
    /// The key order of the Consumers table: one protocol, two prices of catching up.
    consumers_table: ConsumersTable = "consumers-table" {
        /// Partition first, then consumer.
        PartitionFirst = "partition-first",
        /// Consumer first, so that one query lists a group's checkpoints below a prefix.
        ConsumerFirst = "consumer-first",
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
