//! Requests that are under way although their senders gave them up.

use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::super::action::Process;
use super::super::small::Small;
use crate::ids::Epoch;
use crate::store::Request;

/// A request that arrives late, or never.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Late {
    pub(in crate::check) request: Request<Small>,
    /// The process that sent it.
    pub(in crate::check) sender: Process,
    /// The epoch of the lease under which it was sent; zero if it was sent under none.
    pub(in crate::check) epoch: Epoch,
}

/// Every request that is under way. Their order means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Network(pub(in crate::check) Vec<Late>);

impl Network {
    /// Brings the requests into an order that depends on nothing but themselves.
    pub(super) fn sort(&mut self) {
        if self.0.len() > 1 {
            self.0.sort_by_cached_key(order);
        }
    }
}

/// An order of values that depends on nothing but themselves.
pub(super) fn order(value: &impl Hash) -> u64 {
    let seeds = ahash::RandomState::with_seeds(0x67_61, 0x70_6c, 0x65_73, 0x73);
    seeds.hash_one(value)
}
