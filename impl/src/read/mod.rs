//! Reading without a group: to load an aggregate, to rebuild a view, to look.

mod back;
mod lineage;
mod place;
mod reader;

pub(crate) use lineage::Scope;
pub(crate) use place::Place;
pub use reader::{Reader, Target};
