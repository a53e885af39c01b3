//! The participants of a run: producers, workers, readers, and every node's clock.

use serde::{Deserialize, Serialize};

use super::units::Millis;

/// How a producer appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Appending {
    /// One batch after another, anonymously.
    Single,
    /// Several events at a time, which share slots.
    Grouped,
    /// Under a name. After a crash it is fed its whole input again.
    Named,
    /// With an expected position: the head that it last read.
    Expecting,
    /// To the history of a key, which it has loaded before.
    Loading,
}

/// The plan of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerPlan {
    /// How it appends.
    pub appending: Appending,
    /// How many events it appends.
    pub events: u16,
    /// How many events it appends at once.
    pub batch: u8,
    /// How long it waits between two appends.
    pub pause: Millis,
    /// The producer of which it is another instance, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<Twin>,
}

/// Another instance of a named producer, as a deployment starts it that does not stop the one before:
/// it has the same name and the same input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    /// The index of the producer of which it is another instance. That one is none itself.
    pub of: u8,
    /// When it starts.
    pub starts: Millis,
}

impl ProducerPlan {
    /// Adapts to the loss of the producer with this index: those behind it move up, and its twin is
    /// none any more.
    pub(crate) fn lose(&mut self, gone: usize) {
        let gone = u8::try_from(gone).unwrap_or(u8::MAX);
        self.twin = self.twin.filter(|twin| twin.of != gone);
        if let Some(twin) = self.twin.as_mut().filter(|twin| twin.of > gone) {
            twin.of -= 1;
        }
    }
}

/// How long a worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// It runs until it is stopped.
    Standing,
    /// It is invoked for a trigger and must finish within a limit.
    Lambda {
        /// The limit, from the invocation on.
        limit: Millis,
    },
}

/// The plan of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerPlan {
    /// The index of the group that it consumes for.
    pub group: u8,
    /// How long it lives.
    pub life: Lifetime,
    /// How often it sweeps.
    pub sweep: Millis,
    /// How long its handler takes for one delivery.
    pub handling: Millis,
    /// The percentage of deliveries that its handler fails.
    pub fails: u8,
    /// What tells it of work between its sweeps.
    pub hints: HintSource,
}

impl WorkerPlan {
    /// Whether it runs until it is stopped, and nothing but its own sweeps tells it of work.
    pub(crate) fn is_alone(&self) -> bool {
        self.hints == HintSource::None && self.life == Lifetime::Standing
    }

    /// Lets handling take at least so long. An invocation has time for more than one delivery, or it
    /// would do nothing but hand over.
    pub(super) fn handle_for(&mut self, least: Millis) {
        self.handling = self.handling.max(least);
        self.live_for(Millis(self.handling.0 * 4 + 1_500));
    }

    /// Lets an invocation last at least so long.
    pub(super) fn live_for(&mut self, least: Millis) {
        if let Lifetime::Lambda { limit } = &mut self.life {
            *limit = (*limit).max(least);
        }
    }
}

/// What tells a worker of work. Its sweeps find all work as well, only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintSource {
    /// Nothing.
    None,
    /// The queue.
    Queue,
    /// The Events table's own stream, which the worker reads itself.
    TableStream,
}

/// The plan of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderPlan {
    /// What it reads.
    pub scope: Scope,
    /// How it reads.
    pub reading: Reading,
}

/// What a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All events.
    Everything,
    /// The events of a key, by its index modulo the number of keys.
    Key(u8),
    /// The events of the partition of a key.
    PartitionOf(u8),
}

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// To the end, and then again from the beginning. In between it waits until the last receipt
    /// is settled.
    Again {
        /// How long it waits.
        pause: Millis,
    },
    /// On and on. What follows a single partition ends its read now and then, as after an error,
    /// and reads on from its last position.
    Follow {
        /// How often it looks for more.
        interval: Millis,
        /// After how many events it ends its read.
        sitting: u16,
    },
}

/// The plan of a node's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// How far it is ahead at the start, in milliseconds.
    pub offset: i64,
    /// How much it gains, in parts per million.
    pub drift: i64,
}
