//! Reading without a group: to load an aggregate, to rebuild a view, to look.

mod back;
mod reader;

pub(crate) use reader::Place;
pub use reader::{Reader, Target};
