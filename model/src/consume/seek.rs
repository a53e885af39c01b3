//! Moving a group's checkpoint by hand, and taking back what it has begun behind that.

use crate::design::Expiry;
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Entry, Free, Guard, Head, Lease, Reply, Request};
use crate::vocabulary::{Time, Vocabulary};

/// Moves a group's checkpoint in one partition, forward or back, as its operator asks.
///
/// It takes the lease as a turn does, so it moves no checkpoint under a turn that is at work; and it
/// moves it in an epoch of its own, so that nothing an earlier owner has under way moves it again
/// (L3). A move back is the one way in which a checkpoint does not go forward.
///
/// What it holds counts as *not begun* (D4): nothing that comes after it is begun before the checkpoint is where
/// it will be, and the next turn begins the partition once more, behind that place, if what comes before is
/// drained.
///
/// A move back is a *reset* of the family: what comes after the partition is to be delivered again behind it.
/// So the seek takes the leases of everything that came of it as well, parents before children, and what a
/// turn was about to begin there shows another epoch. Once it holds all of them, it gives the children up,
/// from their beginning, and last the partition itself. If a turn holds one of the leases, the seek gives back
/// those that it has taken, each behind what was finished there.
///
/// Like the other machines it is never told about an unknown outcome, and keeps wanting the same
/// request. If it is dropped in the middle, the leases end by themselves; what it has given up by then is
/// delivered again from its beginning, with everything that came of it, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Seek<V: Vocabulary> {
    group: V::Group,
    partition: V::Partition,
    owner: V::Owner,
    to: Seq,
    /// What it holds: the partition first, if it does, and parents before their children.
    held: Vec<Held<V>>,
    /// What it is to take, parents last.
    due: Vec<V::Partition>,
    phase: Phase<V>,
}

/// A lease that is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
struct Held<V: Vocabulary> {
    partition: V::Partition,
    epoch: Epoch,
    checkpoint: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
enum Phase<V: Vocabulary> {
    /// Look what took the place of the partition that was taken last.
    Look,
    /// Take the lease of the last one that is due.
    Take,
    /// Give the one up that was taken last, behind its new place.
    Release,
    /// Give the one back that was taken last, as it was.
    GiveBack { end: SeekEnd<V> },
    /// The seek has ended.
    Done(SeekEnd<V>),
}

/// How a [`Seek`] ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub enum SeekEnd<V: Vocabulary> {
    /// The checkpoint was behind slot `from`, and is where it should be.
    Moved {
        /// The last slot that the group had finished.
        from: Seq,
    },
    /// A turn holds this lease. No checkpoint was changed.
    Held {
        /// The partition: the one that was asked for, or one that comes after it.
        partition: V::Partition,
        /// The lease.
        lease: Lease<V>,
    },
    /// A lease was taken or released by another before it was known whether the checkpoint was
    /// moved.
    Lost,
}

impl<V: Vocabulary> Seek<V> {
    /// Begins to move a checkpoint behind slot `to`. No other turn or seek may use the name `owner`.
    #[must_use]
    pub fn new(group: V::Group, partition: V::Partition, owner: V::Owner, to: Seq) -> Self {
        let due = vec![partition.clone()];
        Seek { group, partition, owner, to, held: Vec::new(), due, phase: Phase::Take }
    }

    /// Returns the request to send at `now`; `None` at the end.
    #[must_use]
    pub fn wants(&self, rules: &Rules<V>, now: V::Time) -> Option<Request<V>> {
        match &self.phase {
            Phase::Look => {
                let partition = self.held.last()?.partition.clone();
                Some(Request::ReadHead { partition, name: None })
            }
            Phase::Take => Some(self.acquire(rules, now, self.due.last()?)),
            Phase::Release => Some(self.release(self.held.last()?, Some(self.place()))),
            Phase::GiveBack { .. } => Some(self.release(self.held.last()?, None)),
            Phase::Done(_) => None,
        }
    }

    fn acquire(&self, rules: &Rules<V>, now: V::Time, partition: &V::Partition) -> Request<V> {
        Request::Acquire {
            group: self.group.clone(),
            partition: partition.clone(),
            owner: self.owner.clone(),
            until: now.plus(rules.lease),
            free: match rules.design.expiry {
                // L2: the owner's clock may be behind this one by as much as the bound.
                Expiry::WallClock => Free::EndedBy(now.minus(rules.skew)),
                // Only who has watched a lease for its length knows that it has ended.
                Expiry::Observer => Free::Inactive,
            },
            // D4: nothing that comes after it is begun before the checkpoint is where it will be.
            entry: Entry::Hold,
        }
    }

    fn release(&self, held: &Held<V>, to: Option<Seq>) -> Request<V> {
        Request::Release {
            group: self.group.clone(),
            partition: held.partition.clone(),
            to,
            // L3: a lease that another has taken meanwhile keeps its checkpoint.
            fence: Some(held.epoch),
            guard: Guard::None,
        }
    }

    /// Where the checkpoint is moved that is moved next.
    fn place(&self) -> Seq {
        // D4: what comes after the partition is delivered again behind it, and its own is moved last.
        if self.held.len() > 1 { Seq::ZERO } else { self.to }
    }

    /// Tells what the store answered to the request that is wanted. Any other reply changes nothing.
    pub fn tell(&mut self, reply: Reply<V>) {
        match (&self.phase, reply) {
            (Phase::Take, Reply::Leased(lease)) => self.adopt(&lease),
            (Phase::Take, Reply::Refused { lease, .. }) => self.refuse(lease),
            (Phase::Look, Reply::Head(head)) => self.look(&head),
            (Phase::Release, Reply::Released) => self.finish_release(),
            (Phase::Release, Reply::Refused { lease, .. }) => {
                let to = self.place();
                let own = self.held.last().zip(lease).is_some_and(|(held, lease)| {
                    // This seek's own request, whose reply was lost (scenario 2).
                    lease.epoch == held.epoch && !lease.active && lease.checkpoint == to
                });
                if own {
                    self.finish_release();
                } else {
                    self.held.pop();
                    self.give_back(SeekEnd::Lost);
                }
            }
            // What was lost meanwhile needs no giving back.
            (Phase::GiveBack { end }, Reply::Released | Reply::Refused { .. }) => {
                let end = end.clone();
                self.held.pop();
                self.give_back(end);
            }
            _ => {}
        }
    }

    /// Goes on after a lease could not be taken.
    fn refuse(&mut self, lease: Option<Lease<V>>) {
        match lease {
            // L1: the name is this seek's alone, so its own request made the lease, and the reply
            // was lost (scenario 2).
            Some(lease) if lease.owner == self.owner && lease.active => self.adopt(&lease),
            Some(lease) => {
                let partition = self.due.last().unwrap_or(&self.partition).clone();
                self.give_back(SeekEnd::Held { partition, lease });
            }
            // A store that says no more leaves nothing to go on with.
            None => self.give_back(SeekEnd::Lost),
        }
    }

    fn adopt(&mut self, lease: &Lease<V>) {
        let Some(partition) = self.due.pop() else { return };
        let Lease { epoch, checkpoint, .. } = *lease;
        let comes_after = !self.held.is_empty();
        self.held.push(Held { partition, epoch, checkpoint });
        // Behind a checkpoint that goes forward nothing is to be delivered again.
        self.phase = match comes_after || self.to < checkpoint {
            true => Phase::Look,
            false => Phase::Release,
        };
    }

    /// Goes on once it is known what took the place of the partition that was taken last. It was held
    /// before, so nothing is begun any more behind what is open now.
    fn look(&mut self, head: &Head<V>) {
        for child in &head.children {
            let is_held = self.held.iter().any(|held| held.partition == *child);
            if !is_held && !self.due.contains(child) {
                self.due.push(child.clone());
            }
        }
        // D4: parents first, also where a merge joins ways of different length. So each is given up after
        // everything that came of it, and whatever stops the seek, no child keeps its place behind a parent
        // that goes back.
        self.due.sort_unstable_by(|one, other| other.cmp(one));
        self.phase = if self.due.is_empty() { Phase::Release } else { Phase::Take };
    }

    fn finish_release(&mut self) {
        let Some(Held { checkpoint, .. }) = self.held.pop() else { return };
        if self.held.is_empty() {
            self.phase = Phase::Done(SeekEnd::Moved { from: checkpoint });
        }
    }

    /// Gives back what is held, and then ends.
    fn give_back(&mut self, end: SeekEnd<V>) {
        self.due.clear();
        self.phase = match self.held.is_empty() {
            true => Phase::Done(end),
            false => Phase::GiveBack { end },
        };
    }

    /// Returns where the checkpoint is, while the lease is held and it is about to be moved. Whatever is to
    /// be done first is done now.
    #[must_use]
    pub fn holds_at(&self) -> Option<Seq> {
        match (&self.phase, self.held.as_slice()) {
            (Phase::Release, [held]) => Some(held.checkpoint),
            _ => None,
        }
    }

    /// Returns how it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&SeekEnd<V>> {
        match &self.phase {
            Phase::Done(end) => Some(end),
            Phase::Look | Phase::Take | Phase::Release | Phase::GiveBack { .. } => None,
        }
    }
}

/// What the checker sees of a seek.
#[cfg(feature = "check")]
impl<V: Vocabulary> Seek<V> {
    /// Visits every lease that it holds: the partition and its epoch.
    pub(crate) fn each_epoch(&mut self, visit: &mut impl FnMut(&V::Partition, &mut Epoch)) {
        for held in &mut self.held {
            visit(&held.partition, &mut held.epoch);
        }
    }

    /// The group whose checkpoint it moves.
    pub(crate) fn group(&self) -> &V::Group {
        &self.group
    }
}
