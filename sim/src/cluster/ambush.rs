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
use crate::plan::{Ambush, Incident, Millis, Moment, Node};

/// The incidents that wait for their moment, and those whose moment has come.
pub(crate) struct Ambushes {
    /// Whether the design gives out no numbers.
    no_counter: bool,
    armed: Mutex<Vec<(Ambush, Node, Incident)>>,
    sprung: Mutex<Vec<Incident>>,
    is_new: AtomicBool,
    waker: AtomicWaker,
}

impl Ambushes {
    pub(super) fn new(design: &Design) -> Ambushes {
        Ambushes {
            no_counter: design.increment == Increment::None,
            armed: Mutex::default(),
            sprung: Mutex::default(),
            is_new: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Lets an incident wait for its moment. Returns false if it waits for none.
    pub(crate) fn arm(&self, incident: &Incident) -> bool {
        let (Some(ambush), Some(node)) = (incident.ambush, incident.happening.node()) else {
            return false;
        };
        lock(&self.armed).push((ambush, node, *incident));
        true
    }

    /// Notes that the store has applied a request. The incident that waited for it follows.
    pub(super) fn note(
        &self,
        at: Millis,
        node: Node,
        request: &Request<Live>,
        reply: Option<&Reply<Live>>,
    ) {
        let Some(moment) = reply.and_then(|reply| moment_of(request, reply, self.no_counter))
        else {
            return;
        };
        let mut armed = lock(&self.armed);
        let waits = |(ambush, whose, _): &(Ambush, Node, Incident)| {
            *whose == node && ambush.moment == moment
        };
        let Some(index) = armed.iter().position(waits) else { return };
        let (ambush, _, incident) = armed.remove(index);
        lock(&self.sprung).push(Incident { at: at.plus(ambush.after), ..incident });
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

/// The moment of the protocol that a request with its reply is.
fn moment_of(request: &Request<Live>, reply: &Reply<Live>, no_counter: bool) -> Option<Moment> {
    match (request, reply) {
        (Request::Raise(_), Reply::Raised(_))
        // Where there is no number of its own, the slot is what a producer is given.
        | (Request::RaiseAndWrite { .. }, Reply::Appended(_)) => Some(Moment::Raised),
        (Request::Write(_), Reply::Written) if no_counter => Some(Moment::Raised),
        (Request::Acquire { .. } | Request::SetLease { .. }, Reply::Leased(_)) => {
            Some(Moment::Acquired)
        }
        (Request::ReadEvents { .. }, Reply::Page(page)) if !page.shown().is_empty() => {
            Some(Moment::Read)
        }
        (Request::Checkpoint { .. }, Reply::Leased(_)) => Some(Moment::Checkpointed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::store::Raise;
    use gapless_model::{PartitionId, Seq};

    use super::*;
    use crate::plan::Happening;

    #[test]
    fn an_incident_follows_the_moment_of_its_own_node() {
        let (node, other) = (Node(1), Node(2));
        let ambush = Ambush { moment: Moment::Raised, after: Millis(7) };
        let happening = Happening::Crash { node, down: Millis(50) };
        let incident = Incident { at: Millis(10), happening, ambush: Some(ambush) };
        let ambushes = Ambushes::new(&Design::RECOMMENDED);
        assert!(!ambushes.arm(&Incident { ambush: None, ..incident }));
        assert!(ambushes.arm(&incident));

        let partition: PartitionId = "p".parse().expect("an id");
        let tail = Request::ReadTail { partition: partition.clone() };
        let raise = Request::Raise(Raise { partition, head: None, token: None, record: None });
        let raised = Some(Reply::Raised(Seq(1)));
        ambushes.note(Millis(20), node, &tail, Some(&Reply::Tail(Seq(1))));
        ambushes.note(Millis(20), node, &raise, None);
        ambushes.note(Millis(20), other, &raise, raised.as_ref());
        assert_eq!(ambushes.next(), None);

        ambushes.note(Millis(20), node, &raise, raised.as_ref());
        assert_eq!(ambushes.next(), Some(Millis(27)));
        assert_eq!(ambushes.take_due(Millis(26)), []);
        assert_eq!(ambushes.take_due(Millis(27)), [Incident { at: Millis(27), ..incident }]);
        // It happens once.
        ambushes.note(Millis(30), node, &raise, raised.as_ref());
        assert_eq!(ambushes.next(), None);
    }
}
