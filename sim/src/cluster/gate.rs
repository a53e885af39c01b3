//! The gate of a run that follows a script. What a process wants to do next waits here until the step
//! of the script comes that does it: a request, a trigger to take, the end of a delivery.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use gapless::{Live, Timestamp};
use gapless_model::store::{Request, request_words};

use super::attempt::Attempt;
use crate::moment::lock;
use crate::plan::Node;

/// Where wishes wait.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    wishes: Vec<Wish>,
    next: u64,
    is_open: bool,
    /// Requests that their senders gave up, and that are under way.
    copies: Vec<(String, Attempt)>,
}

impl State {
    /// The wishes of a node that are not granted yet.
    fn open(&self, node: Node) -> impl Iterator<Item = &Wish> {
        self.wishes.iter().filter(move |wish| wish.node == node && wish.grant.is_none())
    }
}

/// What a process wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To send a request of a machine.
    Ask {
        /// The request, without the names of processes.
        words: String,
        /// Whether it says until when a lease lasts, or what time it is.
        is_timed: bool,
    },
    /// To look for work in the tables, as the checked world's sweeps do without a request.
    Sweep,
    /// To take a trigger.
    Take,
    /// To finish a delivery.
    Deliver,
    /// To start beside another run of the same producer.
    Start,
}

impl Wanted {
    /// What becomes of it if it is not what the script says, and the script can go on all the same.
    fn as_detour(&self) -> Option<Grant> {
        let Wanted::Ask { words, .. } = self else { return None };
        if words.starts_with("renew the lease") {
            return Some(Grant::Pass);
        }
        // Only a look behind a delivery is read so where reads are consistent, and a turn can do without.
        let is_look =
            words.starts_with("read events after ") && words.ends_with("eventually consistent");
        is_look.then_some(Grant::Refuse)
    }
}

/// What becomes of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It is done.
    Pass,
    /// It is done, and its sender hears nothing.
    LoseReply,
    /// A copy of it stays under way, and its sender hears nothing.
    Delay,
    /// It is not done: there is no connection, or the handler fails.
    Refuse,
    /// It is done later, and its sender hears of it later still, each by a step of its own.
    Depart,
}

#[derive(Debug)]
struct Wish {
    id: u64,
    node: Node,
    wanted: Wanted,
    /// What the clock of its process showed.
    at: Timestamp,
    grant: Option<Grant>,
    /// How far a request has come that takes its time.
    flight: Flight,
    waker: Option<Waker>,
}

/// How far a request has come that takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flight {
    /// It has not arrived.
    Sent,
    /// It arrives.
    Landing,
    /// It is applied, and its reply is on its way.
    Applied,
    /// Its reply arrives.
    Heard,
}

/// A wish at the gate. It is gone when its process is.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    gate: &'a Gate,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.gate.0).wishes.retain(|wish| wish.id != self.id);
    }
}

impl Waiting<'_> {
    /// Waits until the wish is granted.
    pub(super) async fn granted(&self) -> Grant {
        self.until(|wish| wish.grant).await.unwrap_or(Grant::Pass)
    }

    /// Notes how far the request has come.
    pub(super) fn note(&self, flight: Flight) {
        self.gate.set_flight(self.id, flight);
    }

    /// Waits until the request has come so far.
    pub(super) async fn comes_to(&self, flight: Flight) {
        self.until(|wish| (wish.flight >= flight).then_some(())).await;
    }

    /// Waits until something is true of the wish. Returns nothing if it is gone.
    async fn until<T>(&self, ready: impl Fn(&Wish) -> Option<T>) -> Option<T> {
        poll_fn(|context| {
            let mut state = lock(&self.gate.0);
            let Some(wish) = state.wishes.iter_mut().find(|wish| wish.id == self.id) else {
                return Poll::Ready(None);
            };
            match ready(wish) {
                Some(ready) => Poll::Ready(Some(ready)),
                None => {
                    wish.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

// For the processes.
impl Gate {
    /// Brings a wish to the gate. Returns nothing if the script is over.
    pub(super) fn wait(&self, node: Node, wanted: Wanted, at: Timestamp) -> Option<Waiting<'_>> {
        let mut state = lock(&self.0);
        if state.is_open {
            return None;
        }
        let id = state.next;
        state.next += 1;
        let wish = Wish { id, node, wanted, at, grant: None, flight: Flight::Sent, waker: None };
        state.wishes.push(wish);
        Some(Waiting { gate: self, id })
    }

    /// Whether the script is over.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.0).is_open
    }

    /// Keeps a request that its sender gave up.
    pub(super) fn keep(&self, words: String, call: Attempt) {
        lock(&self.0).copies.push((words, call));
    }

    /// Takes a request that was under way.
    pub(super) fn take_copy(&self, asks: &str) -> Option<Attempt> {
        let asks = unnamed(asks);
        let mut state = lock(&self.0);
        let mut alike = state.copies.iter().enumerate().filter(|(_, (words, _))| *words == asks);
        let (index, (_, first)) = alike.next()?;
        // The script does not say whose it is.
        if alike.any(|(_, (_, other))| other.node != first.node) {
            return None;
        }
        Some(state.copies.remove(index).1)
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Wish)) {
        let mut state = lock(&self.0);
        if let Some(wish) = state.wishes.iter_mut().find(|wish| wish.id == id) {
            change(wish);
            wish.waker.take().into_iter().for_each(Waker::wake);
        }
    }
}

// For the script.
impl Gate {
    /// The request of a node that has these words, and is not granted yet.
    pub(crate) fn request(&self, node: Node, asks: &str) -> Option<u64> {
        let asks = unnamed(asks);
        self.find(node, |wanted| matches!(wanted, Wanted::Ask { words, .. } if *words == asks))
    }

    /// A wish of a node that is not granted yet.
    pub(crate) fn find(&self, node: Node, is_it: impl Fn(&Wanted) -> bool) -> Option<u64> {
        lock(&self.0).open(node).find(|wish| is_it(&wish.wanted)).map(|wish| wish.id)
    }

    /// A request of a node that the script can go on from if it does not say so, and what becomes of it.
    pub(crate) fn detour(&self, node: Node) -> Option<(u64, Grant)> {
        let state = lock(&self.0);
        state.open(node).find_map(|wish| Some((wish.id, wish.wanted.as_detour()?)))
    }

    /// The requests of a node that say what time it was, and it is another one now.
    pub(crate) fn outdated(&self, node: Node, now: Timestamp) -> Vec<u64> {
        let is_timed = |wanted: &Wanted| matches!(wanted, Wanted::Ask { is_timed: true, .. });
        let state = lock(&self.0);
        let outdated = state.open(node).filter(|wish| is_timed(&wish.wanted) && wish.at != now);
        outdated.map(|wish| wish.id).collect()
    }

    /// The requests of a node that are not granted yet.
    pub(crate) fn requests(&self, node: Node) -> Vec<u64> {
        let is_request = |wanted: &Wanted| matches!(wanted, Wanted::Ask { .. });
        let state = lock(&self.0);
        state.open(node).filter(|wish| is_request(&wish.wanted)).map(|wish| wish.id).collect()
    }

    /// The request of a node that takes its time.
    pub(crate) fn under_way(&self, node: Node) -> Option<u64> {
        let state = lock(&self.0);
        let mut all = state.wishes.iter().filter(|wish| wish.node == node);
        all.find(|wish| wish.grant == Some(Grant::Depart)).map(|wish| wish.id)
    }

    /// Grants a wish.
    pub(crate) fn grant(&self, id: u64, grant: Grant) {
        self.change(id, |wish| wish.grant = Some(grant));
    }

    /// Moves a request on that takes its time.
    pub(crate) fn set_flight(&self, id: u64, flight: Flight) {
        self.change(id, |wish| wish.flight = wish.flight.max(flight));
    }

    /// Whether a request that takes its time is applied.
    pub(crate) fn is_applied(&self, id: u64) -> bool {
        let state = lock(&self.0);
        state.wishes.iter().any(|wish| wish.id == id && wish.flight == Flight::Applied)
    }

    /// Whether a wish has come to its end.
    pub(crate) fn is_gone(&self, id: u64) -> bool {
        lock(&self.0).wishes.iter().all(|wish| wish.id != id)
    }

    /// What a node wants, in a clause.
    pub(crate) fn describe(&self, node: Node) -> String {
        let state = lock(&self.0);
        let wants = state.open(node).filter_map(|wish| match &wish.wanted {
            Wanted::Ask { words, .. } => Some(format!("wants to {words}")),
            Wanted::Deliver => Some("has a delivery in hand".to_owned()),
            Wanted::Sweep | Wanted::Take | Wanted::Start => None,
        });
        let wants: Vec<String> = wants.collect();
        if wants.is_empty() { "asks for nothing".to_owned() } else { wants.join(", and ") }
    }

    /// Ends the script: everything is done that anybody wants.
    pub(crate) fn open(&self) {
        let mut state = lock(&self.0);
        state.is_open = true;
        for wish in &mut state.wishes {
            match wish.wanted {
                Wanted::Ask { .. } | Wanted::Sweep | Wanted::Deliver => {
                    wish.grant.get_or_insert(Grant::Pass);
                    wish.flight = Flight::Heard;
                    wish.waker.take().into_iter().for_each(Waker::wake);
                }
                // No trigger is left, and what the script has not started stays where it is.
                Wanted::Take | Wanted::Start => {}
            }
        }
    }
}

/// What a process wants that sends a request of a machine.
pub(super) fn asks(request: &Request<Live>) -> Wanted {
    let is_timed = match request {
        Request::SetLease { .. }
        | Request::Acquire { .. }
        | Request::Renew { .. }
        | Request::Checkpoint { .. } => true,
        Request::ReadHead { .. }
        | Request::Raise(_)
        | Request::Create { .. }
        | Request::Seal { .. }
        | Request::Merge { .. }
        | Request::Claim { .. }
        | Request::ReadTail { .. }
        | Request::ReadSlot { .. }
        | Request::Write(_)
        | Request::Void { .. }
        | Request::RaiseAndWrite { .. }
        | Request::ReadEvents { .. }
        | Request::ReadLease { .. }
        | Request::Release { .. }
        | Request::Wake { .. } => false,
    };
    Wanted::Ask { words: unnamed(&request_words(request)), is_timed }
}

/// The words of a request without the names of producers and events, which the checked world and the
/// simulation give in ways of their own. The numbers of slots, heads and epochs are the same. What a
/// batch holds is not compared: its slot is.
pub(super) fn unnamed(words: &str) -> String {
    // A producer's record is read with the head.
    let words = match words.strip_prefix("read the record of ") {
        Some(_) => "read the head",
        None => words,
    };
    let words = without_name(words, "claim the name ", " if ");
    without_name(&words, "write ", " into ")
}

/// The text without what is between these two marks.
fn without_name(text: &str, before: &str, after: &str) -> String {
    let found = text.split_once(before).and_then(|(start, rest)| {
        let (_, end) = rest.split_once(after)?;
        Some(format!("{start}{before}…{after}{end}"))
    });
    found.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_compared_without_names() {
        for (checked, simulated) in [
            ("read the record of A", "read the head"),
            ("claim the name A if its epoch is 0", "claim the name p1 if its epoch is 0"),
            ("write A1 into slot 2 if empty", "write p1.1.0 into slot 2 if empty"),
            ("write A1-A2 into slot 2", "write p1.1.0-p1.2.0 into slot 2"),
            ("raise the head and write B1 into slot 3", "raise the head and write e into slot 3"),
        ] {
            assert_eq!(unnamed(checked), unnamed(simulated));
        }
        assert_ne!(unnamed("write A1 into slot 2"), unnamed("write A1 into slot 3"));
        assert_ne!(unnamed("write A1 into slot 2"), unnamed("write A1 into slot 2 if empty"));
    }

    #[test]
    fn a_wish_waits_for_its_grant_and_is_gone_with_its_process() {
        let (gate, node, at) = (Gate::default(), Node(1), Timestamp::from_millis(5));
        let tail = || Wanted::Ask { words: "read the tail".to_owned(), is_timed: false };
        let waiting = gate.wait(node, tail(), at).expect("the script has begun");
        let id = gate.request(node, "read the tail").expect("it waits");
        assert_eq!(gate.request(Node(2), "read the tail"), None);
        assert_eq!(gate.describe(node), "wants to read the tail");
        gate.grant(id, Grant::LoseReply);
        let granted = futures_util::FutureExt::now_or_never(waiting.granted());
        assert_eq!(granted, Some(Grant::LoseReply));
        assert_eq!((gate.request(node, "read the tail"), gate.is_gone(id)), (None, false));
        drop(waiting);
        assert!(gate.is_gone(id));
        assert_eq!(gate.describe(node), "asks for nothing");
        gate.open();
        assert!(gate.wait(node, tail(), at).is_none());
    }
}
