//! A durable queue of triggers for each group: what it was given comes back until it is
//! deleted, late, twice and out of order as it may be. It is fed by the table's own
//! stream, in order for each partition, with lag and retries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gapless::Group;
use gapless::trigger::{Hints, Notices, Subscription, Trigger};
use gapless_model::PartitionId;
use madsim::net::Endpoint;
use madsim::net::rpc::Request;
use madsim::time::{sleep, timeout};
use serde::{Deserialize, Serialize};

use super::{World, lock, now, queue_address};
use crate::dice::Dice;
use crate::plan::{Millis, Process};

/// What a process asks of the queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// A trigger for every group but where one is meant.
    Send { group: Option<String>, partition: String },
    /// What is there for a group.
    Receive { group: String },
    /// Done with these.
    Delete { receipts: Vec<u64> },
}

impl Request for Ask {
    type Response = Vec<Message>;
    const ID: u64 = 0x6761_7032;
}

/// A trigger, and what deletes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) receipt: u64,
    pub(super) partition: String,
}

/// The queue's memory, which survives its node.
#[derive(Debug, Default)]
struct Shelf {
    messages: BTreeMap<u64, Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    group: String,
    partition: String,
    visible: Millis,
}

/// How long a message stays away from others once it was handed out.
const VISIBILITY: Millis = Millis(4_000);

impl Shelf {
    fn put(&mut self, world: &World, group: &str, partition: &str) {
        let mut dice = Dice::at(world.plan.seed, &[3, self.next]);
        // Late, out of order, and now and then twice, while there is trouble.
        let delay = if world.plan.trouble.ppm > 0 { dice.below(300) } else { 5 };
        let twice = world.plan.trouble.ppm > 0 && dice.percent(5);
        let mut copies = vec![delay];
        if twice {
            copies.push(dice.below(3_000));
        }
        for delay in copies {
            self.next += 1;
            let visible = Millis(now().0 + delay);
            let waiting =
                Waiting { group: group.to_owned(), partition: partition.to_owned(), visible };
            self.messages.insert(self.next, waiting);
        }
    }

    fn take(&mut self, group: &str) -> Vec<Message> {
        let now = now();
        let due = self
            .messages
            .iter_mut()
            .filter(|(_, waiting)| waiting.group == group && waiting.visible <= now);
        let taken = due.take(10).map(|(receipt, waiting)| {
            waiting.visible = Millis(now.0 + VISIBILITY.0);
            Message { receipt: *receipt, partition: waiting.partition.clone() }
        });
        taken.collect()
    }
}

/// Serves the queue, and feeds it from the table's stream.
pub(crate) async fn serve(world: Arc<World>) {
    let shelf = Arc::new(Mutex::new(Shelf::default()));
    let endpoint = Endpoint::bind(queue_address()).await.expect("the queue's own port is free");
    {
        let (world, shelf) = (Arc::clone(&world), Arc::clone(&shelf));
        endpoint.add_rpc_handler(move |ask: Ask| {
            let answer = asked(&world, &mut lock(&shelf), ask);
            async move { answer }
        });
    }
    // The reader of the table's stream: a batch that fails is read again, from where it was.
    let (mut read, mut batch) = (0, 0);
    loop {
        let mut dice = Dice::at(world.plan.seed, &[4, batch]);
        batch += 1;
        let troubled = world.plan.trouble.ppm > 0;
        sleep(Duration::from_millis(if troubled { dice.between(50, 500) } else { 50 })).await;
        let records = world.store.stream.partitions_from(read);
        for partition in &records {
            for group in world.groups() {
                lock(&shelf).put(&world, group.as_str(), partition.as_str());
            }
        }
        // Seen, yet not noted that it was: the batch comes again.
        if !(troubled && dice.percent(5)) {
            read += records.len();
        }
    }
}

fn asked(world: &World, shelf: &mut Shelf, ask: Ask) -> Vec<Message> {
    match ask {
        Ask::Send { group, partition } => {
            let groups = match group {
                Some(group) => vec![group],
                None => world.groups().iter().map(ToString::to_string).collect(),
            };
            for group in groups {
                shelf.put(world, &group, &partition);
            }
            Vec::new()
        }
        Ask::Receive { group } => shelf.take(&group),
        Ask::Delete { receipts } => {
            shelf.messages.retain(|receipt, _| !receipts.contains(receipt));
            Vec::new()
        }
    }
}

/// A process's way to the queue.
#[derive(Clone)]
pub(super) struct Queue {
    endpoint: Arc<Endpoint>,
}

impl Queue {
    pub(super) async fn new(process: Process) -> Queue {
        let endpoint = Endpoint::bind((World::address(process), 0)).await;
        Queue { endpoint: Arc::new(endpoint.expect("a port of its own is free on every node")) }
    }

    /// Asks once; whatever is lost on the way is not heard.
    pub(super) async fn ask(&self, ask: Ask) -> Option<Vec<Message>> {
        let answer = timeout(Duration::from_millis(500), self.endpoint.call(queue_address(), ask));
        answer.await.ok()?.ok()
    }
}

/// The messages of one invocation as its worker's trigger: what is done is told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Invocation(Arc<Mutex<Invoked>>);

#[derive(Debug, Default)]
struct Invoked {
    hints: Vec<PartitionId>,
    receipts: BTreeMap<PartitionId, Vec<u64>>,
    done: Vec<u64>,
}

impl Invocation {
    pub(super) fn new(messages: &[Message]) -> Invocation {
        let mut invoked = Invoked::default();
        for message in messages {
            let Ok(partition) = message.partition.parse::<PartitionId>() else { continue };
            invoked.receipts.entry(partition.clone()).or_default().push(message.receipt);
            invoked.hints.push(partition);
        }
        Invocation(Arc::new(Mutex::new(invoked)))
    }

    /// What may be deleted.
    pub(super) fn done(&self) -> Vec<u64> {
        std::mem::take(&mut lock(&self.0).done)
    }
}

impl Trigger for Invocation {
    fn next(&self) -> Hints<'_> {
        Box::pin(async {
            let hints = std::mem::take(&mut lock(&self.0).hints);
            if hints.is_empty() { std::future::pending().await } else { hints }
        })
    }

    fn finish(&self, partition: &PartitionId) {
        let mut invoked = lock(&self.0);
        let receipts = invoked.receipts.remove(partition).unwrap_or_default();
        invoked.done.extend(receipts);
    }
}

/// The queue as a worker's trigger: a task fetches, and what is done is deleted.
#[derive(Debug)]
pub(super) struct QueueTrigger {
    arrived: Subscription,
    receipts: Arc<Mutex<Receipts>>,
}

#[derive(Debug, Default)]
struct Receipts {
    open: BTreeMap<PartitionId, Vec<u64>>,
    done: Vec<u64>,
}

impl QueueTrigger {
    /// Fetches for a group as long as the node lives.
    pub(super) fn new(queue: Queue, group: &Group) -> QueueTrigger {
        let notices = Notices::default();
        let receipts: Arc<Mutex<Receipts>> = Arc::default();
        let trigger =
            QueueTrigger { arrived: notices.subscribe(), receipts: Arc::clone(&receipts) };
        let group = group.to_string();
        drop(madsim::task::spawn(async move {
            loop {
                let done = std::mem::take(&mut lock(&receipts).done);
                if !done.is_empty() {
                    // If this is lost, the trigger comes again: once too often, not once too few.
                    queue.ask(Ask::Delete { receipts: done }).await;
                }
                let messages = queue.ask(Ask::Receive { group: group.clone() }).await;
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
        let finished = receipts.open.remove(partition).unwrap_or_default();
        receipts.done.extend(finished);
    }
}
