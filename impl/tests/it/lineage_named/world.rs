//! A stream whose partitions an operator splits and merges, and the runs of a named producer in it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use gapless::{
    Config, Event, Live, Number, PartitionId, Producer, ProducerError, Receipt, Seq, Stream,
};
use gapless_model::store::{Reply, Request, Slot};

use crate::faults::Network;

/// Keys of all four quarters of the hashes.
pub const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub fn id(id: &str) -> PartitionId {
    id.parse().expect("an id")
}

/// A stream of the partition `p`, as an operator has it open. Its tables are in a network where each
/// request can be abandoned before and after it was applied.
pub struct World {
    network: Network,
    pub operator: Stream,
}

fn config() -> Config {
    Config::new("named-").grace(Duration::from_millis(20)).skew(Duration::from_millis(50))
}

impl World {
    pub async fn new() -> World {
        let network = Network::new();
        let operator = Stream::create(network.client(1), config()).await.expect("a stream");
        World { network, operator }
    }

    /// The stream as another process has it open: its routes are its own.
    pub async fn process(&self) -> Stream {
        self.process_with(config()).await
    }

    /// Likewise, but that so many named producers may have a record in a partition.
    pub async fn process_of(&self, producers: u32) -> Stream {
        self.process_with(config().most_producers(producers)).await
    }

    async fn process_with(&self, config: Config) -> Stream {
        Stream::open(self.network.client(1), config).await.expect("a stream")
    }

    pub async fn send(&self, request: Request<Live>) -> Reply<Live> {
        self.operator.wire().send(&request).await.expect("an answer")
    }

    /// Sets the version that a partition's item says it has, or takes it out.
    pub async fn set_version(&self, partition: &PartitionId, version: Option<u64>) {
        let key = AttributeValue::S(partition.to_string());
        let edit = self.network.client(1).update_item().table_name("named-partitions");
        let edit = edit.key("partitionId", key).expression_attribute_names("#v", "v");
        let edit = match version {
            Some(version) => edit
                .update_expression("SET #v = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
            None => edit.update_expression("REMOVE #v"),
        };
        edit.send().await.expect("the engine does as it is told");
    }

    /// The head of a partition, and what took its place.
    pub async fn head(&self, partition: &PartitionId) -> (u64, Vec<PartitionId>) {
        let request = Request::ReadHead { partition: partition.clone(), name: None };
        match self.send(request).await {
            Reply::Head(head) => (head.head.0, head.children),
            other => panic!("{other:?}"),
        }
    }

    pub async fn slot(&self, partition: &PartitionId, slot: u64) -> Slot<Live> {
        let (partition, slot) = (partition.clone(), Seq(slot));
        match self.send(Request::ReadSlot { partition, slot }).await {
            Reply::Slot(slot) => slot,
            other => panic!("{other:?}"),
        }
    }

    /// Every partition in order, with its head and what took its place.
    pub async fn partitions(&self) -> BTreeMap<PartitionId, (u64, Vec<PartitionId>)> {
        let (mut found, mut open) = (BTreeMap::new(), vec![id("p")]);
        while let Some(partition) = open.pop() {
            let head = self.head(&partition).await;
            open.extend(head.1.iter().cloned());
            found.insert(partition, head);
        }
        found
    }

    pub async fn leaves(&self) -> Vec<PartitionId> {
        let all = self.partitions().await.into_iter();
        all.filter(|(_, (_, children))| children.is_empty()).map(|(leaf, _)| leaf).collect()
    }

    pub async fn split(&self, partition: &str) {
        self.operator.split(&id(partition)).await.expect("split");
    }

    pub async fn merge(&self, parents: &[&str], child: &str) {
        let parents: Vec<_> = parents.iter().map(|parent| id(parent)).collect();
        assert_eq!(self.operator.merge(&parents).await.expect("merged"), id(child));
    }

    /// Voids every slot that was given out and is empty, as consumers do.
    pub async fn void(&self) {
        for (partition, (head, _)) in self.partitions().await {
            for slot in (1..=head).map(Seq) {
                self.send(Request::Void { partition: partition.clone(), slot }).await;
            }
        }
    }

    /// The numbers of each key's events, in the order of the log, and which partition each is in.
    pub async fn log(&self) -> BTreeMap<String, Vec<(PartitionId, u64)>> {
        let mut log: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (partition, (head, _)) in self.partitions().await {
            for slot in 1..=head {
                let Slot::Events { batch, .. } = self.slot(&partition, slot).await else {
                    continue;
                };
                for event in batch.events() {
                    let number = event.text().and_then(|text| text.parse().ok()).expect("one");
                    log.entry(event.key.clone()).or_default().push((partition.clone(), number));
                }
            }
        }
        log
    }

    /// Whether each event is in the log once, and each key's in order.
    pub async fn verify(&self, input: &[&str]) {
        let mut wanted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, key) in (1..).zip(input) {
            wanted.entry((*key).to_owned()).or_default().push(number);
        }
        let numbers = |of: Vec<(PartitionId, u64)>| of.into_iter().map(|(_, n)| n).collect();
        let log: BTreeMap<String, Vec<u64>> =
            self.log().await.into_iter().map(|(key, of)| (key, numbers(of))).collect();
        assert_eq!(log, wanted);
    }

    pub async fn place_of(&self, key: &str, number: u64) -> PartitionId {
        let log = self.log().await;
        let all: Vec<_> = log[key].iter().filter(|(_, found)| *found == number).collect();
        assert_eq!(all.len(), 1, "{key} {number}: {log:?}");
        all[0].0.clone()
    }

    /// Whether the events that a receipt speaks of are where it says.
    pub async fn verify_receipt(&self, receipt: &Receipt) {
        match self.slot(&receipt.partition, receipt.position.slot.0).await {
            Slot::Events { batch, .. } => {
                assert_eq!(batch.events().len(), receipt.events as usize, "{receipt:?}");
            }
            other => panic!("{receipt:?}: {other:?}"),
        }
    }
}

fn event(input: &[&str], number: u64) -> Event {
    Event::new(input[number as usize - 1], number.to_string())
}

/// A run of the producer.
pub struct Run {
    pub producer: Producer,
    /// The number of the event that it pushes next.
    pub next: u64,
    pub receipts: Vec<Receipt>,
}

impl Run {
    pub fn new(stream: &Stream, batches: usize) -> Run {
        let producer = stream.producer("loader").batches_of(batches);
        Run { producer, next: 1, receipts: Vec::new() }
    }

    /// Pushes events up to one.
    pub async fn push_to(&mut self, input: &[&str], last: usize) -> Result<(), ProducerError> {
        while self.next <= last as u64 {
            let pushed = self.producer.push(Number(self.next), event(input, self.next)).await;
            match pushed {
                Ok(receipts) => self.receipts.extend(receipts),
                // A future that was dropped had taken it.
                Err(ProducerError::Order { .. }) => {}
                Err(other) => return Err(other),
            }
            self.next += 1;
        }
        Ok(())
    }

    pub async fn flush(&mut self) -> Result<(), ProducerError> {
        self.receipts.extend(self.producer.flush().await?);
        Ok(())
    }

    /// Pushes the rest, and finishes: every event has a receipt or was skipped.
    pub async fn finish(mut self, world: &World, input: &[&str]) {
        self.push_to(input, input.len()).await.expect("pushed");
        let (receipts, skipped) = self.producer.finish().await.expect("finished");
        self.receipts.extend(receipts);
        let mut events = skipped;
        for receipt in &self.receipts {
            world.verify_receipt(receipt).await;
            events += u64::from(receipt.events);
        }
        assert_eq!(events, input.len() as u64, "skipped {skipped}: {:?}", self.receipts);
    }
}

/// Polls a future so often, then drops it. Returns whether it ended.
pub async fn abandon(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if futures_util::poll!(&mut future).is_ready() {
            return true;
        }
    }
    false
}
