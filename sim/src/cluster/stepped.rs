//! Time in a run that follows a script. Clocks stand still but for the script's ticks, so that they
//! show what they show in the checked world, to the millisecond. Who sleeps until a lease is to be
//! renewed or has ended is woken when the script has that process look at its clock.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::moment::lock;
use crate::plan::Node;

/// The shortest sleep that waits for a step of the script. What is shorter is a pause between two
/// attempts, which no step of the checked world stands for.
pub(super) const LONG: Duration = Duration::from_secs(5);

/// Clocks that stand still.
#[derive(Debug)]
pub(super) struct SteppedTime(Mutex<State>);

#[derive(Debug)]
struct State {
    /// What each node's clock shows, in milliseconds since the Unix epoch.
    shown: Vec<u64>,
    /// What it showed when the node last looked at it by a step of the script.
    looked: Vec<u64>,
    is_released: bool,
    wakers: Vec<Waker>,
}

/// Why a long sleep no longer waits for the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its time has come.
    Due,
    /// The script is over, and clocks run again.
    Released,
}

impl SteppedTime {
    /// Clocks that all show the same.
    pub(super) fn new(nodes: usize, millis: u64) -> SteppedTime {
        let (shown, looked) = (vec![millis; nodes], vec![0; nodes]);
        SteppedTime(Mutex::new(State { shown, looked, is_released: false, wakers: Vec::new() }))
    }

    /// What a node's clock shows; nothing once clocks run again.
    pub(super) fn read(&self, node: Node) -> Option<u64> {
        let state = lock(&self.0);
        (!state.is_released).then(|| state.shown[usize::from(node.0)])
    }

    /// Advances every clock.
    pub(super) fn advance(&self, millis: u64) {
        lock(&self.0).shown.iter_mut().for_each(|shown| *shown += millis);
    }

    /// Sets a clock.
    pub(super) fn set(&self, node: Node, millis: u64) {
        lock(&self.0).shown[usize::from(node.0)] = millis;
    }

    /// Lets a node look at its clock.
    pub(super) fn look(&self, node: Node) {
        let mut state = lock(&self.0);
        let index = usize::from(node.0);
        state.looked[index] = state.shown[index];
        state.wakers.drain(..).for_each(Waker::wake);
    }

    /// Lets all clocks run again, and returns what they show.
    pub(super) fn release(&self) -> Vec<u64> {
        let mut state = lock(&self.0);
        state.is_released = true;
        state.wakers.drain(..).for_each(Waker::wake);
        state.shown.clone()
    }

    /// Waits until a node looks at its clock and it is as late as `due`, or until clocks run again.
    pub(super) async fn wait(&self, node: Node, due: u64) -> Woken {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.is_released {
                return Poll::Ready(Woken::Released);
            }
            if state.looked[usize::from(node.0)] >= due {
                return Poll::Ready(Woken::Due);
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_sleep_ends_when_its_node_looks_at_a_clock_that_is_late_enough() {
        let (time, one, two) = (SteppedTime::new(2, 100), Node(0), Node(1));
        let woken = |node| time.wait(node, 130).now_or_never();
        time.advance(30);
        assert_eq!(woken(one), None, "it has not looked");
        time.look(one);
        assert_eq!((woken(one), woken(two)), (Some(Woken::Due), None));
        time.set(two, 129);
        time.look(two);
        assert_eq!((woken(two), time.read(two)), (None, Some(129)));
        assert_eq!(time.release(), [130, 129]);
        assert_eq!((woken(two), time.read(two)), (Some(Woken::Released), None));
    }
}
