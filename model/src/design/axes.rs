//! The axes of the design space and the one table of their names.
//!
//! The design file, the command line and the documentation all read this table,
//! so a name is spelled in one place.

use serde::{Deserialize, Serialize};

/// Declares the axes: for each an enum, its names, its documentation, and its field in [`Design`].
macro_rules! axes {
    ($(
        $(#[doc = $axis_doc:literal])+
        $field:ident : $axis:ident = $name:literal {
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
                /// Every choice on this axis, the first draft's first.
                pub const ALL: &'static [$axis] = &[$($axis::$value),+];

                /// The name in design files and on the command line.
                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self { $($axis::$value => $value_name),+ }
                }
            }

            impl std::fmt::Display for $axis {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.pad(self.name())
                }
            }
        )+

        /// One choice on each axis: a protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct Design {
            $( $(#[doc = $axis_doc])+ pub $field: $axis ),+
        }

        /// Every axis, in the order of the design page.
        pub const AXES: &[Axis] = &[$(
            Axis {
                name: $name,
                doc: concat!($($axis_doc),+),
                values: &[$( Value { name: $value_name, doc: concat!($($doc),+) } ),+],
                get: |design| design.$field as usize,
                set: |design, value| design.$field = $axis::ALL[value],
            }
        ),+];
    };
}

/// One axis, as data: for files, listings and documentation.
pub struct Axis {
    /// The key in a design file.
    pub name: &'static str,
    /// What is chosen here.
    pub doc: &'static str,
    /// The choices, the first draft's first.
    pub values: &'static [Value],
    get: fn(&Design) -> usize,
    set: fn(&mut Design, usize),
}

/// One choice on an axis, as data.
pub struct Value {
    /// The value in a design file.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Axis {
    /// The axis of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Axis> {
        AXES.iter().find(|axis| axis.name == name)
    }

    /// What `design` chooses here.
    #[must_use]
    pub fn of(&self, design: &Design) -> &'static Value {
        &self.values[(self.get)(design)]
    }

    /// Makes `design` choose `value` here; `false` if this axis has no such value.
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
        /// Read the head, then raise it if it still has that value.
        CompareAndSet = "compare-and-set",
        /// Raise the head in one round trip.
        Add = "add",
        /// Raise the head and write the slot in one transaction.
        Transaction = "transaction",
        /// No counter: put into the first free slot after the tail.
        None = "none",
    }
    /// What a slot's write demands of the slot.
    slot_write: SlotWrite = "slot-write" {
        /// Nothing: it overwrites what is there.
        Blind = "blind",
        /// The slot is empty; who finds a void, or another's event, takes a new number.
        IfAbsent = "if-absent",
    }
    /// What a writer makes of its own token in a taken slot.
    own_token: OwnToken = "own-token" {
        /// A taken slot is lost, whoever took it.
        Ignore = "ignore",
        /// Its own token there means that its write was applied.
        Recognise = "recognise",
    }
    /// What a producer is after a crash.
    producer: Producer = "producer" {
        /// A new one: killed and rerun, it may append an event anew.
        Anonymous = "anonymous",
        /// The same one: the partition's item keeps a record under its name.
        Named = "named",
    }
    /// What a reader does at an empty slot with something behind it.
    gap: Gap = "gap" {
        /// Step over it.
        Skip = "skip",
        /// Wait until it is written.
        Wait = "wait",
        /// After a grace period, void it by a conditional put.
        Void = "void",
    }
    /// How a worker takes a lease.
    acquire: Acquire = "acquire" {
        /// Read the item, then write it.
        ReadThenSet = "read-then-set",
        /// One conditional update that also raises the epoch.
        Conditional = "conditional",
    }
    /// What moving the checkpoint demands; releasing and renewing follow its fence.
    checkpoint: Checkpoint = "checkpoint" {
        /// Nothing.
        Unconditional = "unconditional",
        /// The writer's epoch is the lease's.
        Epoch = "epoch",
        /// That, and that the checkpoint moves forward.
        EpochForward = "epoch-forward",
    }
    /// How a consumer reads events.
    read: Read = "read" {
        /// Strongly consistent.
        Consistent = "consistent",
        /// Eventually consistent, at half the price.
        Eventual = "eventual",
        /// Eventually consistent, but what looks like the tail is read once more, consistently.
        EventualConfirmed = "eventual-confirmed",
    }
    /// What a release at the tail demands.
    release: Release = "release" {
        /// Nothing.
        Unconditional = "unconditional",
        /// Nothing, but look for new events afterwards.
        LookAgain = "look-again",
        /// The slot after the checkpoint is empty (a transaction).
        NextEmpty = "next-empty",
        /// No trigger came since the worker last looked (a counter on the lease's item).
        Wake = "wake",
    }
    /// How others see that a lease has ended.
    expiry: Expiry = "expiry" {
        /// By the time its owner wrote into it, allowing for a bound on skew.
        WallClock = "wall-clock",
        /// By having watched it unchanged for its whole length.
        Observer = "observer",
    }
    /// How a consumer learns of work.
    trigger: Trigger = "trigger" {
        /// One attempt after the write.
        BestEffort = "best-effort",
        /// A durable queue, written after the event and before the append is acknowledged.
        Queue = "queue",
        /// The table's own stream: durable, and there with the write.
        Stream = "stream",
        /// One attempt after the write, and a sweep over the tables now and then.
        Sweep = "sweep",
    }
    /// What becomes of a trigger that meets a held lease.
    busy: Busy = "busy" {
        /// It is dropped.
        Drop = "drop",
        /// It comes back when the lease can have ended.
        ComeBack = "come-back",
    }
    /// How a worker near its time limit hands over.
    handover: Handover = "handover" {
        /// Release, then trigger a successor.
        ReleaseThenTrigger = "release-then-trigger",
        /// Trigger a successor, then release.
        TriggerThenRelease = "trigger-then-release",
        /// Release, and give its own trigger back.
        GiveBack = "give-back",
    }
    /// The key order of the Consumers table: one protocol, two prices of catching up.
    consumers_table: ConsumersTable = "consumers-table" {
        /// By partition first.
        PartitionFirst = "partition-first",
        /// By consumer first: what a group lags in is one query below a prefix.
        ConsumerFirst = "consumer-first",
    }
}
