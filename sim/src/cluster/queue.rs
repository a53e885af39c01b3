//! A durable queue of triggers for each group, as SQS is one: a message is handed out again until it is
//! deleted with a receipt, for certain with that of the last time that it was received; it may come late,
//! twice and out of order. One that was received too often becomes a dead letter. The queue is fed from the
//! Events table's stream, in order for each partition, with lag and retries. It invokes the workers that are Lambda functions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::net::Endpoint;
use madsim::net::rpc;
use madsim::time::{sleep, timeout};
use serde::{Deserialize, Serialize};

use super::addresses::{address, queue_address};
use super::message::QueueMessage;
use super::shared::Cluster;
use super::store::Store;
use crate::moment::{lock, now};
use crate::plan::{Dice, Millis, Node};

/// A request to the queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum QueueRequest {
    /// Sends a trigger, to every group unless one is named.
    Send { group: Option<String>, partition: String },
    /// Receives the visible messages of a group.
    Receive { group: String },
    /// Deletes messages.
    Delete { receipts: Vec<u64> },
}

impl rpc::Request for QueueRequest {
    type Response = Vec<QueueMessage>;
    const ID: u64 = 0x6761_7032;
}

/// The messages in the queue, and the number of the last message or receipt.
#[derive(Debug, Default)]
struct QueueState {
    messages: BTreeMap<u64, StoredMessage>,
    /// Those that were received too often.
    dead: Vec<StoredMessage>,
    next: u64,
}

#[derive(Debug)]
struct StoredMessage {
    group: String,
    partition: String,
    visible: Millis,
    /// The receipts of each time that it was received.
    receipts: Vec<u64>,
}

impl QueueState {
    fn enqueue(&mut self, cluster: &Cluster, group: &str, partition: &str) {
        let mut dice = Dice::at(cluster.plan.seed, &[3, self.next]);
        // With random faults: late, out of order, and sometimes twice.
        let delay = if cluster.plan.trouble.ppm > 0 { dice.below(300) } else { 5 };
        let twice = cluster.plan.trouble.ppm > 0 && dice.percent(5);
        let mut copies = vec![delay];
        if twice {
            copies.push(dice.below(3_000));
        }
        for delay in copies {
            self.next += 1;
            let visible = now().plus(Millis(delay));
            let message = StoredMessage {
                group: group.to_owned(),
                partition: partition.to_owned(),
                visible,
                receipts: Vec::new(),
            };
            self.messages.insert(self.next, message);
        }
    }

    /// Moves the messages that were received too often to the dead-letter queue; once all faults have
    /// ended, its operator moves them back.
    fn bury(&mut self, cluster: &Cluster) {
        let Some(most) = most_receives(cluster) else {
            for mut message in std::mem::take(&mut self.dead) {
                self.next += 1;
                message.visible = now();
                message.receipts.clear();
                self.messages.insert(self.next, message);
            }
            return;
        };
        let is_spent = |it: &StoredMessage| it.visible <= now() && it.receipts.len() >= most;
        let spent = self.messages.extract_if(.., |_, it| is_spent(it)).map(|(_, it)| it);
        let before = self.dead.len();
        self.dead.extend(spent);
        if self.dead.len() > before {
            cluster.recorder().mark("a message goes to the dead-letter queue");
        }
    }

    fn receive(&mut self, cluster: &Cluster, group: &str) -> Vec<QueueMessage> {
        self.bury(cluster);
        let (now, next) = (now(), &mut self.next);
        let due = self
            .messages
            .values_mut()
            .filter(|message| message.group == group && message.visible <= now);
        let taken = due.take(10).map(|message| {
            *next += 1;
            message.visible = now.plus(cluster.plan.visibility);
            message.receipts.push(*next);
            QueueMessage { receipt: *next, partition: message.partition.clone() }
        });
        taken.collect()
    }

    /// Deletes messages. A receipt that is not the last one of its message is no error, and deletes the
    /// message or not.
    fn delete(&mut self, cluster: &Cluster, receipts: &[u64]) {
        for receipt in receipts {
            let found = self.messages.iter().find(|(_, it)| it.receipts.contains(receipt));
            let Some((message, is_last)) =
                found.map(|(number, it)| (*number, it.receipts.last() == Some(receipt)))
            else {
                continue;
            };
            let deletes = Dice::at(cluster.plan.seed, &[34, *receipt]).percent(30);
            if is_last || deletes {
                self.messages.remove(&message);
            }
            if !is_last {
                cluster.recorder().mark("a receipt of the queue is older than the last one");
            }
        }
    }
}

/// How often a message is received at most, where the queue has a dead-letter queue and until all faults
/// have ended. Without faults none is received in vain for so often.
fn most_receives(cluster: &Cluster) -> Option<usize> {
    let mut dice = Dice::at(cluster.plan.seed, &[42]);
    let (has_one, most) = (dice.percent(50), dice.between(2, 5) as usize);
    (has_one && cluster.injector.is_striking()).then_some(most)
}

/// Invokes the functions that are frozen, each with the messages of its group.
fn invoke_functions(cluster: &Cluster, state: &mut QueueState) {
    let mut frozen = cluster.functions.frozen();
    // Any of them may be the first.
    let count = frozen.len().max(1);
    frozen.rotate_left(usize::try_from(now().0 / 100).unwrap_or(0) % count);
    for (node, group) in frozen {
        let messages = state.receive(cluster, group.as_str());
        if !messages.is_empty() {
            cluster.functions.invoke(node, messages);
        }
    }
}

/// Serves the queue, and feeds it from the Events table's stream.
pub(crate) async fn serve(cluster: Arc<Cluster>, store: Arc<Store>) {
    let state = Arc::new(Mutex::new(QueueState::default()));
    let endpoint = Endpoint::bind(queue_address()).await.expect("the queue's own port is free");
    {
        let (cluster, state) = (Arc::clone(&cluster), Arc::clone(&state));
        endpoint.add_rpc_handler(move |request: QueueRequest| {
            let answer = answer(&cluster, &mut lock(&state), request);
            async move { answer }
        });
    }
    {
        let (cluster, state) = (Arc::clone(&cluster), Arc::clone(&state));
        drop(madsim::task::spawn(async move {
            loop {
                sleep(Duration::from_millis(100)).await;
                invoke_functions(&cluster, &mut lock(&state));
            }
        }));
    }
    // The reader of the table's stream. A batch that fails is read again.
    let (mut read, mut batch) = (0, 0);
    loop {
        let mut dice = Dice::at(cluster.plan.seed, &[4, batch]);
        batch += 1;
        let troubled = cluster.plan.trouble.ppm > 0;
        sleep(Duration::from_millis(if troubled { dice.between(50, 500) } else { 50 })).await;
        let records = store.stream.partitions_from(read);
        for partition in &records {
            for group in cluster.groups() {
                lock(&state).enqueue(&cluster, group.as_str(), partition.as_str());
            }
        }
        // The position is lost after the batch was handled: the batch comes again.
        if !(troubled && dice.percent(5)) {
            read += records.len();
        }
    }
}

fn answer(cluster: &Cluster, state: &mut QueueState, request: QueueRequest) -> Vec<QueueMessage> {
    match request {
        QueueRequest::Send { group, partition } => {
            let groups = match group {
                Some(group) => vec![group],
                None => cluster.groups().iter().map(ToString::to_string).collect(),
            };
            for group in groups {
                state.enqueue(cluster, &group, &partition);
            }
            Vec::new()
        }
        QueueRequest::Receive { group } => state.receive(cluster, &group),
        QueueRequest::Delete { receipts } => {
            state.delete(cluster, &receipts);
            Vec::new()
        }
    }
}

/// A node's connection to the queue.
#[derive(Clone)]
pub(super) struct Queue {
    endpoint: Arc<Endpoint>,
}

impl Queue {
    pub(super) async fn new(node: Node) -> Queue {
        let endpoint = Endpoint::bind((address(node), 0)).await;
        Queue { endpoint: Arc::new(endpoint.expect("a port of its own is free on every node")) }
    }

    /// Sends a request once; returns nothing if the request or its answer is lost.
    pub(super) async fn call(&self, request: QueueRequest) -> Option<Vec<QueueMessage>> {
        let answer =
            timeout(Duration::from_millis(500), self.endpoint.call(queue_address(), request));
        answer.await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;
    use madsim::runtime::Runtime;

    use super::*;
    use crate::plan::Profile;

    #[test]
    fn a_message_is_deleted_by_its_last_receipt_and_perhaps_by_an_older_one() {
        Runtime::new().block_on(async {
            let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
            let (hidden, cluster) = (plan.visibility.duration(), Cluster::new(&plan));
            let mut queue = QueueState::default();
            let mut by_older_ones = 0;
            for _ in 0..50 {
                queue.enqueue(&cluster, "g", "p");
                sleep(Duration::from_millis(10)).await;
                assert!(queue.receive(&cluster, "another").is_empty());
                let first = queue.receive(&cluster, "g")[0].receipt;
                assert!(queue.receive(&cluster, "g").is_empty(), "it is hidden");
                sleep(hidden).await;
                let second = queue.receive(&cluster, "g")[0].receipt;
                assert_ne!(first, second);
                queue.delete(&cluster, &[first]);
                by_older_ones += usize::from(queue.messages.is_empty());
                queue.delete(&cluster, &[second]);
                assert!(queue.messages.is_empty());
            }
            assert!((5..30).contains(&by_older_ones), "{by_older_ones} of 50");
        });
    }

    #[test]
    fn a_message_that_is_received_too_often_is_put_aside_until_all_faults_have_ended() {
        Runtime::new().block_on(async {
            let plans = (0..40).map(|seed| Profile::Swarm.plan(seed, Design::RECOMMENDED));
            let clusters = plans.map(|plan| Cluster::new(&plan));
            let cluster = clusters.into_iter().find(|cluster| most_receives(cluster).is_some());
            let cluster = cluster.expect("one in two has a dead-letter queue");
            let hidden = cluster.plan.visibility.duration();
            let mut queue = QueueState::default();
            queue.enqueue(&cluster, "g", "p");
            queue.messages.retain(|number, _| *number == 1);
            sleep(Duration::from_secs(1)).await;
            for _ in 0..most_receives(&cluster).expect("it has one") {
                assert_eq!(queue.receive(&cluster, "g").len(), 1);
                sleep(hidden).await;
            }
            assert!(queue.receive(&cluster, "g").is_empty());
            cluster.injector.heal();
            assert_eq!(queue.receive(&cluster, "g").len(), 1, "its operator moves it back");
        });
    }

    #[test]
    fn a_message_is_hidden_for_longer_than_a_function_may_run() {
        for seed in 0..200 {
            let plan = Profile::Lambda.plan(seed, Design::RECOMMENDED);
            for worker in &plan.workers {
                let crate::plan::Lifetime::Lambda { limit } = worker.life else { continue };
                let ends = limit.plus(Millis(1_000));
                assert!(plan.visibility >= ends, "seed {seed}");
            }
        }
    }
}
