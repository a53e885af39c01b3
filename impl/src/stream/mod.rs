//! A stream: the handle, its configuration, its founding, its layout, its tables.

mod config;
mod founding;
mod handle;
mod layout;
mod requests;
mod routes;
mod survey;
mod tables;

pub use config::Config;
pub use handle::Stream;
pub use layout::{Layout, NoLayout};
pub(crate) use requests::Shared;
