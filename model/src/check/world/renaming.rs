//! Renaming producers, workers and groups. A state and a renamed one have the same future, renamed.

use super::super::action::Process;
use super::super::bounds::Bounds;
use super::super::small::{GroupNo, Owner, ProducerNo, Small, Token, WorkerNo};
use super::{Flight, Late, Log, Network, Producer, Seat, Turn, Work, Worker};
use crate::store::{Lease, Reply, Request, Slot};

/// New numbers for producers, workers and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Renaming {
    producers: Vec<u8>,
    workers: Vec<u8>,
    groups: Vec<u8>,
}

impl Renaming {
    /// Every renaming under which the world behaves alike, the one that changes nothing first.
    ///
    /// Producers all have an input of the same length, and take turns among the partitions: only
    /// those of one partition can be told apart by nothing but their names. Every worker serves
    /// every group.
    pub(in crate::check) fn all(bounds: &Bounds) -> Vec<Renaming> {
        let keys = if bounds.has_lineage() { bounds.keys } else { bounds.partitions };
        let partition = |producer: u8| producer % keys;
        let producers = permutations(bounds.producers);
        let producers = producers
            .into_iter()
            .filter(|new| new.iter().zip(0..).all(|(&to, from)| partition(to) == partition(from)));
        let mut all = Vec::new();
        for producers in producers {
            for workers in permutations(bounds.workers) {
                // Who moves a checkpoint moves that of the first group.
                let groups = if bounds.resets > 0 { 1 } else { usize::MAX };
                for groups in permutations(bounds.groups).into_iter().take(groups) {
                    let (producers, workers) = (producers.clone(), workers.clone());
                    all.push(Renaming { producers, workers, groups });
                }
            }
        }
        all
    }

    fn producer(&self, producer: ProducerNo) -> ProducerNo {
        match self.producers.get(producer.first().index()) {
            Some(&new) if producer.is_second() => ProducerNo(new).other(),
            Some(&new) => ProducerNo(new),
            None => producer,
        }
    }

    fn worker(&self, worker: WorkerNo) -> WorkerNo {
        self.workers.get(worker.index()).map_or(worker, |&new| WorkerNo(new))
    }

    fn group(&self, group: GroupNo) -> GroupNo {
        GroupNo(self.groups[group.index()])
    }

    fn owner(&self, owner: Owner) -> Owner {
        Owner { worker: self.worker(owner.worker), ..owner }
    }

    fn token(&self, token: &mut Token) {
        token.producer = self.producer(token.producer);
    }

    /// The places of producers after the renaming: where each one goes.
    pub(in crate::check) fn producer_place(&self, place: usize) -> usize {
        self.producer(ProducerNo(place as u8)).index()
    }

    /// The place of a worker after the renaming.
    pub(in crate::check) fn worker_place(&self, place: usize) -> usize {
        self.worker(WorkerNo(place as u8)).index()
    }

    /// The place of a seat after the renaming, with so many partitions.
    pub(in crate::check) fn seat_place(&self, place: usize, partitions: usize) -> usize {
        let group = self.group(GroupNo((place / partitions) as u8));
        group.index() * partitions + place % partitions
    }
}

/// Every order of the first numbers, the ascending one first.
fn permutations(count: u8) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = |order: &Vec<u8>| {
            let rest = (0..count).filter(|number| !order.contains(number)).collect::<Vec<_>>();
            let order = order.clone();
            rest.into_iter().map(move |next| [&order[..], &[next]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// A component that names producers, workers or groups.
pub(in crate::check) trait Renamed {
    /// Replaces every name.
    fn rename(&mut self, renaming: &Renaming);
}

impl Renamed for Log {
    fn rename(&mut self, renaming: &Renaming) {
        let (records, began) = (self.records.clone(), self.began.clone());
        for (place, (record, began)) in records.into_iter().zip(began).enumerate() {
            let to = renaming.producer_place(place);
            (self.records[to], self.began[to]) = (record, began);
        }
        if let Some(raiser) = &mut self.raiser {
            renaming.token(&mut raiser.token);
        }
        for slot in self.slots_mut() {
            rename_slot(slot, renaming);
        }
        self.refused.iter_mut().for_each(|token| renaming.token(token));
        self.refused.sort_unstable();
        let twins = (0..8).filter(|name| self.twins & 1 << name != 0);
        self.twins = twins.fold(0, |twins, name| twins | 1 << renaming.producer_place(name));
    }
}

impl Renamed for Seat {
    fn rename(&mut self, renaming: &Renaming) {
        if let Some(lease) = &mut self.lease {
            rename_lease(lease, renaming);
        }
    }
}

impl Renamed for Producer {
    fn rename(&mut self, renaming: &Renaming) {
        match &mut self.work {
            Work::Claim(claim) => *claim.name_mut() = renaming.producer(*claim.name_mut()),
            Work::Append(append) => {
                let (token, name) = append.names_mut();
                renaming.token(token);
                if let Some(name) = name {
                    *name = renaming.producer(*name);
                }
            }
            Work::Between(_) | Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => {}
        }
    }
}

impl Renamed for Worker {
    fn rename(&mut self, renaming: &Renaming) {
        if let Some(turn) = &mut self.turn {
            turn.rename(renaming);
        }
    }
}

impl Renamed for Turn {
    fn rename(&mut self, renaming: &Renaming) {
        self.group = renaming.group(self.group);
        *self.machine.group_mut() = renaming.group(*self.machine.group_mut());
        *self.machine.owner_mut() = renaming.owner(*self.machine.owner_mut());
        match self.flight.as_deref_mut() {
            Some(Flight::Sent(request)) => rename_request(request, renaming),
            Some(Flight::Applied(reply)) => rename_reply(reply, renaming),
            None => {}
        }
    }
}

impl Renamed for Network {
    fn rename(&mut self, renaming: &Renaming) {
        for Late { request, sender, epoch: _ } in &mut self.0 {
            rename_request(request, renaming);
            *sender = match *sender {
                Process::Producer(producer) => Process::Producer(renaming.producer(producer)),
                Process::Worker(worker) => Process::Worker(renaming.worker(worker)),
                Process::Operator(operator) => Process::Operator(operator),
            };
        }
        self.sort();
    }
}

fn rename_slot(slot: &mut Slot<Small>, renaming: &Renaming) {
    if let Slot::Events { token, .. } = slot {
        renaming.token(token);
    }
}

fn rename_lease(lease: &mut Lease<Small>, renaming: &Renaming) {
    lease.owner = renaming.owner(lease.owner);
}

fn rename_request(request: &mut Request<Small>, renaming: &Renaming) {
    match request {
        Request::ReadHead { name, .. } => *name = name.map(|name| renaming.producer(name)),
        Request::Claim { name, .. } => *name = renaming.producer(*name),
        Request::Raise(raise) => rename_raise(raise, renaming),
        Request::Write(write) => renaming.token(&mut write.token),
        Request::RaiseAndWrite { raise, write } => {
            rename_raise(raise, renaming);
            renaming.token(&mut write.token);
        }
        Request::SetLease { group, owner, .. } | Request::Acquire { group, owner, .. } => {
            (*group, *owner) = (renaming.group(*group), renaming.owner(*owner));
        }
        Request::ReadLease { group, .. }
        | Request::Renew { group, .. }
        | Request::Checkpoint { group, .. }
        | Request::Release { group, .. }
        | Request::Wake { group, .. } => *group = renaming.group(*group),
        Request::Create { .. }
        | Request::Seal { .. }
        | Request::Merge { .. }
        | Request::ReadTail { .. }
        | Request::ReadSlot { .. }
        | Request::Void { .. }
        | Request::ReadEvents { .. } => {}
    }
}

fn rename_raise(raise: &mut crate::store::Raise<Small>, renaming: &Renaming) {
    if let Some(token) = &mut raise.token {
        renaming.token(token);
    }
    if let Some(keep) = &mut raise.record {
        keep.name = renaming.producer(keep.name);
    }
}

/// Only workers wait for replies, and of those only leases hold names in the normal form.
fn rename_reply(reply: &mut Reply<Small>, renaming: &Renaming) {
    if let Some(lease) = reply.lease_mut() {
        rename_lease(lease, renaming);
    }
}
