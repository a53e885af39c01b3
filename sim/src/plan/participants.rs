//! Who takes part in a run: producers, workers, and every process's clock.

use serde::{Deserialize, Serialize};

use super::units::Millis;

/// How a producer appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Appending {
    /// One batch after the other, anonymously.
    Single,
    /// Several at a time, which share slots.
    Grouped,
    /// Under a name: after a crash it is fed its whole input again.
    Named,
    /// On condition of the head that it read.
    Expecting,
}

/// A producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerPlan {
    /// How it appends.
    pub appending: Appending,
    /// How many events.
    pub events: u16,
    /// How many at once.
    pub batch: u8,
    /// How long it waits in between.
    pub pause: Millis,
}

/// How a worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// It runs until it is stopped.
    Standing,
    /// It is invoked for a trigger, and must be done after so long.
    Lambda {
        /// Its deadline after the invocation.
        limit: Millis,
    },
}

/// A worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerPlan {
    /// For which group.
    pub group: u8,
    /// How it lives.
    pub life: Lifetime,
    /// How often it sweeps.
    pub sweep: Millis,
    /// How long its handler takes for a delivery.
    pub handling: Millis,
    /// In how many of a hundred cases its handler fails.
    pub fails: u8,
    /// Who tells it of work, beside its sweeps.
    pub hints: HintSource,
}

/// Who tells a worker of work. It finds all work by its sweeps, only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintSource {
    /// Nobody.
    None,
    /// The queue.
    Queue,
    /// The table's own stream, which it reads itself.
    TableStream,
}

/// A process's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockPlan {
    /// What it is ahead by at the start, in milliseconds.
    pub offset: i64,
    /// How much it gains in a million.
    pub drift: i64,
}
