//! A durable queue of triggers for each group: a message is handed out again until it is
//! deleted; it may come late, twice and out of order. The queue is fed from the Events
//! table's stream, in order for each partition, with lag and retries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::net::Endpoint;
use madsim::net::rpc;
use madsim::time::{sleep, timeout};
use serde::{Deserialize, Serialize};

use super::addresses::{address, queue_address};
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

/// A trigger, and the receipt that deletes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueueMessage {
    pub(super) receipt: u64,
    pub(super) partition: String,
}

/// The messages in the queue, and the number of the last one.
#[derive(Debug, Default)]
struct QueueState {
    messages: BTreeMap<u64, StoredMessage>,
    next: u64,
}

#[derive(Debug)]
struct StoredMessage {
    group: String,
    partition: String,
    visible: Millis,
}

/// How long a message stays invisible after it was handed out.
const VISIBILITY: Millis = Millis(4_000);

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
            let message =
                StoredMessage { group: group.to_owned(), partition: partition.to_owned(), visible };
            self.messages.insert(self.next, message);
        }
    }

    fn receive(&mut self, group: &str) -> Vec<QueueMessage> {
        let now = now();
        let due = self
            .messages
            .iter_mut()
            .filter(|(_, message)| message.group == group && message.visible <= now);
        let taken = due.take(10).map(|(receipt, message)| {
            message.visible = now.plus(VISIBILITY);
            QueueMessage { receipt: *receipt, partition: message.partition.clone() }
        });
        taken.collect()
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
        QueueRequest::Receive { group } => state.receive(&group),
        QueueRequest::Delete { receipts } => {
            state.messages.retain(|receipt, _| !receipts.contains(receipt));
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
