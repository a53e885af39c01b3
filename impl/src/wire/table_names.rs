//! The tables' names.

/// The names of a stream's three tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableNames {
    /// The table of heads and of named producers' records.
    pub partitions: String,
    /// The table of slots.
    pub events: String,
    /// The table of leases and checkpoints.
    pub consumers: String,
}

impl TableNames {
    /// Returns the names with a prefix: with `prod-` they are `prod-partitions`,
    /// `prod-events` and `prod-consumers`.
    #[must_use]
    pub fn prefixed(prefix: &str) -> TableNames {
        let name = |table: &str| format!("{prefix}{table}");
        TableNames {
            partitions: name("partitions"),
            events: name("events"),
            consumers: name("consumers"),
        }
    }
}
