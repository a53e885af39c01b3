//! The wire: the one place where a typed request becomes a call of DynamoDB's API, and
//! its answer a typed reply.
//!
//! `gapless_model::store::apply` specifies what each request does. A test compares the two
//! over many thousands of random dialogues.

mod attributes;
mod connection;
mod dispatch;
mod edit;
mod every_page;
mod failure;
mod founding;
mod heads;
mod hidden_retries;
mod leases;
mod limits;
mod listing;
mod names;
mod records;
mod schema;
mod seals;
mod slots;
#[cfg(feature = "table-stream")]
mod streams;
mod table_names;

pub use connection::Wire;
pub(crate) use founding::FoundingItem;
pub use limits::{MOST_ITEM, check_event, check_group, check_producer};
pub(crate) use limits::{MOST_PRODUCERS, MOST_SORT_KEY, check_partition};
pub(crate) use limits::{check_batch, check_key_lease, item_size, overhead};
pub use listing::Standing;
pub(crate) use listing::{Consistency, Extent, Listing};
pub(crate) use names::KEY_LEASE;
pub(crate) use schema::{ExistingTable, Schema};
#[cfg(feature = "table-stream")]
pub(crate) use streams::{ShardPage, ShardStart, StreamsError, StreamsWire};
pub use table_names::TableNames;
