//! The judges of one run together, and what each of them is shown.

use gapless::{Group, Live, Machine, ProducerName, Timestamp, Told};
use gapless_model::store::{Lease, Request};
use gapless_model::{Invariant, PartitionId};

use super::activity::Activity;
use super::caught_up::{Begun, judge_caught_up};
use super::chronicle::Chronicle;
use super::cost::Costs;
use super::delay::Delays;
use super::deliveries::{Deliveries, LeaseChange};
use super::dropped::Dropped;
use super::evidence::{AppliedCall, ObservedDelivery};
use super::expectations::Expectations;
use super::fences::Fences;
use super::idleness::Idleness;
use super::inputs::Inputs;
use super::judgement::{Breach, Doubt, Finding, Judgement};
use super::leases::Leases;
use super::lineage::Lineage;
use super::machines::Machines;
use super::order::Order;
use super::pace::Overrun;
use super::progress;
use super::readings::{Readings, left_out};
use super::reads::may_be_eventual;
use super::refinement::Refinement;
use super::resets::Resets;
use super::sight::Sight;
use super::slots::SlotContents;
use super::stuck::{Lack, stuck};
use super::turns::Turns;
use super::words::{self, seconds};
use crate::decode::Read;
use crate::plan::{Happening, Millis, Node};

/// All judges of one run.
pub(crate) struct Judge {
    pub(crate) slots: SlotContents,
    pub(crate) leases: Leases,
    pub(crate) lineage: Lineage,
    pub(crate) resets: Resets,
    pub(crate) deliveries: Deliveries,
    pub(crate) turns: Turns,
    pub(crate) activity: Activity,
    pub(crate) order: Order,
    pub(crate) expectations: Expectations,
    pub(crate) fences: Fences,
    pub(crate) inputs: Inputs,
    pub(crate) dropped: Dropped,
    pub(crate) readings: Readings,
    pub(crate) refinement: Refinement,
    pub(crate) machines: Machines,
    pub(crate) idleness: Idleness,
    pub(crate) delays: Delays,
    pub(crate) costs: Costs,
    pub(crate) chronicle: Chronicle,
    /// Whether refinement is not judged, to see what the invariants notice on their own.
    pub(crate) invariants_only: bool,
    /// The only invariant that is judged, if it is a single one.
    pub(crate) watched: Option<Invariant>,
}

impl Judge {
    /// Judges what a call did to the tables, and what the engine answered.
    pub(crate) fn judge_call(&mut self, applied: &AppliedCall<'_>) -> Judgement {
        self.chronicle.note_call(applied);
        let chronicle = &self.chronicle;
        // The tables come first: they are what users would see.
        if let Some((key, item)) = applied.slot {
            for judgement in self.slots.judge_write(key, item, applied, chronicle) {
                self.unless_unwatched(judgement)?;
            }
            let judgement = self.lineage.judge_places(applied.at, key, &self.slots.keys_in(key));
            self.unless_unwatched(judgement)?;
            let written = self.slots.events_in(key);
            let judgement =
                self.inputs.judge_write(key, &written, (applied.at, applied.node), chronicle);
            self.unless_unwatched(judgement)?;
            // Only then it was this request that filled the slot.
            if applied.status == 200 {
                let sent = (applied.at, applied.node, applied.attempt);
                let judgement = self.dropped.judge_write(key, &written, sent, chronicle);
                self.unless_unwatched(judgement)?;
            }
            self.deliveries.judge_slot(key, &written, applied, chronicle)?;
        }
        let judgement = self.lineage.judge_call(applied, &self.chronicle);
        self.unless_unwatched(judgement)?;
        let judgement = self.fences.judge_call(applied, &self.chronicle);
        self.unless_unwatched(judgement)?;
        if let Some((key, item)) = applied.lease {
            let before = self.leases.current(key).cloned();
            let (resets, lineage) = (&self.resets, &self.lineage);
            let asked = |old: &Lease<Live>, new: &Lease<Live>| {
                resets.explains(key, (old, new), applied, lineage)
            };
            let lease = self.leases.judge_write(key, item, asked, applied, chronicle)?;
            let asked = before.as_ref().filter(|before| asked(before, &lease));
            if let Some(before) = asked {
                let moved = (before.checkpoint, lease.checkpoint);
                let judgement = self.resets.judge_order(key, moved, &self.leases, &self.lineage);
                self.resets.note(key, moved);
                self.unless_unwatched(judgement)?;
            }
            let asked = asked.is_some();
            let change = LeaseChange { before: before.as_ref(), lease: &lease, asked };
            self.deliveries.judge_lease(key, change, &self.slots, applied, chronicle)?;
        }
        if self.invariants_only {
            return Ok(());
        }
        let specified = self.refinement.judge_reply(applied, chronicle)?;
        // A reply that is lost on its way can be told to no machine.
        if !applied.heard {
            return Ok(());
        }
        let (at, node) = (applied.at, applied.node);
        self.machines.note_reply(at, node, applied.request, &specified);
        // The call that reads a head doesn't say whose record is wanted.
        if let Request::ReadHead { partition, .. } = applied.request {
            for name in applied.producers {
                let request =
                    Request::ReadHead { partition: partition.clone(), name: Some(name.clone()) };
                let reply = self.refinement.read(&request);
                self.machines.note_reply(at, node, &request, &reply);
            }
        }
        Ok(())
    }

    /// Judges that a run of a named producer was told that it is fenced.
    pub(crate) fn judge_fenced(
        &self,
        at: Millis,
        node: Node,
        what: (&PartitionId, &ProducerName),
    ) -> Judgement {
        self.fences.judge_told(at, node, what, &self.chronicle)
    }

    /// Judges whether a read asks for as much as the protocol counts on.
    pub(crate) fn judge_read(
        &self,
        at: Millis,
        node: Node,
        read: Read,
        request: Option<&Request<Live>>,
    ) -> Judgement {
        if self.invariants_only || read.consistent || may_be_eventual(read, request) {
            return Ok(());
        }
        let what = request.map_or_else(|| read.source.name().to_owned(), words::request);
        let sentence = format!(
            "{} sent an eventually consistent read at {}, where the protocol counts on a consistent \
             one: {what}.",
            self.chronicle.name(node),
            seconds(at),
        );
        Err((Breach::Machine, self.finding_on(node, sentence)))
    }

    /// Drops the judgement on an invariant that is not watched: where a single invariant is
    /// watched, a breach of another one must not end the run before it.
    pub(super) fn unless_unwatched(&self, judgement: Judgement) -> Judgement {
        match judgement {
            Err((breach, _)) if self.watched.is_some_and(|it| breach != Breach::Invariant(it)) => {
                Ok(())
            }
            judgement => judgement,
        }
    }

    /// Notes that a function was ended at its limit.
    pub(crate) fn note_limit(&mut self, at: Millis, node: Node) {
        self.turns.note_interruption(node);
        self.chronicle.note_limit(at, node);
    }

    /// Notes an incident.
    pub(crate) fn note_incident(&mut self, at: Millis, happening: Happening) {
        self.chronicle.note_incident(at, happening);
        if let Happening::Crash { node, .. } = happening {
            self.turns.note_interruption(node);
        }
    }

    /// Notes that a node's clock was moved on while its process waits for its next step. Where that ends
    /// a lease, the process stands still between its clock and its act.
    pub(crate) fn note_clock_moved(&mut self, at: Millis, node: Node, clock: Timestamp) {
        if self.turns.has_outlived_lease(node, clock) {
            self.activity.suspend(node, at);
        }
    }

    /// Notes that the append of an event begins.
    pub(crate) fn note_start(&mut self, at: Millis, event: &str) {
        self.chronicle.note_start(at, event);
        self.order.note_start(event);
    }

    /// A finding on the place where a node was last at work.
    pub(crate) fn finding_on(&self, node: Node, sentence: String) -> Finding {
        let finding = Finding::new(sentence);
        match self.chronicle.last(|deed| deed.node == node) {
            Some(deed) => finding.at(deed.request.partition(), deed.request.slot()),
            None => finding,
        }
    }

    /// The judgement that a node does not do what its machine wants, if there is a doubt.
    pub(crate) fn judge_machine(&self, at: Millis, node: Node, doubt: Doubt) -> Judgement {
        let Err(did) = doubt else { return Ok(()) };
        let sentence = format!("{} {did}, at {}.", self.chronicle.name(node), seconds(at));
        Err((Breach::Machine, self.finding_on(node, sentence)))
    }

    /// The judgement that a process does not come to rest.
    pub(crate) fn judge_overrun(&self, node: Node, overrun: Overrun) -> Judgement {
        let sentence = format!("{} {overrun}.", self.chronicle.name(node));
        Err((Breach::Pace, self.finding_on(node, sentence)))
    }

    /// The judgement that a process computes without an end.
    pub(crate) fn judge_stall(&self, at: Millis, node: Option<Node>, stall: &str) -> Judgement {
        let who = node.map_or("the run", |node| self.chronicle.name(node));
        let sentence = format!("{who} {stall}, since {} of simulated time.", seconds(at));
        let finding = match node {
            Some(node) => self.finding_on(node, sentence),
            None => Finding::new(sentence),
        };
        Err((Breach::Pace, finding))
    }

    /// The judgement that P1 is broken, because the patience of a run is over, or that only a follower
    /// lacks something.
    pub(crate) fn judge_patience(
        &self,
        undelivered: &[(String, Group)],
        unfinished: &[Node],
        patience: Millis,
    ) -> Judgement {
        if undelivered.is_empty() && unfinished.is_empty() {
            let lack = left_out(&self.unread(), patience, &self.slots, &self.chronicle);
            return lack.map_or(Ok(()), Err);
        }
        let lack = Lack { undelivered, unfinished, patience };
        Err(stuck(&lack, &self.slots, (&self.leases, &self.lineage), &self.chronicle))
    }

    /// Judges a delivery that a handler begins.
    pub(crate) fn judge_delivery(
        &mut self,
        at: Millis,
        delivery: &ObservedDelivery,
        timely: bool,
    ) -> Judgement {
        let sight = Sight { at, slots: &self.slots, chronicle: &self.chronicle };
        let judgement = self.delays.judge_start(at, delivery, &self.deliveries, &self.chronicle);
        self.unless_unwatched(judgement)?;
        let judgement = self.lineage.judge_delivery(delivery, &self.leases, sight);
        self.unless_unwatched(judgement)?;
        let judgement = self.deliveries.judge_start(delivery, sight, &mut self.turns);
        self.unless_unwatched(judgement)?;
        self.activity.judge_start(at, delivery, timely, &self.chronicle)
    }

    /// Notes what a machine is about to be told.
    pub(crate) fn note_news(&mut self, whose: Machine<'_>, news: Told<'_>) {
        let leases = &self.leases;
        self.turns.note_news(whose, news, |key| leases.current(key).cloned());
    }

    /// What a worker of a group has before it when it begins now.
    pub(crate) fn begun(&self, at: Millis, group: &Group) -> Begun {
        let due = self.undelivered(std::slice::from_ref(group));
        Begun { at, group: group.clone(), due: due.into_iter().map(|(event, _)| event).collect() }
    }

    /// Judges what a worker says that has caught up.
    pub(crate) fn judge_caught_up(&self, at: Millis, node: Node, begun: &Begun) -> Judgement {
        judge_caught_up((at, node), begun, &self.deliveries, &self.slots, &self.chronicle)
    }

    /// The acknowledged events that are not delivered yet, with their groups.
    pub(crate) fn undelivered(&self, groups: &[Group]) -> Vec<(String, Group)> {
        progress::undelivered(&self.order, &self.deliveries, groups)
    }

    /// The acknowledged events that followers are still to be given.
    pub(crate) fn unread(&self) -> Vec<(Node, String)> {
        self.readings.unread(&self.order, &self.slots)
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
