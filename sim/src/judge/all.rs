//! The judge of one run: all checkers together, and which of them sees what.

use gapless::Group;
use gapless_model::store::Request;
use gapless_model::{Invariant, Seq};

use super::activity::Activity;
use super::deliveries::Deliveries;
use super::evidence::{AppliedCall, ObservedDelivery};
use super::judgement::{Breach, Judgement, broken};
use super::leases::Leases;
use super::machines::Machines;
use super::order::Order;
use super::progress;
use super::refinement::Refinement;
use super::slots::SlotContents;
use crate::plan::Millis;

/// All checkers of one run.
pub(crate) struct Judge {
    pub(crate) slots: SlotContents,
    pub(crate) leases: Leases,
    pub(crate) deliveries: Deliveries,
    pub(crate) activity: Activity,
    pub(crate) order: Order,
    pub(crate) refinement: Refinement,
    pub(crate) machines: Machines,
    /// Whether refinement is left out, to see what the invariants notice by themselves.
    pub(crate) invariants_only: bool,
    /// The only invariant that is watched, if it is one.
    pub(crate) watched: Option<Invariant>,
}

impl Judge {
    /// What a call did to the tables.
    pub(crate) fn judge_call(&mut self, applied: &AppliedCall<'_>) -> Judgement {
        // What the tables hold is looked at first: it is what users would see.
        if let Some((key, item)) = applied.slot {
            for judgement in self.slots.judge_write(key, item) {
                self.unless_unwatched(judgement)?;
            }
            self.deliveries.judge_slot(key, self.slots.events_in(key))?;
        }
        if let Some((key, item)) = applied.lease {
            let before = self.leases.current(key).cloned();
            let lease = self.leases.judge_write(key, item, applied)?;
            self.deliveries.judge_lease(key, before.as_ref(), &lease, &self.slots)?;
        }
        if self.invariants_only {
            return Ok(());
        }
        let specified = self.refinement.judge_reply(applied)?;
        self.machines.note_reply(applied.node, applied.request, &specified);
        // A head is read without saying whose record is wanted.
        if let Request::ReadHead { partition, .. } = applied.request {
            for name in applied.producers {
                let request =
                    Request::ReadHead { partition: partition.clone(), name: Some(name.clone()) };
                let reply = self.refinement.read(&request);
                self.machines.note_reply(applied.node, &request, &reply);
            }
        }
        Ok(())
    }

    /// A verdict, if anybody minds: where one invariant alone is watched, what was broken
    /// before must not hide it.
    fn unless_unwatched(&self, judgement: Judgement) -> Judgement {
        match judgement {
            Err((breach, _)) if self.watched.is_some_and(|it| breach != Breach::Invariant(it)) => {
                Ok(())
            }
            judgement => judgement,
        }
    }

    /// An append was acknowledged: every one of its events is in a slot, and behind
    /// all that were acknowledged before it began.
    pub(crate) fn judge_acknowledgement(
        &mut self,
        event: &str,
        position: Option<Seq>,
    ) -> Judgement {
        let Some((partition, slot)) = self.slots.position_of(event) else {
            return broken(
                Invariant::P1,
                format!("{event} was acknowledged and stands in no slot: it is lost"),
            );
        };
        if let Some(position) = position
            && position != slot
        {
            return broken(
                Invariant::S2,
                format!("{event} was acknowledged in slot {position} and stands in {slot}"),
            );
        }
        self.order.judge_acknowledgement(event, &partition, slot)
    }

    /// A handler got a delivery.
    pub(crate) fn judge_delivery(
        &mut self,
        at: Millis,
        delivery: &ObservedDelivery,
        timely: bool,
    ) -> Judgement {
        self.deliveries.judge_start(delivery, &self.slots)?;
        self.activity.judge_start(at, delivery, timely)
    }

    /// Whether everything that was acknowledged is delivered to every group.
    pub(crate) fn undelivered(&self, groups: &[Group]) -> Vec<String> {
        progress::undelivered(&self.order, &self.deliveries, groups)
    }

    /// What the tables hold, for the summary of a state.
    pub(crate) fn describe_tables(&self) -> String {
        let tails: Vec<_> =
            self.slots.tails().iter().map(|(id, seq)| format!("{id} tail {seq}")).collect();
        let leases: Vec<_> = self
            .leases
            .iter()
            .map(|((group, id), lease)| {
                let state = if lease.active { "held" } else { "free" };
                format!(
                    "{group}/{id} checkpoint {} epoch {} {state}",
                    lease.checkpoint, lease.epoch
                )
            })
            .collect();
        tails.into_iter().chain(leases).collect::<Vec<_>>().join(", ")
    }
}
