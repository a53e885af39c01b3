//! Producers: they append what their plan says, and after a crash resume from what they know
//! to be appended.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use gapless::{AppendError, Appender, Event, GroupError, Grouping, History, Receipt, Stop, Stream};
use gapless_model::Seq;
use gapless_model::design::Increment;
use gapless_model::store::{Reply, Request};
use madsim::time::sleep;

use super::gate::Wanted;
use super::shared::Cluster;
use super::watcher::open_stream;
use crate::judge::{Judge, Judgement, SlotKey};
use crate::moment::now;
use crate::plan::{Appending, Dice, Millis, Node, ProducerPlan};

/// The histories that a life of a producer has loaded, by their keys.
pub(super) type Histories = BTreeMap<String, History>;

/// How a producer appends one batch after another.
enum Singly {
    Plainly,
    Expecting,
    Loading(Histories),
}

/// What came of feeding an input.
pub(super) enum Fed {
    /// All of it is in the log.
    Whole,
    /// It has to be fed again.
    Again,
    /// A later run of the same name has claimed one of its partitions.
    Fenced,
    /// An error that no fault explains ended it.
    Failed,
}

pub(super) struct ProducerLife {
    pub(super) cluster: Arc<Cluster>,
    pub(super) index: usize,
    pub(super) node: Node,
    life: u32,
    pub(super) stream: Stream,
}

/// Runs one life of a producer after the other, until one has appended the whole input, failed, or was
/// fenced by its twin. Of two twins the newer one is what was deployed: it comes back.
pub(crate) async fn run(cluster: Arc<Cluster>, index: usize) {
    let node = cluster.plan.producer(index);
    let twin = cluster.plan.producers[index].twin;
    if let (Some(_), true) = (twin, cluster.gate.is_some()) {
        if cluster.wish(node, Wanted::Start).await.is_none() {
            // The script has not started it.
            return;
        }
    } else if let Some(twin) = twin {
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
            Appending::Single | Appending::Named => self.append_singly(Singly::Plainly).await,
            Appending::Expecting => self.append_singly(Singly::Expecting).await,
            Appending::Loading => self.append_singly(Singly::Loading(Histories::default())).await,
            Appending::Grouped => self.append_grouped().await,
        };
        if completed { Fed::Whole } else { Fed::Failed }
    }

    /// Makes the event of a number. Every life of an anonymous producer makes new events.
    pub(super) fn event(&self, number: u32, key: u32, named: bool) -> Event {
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

    pub(super) fn plan(&self) -> ProducerPlan {
        self.cluster.plan.producers[self.index]
    }

    /// The index of the producer whose name and input this one has.
    pub(super) fn input(&self) -> usize {
        self.cluster.plan.input_of(self.index)
    }

    /// The next events of the input, all of the same key.
    fn batch(&self, from: u32) -> Vec<Event> {
        let until = (from + u32::from(self.plan().batch)).min(u32::from(self.plan().events));
        (from..until).map(|number| self.event(number + 1, from, false)).collect()
    }

    /// Notes that the producer knows these events to be appended, and has that judged.
    pub(super) fn acknowledge(
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
    fn show_receipt(&self, events: &[Event], receipt: &Receipt, expected: Option<&SlotKey>) {
        let names = names(events);
        self.acknowledge(&names, |judge, at, node| match expected {
            Some(expected) => judge.judge_expected_receipt(at, node, &names, (receipt, expected)),
            None => judge.judge_receipt(at, node, &names, receipt),
        });
    }

    async fn append_singly(&self, mut how: Singly) -> bool {
        while self.cluster.appended(self.index) < u32::from(self.plan().events) {
            sleep(self.plan().pause.duration()).await;
            let from = self.cluster.appended(self.index);
            let events = self.batch(from);
            let outcome = match &mut how {
                Singly::Plainly => self.append_plainly(&events).await,
                Singly::Expecting => self.append_expecting(&events).await,
                Singly::Loading(histories) => self.append_to_history(histories, &events).await,
            };
            match outcome {
                Ok(()) => self.cluster.set_appended(self.index, from + events.len() as u32),
                Err(error) if self.is_locked_out(&error) => self.wait_for_access().await,
                // Nothing was sent but a look at what took a partition's place.
                Err(AppendError::Store(error)) if error.is_transient() => {
                    sleep(Duration::from_millis(200)).await;
                }
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
    pub(super) fn is_locked_out(&self, error: &AppendError) -> bool {
        let injector = &self.cluster.injector;
        matches!(error, AppendError::Store(error) if injector.explains_refusal(self.node, error))
    }

    pub(super) async fn wait_for_access(&self) {
        self.cluster.recorder().mark("an append that was refused is made anew");
        sleep(Duration::from_millis(200)).await;
    }

    /// Settles an append whose patience ran out.
    pub(super) async fn settle(
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

    async fn append_plainly(&self, events: &[Event]) -> Result<(), AppendError> {
        let append = async { self.settle(self.stream.append_batch(events.to_vec()).await).await };
        let dropped = self.cluster.register_drop(self.node);
        match unless(&dropped, append).await {
            Some(receipt) => self.show_receipt(events, &receipt?, None),
            None => self.note_dropped(events, events.len()),
        }
        Ok(())
    }

    /// Notes that the first `count` appends of these events were dropped. What is to be appended anew is
    /// another event, so whether it is in the log makes no difference to the producer.
    fn note_dropped(&self, events: &[Event], count: usize) {
        let who = self.cluster.plan.name(self.node);
        let next = self.cluster.injector.upcoming_attempt(self.node);
        let mut recorder = self.cluster.recorder();
        recorder.mark("an append is dropped");
        recorder.note(now(), &who, format!("drops {count} of {} appends", events.len()), None);
        if count == events.len() {
            recorder.judge.dropped.note(now(), &names(events), next);
        }
    }

    /// Appends behind the head.
    async fn append_expecting(&self, events: &[Event]) -> Result<(), AppendError> {
        let mut partition = self.stream.route(&events[0].key);
        let request = match self.cluster.plan.design.increment {
            Increment::None => Request::ReadTail { partition: partition.clone() },
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                Request::ReadHead { partition: partition.clone(), name: None }
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
            let events_again = events.to_vec();
            let outcome = self.stream.append_expecting(&partition, expected, events_again).await;
            match self.settle(outcome).await {
                Err(AppendError::Conflict { partition: at, found, .. }) => {
                    self.cluster.recorder().mark("an expected head was passed");
                    // The refusal tells the position to expect next.
                    (partition, expected) = (at, found);
                    sleep(Duration::from_millis(20)).await;
                }
                settled => {
                    self.show_receipt(events, &settled?, Some(&(partition, expected)));
                    return Ok(());
                }
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
            let outcomes = self.append_together(&appender, &events, from).await;
            for (event, outcome) in events.iter().zip(outcomes) {
                let Some(outcome) = outcome else { continue };
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

    /// Appends events at the same time, the first of which has this number. Where the plan says so, all of
    /// the appends are dropped, or the first few; these have no outcome.
    async fn append_together(
        &self,
        appender: &Appender,
        events: &[Event],
        from: u32,
    ) -> Vec<Option<Result<Receipt, GroupError>>> {
        let dropped = self.cluster.register_drop(self.node);
        let path = [41, u64::from(self.node.0), u64::from(from)];
        let (mut dice, all) = (Dice::at(self.cluster.plan.seed, &path), events.len() as u64);
        let few = if dice.percent(50) { all } else { dice.between(1, all) };
        let append = |(index, event): (u64, &Event)| {
            let (event, dropped) = (event.clone(), &dropped);
            async move {
                let append = appender.append(event);
                if index < few { unless(dropped, append).await } else { Some(append.await) }
            }
        };
        let outcomes = join_all((0..).zip(events).map(append)).await;
        let gone = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        if gone > 0 {
            self.note_dropped(events, gone);
        }
        if gone == events.len() {
            self.cluster.recorder().mark("all appends of a group are dropped");
        }
        outcomes
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
                Err(error) if matches!(error.reason(), AppendError::Sealed { .. }) => {
                    self.cluster.recorder().mark("a group is found sealed when it is settled");
                    outcome = appender.append(event.clone()).await;
                }
                settled => return settled,
            }
        }
    }
}

/// The outcome of an append, unless it is dropped before.
async fn unless<T>(dropped: &Stop, append: impl Future<Output = T>) -> Option<T> {
    match select(pin!(append), pin!(dropped.wait())).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

pub(super) fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.text().unwrap_or_default().to_owned()).collect()
}
