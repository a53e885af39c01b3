//! Marks: which kinds of step, with which outcome, a search has exercised.
//!
//! A protocol holds easily where nothing happens. Each mark names a step and an outcome that some
//! path should reach; a mark that no path reached is reported.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::action::{Action, Process};
use super::bounds::{Bounds, Clocks};
use super::lineage;
use super::small::{Owner, Small, Tick, WorkerNo};
use super::world::World;
use crate::consume::Outcome;
use crate::design::{
    Acquire, Checkpoint, Design, Expiry, Finish, Gap, Handover, Increment, Merging, Parents,
    Producer, Read, Release, SlotWrite, Splitting, Trigger, Undrained,
};
use crate::ids::Seq;
use crate::store::{Entry, Guard, Head, Lease, Raise, Reply, Request, Slot};
use crate::vocabulary::Page;

/// Whether a mark can be reached at all, under a design, its bounds and the clocks.
type Applies = fn(&Design, &Bounds, Clocks) -> bool;

macro_rules! marks {
    ($( $mark:ident = $name:literal if $applies:expr; )+) => {
        #[derive(Clone, Copy)]
        enum Mark { $($mark),+ }

        const MARKS: &[(&str, Applies)] = &[$( ($name, $applies) ),+];
    };
}

const ALWAYS: Applies = |_, _, _| true;
const APART: Applies = |d, _, _| matches!(d.increment, Increment::Add | Increment::CompareAndSet);
const TOGETHER: Applies = |d, _, _| d.increment == Increment::Transaction;
const GUARDED: Applies = |d, _, _| d.slot_write == SlotWrite::IfAbsent;
const NAMED: Applies = |d, _, _| d.producer == Producer::Named;
const CONDITIONAL: Applies = |d, _, _| d.acquire == Acquire::Conditional;
const ASKS: Applies = |d, b, _| b.splits > 0 && d.parents != Parents::Nothing;
const FENCED: Applies = |d, _, _| d.checkpoint != Checkpoint::Unconditional;

fn can_lose(b: &Bounds) -> bool {
    b.faults > 0 && (b.lost_replies > 0 || b.late > 0)
}

fn can_end(b: &Bounds) -> bool {
    b.faults > 0 && b.expiries > 0
}

fn crashes(b: &Bounds) -> bool {
    b.faults > 0 && b.crashes > 0
}

fn drops(b: &Bounds) -> bool {
    b.faults > 0 && b.failures > 0
}

/// A gap needs a dead or slow writer that took its number in a request of its own.
fn gaps(d: &Design, b: &Bounds) -> bool {
    APART(d, b, Clocks::Timely) && b.producers > 1
}

marks! {
    Raised = "raise: a number given out" if APART;
    RaiseRaced = "raise: lost a race" if |d, b, _| d.increment == Increment::CompareAndSet && b.producers > 1 && b.expected == 0;
    RaiseOwn = "raise: met its own effect" if |d, b, _| APART(d, b, Clocks::Timely) && can_lose(b) && (d.producer == Producer::Named || b.expected > 0);
    RaiseFenced = "raise: another run has claimed the producer's name" if |d, b, _| APART(d, b, Clocks::Timely) && NAMED(d, b, Clocks::Timely) && b.faults > 0 && b.twins > 0 && b.expected == 0;
    RaiseConflict = "raise: the head was not the expected one" if |d, b, _| APART(d, b, Clocks::Timely) && b.expected > 0 && b.producers > 1;
    Claimed = "claim: a producer's epoch raised" if NAMED;
    ClaimRepeated = "claim: met another claim" if |d, b, _| NAMED(d, b, Clocks::Timely) && can_lose(b);
    RecoveredEmpty = "recover: the slot is empty" if |d, b, _| NAMED(d, b, Clocks::Timely) && APART(d, b, Clocks::Timely) && crashes(b);
    RecoveredOwn = "recover: the slot holds the event" if |d, b, _| NAMED(d, b, Clocks::Timely) && crashes(b);
    RecoveredVoid = "recover: the slot was voided" if |d, b, _| NAMED(d, b, Clocks::Timely) && d.gap == Gap::Void && gaps(d, b) && crashes(b);
    Written = "write: a slot filled" if |d, _, _| d.increment != Increment::Transaction;
    WriteOwn = "write: met its own effect" if |d, b, _| GUARDED(d, b, Clocks::Timely) && can_lose(b) && d.increment != Increment::Transaction;
    WriteVoided = "write: the slot was voided" if |d, b, _| GUARDED(d, b, Clocks::Timely) && d.gap == Gap::Void && gaps(d, b);
    WriteRaced = "write: another's event is in the slot" if |d, b, _| d.increment == Increment::None && GUARDED(d, b, Clocks::Timely) && b.producers > 1;
    Appended = "transaction: raised and written" if TOGETHER;
    AppendRaced = "transaction: lost a race" if |d, b, _| TOGETHER(d, b, Clocks::Timely) && b.producers > 1;
    AppendOwn = "transaction: met its own effect" if |d, b, _| TOGETHER(d, b, Clocks::Timely) && can_lose(b);
    AcquiredFree = "acquire: a free lease" if CONDITIONAL;
    AcquiredEnded = "acquire: a lease that had ended" if |d, b, _| CONDITIONAL(d, b, Clocks::Timely) && (can_end(b) || crashes(b));
    AcquiredOwn = "acquire: met its own effect" if |d, b, _| CONDITIONAL(d, b, Clocks::Timely) && can_lose(b);
    AcquireBusy = "acquire: held by another" if |d, b, _| CONDITIONAL(d, b, Clocks::Timely) && b.workers > 1;
    Looked = "look: the lease read" if |d, _, _| d.acquire == Acquire::ReadThenSet;
    SetLease = "set: the lease taken" if |d, _, _| d.acquire == Acquire::ReadThenSet;
    ClaimSealed = "claim: the partition is sealed" if |d, b, _| NAMED(d, b, Clocks::Timely) && b.splits > 0;
    RaiseSealed = "raise: the partition is sealed" if |_, b, _| b.splits > 0;
    Created = "create: a child is there" if |d, b, _| b.splits > 0 && d.split != Splitting::Intent;
    Sealed = "seal: a partition sealed" if |_, b, _| b.splits > 0;
    SealRefused = "seal: it was sealed before" if |_, b, _| b.splits > 1 || b.merges * b.resplits > 0;
    Merged = "merge: partitions sealed together" if |d, b, _| b.merges > 0 && d.merge == Merging::Transaction;
    MergeRefused = "merge: one was sealed before" if |d, b, _| b.merges > 1 && d.merge == Merging::Transaction;
    MergeRivalled = "merge: one was split before" if |d, b, _| b.merges * b.resplits > 0 && d.merge == Merging::Transaction;
    Held = "reset: what comes after is held" if |_, b, _| b.resets > 0;
    ResetMoved = "reset: the checkpoint moved back" if |_, b, _| b.resets > 0;
    ResetHeld = "reset: a turn holds a lease" if |_, b, _| b.resets > 0;
    BeginReset = "acquire: reset since the parents were asked" if |d, b, _| ASKS(d, b, Clocks::Timely) && b.resets > 0;
    PageSomething = "read: something new" if ALWAYS;
    PageNothing = "read: the tail" if ALWAYS;
    Voided = "void: a slot voided" if |d, b, _| d.gap == Gap::Void && gaps(d, b);
    VoidTooLate = "void: the slot was written just in time" if |d, b, _| d.gap == Gap::Void && gaps(d, b);
    Checkpointed = "checkpoint: moved" if ALWAYS;
    CheckpointOwn = "checkpoint: met its own effect" if |d, b, _| d.checkpoint == Checkpoint::EpochForward && can_lose(b);
    CheckpointFenced = "checkpoint: fenced out" if |d, b, c| FENCED(d, b, c) && can_end(b) && c == Clocks::Unbounded && b.workers > 1;
    Renewed = "renew: the lease extended" if ALWAYS;
    RenewFenced = "renew: fenced out" if |d, b, c| FENCED(d, b, c) && can_end(b) && c == Clocks::Unbounded && b.faults > 1 && b.workers > 1;
    Released = "release: the lease given up" if ALWAYS;
    ReleasedWith = "release: the checkpoint moved with it" if |d, _, _| d.finish == Finish::OneWrite;
    ReleaseOwn = "release: met its own effect" if |d, b, _| can_lose(b) && d.release != Release::NextEmpty;
    ReleaseOwnGuarded = "release: met its own effect, guarded by an empty slot" if |d, b, _| can_lose(b) && d.release == Release::NextEmpty;
    ReleaseTaken = "release: the next slot was not empty" if |d, b, _| d.release == Release::NextEmpty && b.producers * b.events > 1;
    ReleaseWoken = "release: a trigger came meanwhile" if |d, b, _| d.release == Release::Wake && b.workers > 1 && b.producers * b.events > 1;
    ReleaseFenced = "release: fenced out" if |d, b, c| FENCED(d, b, c) && can_end(b) && c == Clocks::Unbounded && b.workers > 1;
    Woken = "wake: a trigger counted on a held lease" if |d, b, _| d.release == Release::Wake && b.workers > 1;
    WakeTooLate = "wake: the lease was released meanwhile" if |d, b, _| d.release == Release::Wake && b.workers > 1;
    Delivered = "deliver: a handler at work" if ALWAYS;
    TurnCaughtUp = "turn: caught up" if ALWAYS;
    TurnBusy = "turn: another worker holds the lease" if |_, b, _| b.workers > 1 && b.producers * b.events > 1;
    TurnBlocked = "turn: a parent is not drained" if ASKS;
    Drained = "turn: a sealed partition drained" if |d, b, _| ASKS(d, b, Clocks::Timely) && d.undrained == Undrained::GoOver;
    TurnLost = "turn: the lease was lost" if |_, b, _| can_end(b);
    TurnGivenBack = "turn: the trigger given back" if |d, b, _| d.handover == Handover::GiveBack && b.faults > 0 && b.handovers > 0;
    TurnHandedOver = "turn: a successor triggered" if |d, b, _| d.handover != Handover::GiveBack && b.faults > 0 && b.handovers > 0;
    Crashed = "fault: a producer crashed" if |_, b, _| crashes(b);
    OperatorCrashed = "fault: an operator crashed" if |_, b, _| crashes(b) && b.has_lineage();
    WorkerCrashed = "fault: a worker crashed" if |_, b, _| crashes(b);
    CrashedApplied = "fault: a crash before the reply arrived" if |_, b, _| crashes(b);
    Restarted = "fault: a producer restarted" if |_, b, _| crashes(b);
    Twin = "fault: a producer ran twice at once" if |d, b, _| NAMED(d, b, Clocks::Timely) && b.faults > 0 && b.twins > 0;
    Lengthened = "input: longer than expected" if |_, b, _| b.faults > 0 && b.long_inputs > 0;
    Slow = "fault: a request took its time" if |_, b, _| b.faults > 0 && b.slow > 0;
    ClockSet = "fault: a clock was set" if |_, b, c| b.faults > 0 && b.clock_steps > 0 && (b.skew > 0 || c == Clocks::Unbounded);
    Failed = "fault: a handler failed at once" if |_, b, _| drops(b);
    FailedHalfway = "fault: a handler failed after a part" if |_, b, _| drops(b);
    Dropped = "fault: a turn dropped" if |_, b, _| drops(b);
    DroppedApplied = "fault: a turn dropped before the reply arrived" if |_, b, _| drops(b);
    ReplyLost = "fault: a reply lost" if |_, b, _| b.faults > 0 && b.lost_replies > 0;
    LookFailed = "fault: a look behind a delivery failed" if |d, b, _| d.finish == Finish::OneWrite && b.faults > 0 && b.lost_replies > 0;
    LookLate = "time: a look behind a delivery gave way to the renewal" if |d, _, _| d.finish == Finish::OneWrite;
    Late = "fault: a request arrived late" if |_, b, _| b.faults > 0 && b.late > 0;
    Stale = "fault: a stale read" if |d, b, _| (d.read != Read::Consistent || d.finish == Finish::OneWrite) && b.faults > 0 && b.stale > 0;
    Lapsed = "time: a lease ended that its turn had left behind" if |_, b, _| crashes(b) || drops(b);
    LapsedAware = "fault: a lease ended, and its owner saw that" if |_, b, _| can_end(b);
    LapsedUnaware = "fault: an owner acted past the end of its lease" if |_, b, c| can_end(b) && c == Clocks::Unbounded;
    Waited = "time: a grace period ended" if |d, b, _| d.gap != Gap::Skip && gaps(d, b);
    Watched = "time: a lease watched for its whole length" if |d, b, _| d.expiry == Expiry::Observer && CONDITIONAL(d, b, Clocks::Timely) && b.workers > 1;
    TriggerLost = "fault: a trigger lost" if |d, b, _| matches!(d.trigger, Trigger::BestEffort | Trigger::Sweep) && b.faults > 0 && b.lost_triggers > 0;
    TriggerTwice = "fault: a trigger arrived twice" if |_, b, _| b.faults > 0 && b.duplicate_triggers > 0;
    Swept = "time: a sweep found a lag" if |d, _, _| d.trigger == Trigger::Sweep;
}

/// A set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u128);

const _: () = assert!(MARKS.len() <= u128::BITS as usize);

impl Marks {
    /// Adds marks, and returns whether there were new ones among them.
    pub(super) fn extend(&mut self, others: Marks) -> bool {
        let before = self.0;
        self.0 |= others.0;
        self.0 != before
    }
}

thread_local! {
    /// The marks of the step that this thread tries out, if it does.
    static TRIED: Cell<Option<Marks>> = const { Cell::new(None) };
}

/// Tries out a step that may never happen. Its marks are returned and do not count.
pub(super) fn try_out<T>(step: impl FnOnce() -> T) -> (T, Marks) {
    TRIED.set(Some(Marks::default()));
    let result = step();
    (result, TRIED.take().unwrap_or_default())
}

/// The marks that one search has reached. Threads of the search share it.
pub struct Coverage([AtomicBool; MARKS.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Coverage([const { AtomicBool::new(false) }; MARKS.len()])
    }
}

impl Coverage {
    /// Marks one kind of step as reached, unless it is only tried out.
    fn mark(&self, mark: Mark) {
        match TRIED.get() {
            Some(Marks(tried)) => TRIED.set(Some(Marks(tried | 1 << mark as u32))),
            None => self.store(mark as usize),
        }
    }

    /// Marks what was tried out as reached, because it happens.
    pub(super) fn mark_all(&self, Marks(marks): Marks) {
        (0..MARKS.len()).filter(|mark| marks & 1 << mark != 0).for_each(|mark| self.store(mark));
    }

    fn store(&self, mark: usize) {
        let seen = &self.0[mark];
        // To store into a cache line that all threads read costs more than to look first.
        if !seen.load(Ordering::Relaxed) {
            seen.store(true, Ordering::Relaxed);
        }
    }

    /// The names of the marks that were reached so far.
    pub(super) fn marked(&self) -> impl Iterator<Item = &'static str> {
        let reached = MARKS.iter().zip(&self.0).filter(|(_, seen)| seen.load(Ordering::Relaxed));
        reached.map(|((name, _), _)| *name)
    }

    /// Marks as reached what an earlier run has reached, by name. Returns whether there are marks of
    /// all of these names.
    pub(super) fn mark_again(&self, names: &[String]) -> bool {
        names.iter().all(|wanted| {
            let found = MARKS.iter().zip(&self.0).find(|((name, _), _)| name == wanted);
            found.inspect(|(_, seen)| seen.store(true, Ordering::Relaxed)).is_some()
        })
    }

    /// Returns how many marks can be reached under the design, the bounds and the clocks, and the
    /// names of those that were not.
    #[must_use]
    pub fn report(
        &self,
        design: &Design,
        bounds: &Bounds,
        clocks: Clocks,
    ) -> (usize, Vec<&'static str>) {
        let applicable =
            MARKS.iter().zip(&self.0).filter(|((_, applies), _)| applies(design, bounds, clocks));
        let missed = applicable
            .clone()
            .filter(|(_, seen)| !seen.load(Ordering::Relaxed))
            .map(|((name, _), _)| *name);
        (applicable.count(), missed.collect())
    }

    /// Marks what an action is, whatever its outcome.
    pub(super) fn mark_action(&self, world: &World, action: Action) {
        match action {
            Action::Crash { process, applied } => {
                self.mark(match process {
                    Process::Producer(_) => Mark::Crashed,
                    Process::Worker(_) => Mark::WorkerCrashed,
                    Process::Operator(_) => Mark::OperatorCrashed,
                });
                if applied {
                    self.mark(Mark::CrashedApplied);
                }
            }
            Action::LoseReply { .. } => self.mark(Mark::ReplyLost),
            Action::Arrive { .. } => self.mark(Mark::Late),
            Action::StaleRead { .. } => self.mark(Mark::Stale),
            Action::Restart { .. } => self.mark(Mark::Restarted),
            Action::Twin { .. } => self.mark(Mark::Twin),
            Action::Lengthen { .. } => self.mark(Mark::Lengthened),
            Action::Depart { .. } => self.mark(Mark::Slow),
            Action::Deliver { .. } => self.mark(Mark::Delivered),
            Action::Fail { delivered: 0, .. } => self.mark(Mark::Failed),
            Action::Fail { .. } => self.mark(Mark::FailedHalfway),
            Action::Drop { applied: false, .. } => self.mark(Mark::Dropped),
            Action::Drop { applied: true, .. } => self.mark(Mark::DroppedApplied),
            Action::Clock { worker } => self.mark_look(world, worker),
            Action::Tick => self.mark_tick(world),
            Action::SetClock { .. } => self.mark(Mark::ClockSet),
            Action::LoseTrigger { .. } => self.mark(Mark::TriggerLost),
            Action::DuplicateTrigger { .. } => self.mark(Mark::TriggerTwice),
            Action::Sweep { .. } => self.mark(Mark::Swept),
            Action::Begin { .. }
            | Action::Operate { .. }
            | Action::Send { .. }
            | Action::Delay { .. }
            | Action::Land { .. }
            | Action::Hear { .. }
            | Action::Take { .. }
            | Action::Stop { .. } => {}
        }
    }

    /// Marks what a worker's look at its clock is for.
    fn mark_look(&self, world: &World, worker: WorkerNo) {
        let clock = world.clock(worker);
        let Some(turn) = &world.workers[worker.index()].turn else { return };
        if turn.is_over(clock) {
            self.mark(Mark::LapsedAware);
        } else if !turn.machine.holds_lease() {
            self.mark(Mark::Watched);
        } else if turn.machine.waits_at_gap() {
            self.mark(Mark::Waited);
        } else if turn.machine.can_do_without() {
            self.mark(Mark::LookLate);
        }
    }

    /// Marks that a look failed, and its turn goes on without.
    pub(super) fn mark_look_failed(&self) {
        self.mark(Mark::LookFailed);
    }

    /// Marks whose lease the next tick ends.
    fn mark_tick(&self, world: &World) {
        let next = Tick(world.now.0 + 1);
        for seat in &world.seats {
            let ends = |lease: &&Lease<Small>| lease.active && lease.until == next;
            let Some(lease) = seat.lease.as_ref().filter(ends) else { continue };
            let owner = world.workers.get(lease.owner.worker.index());
            let lives = owner.is_some_and(|worker| worker.names == lease.owner.turn);
            if !lives {
                self.mark(Mark::Lapsed);
            }
        }
    }

    /// Marks that a worker acts although its lease has ended by its clock.
    pub(super) fn mark_paused(&self) {
        self.mark(Mark::LapsedUnaware);
    }

    /// Marks that a lease was taken, from what it was before.
    pub(super) fn mark_acquired(&self, before: Option<&Lease<Small>>) {
        let held = before.is_some_and(|lease| lease.active);
        self.mark(if held { Mark::AcquiredEnded } else { Mark::AcquiredFree });
    }

    /// Marks that a turn has drained a sealed partition.
    pub(super) fn mark_drained(&self) {
        self.mark(Mark::Drained);
    }

    /// Marks how a turn ended.
    pub(super) fn mark_outcome(&self, outcome: Outcome) {
        self.mark(match outcome {
            Outcome::CaughtUp => Mark::TurnCaughtUp,
            Outcome::Busy => Mark::TurnBusy,
            Outcome::Blocked => Mark::TurnBlocked,
            Outcome::Lost => Mark::TurnLost,
            Outcome::GivenBack => Mark::TurnGivenBack,
            Outcome::HandedOver => Mark::TurnHandedOver,
        });
    }
}

impl Coverage {
    /// Marks what a request of a process and the reply that it hears are.
    pub(super) fn mark_reply(
        &self,
        world: &World,
        process: Process,
        request: &Request<Small>,
        reply: &Reply<Small>,
    ) {
        let mark = lineage_mark(request, reply);
        if let Some(mark) = mark.or_else(|| reply_mark(process, world, request, reply)) {
            self.mark(mark);
        }
    }
}

/// The mark of a request and its reply that tell of a seal.
fn lineage_mark(request: &Request<Small>, reply: &Reply<Small>) -> Option<Mark> {
    Some(match (request, reply) {
        (Request::Raise(_), Reply::NotRaised(old))
        | (Request::RaiseAndWrite { .. }, Reply::NotAppended { head: Some(old), .. })
            if old.is_sealed() =>
        {
            Mark::RaiseSealed
        }
        (Request::ReadHead { name: Some(_), .. }, Reply::Head(head)) if head.is_sealed() => {
            Mark::ClaimSealed
        }
        (Request::Create { .. }, Reply::Created) => Mark::Created,
        (Request::Acquire { entry: Entry::Hold, .. }, Reply::Leased(_)) => Mark::Held,
        (Request::Release { to: Some(Seq::ZERO), .. }, Reply::Released) => Mark::ResetMoved,
        (Request::Acquire { owner, .. }, Reply::Refused { lease: Some(lease), .. })
            if *owner == Owner::OPERATOR && lease.owner != *owner =>
        {
            Mark::ResetHeld
        }
        (
            Request::Acquire { entry: Entry::Begin { seen }, .. },
            Reply::Refused { lease: Some(lease), .. },
        ) if !lease.begun && lease.epoch != *seen => Mark::BeginReset,
        (Request::Seal { .. }, Reply::Sealed) => Mark::Sealed,
        (Request::Seal { .. }, Reply::NotSealed(_)) => Mark::SealRefused,
        (Request::Merge { .. }, Reply::Sealed) => Mark::Merged,
        (Request::Merge { .. }, Reply::NotSealed(before)) => {
            match before.iter().any(|children| children.contains(&lineage::PART)) {
                true => Mark::MergeRivalled,
                false => Mark::MergeRefused,
            }
        }
        _ => return None,
    })
}

/// The mark of any other request and its reply.
fn reply_mark(
    process: Process,
    world: &World,
    request: &Request<Small>,
    reply: &Reply<Small>,
) -> Option<Mark> {
    Some(match (request, reply) {
        (Request::Raise(_), Reply::Raised(_)) => Mark::Raised,
        (Request::Raise(raise), Reply::NotRaised(old)) => {
            let own_record = raise.record.as_ref().is_some_and(|keep| {
                old.record.is_some_and(|old| old != keep.seen && old.epoch == keep.seen.epoch)
            });
            let own_token =
                raise.token.is_some() && old.raiser.as_ref().map(|by| by.token) == raise.token;
            match (own_record || own_token, raise.token) {
                (true, _) => Mark::RaiseOwn,
                (false, Some(_)) => Mark::RaiseConflict,
                (false, None) if is_expecting(world, process) => Mark::RaiseConflict,
                (false, None) if is_fenced(raise, old) => Mark::RaiseFenced,
                (false, None) => Mark::RaiseRaced,
            }
        }
        (Request::Claim { .. }, Reply::Claimed(_)) => Mark::Claimed,
        (Request::Claim { .. }, Reply::NotClaimed(_)) => Mark::ClaimRepeated,
        (Request::ReadSlot { .. }, Reply::Slot(slot)) => match slot {
            Slot::Empty => Mark::RecoveredEmpty,
            Slot::Void => Mark::RecoveredVoid,
            Slot::Events { .. } => Mark::RecoveredOwn,
        },
        (Request::Write(_), Reply::Written) => Mark::Written,
        (Request::Write(write), Reply::Taken(slot)) => match slot {
            Slot::Events { token, .. } if *token == write.token => Mark::WriteOwn,
            Slot::Events { .. } => Mark::WriteRaced,
            Slot::Void | Slot::Empty => Mark::WriteVoided,
        },
        (Request::Void { .. }, Reply::Written) => Mark::Voided,
        (Request::Void { .. }, Reply::Taken(_)) => Mark::VoidTooLate,
        (Request::RaiseAndWrite { .. }, Reply::Appended(_)) => Mark::Appended,
        (Request::RaiseAndWrite { write, .. }, Reply::NotAppended { slot, .. }) => match slot {
            Some(Slot::Events { token, .. }) if *token == write.token => Mark::AppendOwn,
            _ => Mark::AppendRaced,
        },
        (Request::ReadEvents { .. }, Reply::Page(page)) => match page.last() {
            Some(_) => Mark::PageSomething,
            None => Mark::PageNothing,
        },
        (Request::ReadLease { .. }, _) => Mark::Looked,
        (Request::SetLease { .. }, _) => Mark::SetLease,
        (Request::Acquire { owner, .. }, Reply::Refused { lease: Some(lease), .. }) => {
            if lease.owner == *owner { Mark::AcquiredOwn } else { Mark::AcquireBusy }
        }
        (Request::Renew { .. }, Reply::Leased(_)) => Mark::Renewed,
        (Request::Renew { .. }, Reply::Refused { .. }) => Mark::RenewFenced,
        (Request::Checkpoint { .. }, Reply::Leased(_)) => Mark::Checkpointed,
        (Request::Checkpoint { fence, .. }, Reply::Refused { lease: Some(lease), .. }) => {
            if *fence == Some(lease.epoch) { Mark::CheckpointOwn } else { Mark::CheckpointFenced }
        }
        (Request::Release { to: Some(_), .. }, Reply::Released) => Mark::ReleasedWith,
        (Request::Release { to: None, .. }, Reply::Released) => Mark::Released,
        (Request::Release { .. }, Reply::Refused { lease: None, taken: true }) => {
            Mark::ReleaseTaken
        }
        (Request::Release { fence, guard, .. }, Reply::Refused { lease: Some(lease), .. }) => {
            match (lease.active, fence.is_none_or(|epoch| epoch == lease.epoch), guard) {
                (_, false, _) => Mark::ReleaseFenced,
                (true, true, _) => Mark::ReleaseWoken,
                (false, true, Guard::Empty(_)) => Mark::ReleaseOwnGuarded,
                (false, true, Guard::None | Guard::Unwoken(_)) => Mark::ReleaseOwn,
            }
        }
        (Request::Wake { .. }, Reply::Leased(_)) => Mark::Woken,
        (Request::Wake { .. }, Reply::Refused { .. }) => Mark::WakeTooLate,
        _ => return None,
    })
}

/// Whether another run of the producer has claimed its record since.
fn is_fenced(raise: &Raise<Small>, old: &Head<Small>) -> bool {
    raise
        .record
        .as_ref()
        .is_some_and(|keep| old.record.is_none_or(|record| record.epoch != keep.seen.epoch))
}

/// Whether the process is a producer whose append expects a certain head.
fn is_expecting(world: &World, process: Process) -> bool {
    match process {
        Process::Producer(producer) => match &world.producers[producer.index()].work {
            super::world::Work::Append(append) => append.expects_head(),
            _ => false,
        },
        Process::Worker(_) | Process::Operator(_) => false,
    }
}
