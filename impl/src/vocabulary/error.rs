//! What can go wrong between here and the tables.

use std::error::Error;

/// What the store made of one request, if not what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Surely not applied, and worth trying again: throttled, or in conflict with a transaction.
    #[error("{table}: the request was turned away: {why}")]
    Busy {
        /// The table.
        table: String,
        /// What the store said.
        why: String,
    },
    /// Applied or not, nobody knows: a timeout, a broken connection, an internal error.
    #[error("{table}: no answer that tells whether the request was applied: {why}")]
    Unknown {
        /// The table.
        table: String,
        /// What happened.
        #[source]
        why: Box<dyn Error + Send + Sync>,
    },
    /// Refused for good: no such table, no permission, a request that can never be right.
    #[error("{table}: refused: {why}")]
    Refused {
        /// The table.
        table: String,
        /// What the store said.
        why: String,
    },
    /// An item is not as this version writes it.
    #[error("{table}: {item}: {what}")]
    Malformed {
        /// The table.
        table: String,
        /// The item's key.
        item: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// It would be larger than DynamoDB takes.
    #[error("{what} has {size} bytes; DynamoDB takes {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// How large it is, in bytes.
        size: usize,
        /// How large it may be, in bytes.
        limit: usize,
    },
}

impl StoreError {
    /// Whether the same request may be sent again: every machine allows for its
    /// having been applied before.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Busy { .. } | StoreError::Unknown { .. } => true,
            StoreError::Refused { .. }
            | StoreError::Malformed { .. }
            | StoreError::TooLarge { .. } => false,
        }
    }
}

/// Why a stream cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The store did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table is not there.
    #[error("there is no table {table}; `gapless init` or `Stream::create` makes it")]
    NoTable {
        /// Its name.
        table: String,
    },
    /// A table has another schema.
    #[error("table {table} is not as it should be: {what}")]
    Schema {
        /// Its name.
        table: String,
        /// How it is, and how it should be.
        what: String,
    },
    /// The stream is there, and was founded otherwise.
    #[error("the stream exists with {exists}; asked was for {asked}. These are chosen once")]
    Founding {
        /// What it has.
        exists: String,
        /// What was asked for.
        asked: String,
    },
    /// The tables are there and hold no stream yet.
    #[error(
        "the tables are there but hold no stream; `gapless init` or `Stream::create` finishes it"
    )]
    NoStream,
    /// The client was built without what is needed.
    #[error("the SDK client has no {what}: {help}")]
    Client {
        /// What it lacks.
        what: &'static str,
        /// How to give it.
        help: &'static str,
    },
    /// A value of the configuration cannot be.
    #[error("{0}")]
    Config(String),
}
