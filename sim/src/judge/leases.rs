//! L1 and L3: an epoch has one owner, and epochs only grow; a checkpoint moves only forward,
//! and only by the current epoch.

use std::collections::{BTreeMap, HashMap};

use gapless::{Live, Owner};
use gapless_model::store::{Lease, Request};
use gapless_model::{Epoch, Invariant};
use serde_json::Value;

use super::evidence::{AppliedCall, LeaseKey};
use super::judgement::{Breach, broken};
use crate::decode;
use crate::plan::Node;

/// The leases in the table, and their owners.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: BTreeMap<LeaseKey, Lease<Live>>,
    owners: HashMap<(LeaseKey, Epoch), Owner>,
    nodes: HashMap<Owner, Node>,
}

impl Leases {
    /// Notes the node that acts under an owner's name.
    pub(crate) fn register_owner(&mut self, owner: &Owner, node: Node) {
        self.nodes.insert(owner.clone(), node);
    }

    pub(crate) fn current(&self, key: &LeaseKey) -> Option<&Lease<Live>> {
        self.leases.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LeaseKey, &Lease<Live>)> {
        self.leases.iter()
    }

    /// Judges a lease's item after a write that may have changed it, and returns the lease.
    pub(crate) fn judge_write(
        &mut self,
        key: &LeaseKey,
        item: &Value,
        applied: &AppliedCall<'_>,
    ) -> Result<Lease<Live>, (Breach, String)> {
        let Some(lease) = decode::lease(item) else {
            return Err((Breach::Refinement, format!("a lease is no lease: {item}")));
        };
        let (group, partition) = key;
        let whose = format!("the lease of {group} on {partition}");
        let old = self.leases.insert(key.clone(), lease.clone());
        let owner = self.owners.entry((key.clone(), lease.epoch)).or_insert(lease.owner.clone());
        if *owner != lease.owner {
            let (first, second) = (owner, &lease.owner);
            broken(
                Invariant::L1,
                format!("{whose}: epoch {} belongs to {first} and to {second}", lease.epoch),
            )?;
        }
        let Some(old) = old else { return Ok(lease) };
        if lease.epoch < old.epoch {
            broken(Invariant::L1, format!("{whose}: epoch {} after {}", lease.epoch, old.epoch))?;
        }
        if lease.checkpoint < old.checkpoint {
            broken(
                Invariant::L3,
                format!(
                    "{whose}: the checkpoint goes back from {} to {}",
                    old.checkpoint, lease.checkpoint
                ),
            )?;
        }
        if lease.checkpoint != old.checkpoint {
            self.judge_checkpoint(&whose, &old, applied)?;
        }
        Ok(lease)
    }

    fn judge_checkpoint(
        &self,
        whose: &str,
        old: &Lease<Live>,
        applied: &AppliedCall<'_>,
    ) -> Result<(), (Breach, String)> {
        let fence = match applied.request {
            Request::Checkpoint { fence, .. } => *fence,
            _ => None,
        };
        let by_owner = match fence {
            Some(epoch) => epoch == old.epoch,
            // Without a fence the sender decides.
            None => self.nodes.get(&old.owner) == Some(&applied.node),
        };
        if by_owner {
            return Ok(());
        }
        broken(
            Invariant::L3,
            format!(
                "{whose}: the checkpoint is moved by another epoch than the current {}",
                old.epoch
            ),
        )
    }
}
