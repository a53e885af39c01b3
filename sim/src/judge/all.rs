//! The judges of one run together, and what each of them is shown.

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

/// All judges of one run.
pub(crate) struct Judge {
    pub(crate) slots: SlotContents,
    pub(crate) leases: Leases,
    pub(crate) deliveries: Deliveries,
    pub(crate) activity: Activity,
    pub(crate) order: Order,
    pub(crate) refinement: Refinement,
    pub(crate) machines: Machines,
    /// Whether refinement is not judged, to see what the invariants notice on their own.
    pub(crate) invariants_only: bool,
    /// The only invariant that is judged, if it is a single one.
    pub(crate) watched: Option<Invariant>,
}

impl Judge {
    /// Judges what a call did to the tables, and what the engine answered.
    pub(crate) fn judge_call(&mut self, applied: &AppliedCall<'_>) -> Judgement {
        // The tables come first: they are what users would see.
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
        // The call that reads a head doesn't say whose record is wanted.
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

    /// Drops the judgement on an invariant that is not watched: where a single invariant is
    /// watched, a breach of another one must not end the run before it.
    fn unless_unwatched(&self, judgement: Judgement) -> Judgement {
        match judgement {
            Err((breach, _)) if self.watched.is_some_and(|it| breach != Breach::Invariant(it)) => {
                Ok(())
            }
            judgement => judgement,
        }
    }

    /// Judges the acknowledgement of an event: it must be in a slot (P1), the acknowledged one
    /// (S2), and after everything that was acknowledged before its append began (S3).
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

    /// Judges a delivery that a handler begins.
    pub(crate) fn judge_delivery(
        &mut self,
        at: Millis,
        delivery: &ObservedDelivery,
        timely: bool,
    ) -> Judgement {
        self.deliveries.judge_start(delivery, &self.slots)?;
        self.activity.judge_start(at, delivery, timely)
    }

    /// The acknowledged events that are not delivered yet, with their groups.
    pub(crate) fn undelivered(&self, groups: &[Group]) -> Vec<String> {
        progress::undelivered(&self.order, &self.deliveries, groups)
    }

    /// Describes the tails and leases in the tables in one line.
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
