//! The names of those who take part: groups, workers, their turns, producers, and appends.

use std::fmt;
use std::sync::Arc;

use gapless_model::Number;
use serde::{Deserialize, Serialize};

use super::error::NoRandomness;

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
    /// The name of one [`Worker`](crate::Worker) value: the name that it was given, `#` and 64
    /// random bits, as in `worker#00112233aabbccdd`.
    WorkerId
);
name!(
    /// The owner of a lease: the name of one turn of one worker, as it is stored in the lease, as in
    /// `worker#00112233aabbccdd/7`.
    ///
    /// No two turns share a name, not even two of one worker: a turn takes a lease under its own name
    /// for the effect of its own request. Under a shared name it would take over a lease that a
    /// dropped turn left behind, and that a late request of that one may still free.
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

impl WorkerId {
    /// Creates a new id for a worker of this name, of 64 random bits that the operating system draws.
    ///
    /// # Errors
    /// Returns [`NoRandomness`] if the operating system has none.
    pub fn fresh(name: &str) -> Result<WorkerId, NoRandomness> {
        // L1: two workers never share an owner's name.
        let digits = u64::from_ne_bytes(draw()?);
        Ok(WorkerId::from(format!("{name}#{digits:016x}")))
    }
}

impl Owner {
    /// Creates the name of a worker's turn. The worker must have had no other turn of this number.
    #[must_use]
    pub fn of(worker: &WorkerId, turn: u64) -> Owner {
        // L1: two turns of one worker never share an owner's name.
        Owner::from(format!("{worker}/{turn}"))
    }

    /// Returns the worker whose turn it is; `None` if it is the name of no turn.
    #[must_use]
    pub fn worker(&self) -> Option<WorkerId> {
        let (worker, turn) = self.as_str().rsplit_once('/')?;
        turn.parse::<u64>().ok().map(|_| WorkerId::from(worker))
    }
}

impl Token {
    /// Creates a new token for an anonymous append: 128 random bits that the operating system draws.
    ///
    /// # Errors
    /// Returns [`NoRandomness`] if the operating system has none.
    pub fn fresh() -> Result<Token, NoRandomness> {
        // P1: no append takes another's slot for its own, and reports an event that is not there.
        Ok(Token::from(random_digits()?))
    }

    /// Returns the token of a named producer's append whose batch ends with `number`. It
    /// is the same in every run.
    #[must_use]
    pub fn of(producer: &ProducerName, number: Number) -> Token {
        // S2: a rerun recognises what an earlier run appended.
        Token::from(format!("{producer}/{number}"))
    }
}

/// Returns 128 random bits in 32 hexadecimal digits.
pub(crate) fn random_digits() -> Result<String, NoRandomness> {
    Ok(format!("{:032x}", u128::from_ne_bytes(draw()?)))
}

/// Draws random bytes from the operating system, anew each time: a generator in this process can
/// start with the state of a neighbour's, on a fresh micro-VM or after a snapshot or a fork.
fn draw<const BYTES: usize>() -> Result<[u8; BYTES], NoRandomness> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}
