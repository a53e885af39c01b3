//! The engine: an exhaustive search in breadth that keeps every state exactly.
//!
//! A state is a tuple of components, and each different component is kept once and goes by a
//! number. The numbers are interned again in three parts (what producers change, what workers
//! change, the rest), so that a state is three numbers, of which the visited states take eight bytes
//! each. States that differ only in the names of producers, workers or groups are one.

mod bytes;
mod cache;
mod disk;
mod explore;
mod image;
mod intern;
mod keys;
mod moves;
mod parallel;
mod space;
mod successors;
mod visited;
mod whole;

#[cfg(test)]
mod tests;

pub(super) use bytes::invalid;
pub(super) use cache::Cache;
pub(super) use disk::Disk;
#[cfg(test)]
pub(super) use explore::reached;
pub(super) use explore::{Explored, Limits, Pauses, Tally, explore, nearest};
pub(super) use image::{read, write};
pub(super) use parallel::each;
pub(super) use space::Space;
pub(super) use successors::Scope;
pub(super) use visited::Key;
