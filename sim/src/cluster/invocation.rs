//! A worker's triggers from the queue: the messages of one invocation, or everything that a
//! task receives for a standing worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gapless::Group;
use gapless::trigger::{Hint, Hints, Notices, Subscription, Trigger};
use gapless_model::PartitionId;
use madsim::time::sleep;

use super::message::QueueMessage;
use super::queue::{Queue, QueueRequest};
use crate::moment::lock;

/// The messages of one invocation, as its worker's trigger.
#[derive(Clone, Debug, Default)]
pub(super) struct Invocation(Arc<Mutex<Invoked>>);

#[derive(Debug, Default)]
struct Invoked {
    hints: Vec<PartitionId>,
    receipts: BTreeMap<PartitionId, Vec<u64>>,
    finished: Vec<u64>,
}

impl Invocation {
    pub(super) fn new(messages: &[QueueMessage]) -> Invocation {
        let mut invoked = Invoked::default();
        for message in messages {
            let Ok(partition) = message.partition.parse::<PartitionId>() else { continue };
            invoked.receipts.entry(partition.clone()).or_default().push(message.receipt);
            invoked.hints.push(partition);
        }
        Invocation(Arc::new(Mutex::new(invoked)))
    }

    /// Takes the receipts of the messages whose work is done.
    pub(super) fn take_finished(&self) -> Vec<u64> {
        std::mem::take(&mut lock(&self.0).finished)
    }
}

impl Trigger for Invocation {
    fn next(&self) -> Hints<'_> {
        Box::pin(async {
            let hints = std::mem::take(&mut lock(&self.0).hints);
            if hints.is_empty() {
                std::future::pending::<()>().await;
            }
            hints.into_iter().map(Hint::of).collect()
        })
    }

    fn finish(&self, partition: &PartitionId) {
        let mut invoked = lock(&self.0);
        let receipts = invoked.receipts.remove(partition).unwrap_or_default();
        invoked.finished.extend(receipts);
    }
}

/// The queue as a standing worker's trigger: a task receives messages, and deletes them when
/// their work is done.
#[derive(Debug)]
pub(super) struct QueueTrigger {
    arrived: Subscription,
    receipts: Arc<Mutex<OpenReceipts>>,
}

#[derive(Debug, Default)]
struct OpenReceipts {
    open: BTreeMap<PartitionId, Vec<u64>>,
    finished: Vec<u64>,
}

impl QueueTrigger {
    /// Receives messages for a group as long as the node lives.
    pub(super) fn new(queue: Queue, group: &Group) -> QueueTrigger {
        let notices = Notices::default();
        let receipts: Arc<Mutex<OpenReceipts>> = Arc::default();
        let trigger =
            QueueTrigger { arrived: notices.subscribe(), receipts: Arc::clone(&receipts) };
        let group = group.to_string();
        drop(madsim::task::spawn(async move {
            loop {
                let finished = std::mem::take(&mut lock(&receipts).finished);
                if !finished.is_empty() {
                    // If this is lost, the trigger comes once more, which does no harm.
                    queue.call(QueueRequest::Delete { receipts: finished }).await;
                }
                let messages = queue.call(QueueRequest::Receive { group: group.clone() }).await;
                for message in messages.into_iter().flatten() {
                    let Ok(partition) = message.partition.parse::<PartitionId>() else { continue };
                    lock(&receipts)
                        .open
                        .entry(partition.clone())
                        .or_default()
                        .push(message.receipt);
                    notices.notify(&partition);
                }
                sleep(Duration::from_millis(150)).await;
            }
        }));
        trigger
    }
}

impl Trigger for QueueTrigger {
    fn next(&self) -> Hints<'_> {
        self.arrived.next()
    }

    fn finish(&self, partition: &PartitionId) {
        let mut receipts = lock(&self.receipts);
        let closed = receipts.open.remove(partition).unwrap_or_default();
        receipts.finished.extend(closed);
    }
}
