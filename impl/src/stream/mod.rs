//! A stream: the handle, its configuration, its layout, its tables.

mod config;
mod handle;
mod layout;
mod tables;

pub use config::Config;
pub(crate) use handle::Shared;
pub use handle::Stream;
pub use layout::{Layout, NoLayout};
