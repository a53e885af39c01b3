//! The workers that are Lambda functions. Between two invocations such a process is frozen: nothing of it
//! runs, while time goes on. At its limit it is ended, and begins anew without memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use gapless::Group;
use madsim::plugin;
use madsim::runtime::Handle;
use madsim::task::NodeId;
use madsim::time::sleep;

use super::message::QueueMessage;
use crate::moment::lock;
use crate::plan::Node;

/// The functions between two invocations.
#[derive(Default)]
pub(crate) struct Functions {
    frozen: Mutex<BTreeMap<Node, Function>>,
}

/// A function that waits to be invoked.
struct Function {
    group: Group,
    id: NodeId,
    /// What it is invoked with, once it is.
    messages: Vec<QueueMessage>,
    /// Whether it stands still for another reason, and until that ends cannot be invoked.
    is_held: bool,
}

impl Functions {
    /// Freezes the process that calls this until it is invoked, and returns the messages that it is
    /// invoked with.
    pub(super) async fn freeze(&self, node: Node, group: &Group) -> Vec<QueueMessage> {
        let id = plugin::node();
        let function = Function { group: group.clone(), id, messages: Vec::new(), is_held: false };
        lock(&self.frozen).insert(node, function);
        loop {
            Handle::current().pause(id);
            // The process is frozen when it is polled next.
            sleep(Duration::ZERO).await;
            let mut frozen = lock(&self.frozen);
            // It may have been resumed for another reason.
            if frozen.get(&node).is_none_or(|function| !function.messages.is_empty()) {
                return frozen.remove(&node).map(|function| function.messages).unwrap_or_default();
            }
        }
    }

    /// The functions that can be invoked, with their groups.
    pub(super) fn frozen(&self) -> Vec<(Node, Group)> {
        let frozen = lock(&self.frozen);
        let free = frozen.iter().filter(|(_, it)| it.messages.is_empty() && !it.is_held);
        free.map(|(node, function)| (*node, function.group.clone())).collect()
    }

    /// Invokes a function that is frozen.
    pub(super) fn invoke(&self, node: Node, messages: Vec<QueueMessage>) {
        if let Some(function) = lock(&self.frozen).get_mut(&node) {
            function.messages = messages;
            Handle::current().resume(function.id);
        }
    }

    /// Notes that a process stands still, or no longer, for another reason than that it is not invoked.
    pub(crate) fn hold(&self, node: Node, is_held: bool) {
        if let Some(function) = lock(&self.frozen).get_mut(&node) {
            function.is_held = is_held;
        }
    }

    /// Forgets a function whose process has died. What it was invoked with comes back to the queue.
    pub(crate) fn forget(&self, node: Node) {
        lock(&self.frozen).remove(&node);
    }

    /// Ends the process that calls this, and lets it begin anew.
    pub(super) async fn end(&self) {
        let (handle, own) = (Handle::current(), plugin::node());
        handle.kill(own);
        handle.restart(own);
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use madsim::runtime::Runtime;

    use super::*;

    /// A node that counts how often it begins, and how often a task of it runs.
    struct Counting {
        functions: Arc<Functions>,
        begun: Arc<AtomicU32>,
        ticks: Arc<AtomicU32>,
    }

    impl Counting {
        /// Starts a node that freezes itself, and ends itself when it is invoked.
        fn start() -> Counting {
            let counting = Counting {
                functions: Arc::default(),
                begun: Arc::default(),
                ticks: Arc::default(),
            };
            let Counting { functions, begun, ticks } = &counting;
            let shared = (Arc::clone(functions), Arc::clone(begun), Arc::clone(ticks));
            let init = move || {
                let (functions, begun, ticks) = shared.clone();
                async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    drop(madsim::task::spawn(async move {
                        loop {
                            sleep(Duration::from_millis(10)).await;
                            ticks.fetch_add(1, Ordering::Relaxed);
                        }
                    }));
                    sleep(Duration::from_millis(50)).await;
                    let messages = functions.freeze(Node(0), &Group::from("g")).await;
                    assert_eq!(messages.len(), 1);
                    sleep(Duration::from_millis(50)).await;
                    functions.end().await;
                }
            };
            drop(Handle::current().create_node().name("function").init(init).build());
            counting
        }

        fn counts(&self) -> (u32, u32) {
            (self.begun.load(Ordering::Relaxed), self.ticks.load(Ordering::Relaxed))
        }
    }

    fn message() -> QueueMessage {
        QueueMessage { receipt: 1, partition: "p".to_owned() }
    }

    #[test]
    fn nothing_of_a_frozen_process_runs_until_it_is_invoked() {
        Runtime::new().block_on(async {
            let node = Counting::start();
            sleep(Duration::from_millis(100)).await;
            let frozen = node.counts();
            assert_eq!(node.functions.frozen().len(), 1);
            sleep(Duration::from_secs(10)).await;
            assert_eq!(node.counts(), frozen);
            node.functions.invoke(Node(0), vec![message()]);
            sleep(Duration::from_millis(40)).await;
            let (begun, ticks) = node.counts();
            assert_eq!(begun, 1);
            assert!(ticks > frozen.1, "its tasks go on");
        });
    }

    #[test]
    fn a_process_that_is_ended_begins_anew() {
        Runtime::new().block_on(async {
            let node = Counting::start();
            sleep(Duration::from_millis(100)).await;
            node.functions.invoke(Node(0), vec![message()]);
            sleep(Duration::from_millis(200)).await;
            assert_eq!(node.counts().0, 2);
            // It waits to be invoked again.
            assert_eq!(node.functions.frozen().len(), 1);
        });
    }

    #[test]
    fn a_frozen_process_that_stands_still_for_another_reason_is_not_invoked() {
        Runtime::new().block_on(async {
            let node = Counting::start();
            sleep(Duration::from_millis(100)).await;
            node.functions.hold(Node(0), true);
            assert!(node.functions.frozen().is_empty());
            node.functions.hold(Node(0), false);
            assert_eq!(node.functions.frozen().len(), 1);
            // Whatever else resumes it does not invoke it.
            let before = node.counts();
            let id = lock(&node.functions.frozen)[&Node(0)].id;
            Handle::current().resume(id);
            sleep(Duration::from_millis(100)).await;
            assert!(node.counts().1 <= before.1 + 1, "it is frozen again at once");
            assert_eq!(node.functions.frozen().len(), 1);
        });
    }
}
