//! The tables' names.

/// The tables' names: a prefix, and what each holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableNames {
    /// Heads, named producers' records, lineage.
    pub partitions: String,
    /// Slots.
    pub events: String,
    /// Leases and checkpoints.
    pub consumers: String,
}

impl TableNames {
    /// The names under a prefix, such as `prod-`.
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
