//! Incidents that wait for a moment of the protocol.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use gapless::Live;
use gapless_model::design::{Design, Increment};
use gapless_model::store::{Reply, Request};

use crate::moment::lock;
use crate::plan::{Incident, Millis, Moment, Node};

/// The incidents that wait for their moment, and those whose moment has come.
#[derive(Default)]
pub(crate) struct Ambushes {
    armed: Mutex<Vec<Incident>>,
    sprung: Mutex<Vec<Incident>>,
    is_new: AtomicBool,
    waker: AtomicWaker,
}

impl Ambushes {
    /// Lets an incident wait for its moment. Returns false if it waits for none.
    pub(crate) fn arm(&self, incident: &Incident) -> bool {
        let waits = incident.ambush.is_some();
        if waits {
            lock(&self.armed).push(*incident);
        }
        waits
    }

    /// Notes a moment of a node. The incident that waited for it follows.
    pub(super) fn note(&self, at: Millis, node: Node, moment: Moment) {
        let mut armed = lock(&self.armed);
        let after = |incident: &Incident| {
            let ambush = incident.ambush.filter(|ambush| ambush.moment == moment)?;
            (incident.happening.node() == Some(node)).then_some(ambush.after)
        };
        let mut waiting = armed.iter().enumerate();
        let found = waiting.find_map(|(index, incident)| Some((index, after(incident)?)));
        let Some((index, after)) = found else { return };
        let incident = armed.remove(index);
        lock(&self.sprung).push(Incident { at: at.plus(after), ..incident });
        self.is_new.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Waits until the moment of another incident has come.
    pub(crate) async fn wait(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            match self.is_new.swap(false, Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// When the next incident happens whose moment has come.
    pub(crate) fn next(&self) -> Option<Millis> {
        lock(&self.sprung).iter().map(|incident| incident.at).min()
    }

    /// Forgets every incident.
    pub(crate) fn disarm(&self) {
        lock(&self.armed).clear();
        lock(&self.sprung).clear();
        self.is_new.store(false, Ordering::Relaxed);
    }

    /// Takes the incidents that are due.
    pub(crate) fn take_due(&self, now: Millis) -> Vec<Incident> {
        let mut sprung = lock(&self.sprung);
        let (due, later) = sprung.drain(..).partition(|incident| incident.at <= now);
        *sprung = later;
        due
    }
}

/// The moment of the protocol that a request with its reply is, in a design.
pub(super) fn moment_of(
    design: &Design,
    request: &Request<Live>,
    reply: &Reply<Live>,
) -> Option<Moment> {
    let has_numbers = design.increment != Increment::None;
    match (request, reply) {
        (Request::Raise(_), Reply::Raised(_))
        // Where there is no number of its own, the slot is what a producer is given.
        | (Request::RaiseAndWrite { .. }, Reply::Appended(_)) => Some(Moment::Raised),
        (Request::Write(_), Reply::Written) if !has_numbers => Some(Moment::Raised),
        (Request::Acquire { .. } | Request::SetLease { .. }, Reply::Leased(_)) => {
            Some(Moment::Acquired)
        }
        (Request::ReadEvents { .. }, Reply::Page(page)) if !page.shown().is_empty() => {
            Some(Moment::Read)
        }
        (Request::ReadLease { .. }, Reply::Lease(Some(_))) => Some(Moment::Asked),
        (Request::Checkpoint { .. }, Reply::Leased(_))
        | (Request::Release { to: Some(_), .. }, Reply::Released) => Some(Moment::Checkpointed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::store::Raise;
    use gapless_model::{PartitionId, Seq};

    use super::*;
    use crate::plan::{Ambush, Happening};

    #[test]
    fn an_incident_follows_the_moment_of_its_own_node() {
        let (node, other) = (Node(1), Node(2));
        let ambush = Ambush { moment: Moment::Raised, after: Millis(7) };
        let happening = Happening::Crash { node, down: Millis(50) };
        let incident = Incident { at: Millis(10), happening, ambush: Some(ambush) };
        let ambushes = Ambushes::default();
        assert!(!ambushes.arm(&Incident { ambush: None, ..incident }));
        assert!(ambushes.arm(&incident));

        let partition: PartitionId = "p".parse().expect("an id");
        let tail = Request::ReadTail { partition: partition.clone() };
        let raise = Request::Raise(Raise { partition, head: None, token: None, record: None });
        let moment = |request, reply| moment_of(&Design::RECOMMENDED, request, reply);
        assert_eq!(moment(&tail, &Reply::Tail(Seq(1))), None);
        assert_eq!(moment(&raise, &Reply::Raised(Seq(1))), Some(Moment::Raised));

        ambushes.note(Millis(20), node, Moment::Read);
        ambushes.note(Millis(20), other, Moment::Raised);
        assert_eq!(ambushes.next(), None);

        ambushes.note(Millis(20), node, Moment::Raised);
        assert_eq!(ambushes.next(), Some(Millis(27)));
        assert_eq!(ambushes.take_due(Millis(26)), []);
        assert_eq!(ambushes.take_due(Millis(27)), [Incident { at: Millis(27), ..incident }]);
        // It happens once.
        ambushes.note(Millis(30), node, Moment::Raised);
        assert_eq!(ambushes.next(), None);
    }
}
