//! Who takes part: groups, runs of workers, producers, and single appends.

use std::fmt;
use std::sync::Arc;

use gapless_model::Number;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// As it stands in the tables.
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
    /// A group of consumers: an independent reader of a stream (the table's `consumerId`).
    Group
);
name!(
    /// One run of one worker. Two runs never share a name: a worker that found its
    /// dead predecessor's lease would take it for its own.
    Owner
);
name!(
    /// A producer that is known across its restarts.
    ProducerName
);
name!(
    /// Names one append for ever, so that it recognises its own effect.
    Token
);

impl Owner {
    /// A name for this run of a worker.
    #[must_use]
    pub fn fresh(worker: &str) -> Owner {
        Owner::from(format!("{worker}#{:016x}", fastrand::u64(..)))
    }
}

impl Token {
    /// A name for an append by nobody in particular.
    #[must_use]
    pub fn fresh() -> Token {
        Token::from(format!("{:032x}", fastrand::u128(..)))
    }

    /// The name of a named producer's append, the same in every run: its batch ends with `number`.
    #[must_use]
    pub fn of(producer: &ProducerName, number: Number) -> Token {
        Token::from(format!("{producer}/{number}"))
    }
}
