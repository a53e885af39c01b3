//! L1 and L3: an epoch has one owner and one turn, and epochs only grow; a checkpoint moves only forward,
//! and only by the current epoch.

use std::collections::{BTreeMap, HashMap};

use gapless::{Live, Owner, WorkerId};
use gapless_model::store::{Lease, Request, Spoken as _};
use gapless_model::{Epoch, Invariant};
use serde_json::Value;

use super::chronicle::Chronicle;
use super::evidence::{AppliedCall, LeaseKey};
use super::judgement::{Breach, Finding, Judgement, broken};
use super::words::{partition_name, seconds};
use crate::decode;
use crate::plan::Node;

/// A lease that is held.
#[cfg(test)]
pub(super) fn some_lease(checkpoint: gapless_model::Seq, epoch: Epoch) -> Lease<Live> {
    Lease {
        checkpoint,
        active: true,
        owner: Owner::from("o/1"),
        epoch,
        until: gapless::Timestamp::from_millis(9),
        beat: 0,
        wake: 0,
        begun: true,
    }
}

/// The leases in the table, and their owners.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: BTreeMap<LeaseKey, Lease<Live>>,
    owners: HashMap<(LeaseKey, Epoch), Owner>,
    nodes: HashMap<WorkerId, Node>,
}

impl Leases {
    /// Notes the node of a worker, whose turns own leases.
    pub(crate) fn register_worker(&mut self, worker: &WorkerId, node: Node) {
        self.nodes.insert(worker.clone(), node);
    }

    fn node_of(&self, owner: &Owner) -> Option<Node> {
        self.nodes.get(&owner.worker()?).copied()
    }

    pub(crate) fn current(&self, key: &LeaseKey) -> Option<&Lease<Live>> {
        self.leases.get(key)
    }

    /// Puts a lease into the table.
    #[cfg(test)]
    pub(super) fn put(&mut self, key: LeaseKey, lease: Lease<Live>) {
        self.leases.insert(key, lease);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LeaseKey, &Lease<Live>)> {
        self.leases.iter()
    }

    /// The node that acts under an owner's name, in words.
    pub(super) fn owner_name(&self, owner: &Owner, chronicle: &Chronicle) -> String {
        self.node_of(owner)
            .map_or_else(|| Live::owner(owner), |node| chronicle.name(node).to_owned())
    }

    /// A text in which owners are called by the names of their nodes, as in "worker 2's turn 7".
    pub(super) fn with_names(&self, text: String, chronicle: &Chronicle) -> String {
        self.nodes.iter().fold(text, |text, (worker, node)| {
            let short = Live::owner(&Owner::from(format!("{worker}/")));
            text.replace(&short, &format!("{}'s turn ", chronicle.name(*node)))
        })
    }

    /// Judges a lease's item after a write that may have changed it, and returns the lease. `asked` says
    /// whether the change is a move that an operator has asked for.
    pub(crate) fn judge_write(
        &mut self,
        key: &LeaseKey,
        item: &Value,
        asked: impl Fn(&Lease<Live>, &Lease<Live>) -> bool,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement<Lease<Live>> {
        let (group, partition) = key;
        let whose = format!("{group}'s lease on {}", partition_name(partition));
        let Some(lease) = decode::lease(item) else {
            let (who, at) = (chronicle.name(applied.node), seconds(applied.at));
            let sentence = format!("{who} left no lease in the item of {whose} at {at}.");
            return Err((Breach::Refinement, Finding::new(sentence).at(partition, None)));
        };
        let old = self.leases.insert(key.clone(), lease.clone());
        let owner = self.owners.entry((key.clone(), lease.epoch)).or_insert(lease.owner.clone());
        let (who, at) = (chronicle.name(applied.node), seconds(applied.at));
        if *owner != lease.owner {
            let first = owner.clone();
            let sentence = self.shared_epoch(key, &first, &lease, applied, chronicle);
            broken(Invariant::L1, Finding::new(sentence).at(partition, None))?;
        }
        let Some(old) = old else { return Ok(lease) };
        if lease.epoch < old.epoch {
            let sentence = format!(
                "the epoch of {whose} fell from {} to {} at {at}, when {who} took the lease.",
                old.epoch, lease.epoch
            );
            broken(Invariant::L1, Finding::new(sentence).at(partition, None))?;
        }
        if lease.checkpoint < old.checkpoint && !asked(&old, &lease) {
            let (from, to) = (old.checkpoint, lease.checkpoint);
            let reached = chronicle.passing(key, from).map_or(String::new(), |deed| {
                let (mover, at) = (chronicle.name(deed.node), seconds(deed.at));
                format!(", where {mover} had moved it at {at},")
            });
            let how = match applied.request {
                Request::Checkpoint { .. } | Request::Release { to: Some(_), .. } => {
                    format!("{who} moved it")
                }
                _ => format!("{who} changed the lease's item"),
            };
            let sentence = format!(
                "{group}'s checkpoint on {} went back from slot {from}{reached} to slot {to} at \
                 {at}: {how}.",
                partition_name(partition)
            );
            broken(Invariant::L3, Finding::new(sentence).at(partition, from).at(partition, to))?;
        }
        if lease.checkpoint != old.checkpoint {
            self.judge_checkpoint(key, &old, &lease, applied, chronicle)?;
        }
        Ok(lease)
    }

    /// L1 in words.
    fn shared_epoch(
        &self,
        key: &LeaseKey,
        first: &Owner,
        lease: &Lease<Live>,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> String {
        let (group, partition) = key;
        let (one, other) =
            (self.owner_name(first, chronicle), self.owner_name(&lease.owner, chronicle));
        let other = if one == other { format!("another turn of {one}") } else { other };
        let since = chronicle
            .taking(key, lease.epoch)
            .map_or(String::new(), |deed| format!(" at {}", seconds(deed.at)));
        format!(
            "epoch {} of {group}'s lease on {} has two owners, so that it cannot tell their \
             requests apart: {one} took the lease under it{since}, and {other} took it at {}.",
            lease.epoch,
            partition_name(partition),
            seconds(applied.at),
        )
    }

    fn judge_checkpoint(
        &self,
        key: &LeaseKey,
        old: &Lease<Live>,
        lease: &Lease<Live>,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let fence = match applied.request {
            Request::Checkpoint { fence, .. } | Request::Release { fence, .. } => *fence,
            _ => None,
        };
        let by_owner = match fence {
            Some(epoch) => epoch == old.epoch,
            // Without a fence the sender decides.
            None => self.node_of(&old.owner) == Some(applied.node),
        };
        if by_owner {
            return Ok(());
        }
        let (group, partition) = key;
        let under = fence.map_or(String::new(), |epoch| format!(" under epoch {epoch}"));
        let taken = chronicle.taking(key, old.epoch);
        let taken = taken.map_or(String::new(), |deed| format!(" since {}", seconds(deed.at)));
        let sentence = format!(
            "{} moved {group}'s checkpoint on {} from slot {} to slot {} at {}{under}, although \
             the lease has belonged to {} under epoch {}{taken}.",
            chronicle.name(applied.node),
            partition_name(partition),
            old.checkpoint,
            lease.checkpoint,
            seconds(applied.at),
            self.owner_name(&old.owner, chronicle),
            old.epoch,
        );
        broken(Invariant::L3, Finding::new(sentence).at(partition, lease.checkpoint))
    }
}
