//! The checkers: one a file, each naming the invariant that it watches. They see true
//! time, every call that reaches the engine, and every delivery that a handler gets.

mod activity;
mod deliveries;
mod leases;
mod machines;
mod order;
mod progress;
mod refinement;
mod slots;

use std::fmt;

use gapless::{Group, Live, ProducerName, Token};
use gapless_model::store::{Reply, Request, View};
use gapless_model::{Epoch, Invariant, PartitionId, Seq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use activity::Activity;
pub(crate) use deliveries::Deliveries;
pub(crate) use leases::Leases;
pub(crate) use machines::Machines;
pub(crate) use order::Order;
pub(crate) use refinement::Refinement;
pub(crate) use slots::Slots;

use crate::plan::{Millis, Process};

/// What a run can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breach {
    /// An invariant of the protocol.
    Invariant(Invariant),
    /// The engine and the abstract store answered a request differently.
    Refinement,
    /// A process did what its machine does not allow, or told it what is not so.
    Machine,
    /// An audit beside live traffic found what must never be.
    Audit,
    /// A process met an error that no fault explains.
    Error,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breach::Invariant(invariant) => f.pad(&invariant.to_string()),
            Breach::Refinement => f.pad("refinement"),
            Breach::Machine => f.pad("machine"),
            Breach::Audit => f.pad("audit"),
            Breach::Error => f.pad("error"),
        }
    }
}

/// What was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What.
    pub breach: Breach,
    /// When, in simulated time.
    pub at: Millis,
    /// How.
    pub what: String,
}

/// What a checker says of what it saw.
pub(crate) type Verdict = Result<(), (Breach, String)>;

/// That an invariant does not hold.
pub(crate) fn broken(invariant: Invariant, what: String) -> Verdict {
    Err((Breach::Invariant(invariant), what))
}

/// A call that reached the engine, and what came of it.
pub(crate) struct Applied<'a> {
    pub(crate) process: Process,
    pub(crate) request: &'a Request<Live>,
    /// How much of what was written the read could see.
    pub(crate) view: View,
    /// What makes a transaction the same as another.
    pub(crate) token: Option<&'a str>,
    /// The producers that have names.
    pub(crate) producers: &'a [ProducerName],
    /// What the engine's answer says.
    pub(crate) reply: Option<&'a Reply<Live>>,
    pub(crate) status: u16,
    pub(crate) answer: &'a Value,
    /// The slot's item after a write to it.
    pub(crate) slot: Option<(&'a (PartitionId, Seq), &'a Value)>,
    /// The lease's item after a write to it.
    pub(crate) lease: Option<(&'a (Group, PartitionId), &'a Value)>,
}

/// A delivery in a handler's hands.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    pub(crate) process: Process,
    pub(crate) group: Group,
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) upto: Seq,
    pub(crate) attempt: u32,
    /// The slots that hold events, and the names of those events.
    pub(crate) events: Vec<(Seq, String)>,
}

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

/// An append's token, and how often its process had died when it began.
pub(crate) type Life = (Token, u32);
