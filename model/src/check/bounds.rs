//! How much of everything a check allows: a verdict is about these bounds.

use serde::{Deserialize, Serialize};

/// What clocks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clocks {
    /// They keep their bound: a lease's owner knows that it has ended before anybody else does.
    Timely,
    /// They do as they like: an owner may also be paused past its lease, or misread its end.
    Unbounded,
}

impl Clocks {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Clocks::Timely => "timely",
            Clocks::Unbounded => "unbounded",
        }
    }
}

macro_rules! bounds {
    ($( $(#[doc = $doc:literal])+ $field:ident = $name:literal: $range:expr, [$tiny:literal, $default:literal, $deep:literal] );+ $(;)?) => {
        /// The size of the world and the faults that may strike it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Bounds {
            $( $(#[doc = $doc])+ pub $field: u8 ),+
        }

        impl Bounds {
            /// A second or less: for tests.
            pub const TINY: Bounds = Bounds { $($field: $tiny),+ };
            /// Ten seconds or less: for every change.
            pub const DEFAULT: Bounds = Bounds { $($field: $default),+ };
            /// Everything at once: hundreds of millions of states, some twenty bytes each.
            pub const DEEP: Bounds = Bounds { $($field: $deep),+ };

            /// Every single bound, for the command line and the documentation.
            pub const ALL: &'static [Bound] = &[$(
                Bound {
                    name: $name,
                    doc: concat!($($doc),+),
                    range: $range,
                    get: |bounds| bounds.$field,
                    set: |bounds, value| bounds.$field = value,
                }
            ),+];
        }
    };
}

/// One of the bounds, as data.
pub struct Bound {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it bounds.
    pub doc: &'static str,
    /// What it may be.
    pub range: std::ops::RangeInclusive<u8>,
    /// Reads it.
    pub get: fn(&Bounds) -> u8,
    /// Sets it.
    pub set: fn(&mut Bounds, u8),
}

bounds! {
    /// Producers.
    producers = "producers": 1..=4, [2, 2, 2];
    /// Events that each producer appends.
    events = "events": 1..=4, [1, 1, 2];
    /// The most events in one batch: each producer chooses anew for each append.
    batch = "batch": 1..=3, [1, 1, 2];
    /// 1: appends demand the head that their producer last saw.
    expected = "expected": 0..=1, [0, 0, 0];
    /// Workers.
    workers = "workers": 1..=4, [2, 2, 2];
    /// Groups.
    groups = "groups": 1..=2, [1, 1, 2];
    /// All faults together, whatever each kind may do.
    faults = "faults": 0..=20, [1, 3, 1];
    /// Crashes of a process, between any two steps or before a reply is heard.
    crashes = "crashes": 0..=4, [1, 1, 1];
    /// Requests applied whose reply is lost (so the sender, or its SDK, sends it again).
    lost_replies = "lost-replies": 0..=4, [1, 1, 1];
    /// Requests of which a copy arrives at any later time, also after its sender died.
    late = "late": 0..=2, [1, 1, 1];
    /// Reads that miss something already written, where the design's reads may.
    stale = "stale": 0..=4, [1, 1, 1];
    /// Leases that end while their owner is alive.
    expiries = "expiries": 0..=4, [1, 1, 1];
    /// Turns that end because the worker's time runs out.
    handovers = "handovers": 0..=4, [1, 1, 1];
    /// Renewals while a handler works or a reader waits.
    renewals = "renewals": 0..=4, [1, 1, 1];
    /// Triggers that are lost, where the design does not make them durable.
    lost_triggers = "lost-triggers": 0..=4, [1, 1, 1];
    /// Triggers that arrive twice.
    duplicate_triggers = "duplicate-triggers": 0..=4, [1, 1, 1];
}

/// A bound that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// Out of its range.
    #[error("{name} is {value}; the checker takes {least} to {most}")]
    OutOfRange {
        /// The bound.
        name: &'static str,
        /// What was asked for.
        value: u8,
        /// The least it may be.
        least: u8,
        /// The most it may be.
        most: u8,
    },
    /// A batch larger than what there is to append.
    #[error("a batch of {batch} needs at least as many events; events is {events}")]
    BatchOverEvents {
        /// The largest batch.
        batch: u8,
        /// The events of a producer.
        events: u8,
    },
}

impl Bounds {
    /// Whether a check can have these bounds.
    ///
    /// # Errors
    /// The first bound that cannot be met, and why.
    pub fn validate(&self) -> Result<(), BoundsError> {
        for bound in Bounds::ALL {
            let (value, range) = ((bound.get)(self), &bound.range);
            if !range.contains(&value) {
                let (least, most) = (*range.start(), *range.end());
                return Err(BoundsError::OutOfRange { name: bound.name, value, least, most });
            }
        }
        if self.batch > self.events {
            let (batch, events) = (self.batch, self.events);
            return Err(BoundsError::BatchOverEvents { batch, events });
        }
        Ok(())
    }
}
