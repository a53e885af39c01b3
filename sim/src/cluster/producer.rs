//! Producers: they append what their plan says, and after a crash resume from what they know
//! to be appended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gapless::{
    AppendError, Appender, Event, GroupError, Grouping, ProducerError, Receipt, StoreError, Stream,
};
use gapless_model::design::Increment;
use gapless_model::store::{Reply, Request};
use gapless_model::{Number, PartitionId, Seq};
use madsim::time::sleep;

use super::shared::{Cluster, producer_name};
use super::watcher::open_stream;
use crate::judge::{Judge, Judgement};
use crate::moment::now;
use crate::plan::{Appending, Millis, Node, ProducerPlan};

/// What a life of a named producer was given for each partition, and knows nothing of yet.
type Feed = BTreeMap<PartitionId, VecDeque<String>>;

/// What came of feeding an input.
enum Fed {
    /// All of it is in the log.
    Whole,
    /// It has to be fed again.
    Again,
    /// A later run of the same name has claimed one of its partitions.
    Fenced,
    /// An error that no fault explains ended it.
    Failed,
}

struct ProducerLife {
    cluster: Arc<Cluster>,
    index: usize,
    node: Node,
    life: u32,
    stream: Stream,
}

/// Runs one life of a producer after the other, until one has appended the whole input, failed, or was
/// fenced by its twin. Of two twins the newer one is what was deployed: it comes back.
pub(crate) async fn run(cluster: Arc<Cluster>, index: usize) {
    let node = cluster.plan.producer(index);
    let twin = cluster.plan.producers[index].twin;
    if let Some(twin) = twin {
        sleep(twin.starts.minus(now()).duration()).await;
    }
    loop {
        let life = cluster.begin_life(node);
        let Some(stream) = open_stream(&cluster, node, life).await else { return };
        let producer = ProducerLife { cluster: Arc::clone(&cluster), index, node, life, stream };
        match producer.append_all().await {
            Fed::Whole => return cluster.note_everything_appended(index),
            Fed::Failed => return,
            Fed::Fenced if twin.is_none() => return,
            Fed::Again | Fed::Fenced => sleep(Duration::from_millis(200)).await,
        }
    }
}

impl ProducerLife {
    async fn append_all(&self) -> Fed {
        let named = self.cluster.plan.has_names();
        let completed = match self.cluster.plan.producers[self.index].appending {
            Appending::Named if named => return self.append_named().await,
            Appending::Single | Appending::Named => self.append_singly(false).await,
            Appending::Expecting => self.append_singly(true).await,
            Appending::Grouped => self.append_grouped().await,
        };
        if completed { Fed::Whole } else { Fed::Failed }
    }

    /// Makes the event of a number. Every life of an anonymous producer makes new events.
    fn event(&self, number: u32, key: u32, named: bool) -> Event {
        let (input, life) = if named { (self.input(), 0) } else { (self.index, self.life) };
        let name = format!("p{}.{number}.{life}", input + 1);
        let key = format!("k{}", key % u32::from(self.cluster.plan.keys.max(1)));
        let judge = &mut self.cluster.recorder().judge;
        judge.note_start(now(), &name);
        if named {
            judge.inputs.note_event(&name, input, number);
        }
        Event::new(key, name)
    }

    fn plan(&self) -> ProducerPlan {
        self.cluster.plan.producers[self.index]
    }

    /// The index of the producer whose name and input this one has.
    fn input(&self) -> usize {
        self.cluster.plan.input_of(self.index)
    }

    /// The next events of the input, all of the same key.
    fn batch(&self, from: u32) -> Vec<Event> {
        let until = (from + u32::from(self.plan().batch)).min(u32::from(self.plan().events));
        (from..until).map(|number| self.event(number + 1, from, false)).collect()
    }

    /// Notes that the producer knows these events to be appended, and has that judged.
    fn acknowledge(
        &self,
        events: &[String],
        judge: impl FnOnce(&mut Judge, Millis, Node) -> Judgement,
    ) {
        let who = self.cluster.plan.name(self.node);
        let mut recorder = self.cluster.recorder();
        for name in events {
            recorder.note(now(), &who, format!("knows that {name} is appended"), None);
        }
        let judgement = judge(&mut recorder.judge, now(), self.node);
        drop(recorder);
        self.cluster.record_judgement(judgement);
    }

    /// Has a receipt for these events judged.
    fn show_receipt(&self, events: &[Event], receipt: &Receipt, expected: Option<Seq>) {
        let names = names(events);
        self.acknowledge(&names, |judge, at, node| match expected {
            Some(expected) => judge.judge_expected_receipt(at, node, &names, (receipt, expected)),
            None => judge.judge_receipt(at, node, &names, receipt),
        });
    }

    async fn append_singly(&self, expecting: bool) -> bool {
        while self.cluster.appended(self.index) < u32::from(self.plan().events) {
            sleep(self.plan().pause.duration()).await;
            let from = self.cluster.appended(self.index);
            let events = self.batch(from);
            let outcome = if expecting {
                self.append_expecting(&events).await
            } else {
                let appended = self.settle(self.stream.append_batch(events.clone()).await).await;
                appended.map(|receipt| (receipt, None))
            };
            match outcome {
                Ok((receipt, expected)) => {
                    self.show_receipt(&events, &receipt, expected);
                    self.cluster.set_appended(self.index, from + events.len() as u32);
                }
                Err(error) if self.is_locked_out(&error) => self.wait_for_access().await,
                Err(error) => {
                    self.cluster
                        .record_unexplained(self.node, format!("an append failed: {error}"));
                    return false;
                }
            }
        }
        true
    }

    /// Whether an append was refused because its producer is, or was a moment ago, locked out. Nothing
    /// of it is in the log, so it can be made anew.
    fn is_locked_out(&self, error: &AppendError) -> bool {
        let injector = &self.cluster.injector;
        matches!(error, AppendError::Store(error) if injector.explains_refusal(self.node, error))
    }

    async fn wait_for_access(&self) {
        self.cluster.recorder().mark("an append that was refused is made anew");
        sleep(Duration::from_millis(200)).await;
    }

    /// Settles an append whose patience ran out.
    async fn settle(
        &self,
        mut outcome: Result<Receipt, AppendError>,
    ) -> Result<Receipt, AppendError> {
        loop {
            match outcome {
                Err(AppendError::Unsettled(unsettled)) => {
                    self.cluster
                        .recorder()
                        .mark("patience runs out, and the append is settled later");
                    sleep(Duration::from_millis(300)).await;
                    outcome = unsettled.settle().await;
                }
                settled => return settled,
            }
        }
    }

    /// Appends behind the head, and returns with the receipt where that was expected.
    async fn append_expecting(
        &self,
        events: &[Event],
    ) -> Result<(Receipt, Option<Seq>), AppendError> {
        let partition = self.stream.route(&events[0].key).clone();
        let request = match self.cluster.plan.design.increment {
            Increment::None => Request::ReadTail { partition },
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                Request::ReadHead { partition, name: None }
            }
        };
        let mut expected = loop {
            match self.stream.wire().send(&request).await {
                Ok(Reply::Head(head)) => break head.head,
                Ok(Reply::Tail(tail)) => break tail,
                Ok(_) => break Seq::ZERO,
                Err(error) if error.is_transient() => sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.into()),
            }
        };
        loop {
            let outcome = self.stream.append_expecting(expected, events.to_vec()).await;
            match self.settle(outcome).await {
                Err(AppendError::Conflict { found, .. }) => {
                    self.cluster.recorder().mark("an expected head was passed");
                    // The refusal tells the position to expect next.
                    expected = found;
                    sleep(Duration::from_millis(20)).await;
                }
                settled => return settled.map(|receipt| (receipt, Some(expected))),
            }
        }
    }

    async fn append_grouped(&self) -> bool {
        let linger = Duration::from_millis(5);
        let appender = self.stream.appender(Grouping::default().linger(linger));
        while self.cluster.appended(self.index) < u32::from(self.plan().events) {
            sleep(self.plan().pause.duration()).await;
            let from = self.cluster.appended(self.index);
            let events = self.batch(from);
            let outcomes =
                join_all(events.iter().cloned().map(|event| appender.append(event))).await;
            for (event, outcome) in events.iter().zip(outcomes) {
                match self.settle_grouped(&appender, event, outcome).await {
                    Ok(receipt) => self.show_receipt(std::slice::from_ref(event), &receipt, None),
                    Err(error) => {
                        self.cluster
                            .record_unexplained(self.node, format!("a group failed: {error}"));
                        return false;
                    }
                }
            }
            self.cluster.set_appended(self.index, from + events.len() as u32);
        }
        true
    }

    /// Settles a grouped append whose patience ran out. Its group is settled with the first of its
    /// events.
    async fn settle_grouped(
        &self,
        appender: &Appender,
        event: &Event,
        mut outcome: Result<Receipt, GroupError>,
    ) -> Result<Receipt, GroupError> {
        loop {
            match outcome {
                Err(error) if error.is_unsettled() => {
                    self.cluster.recorder().mark("a group is settled later");
                    sleep(Duration::from_millis(300)).await;
                    outcome = error.settle().await;
                }
                Err(error) if self.is_locked_out(error.reason()) => {
                    self.wait_for_access().await;
                    outcome = appender.append(event.clone()).await;
                }
                settled => return settled,
            }
        }
    }

    /// Appends under a name. Every life feeds the whole input.
    async fn append_named(&self) -> Fed {
        let plan = self.plan();
        let mut producer =
            self.stream.producer(producer_name(self.input())).batches_of(usize::from(plan.batch));
        let mut feed = Feed::default();
        for number in 1..=u32::from(plan.events) {
            sleep(plan.pause.duration()).await;
            let event = self.event(number, number, true);
            loop {
                match producer.push(Number(u64::from(number)), event.clone()).await {
                    Ok(receipts) => {
                        self.show_named(&mut feed, &receipts);
                        break;
                    }
                    // It was taken before a flush failed, and waits for the next one.
                    Err(ProducerError::Order { .. }) => break,
                    Err(error) => {
                        if let Some(end) = self.end_after(&error).await {
                            return end;
                        }
                    }
                }
            }
            feed.entry(self.stream.route(&event.key)).or_default().extend(names(&[event]));
            if number % u32::from(plan.batch) != 0 && number != u32::from(plan.events) {
                continue;
            }
            loop {
                match producer.flush().await {
                    Ok(receipts) => {
                        self.show_named(&mut feed, &receipts);
                        break;
                    }
                    Err(error) => {
                        if let Some(end) = self.end_after(&error).await {
                            return end;
                        }
                    }
                }
            }
        }
        let (receipts, skipped) = match producer.finish().await {
            Ok(finished) => finished,
            // The batch of an earlier run is not settled, since the input is whole; or the store did
            // not answer. Either way the producer is to be run again.
            Err(ProducerError::OtherInput { .. }) => return Fed::Again,
            Err(error) => return self.end_after(&error).await.unwrap_or(Fed::Again),
        };
        self.show_named(&mut feed, &receipts);
        // At the end of the input, everything that an earlier life appended is known as well.
        let rest: Vec<_> = feed.into_values().flatten().collect();
        self.acknowledge(&rest, |judge, at, node| {
            rest.iter().try_for_each(|name| judge.judge_acknowledgement(at, node, name, None))
        });
        if skipped > 0 {
            self.cluster.recorder().mark("a named producer skips what is in the log");
        }
        Fed::Whole
    }

    /// Has the receipts of a named producer judged.
    fn show_named(&self, feed: &mut Feed, receipts: &[Receipt]) {
        for receipt in receipts {
            let waiting = feed.entry(receipt.partition.clone()).or_default();
            let before: Vec<_> = waiting.iter().cloned().collect();
            let judgement = self.cluster.recorder().judge.judge_named_receipt(
                now(),
                self.node,
                waiting,
                receipt,
            );
            let known = &before[..before.len() - waiting.len()];
            self.acknowledge(known, |_, _, _| judgement);
        }
    }

    /// How an error of a named producer ends this run; `None` if the same call is to be made again.
    async fn end_after(&self, error: &ProducerError) -> Option<Fed> {
        match error {
            ProducerError::Append(AppendError::Fenced { partition }) => {
                let name = producer_name(self.input());
                self.cluster.recorder().mark("a fenced producer is told");
                let judgement = self.cluster.recorder().judge.judge_fenced(
                    now(),
                    self.node,
                    (partition, &name),
                );
                self.cluster.record_judgement(judgement);
                Some(Fed::Fenced)
            }
            ProducerError::Append(error) if is_unknown(error) => {
                sleep(Duration::from_millis(200)).await;
                None
            }
            ProducerError::Append(error) if self.is_locked_out(error) => {
                self.wait_for_access().await;
                None
            }
            error => {
                let what = format!("a named producer failed: {error}");
                self.cluster.record_unexplained(self.node, what);
                Some(Fed::Failed)
            }
        }
    }
}

fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.text().unwrap_or_default().to_owned()).collect()
}

fn is_unknown(error: &AppendError) -> bool {
    match error {
        AppendError::Unsettled(_) => true,
        AppendError::Store(error) => StoreError::is_transient(error),
        _ => false,
    }
}
