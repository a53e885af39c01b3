//! The normal form of a state: states with the same future have the same one.
//!
//! Six things are renamed or forgotten. Each is a bisimulation, and the argument is given where
//! it is done:
//!
//! - **times** are counted from the present, and one that is so long ago that no comparison can
//!   tell it from an earlier one counts as that early;
//! - **epochs, beats and wake counters** are counted from those of the lease that they are compared
//!   with. Epochs only grow until L1 is violated, and no state is followed further after that;
//! - **turns** that have ended are one. A lease's owner is a turn, and only that turn compares the
//!   name with its own, so it makes no difference which of those that ended a lease names. One that
//!   has ended names no lease but by a late request, which may as well arrive before the end;
//! - **the order of operators** who do the same means nothing, nor which of them sent a request that is
//!   under way: no reply to it is heard;
//! - **the order** of the requests under way means nothing;
//! - **what a slot holds** that a reader came too late to void means nothing to it.

use super::super::action::Process;
use super::super::small::{Owner, Small, Tick};
use super::network::order;
use super::{Flight, Late, Turn, World};
use crate::ids::Epoch;
use crate::store::{Entry, Free, Guard, Lease, Reply, Request, Slot};

/// A wake counter that the lease has passed, or will not reach.
const PASSED: u64 = u64::MAX;

/// Another one that the lease has passed. A turn compares the counter that it knows with that of an
/// answer under way, and the lease may have passed both since.
const PASSED_AS_WELL: u64 = u64::MAX - 1;

/// What the normal form of a state depends on, beside the state.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Norm {
    /// The bound on skew.
    pub(in crate::check) skew: i16,
    /// Whether the owner and the end of a lease that is free are kept, because a renewal may revive
    /// it or its next owner may get the same epoch.
    pub(in crate::check) keeps_free: bool,
    /// Whether an owner may act past the end of its lease by the time that it last saw.
    pub(in crate::check) pauses: bool,
    /// How many operators there are of each role in which they are alike.
    pub(in crate::check) operators: [u8; 3],
}

/// What the times, epochs and owners of one seat are counted from.
struct Frame<'a> {
    norm: Norm,
    now: Tick,
    /// The epoch, the beat and the wake counter of the lease before it was brought into normal
    /// form.
    lease: Option<(Epoch, u64, u64)>,
    /// The end of the lease, counted from now, if it is held.
    ends: Option<i16>,
    /// For each worker, how many names of its turns were used up.
    names: &'a [u8],
}

impl World {
    /// Brings the state into its normal form.
    pub(in crate::check) fn normalise(&mut self, norm: Norm) {
        let now = self.now;
        let names: Vec<u8> = self.workers.iter().map(|worker| worker.names).collect();
        let frames: Vec<Frame<'_>> = self
            .seats
            .iter()
            .map(|seat| {
                let lease = seat.lease.as_ref();
                let held = lease.filter(|lease| lease.active);
                Frame {
                    norm,
                    now,
                    lease: lease.map(|lease| (lease.epoch, lease.beat, lease.wake)),
                    ends: held.map(|lease| lease.until.0 - now.0),
                    names: &names,
                }
            })
            .collect();
        for (seat, frame) in self.seats.iter_mut().zip(&frames) {
            if let Some(lease) = &mut seat.lease {
                frame.lease(lease);
            }
        }
        let partitions = self.logs.len();
        for worker in &mut self.workers {
            let clock = Tick(i16::from(worker.ahead));
            worker.names = 0;
            if let Some(turn) = &mut worker.turn {
                let seat = turn.group.index() * partitions + turn.partition.index();
                frames[seat].turn(turn, clock);
            }
        }
        for late in &mut self.network.0 {
            let group = late.request.group().map_or(0, |group| group.index());
            frames[group * partitions + late.request.partition().index()].late(late);
        }
        for operator in &mut self.operators {
            operator.each_epoch(&mut |group, partition, epoch| {
                *epoch = frames[group.index() * partitions + partition.index()].epoch(*epoch);
            });
        }
        self.sort_operators(norm.operators);
        self.network.sort();
        self.now = Tick(0);
    }

    fn sort_operators(&mut self, roles: [u8; 3]) {
        let mut first = 0;
        for count in roles {
            let last = first + count;
            if let Some(alike) = self.operators.get_mut(first.into()..last.into()) {
                alike.sort_by_cached_key(order);
            }
            for late in &mut self.network.0 {
                if let Process::Operator(sender) = &mut late.sender
                    && (first..last).contains(&sender.0)
                {
                    sender.0 = first;
                }
            }
            first = last;
        }
    }
}

impl Frame<'_> {
    /// A time counted from now, or `floor` if it is earlier.
    fn time(&self, time: Tick, floor: i16) -> Tick {
        Tick((time.0 - self.now.0).max(floor))
    }

    /// The end of a lease. Every clock shows the present or later, and a lease counts as ended at
    /// its end plus the bound, so ends before `-skew` are alike.
    fn end(&self, until: Tick) -> Tick {
        self.time(until, -self.norm.skew)
    }

    /// An epoch counted from the lease's, which is 2: epochs are compared for equality with the
    /// lease's, and a lower one never becomes equal again; and that of an answer with that of the
    /// turn that waits for it, see [`Frame::tell_apart`]. Zero is no epoch.
    fn epoch(&self, epoch: Epoch) -> Epoch {
        match self.lease {
            Some((current, ..)) if epoch != Epoch::ZERO => {
                if epoch < current {
                    Epoch(1)
                } else {
                    Epoch(2 + epoch.0 - current.0)
                }
            }
            _ => epoch,
        }
    }

    /// A beat that was seen under an epoch, counted from the lease's, which is 1. Beats only grow.
    fn beat(&self, epoch: Epoch, beat: u64) -> u64 {
        match self.lease {
            Some((current, now, _)) if epoch < current || beat < now => 0,
            Some((_, now, _)) => 1 + beat - now,
            None => beat,
        }
    }

    /// A wake counter that was seen under an epoch: the lease's is 0, and an older one differs. It
    /// only grows under an epoch, and is only compared together with it.
    fn wake(&self, epoch: Epoch, wake: u64) -> u64 {
        match self.lease {
            Some((current, _, now)) if epoch < current || wake != now => PASSED,
            Some(_) => 0,
            None => wake,
        }
    }

    /// The name of a turn that is under way; every other one is one of those that have ended. The
    /// name of a worker's next turn is in no state.
    fn owner(&self, owner: Owner) -> Owner {
        match self.names.get(owner.worker.index()) {
            _ if owner == Owner::SHARED || owner == Owner::OPERATOR => owner,
            Some(&present) if present == owner.turn => Owner { turn: 0, ..owner },
            _ => Owner::PAST,
        }
    }

    /// Who holds a lease, and until when. Those of a lease that is free are all alike.
    fn hold(&self, lease: &mut Lease<Small>) {
        (lease.owner, lease.until) = match lease.active || self.norm.keeps_free {
            true => (self.owner(lease.owner), self.end(lease.until)),
            false => (Owner::PAST, Tick(-self.norm.skew)),
        };
    }

    fn lease(&self, lease: &mut Lease<Small>) {
        // No request depends on the owner or the end of a lease that is free.
        self.hold(lease);
        // They are counted from themselves.
        (lease.epoch, lease.beat, lease.wake) = (Epoch(2), 1, 0);
    }

    fn turn(&self, turn: &mut Turn, clock: Tick) {
        let machine = &mut turn.machine;
        let holds = machine.holds_lease();
        let waits = turn.flight.is_some();
        let times = machine.times_mut();
        // Clocks show the present or later, so a lease asked for this long ago has ended by all of
        // them, and a wait that began then is over. An owner that acts by a time that it saw long
        // ago asks for a lease that ends in the past, and such ends are told apart down to `-skew`.
        let floor = -Tick::LEASE - if self.norm.pauses { self.norm.skew } else { 0 };
        let watched = -Tick::LEASE - 2 * self.norm.skew;
        *times.leased = if holds { self.time(*times.leased, floor) } else { clock };
        if let Some(since) = times.since {
            *since = self.time(*since, watched);
        }
        if let Some(since) = times.gaps {
            *since = self.time(*since, -Tick::GRACE);
        }
        let over = holds && clock.0 >= times.leased.0 + Tick::LEASE;
        *times.clock = if waits || over && self.norm.pauses {
            self.time(*times.clock, floor)
        } else {
            // The turn looks at its clock before it acts.
            clock
        };
        let epoch = machine.epoch();
        let known = *machine.wake_mut();
        *machine.wake_mut() = if holds { self.wake(epoch, known) } else { 0 };
        machine.each_sign(&mut |epoch, beat| {
            if let Some(beat) = beat {
                *beat = self.beat(*epoch, *beat);
            }
            *epoch = self.epoch(*epoch);
        });
        let owner = self.owner(*machine.owner_mut());
        *machine.owner_mut() = owner;
        if !holds {
            turn.delivered = 0;
        }
        match turn.flight.as_deref_mut() {
            Some(Flight::Sent(request)) => self.request(request),
            Some(Flight::Applied(reply)) => {
                let heard = reply.lease_mut().map(|lease| (lease.epoch, lease.wake));
                self.reply(reply);
                if let (Some(lease), Some(heard), true) = (reply.lease_mut(), heard, holds) {
                    self.tell_apart(lease, heard, (epoch, known));
                }
            }
            None => {}
        }
    }

    /// Keeps the epoch of an answer, or its wake counter under the same epoch, apart from that of the
    /// turn that compares them, where they differ and the lease has passed both.
    fn tell_apart(&self, lease: &mut Lease<Small>, heard: (Epoch, u64), known: (Epoch, u64)) {
        if heard.0 != known.0 {
            if lease.epoch == self.epoch(known.0) {
                lease.epoch = Epoch::ZERO;
            }
        } else if heard.1 != known.1 && lease.wake == PASSED {
            lease.wake = PASSED_AS_WELL;
        }
    }

    fn late(&self, late: &mut Late) {
        late.epoch = self.epoch(late.epoch);
        self.request(&mut late.request);
    }

    fn request(&self, request: &mut Request<Small>) {
        match request {
            Request::SetLease { owner, epoch, until, .. } => {
                (*owner, *epoch, *until) =
                    (self.owner(*owner), self.epoch(*epoch), self.end(*until));
            }
            Request::Acquire { owner, until, free, entry, .. } => {
                (*owner, *until) = (self.owner(*owner), self.end(*until));
                if let Entry::Begin { seen } = entry {
                    *seen = self.epoch(*seen);
                }
                match free {
                    Free::EndedBy(time) => *time = self.threshold(*time),
                    Free::Unchanged { epoch, beat } => {
                        *beat = self.beat(*epoch, *beat);
                        *epoch = self.epoch(*epoch);
                    }
                    Free::Inactive => {}
                }
            }
            Request::Renew { fence, extend, .. } | Request::Checkpoint { fence, extend, .. } => {
                extend.until = self.end(extend.until);
                *fence = fence.map(|epoch| self.epoch(epoch));
            }
            Request::Release { fence, guard, .. } => {
                if let Guard::Unwoken(wake) = guard {
                    *wake = self.wake(fence.unwrap_or(Epoch::ZERO), *wake);
                }
                *fence = fence.map(|epoch| self.epoch(epoch));
            }
            Request::ReadHead { .. }
            | Request::Raise(_)
            | Request::Claim { .. }
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::Write(_)
            | Request::Void { .. }
            | Request::RaiseAndWrite { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. }
            | Request::Wake { .. } => {}
        }
    }

    /// The time by which a lease must have ended for a late acquire to take it. Once it is as early
    /// as the earliest end that is told apart, all that matters is whether the lease that is there
    /// had ended by then. Any later lease ends later, so what is too early stays too early. (Not one
    /// that lands when it has ended already: an acquire as old as that may take it here, as any new
    /// one could.)
    fn threshold(&self, time: Tick) -> Tick {
        let (time, floor) = (time.0 - self.now.0, -self.norm.skew);
        let passes = self.ends.is_some_and(|ends| ends <= time);
        if time >= floor { Tick(time) } else { Tick(if passes { floor } else { floor - 1 }) }
    }

    fn reply(&self, reply: &mut Reply<Small>) {
        if let Reply::Taken(content) = reply {
            // A reader that comes too late to void a slot does not ask what it holds. So workers
            // name no producer, on which the keys of states rest.
            *content = Slot::Void;
        }
        if let Reply::Head(head) = reply {
            // Nor does one that asks for a parent's head ask who raised it.
            (head.raiser, head.record) = (None, None);
        }
        let Some(lease) = reply.lease_mut() else { return };
        // The machine subtracts a lease's length from the end of its own lease. It asks for neither
        // the owner nor the end of one that is free.
        self.hold(lease);
        lease.beat = self.beat(lease.epoch, lease.beat);
        lease.wake = self.wake(lease.epoch, lease.wake);
        lease.epoch = self.epoch(lease.epoch);
    }
}
