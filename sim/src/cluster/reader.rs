//! Readers: they read the stream without a group, beside everything else.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use gapless::{Reader, Receipt, Recorded, StoreError, Stream, Target};
use gapless_model::PartitionId;
use madsim::time::sleep;

use super::shared::Cluster;
use super::watcher::open_stream;
use crate::judge::{Judge, Judgement, Readable, Session};
use crate::moment::now;
use crate::plan::{Node, ReaderPlan, Reading, Scope};

struct ReaderLife {
    cluster: Arc<Cluster>,
    node: Node,
    stream: Stream,
    target: Target,
    readable: Readable,
}

/// Runs one life of a reader. It ends with the run.
pub(crate) async fn run(cluster: Arc<Cluster>, index: usize) {
    let node = cluster.plan.reader(index);
    let life = cluster.begin_life(node);
    let ReaderPlan { scope, reading } = cluster.plan.readers[index];
    let Some(stream) = open_stream(&cluster, node, life).await else { return };
    let key = |index: u8| format!("k{}", index % cluster.plan.keys.max(1));
    let (target, readable) = match scope {
        // Which partitions there are comes from an index there, which may lag.
        Scope::Everything if cluster.plan.partition_bits.is_none() => {
            (Target::Everything, Readable::Listed)
        }
        Scope::Everything => (Target::Everything, Readable::Everything),
        Scope::Key(index) => (Target::Key(key(index)), Readable::Key(key(index))),
        Scope::PartitionOf(index) => {
            let partition = stream.route(&key(index));
            (Target::Partition(partition.clone()), Readable::Partition(partition))
        }
    };
    let reader = ReaderLife { cluster, node, stream, target, readable };
    match reading {
        Reading::Again { pause } => reader.read_again(pause.duration()).await,
        Reading::Follow { interval, sitting } => {
            reader.follow(interval.duration(), usize::from(sitting)).await;
        }
    }
}

impl ReaderLife {
    async fn read_again(&self, pause: Duration) {
        loop {
            sleep(pause).await;
            let mut session = self.begin(&BTreeMap::new());
            let reader = self.stream.read(self.target.clone());
            if self.read(&mut session, reader, usize::MAX, &mut BTreeMap::new()).await {
                self.judge(|judge| judge.judge_read_end(now(), &session));
            }
            self.await_receipt().await;
        }
    }

    /// Follows one sitting after another. It goes on behind the last event of each partition.
    async fn follow(&self, interval: Duration, events: usize) {
        let mut last: BTreeMap<PartitionId, Recorded> = BTreeMap::new();
        loop {
            if !last.is_empty() {
                self.cluster.recorder().mark("a follower reads on from a position");
            }
            let reader = self.stream.read(self.target.clone()).behind(last.values());
            let mut session = self.begin(&last);
            let reader = reader.follow(interval);
            let is_whole = self.read(&mut session, reader, events, &mut last).await;
            if !is_whole {
                sleep(Duration::from_millis(200)).await;
            }
        }
    }

    fn begin(&self, behind: &BTreeMap<PartitionId, Recorded>) -> Session {
        let judge = &mut self.cluster.recorder().judge;
        let behind = behind.iter().map(|(partition, event)| (partition.clone(), event.position));
        let sees = (&judge.slots, &judge.lineage);
        let readable = self.readable.clone();
        judge.readings.begin((now(), self.node), readable, behind.collect(), sees)
    }

    /// Reads up to so many events, and returns whether it came to its end without an error.
    async fn read(
        &self,
        session: &mut Session,
        reader: Reader,
        most: usize,
        last: &mut BTreeMap<PartitionId, Recorded>,
    ) -> bool {
        let mut events = pin!(reader.events().take(most));
        loop {
            match events.next().await {
                Some(Ok(event)) => {
                    self.show(session, &event);
                    last.insert(event.partition.clone(), event);
                }
                None => return true,
                Some(Err(error)) => {
                    self.excuse(&error);
                    return false;
                }
            }
        }
    }

    fn show(&self, session: &mut Session, given: &Recorded) {
        let given = (&given.partition, given.position, &given.event);
        self.judge(|judge| judge.judge_read_event(now(), session, given));
    }

    /// Waits until the event that was acknowledged last can be read.
    async fn await_receipt(&self) {
        let last = self.cluster.recorder().judge.readings.last_receipt();
        let Some((partition, position)) = last else { return };
        let receipt = Receipt::new(partition, position, 1);
        match self.stream.settled(&receipt).await {
            Ok(()) => {
                self.cluster.recorder().mark("a receipt's slot is settled");
                self.judge(|judge| judge.judge_settled(now(), self.node, &receipt));
            }
            Err(error) => self.excuse(&error),
        }
    }

    fn judge(&self, judge: impl FnOnce(&mut Judge) -> Judgement) {
        let judgement = judge(&mut self.cluster.recorder().judge);
        self.cluster.record_judgement(judgement);
    }

    fn excuse(&self, error: &StoreError) {
        if self.cluster.injector.explains_refusal(self.node, error) {
            self.cluster.recorder().mark("a reader is refused for good, and reads again");
        } else if !error.is_transient() {
            self.cluster.record_unexplained(self.node, format!("a reader failed: {error}"));
        }
    }
}
