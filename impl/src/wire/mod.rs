//! The mapping: the one place where a typed request becomes a call of DynamoDB's
//! API, and its answer a typed reply.
//!
//! What each request means is said by `gapless_model::store::apply`; a test holds
//! the two together over many thousands of random dialogues.

mod attributes;
mod connection;
mod dispatch;
mod edit;
mod failure;
mod heads;
mod leases;
mod limits;
pub(crate) mod names;
mod slots;
mod table_names;

pub(crate) use attributes::{Item, Reader, number, text};
pub use connection::Wire;
pub(crate) use edit::{Edit, GetItem};
pub(crate) use failure::failure;
pub use limits::{MOST_ITEM, check_event};
pub(crate) use limits::{item_size, overhead};
pub use table_names::TableNames;
