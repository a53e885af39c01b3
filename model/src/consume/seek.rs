//! Moving a group's checkpoint by hand.

use crate::design::Expiry;
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Free, Guard, Lease, Reply, Request};
use crate::vocabulary::{Time, Vocabulary};

/// Moves a group's checkpoint in one partition, forward or back, as its operator asks.
///
/// It takes the lease as a turn does, so it moves no checkpoint under a turn that is at work; and it
/// moves it in an epoch of its own, so that nothing an earlier owner has under way moves it again
/// (L3). A move back is the one way in which a checkpoint does not go forward.
///
/// Like the other machines it is never told about an unknown outcome, and keeps wanting the same
/// request. If it is dropped in the middle, the lease ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seek<V: Vocabulary> {
    group: V::Group,
    partition: V::Partition,
    owner: V::Owner,
    to: Seq,
    phase: Phase<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase<V: Vocabulary> {
    Acquire,
    Release { epoch: Epoch, from: Seq },
    Done(SeekEnd<V>),
}

/// How a [`Seek`] ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SeekEnd<V: Vocabulary> {
    /// The checkpoint was behind slot `from`, and is where it should be.
    Moved {
        /// The last slot that the group had finished.
        from: Seq,
    },
    /// A turn holds this lease. Nothing was changed.
    Held(Lease<V>),
    /// The lease was taken or released by another before it was known whether the checkpoint was
    /// moved.
    Lost,
}

impl<V: Vocabulary> Seek<V> {
    /// Begins to move a checkpoint behind slot `to`. No other turn or seek may use the name `owner`.
    #[must_use]
    pub fn new(group: V::Group, partition: V::Partition, owner: V::Owner, to: Seq) -> Self {
        Seek { group, partition, owner, to, phase: Phase::Acquire }
    }

    /// Returns the request to send at `now`; `None` at the end.
    #[must_use]
    pub fn wants(&self, rules: &Rules<V>, now: V::Time) -> Option<Request<V>> {
        let (group, partition) = (self.group.clone(), self.partition.clone());
        match self.phase {
            Phase::Acquire => Some(Request::Acquire {
                group,
                partition,
                owner: self.owner.clone(),
                until: now.plus(rules.lease),
                free: match rules.design.expiry {
                    // L2: the owner's clock may be behind this one by as much as the bound.
                    Expiry::WallClock => Free::EndedBy(now.minus(rules.skew)),
                    // Only who has watched a lease for its length knows that it has ended.
                    Expiry::Observer => Free::Inactive,
                },
                begun: false,
            }),
            Phase::Release { epoch, .. } => Some(Request::Release {
                group,
                partition,
                to: Some(self.to),
                // L3: a lease that another has taken meanwhile keeps its checkpoint.
                fence: Some(epoch),
                guard: Guard::None,
            }),
            Phase::Done(_) => None,
        }
    }

    /// Tells what the store answered to the request that is wanted. Any other reply changes nothing.
    pub fn tell(&mut self, reply: Reply<V>) {
        match (&self.phase, reply) {
            (Phase::Acquire, Reply::Leased(lease)) => self.adopt(&lease),
            (Phase::Acquire, Reply::Refused { lease: Some(lease), .. }) => {
                // L1: the name is this seek's alone, so its own request made the lease, and the reply
                // was lost (scenario 2).
                if lease.owner == self.owner && lease.active {
                    self.adopt(&lease);
                } else {
                    self.phase = Phase::Done(SeekEnd::Held(lease));
                }
            }
            // A store that says no more leaves nothing to go on with.
            (Phase::Acquire, Reply::Refused { lease: None, .. }) => {
                self.phase = Phase::Done(SeekEnd::Lost);
            }
            (Phase::Release { from, .. }, Reply::Released) => {
                self.phase = Phase::Done(SeekEnd::Moved { from: *from });
            }
            (Phase::Release { epoch, from }, Reply::Refused { lease, .. }) => {
                let own = lease.is_some_and(|lease| {
                    lease.epoch == *epoch && !lease.active && lease.checkpoint == self.to
                });
                let end = if own { SeekEnd::Moved { from: *from } } else { SeekEnd::Lost };
                self.phase = Phase::Done(end);
            }
            _ => {}
        }
    }

    /// Returns where the checkpoint is, while the lease is held and it is about to be moved. Whatever is to
    /// be done first is done now.
    #[must_use]
    pub fn holds_at(&self) -> Option<Seq> {
        match self.phase {
            Phase::Release { from, .. } => Some(from),
            Phase::Acquire | Phase::Done(_) => None,
        }
    }

    /// Returns how it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&SeekEnd<V>> {
        match &self.phase {
            Phase::Done(end) => Some(end),
            Phase::Acquire | Phase::Release { .. } => None,
        }
    }

    fn adopt(&mut self, lease: &Lease<V>) {
        self.phase = Phase::Release { epoch: lease.epoch, from: lease.checkpoint };
    }
}
