//! The judge of one run: all checkers together, and which of them sees what.

use gapless::Group;
use gapless_model::store::Request;
use gapless_model::{Invariant, Seq};

use super::activity::Activity;
use super::deliveries::Deliveries;
use super::evidence::{Applied, Handed};
use super::leases::Leases;
use super::machines::Machines;
use super::order::Order;
use super::progress;
use super::refinement::Refinement;
use super::slots::Slots;
use super::verdict::{Breach, Verdict, broken};
use crate::plan::Millis;

/// All checkers of one run.
pub(crate) struct Judge {
    pub(crate) slots: Slots,
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
    pub(crate) fn applied(&mut self, applied: &Applied<'_>) -> Verdict {
        // What the tables hold is looked at first: it is what users would see.
        if let Some((key, item)) = applied.slot {
            for verdict in self.slots.written(key, item) {
                self.mind(verdict)?;
            }
            self.deliveries.slot_written(key, self.slots.events(key))?;
        }
        if let Some((key, item)) = applied.lease {
            let before = self.leases.current(key).cloned();
            let lease = self.leases.written(key, item, applied)?;
            self.deliveries.lease_written(key, before.as_ref(), &lease, &self.slots)?;
        }
        if self.invariants_only {
            return Ok(());
        }
        let specified = self.refinement.applied(applied)?;
        self.machines.answered(applied.process, applied.request, &specified);
        // A head is read without saying whose record is wanted.
        if let Request::ReadHead { partition, .. } = applied.request {
            for name in applied.producers {
                let request =
                    Request::ReadHead { partition: partition.clone(), name: Some(name.clone()) };
                let reply = self.refinement.read(&request);
                self.machines.answered(applied.process, &request, &reply);
            }
        }
        Ok(())
    }

    /// A verdict, if anybody minds: where one invariant alone is watched, what was broken
    /// before must not hide it.
    fn mind(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Err((breach, _)) if self.watched.is_some_and(|it| breach != Breach::Invariant(it)) => {
                Ok(())
            }
            verdict => verdict,
        }
    }

    /// An append was acknowledged: every one of its events is in a slot, and behind
    /// all that were acknowledged before it began.
    pub(crate) fn acknowledged(&mut self, event: &str, position: Option<Seq>) -> Verdict {
        let Some((partition, slot)) = self.slots.place(event) else {
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
        self.order.acknowledged(event, &partition, slot)
    }

    /// A handler got a delivery.
    pub(crate) fn handed(&mut self, at: Millis, handed: &Handed, timely: bool) -> Verdict {
        self.deliveries.begun(handed, &self.slots)?;
        self.activity.begun(at, handed, timely)
    }

    /// Whether everything that was acknowledged is delivered to every group.
    pub(crate) fn missing(&self, groups: &[Group]) -> Vec<String> {
        progress::missing(&self.order, &self.deliveries, groups)
    }

    /// What the tables hold, for the summary of a state.
    pub(crate) fn standing(&self) -> String {
        let tails: Vec<_> =
            self.slots.tails().iter().map(|(id, seq)| format!("{id} tail {seq}")).collect();
        let leases: Vec<_> = self
            .leases
            .all()
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
