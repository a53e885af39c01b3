//! The units of a plan: simulated milliseconds, and the number of a node.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in or a length of simulated time, in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// The same length as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// The point `span` after this one.
    #[must_use]
    pub(crate) const fn plus(self, span: Millis) -> Millis {
        Millis(self.0 + span.0)
    }

    /// The point `span` before this one, or 0.
    #[must_use]
    pub(crate) const fn minus(self, span: Millis) -> Millis {
        Millis(self.0.saturating_sub(span.0))
    }
}

impl From<Duration> for Millis {
    fn from(span: Duration) -> Millis {
        Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

/// A node of the cluster by number: producers first, then workers, then readers, then
/// the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Node(pub u16);
