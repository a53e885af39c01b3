//! The names of those who take part: groups, worker runs, producers, and appends.

use std::fmt;
use std::sync::Arc;

use gapless_model::Number;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        ///
        /// Cloning is cheap: clones share the text.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text as it is stored in the tables.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $name(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                $name(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a group: an independent reader of a stream, with its own checkpoints.
    ///
    /// The Consumers table calls it `consumerId`.
    Group
);
name!(
    /// The name of one run of one worker, as it is stored in the leases.
    ///
    /// Two runs never share a name: a worker that found the lease of its dead
    /// predecessor under its own name would take it for its own.
    Owner
);
name!(
    /// The name of a producer that keeps it across restarts.
    ProducerName
);
name!(
    /// The name of one append, stored in its slot for good.
    ///
    /// A writer that finds its own token in a slot knows that its write was applied.
    Token
);

impl Owner {
    /// Creates a new name for a run of the worker `worker`: that name, and 64 random bits.
    #[must_use]
    pub fn fresh(worker: &str) -> Owner {
        // L1: two runs of one worker never share an owner's name.
        Owner::from(format!("{worker}#{:016x}", fastrand::u64(..)))
    }
}

impl Token {
    /// Creates a new token for an anonymous append: 128 random bits.
    #[must_use]
    pub fn fresh() -> Token {
        // P1: no append takes another's slot for its own, and reports an event that is not there.
        Token::from(format!("{:032x}", fastrand::u128(..)))
    }

    /// Returns the token of a named producer's append whose batch ends with `number`. It
    /// is the same in every run.
    #[must_use]
    pub fn of(producer: &ProducerName, number: Number) -> Token {
        // S2: a rerun recognises what an earlier run appended.
        Token::from(format!("{producer}/{number}"))
    }
}
