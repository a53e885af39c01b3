//! What can go wrong between the caller and the tables.

use std::error::Error;
use std::time::Duration;

use gapless_model::PartitionId;

/// The operating system gave no random bytes, so nothing new can be named: no append and no worker.
///
/// Every system has them from its first moment on. A sandbox can forbid the call: allow `getrandom`,
/// or the system's own call in its place.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes to name an append or a worker with")]
pub struct NoRandomness(#[source] pub(super) getrandom::Error);

/// Why the store did not do what one request asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The request was not applied, and can be sent again: it was throttled, or was in
    /// conflict with a transaction. Wait and retry; raise the table's capacity if it lasts.
    #[error("{table}: the request was turned away: {why}")]
    Busy {
        /// The table.
        table: String,
        /// The store's code and message.
        why: String,
    },
    /// The request may or may not have been applied: a timeout, a broken connection, an
    /// internal error. A write is also unknown if one of the SDK's own retries was refused after a
    /// try that had no answer. Retry through this crate, which recognises what was applied; to
    /// append the same events anew can append them twice.
    #[error("{table}: no answer, or none that tells what became of the request: {why}")]
    Unknown {
        /// The table.
        table: String,
        /// What happened.
        #[source]
        why: Box<dyn Error + Send + Sync>,
    },
    /// The request was refused for good: there is no such table, the caller has no
    /// permission, or the request is invalid. To retry does not help; `why` says what to fix.
    #[error("{table}: refused: {why}")]
    Refused {
        /// The table.
        table: String,
        /// The store's code and message.
        why: String,
    },
    /// An item is not as this version writes it: another version, or another program,
    /// wrote it. The request may have been applied, as the answer of an update is read after
    /// the update. Use the release that wrote the item, or repair it.
    #[error("{table}: {item}: {what}")]
    Malformed {
        /// The table.
        table: String,
        /// The item's key.
        item: String,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// An item would be larger than DynamoDB allows. Nothing was sent; make the event
    /// smaller, or the batch.
    #[error("{what} has {size} bytes, and an item of DynamoDB has room for {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// A name or an id cannot be stored, because it is empty or too long. Nothing was sent; choose
    /// another name, or a shorter key.
    #[error("{what} {}: it takes 1 to {limit}", bytes(*.size))]
    Name {
        /// What it names.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// A group's name begins as the items of leases on keys do ([`Stream::lease`]). Nothing was sent;
    /// choose another name.
    ///
    /// [`Stream::lease`]: crate::Stream::lease
    #[error("a group's name cannot begin with `{prefix}`: leases on keys have such names")]
    Reserved {
        /// What it begins with.
        prefix: &'static str,
    },
    /// As many named producers have a record in the partition as may have one, and the name is new
    /// there: allow more (`Config::most_producers`), and append again under the same name. Another
    /// producer's name is no way out: its record says what is in the log of *its* input.
    #[error(
        "{partition} has the records of {found} named producers, {limit} may have one, and every \
         append there pays for them: allow more (`Config::most_producers`, `--most-producers`)"
    )]
    TooManyProducers {
        /// The partition.
        partition: PartitionId,
        /// How many have a record.
        found: u64,
        /// How many may have one before a new name is refused.
        limit: u32,
    },
    /// The request has no name of its own, which others' requests would be told from. Nothing was
    /// sent.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl StoreError {
    /// Whether the same request can be sent again.
    ///
    /// Every machine understands the answers of a request that had been applied before.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Busy { .. } | StoreError::Unknown { .. } => true,
            StoreError::Refused { .. }
            | StoreError::Malformed { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Name { .. }
            | StoreError::Reserved { .. }
            | StoreError::TooManyProducers { .. }
            | StoreError::Randomness(_) => false,
        }
    }

    /// Whether the request may have been applied although there is no reply, or be applied later.
    #[must_use]
    pub fn may_have_been_applied(&self) -> bool {
        match self {
            StoreError::Unknown { .. } | StoreError::Malformed { .. } => true,
            StoreError::Busy { .. }
            | StoreError::Refused { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Name { .. }
            | StoreError::Reserved { .. }
            | StoreError::TooManyProducers { .. }
            | StoreError::Randomness(_) => false,
        }
    }
}

fn bytes(size: usize) -> String {
    if size == 0 { "is empty".to_owned() } else { format!("has {size} bytes") }
}

/// Why a stream cannot be created or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A request failed. [`StoreError::is_transient`] says whether to try again: opening
    /// and creating can be repeated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table does not exist. Create the stream, or correct the prefix.
    #[error("there is no table {table}; `gapless init` or `Stream::create` makes it")]
    NoTable {
        /// The table's name.
        table: String,
    },
    /// A table exists with other keys or without its index. Choose another prefix.
    #[error("table {table} has another schema: {what}; choose another table prefix")]
    Schema {
        /// The table's name.
        table: String,
        /// What the schema is, and what it should be.
        what: String,
    },
    /// The stream exists with other settings than the configuration asks for. They are
    /// chosen once: open the stream with `Stream::open`, which takes what
    /// exists, or choose another prefix.
    #[error(
        "the stream exists with {exists}, and the configuration asks for {asked}: these are \
         chosen once, when a stream is created"
    )]
    Founding {
        /// The settings of the stream that exists.
        exists: String,
        /// The settings that were asked for.
        asked: String,
    },
    /// The stream keeps to another design than the configuration asks for. All processes of a
    /// stream keep to the one that it was created with: leave out `Config::design`, or choose
    /// another prefix.
    #[error(
        "the stream was created with the design `{exists}`, and the configuration asks for \
         `{asked}`: leave the design out, or choose another table prefix"
    )]
    Design {
        /// The design of the stream that exists.
        exists: String,
        /// The design that was asked for.
        asked: String,
    },
    /// The tables exist and hold no stream yet: an earlier creation did not finish.
    /// Create the stream again.
    #[error("the tables exist but hold no stream; `gapless init` or `Stream::create` completes it")]
    NoStream,
    /// A table exists and cannot be used: it is still being created, or changed, or deleted. Look
    /// at it in DynamoDB, and create the stream again.
    #[error("table {table} is not active after {waited:?}: create the stream again once it is")]
    NotActive {
        /// The table's name.
        table: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The SDK client lacks something. `help` says how to provide it.
    #[error("the SDK client has no {what}: {help}")]
    Client {
        /// What the client lacks.
        what: &'static str,
        /// How to provide it.
        help: &'static str,
    },
    /// The configuration is impossible, or asks for a design that production refuses. The
    /// text says which value, and what is allowed.
    #[error("{0}")]
    Config(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_of_each_error_whether_to_retry_and_whether_it_may_have_been_done() {
        let (table, why) = ("t".to_owned(), "w".to_owned());
        let item = "i".to_owned();
        let errors = [
            (StoreError::Busy { table: table.clone(), why: why.clone() }, (true, false)),
            (StoreError::Unknown { table: table.clone(), why: "w".into() }, (true, true)),
            (StoreError::Refused { table: table.clone(), why }, (false, false)),
            (StoreError::Malformed { table, item, what: "w".to_owned() }, (false, true)),
            (StoreError::TooLarge { what: "w".to_owned(), size: 2, limit: 1 }, (false, false)),
            (StoreError::Name { what: "a group", size: 2, limit: 1 }, (false, false)),
            (StoreError::Reserved { prefix: "#" }, (false, false)),
            (
                StoreError::TooManyProducers {
                    partition: PartitionId::covering(0, 0),
                    found: 1,
                    limit: 1,
                },
                (false, false),
            ),
        ];
        for (error, said) in errors {
            assert_eq!((error.is_transient(), error.may_have_been_applied()), said, "{error}");
        }
    }
}
