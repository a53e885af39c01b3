//! Producers: they append what their plan says, under whatever befalls them, and start
//! again from what they know to be appended.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gapless::{
    AppendError, Event, Grouping, ProducerError, Receipt, SetupError, StoreError, Stream,
};
use gapless_model::design::{Increment, Producer as ProducerAxis};
use gapless_model::store::{Reply, Request};
use gapless_model::{Number, Seq};
use madsim::time::sleep;

use super::client::client;
use super::watcher::Watcher;
use super::{World, config, now, producer_name};
use crate::plan::{Appending, Process};

/// Opens the stream, as often as it takes.
pub(super) async fn open(world: &Arc<World>, process: Process, life: u32) -> Option<Stream> {
    loop {
        let client = client(world, process).await;
        match Stream::open(client, config(&world.plan)).await {
            Ok(stream) => {
                let watcher = Watcher { world: Arc::clone(world), process, life };
                return Some(stream.observed(Arc::new(watcher)));
            }
            Err(SetupError::Store(error)) if error.is_transient() => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                world.unexplained(process, format!("cannot open the stream: {error}"));
                return None;
            }
        }
    }
}

struct Producing {
    world: Arc<World>,
    index: usize,
    process: Process,
    life: u32,
    stream: Stream,
}

/// One life of a producer.
pub(crate) async fn run(world: Arc<World>, index: usize) {
    let process = world.plan.producer(index);
    let life = world.born(process);
    let Some(stream) = open(&world, process, life).await else { return };
    let producing = Producing { world, index, process, life, stream };
    producing.append_all().await;
}

impl Producing {
    async fn append_all(&self) {
        let design = self.world.plan.design;
        let named = design.producer == ProducerAxis::Named && design.increment != Increment::None;
        let done = match self.world.plan.producers[self.index].appending {
            Appending::Named if named => self.named().await,
            Appending::Single | Appending::Named => self.singly(false).await,
            Appending::Expecting => self.singly(true).await,
            Appending::Grouped => self.grouped().await,
        };
        if done {
            self.world.finish(self.index);
            let name = self.world.plan.name(self.process);
            self.world.book().note(now(), &name, "has appended everything".to_owned(), None);
        }
    }

    /// The event of that number; every life of an anonymous producer makes new ones.
    fn event(&self, number: u32, key: u32, named: bool) -> Event {
        let life = if named { 0 } else { self.life };
        let name = format!("p{}.{number}.{life}", self.index + 1);
        let key = format!("k{}", key % u32::from(self.world.plan.keys.max(1)));
        self.world.book().judge.order.began(&name);
        Event::new(key, name)
    }

    fn plan(&self) -> crate::plan::ProducerPlan {
        self.world.plan.producers[self.index]
    }

    /// The next events of the input, all of one key.
    fn batch(&self, from: u32) -> Vec<Event> {
        let until = (from + u32::from(self.plan().batch)).min(u32::from(self.plan().events));
        (from..until).map(|number| self.event(number + 1, from, false)).collect()
    }

    fn acknowledged(&self, event: &Event, position: Option<Seq>) {
        let name = event.text().unwrap_or_default();
        let who = self.world.plan.name(self.process);
        let mut book = self.world.book();
        book.note(now(), &who, format!("knows that {name} is appended"), None);
        let verdict = book.judge.acknowledged(name, position);
        drop(book);
        self.world.judged(verdict);
    }

    async fn singly(&self, expecting: bool) -> bool {
        while self.world.appended(self.index) < u32::from(self.plan().events) {
            sleep(self.plan().pause.duration()).await;
            let from = self.world.appended(self.index);
            let events = self.batch(from);
            let outcome = if expecting {
                self.append_expecting(&events).await
            } else {
                self.settled(self.stream.append_batch(events.clone()).await).await
            };
            match outcome {
                Ok(receipt) => {
                    for event in &events {
                        self.acknowledged(event, Some(receipt.position.slot));
                    }
                    self.world.set_appended(self.index, from + events.len() as u32);
                }
                Err(error) => {
                    self.world.unexplained(self.process, format!("an append failed: {error}"));
                    return false;
                }
            }
        }
        true
    }

    /// Goes on where patience ran out.
    async fn settled(
        &self,
        mut outcome: Result<Receipt, AppendError>,
    ) -> Result<Receipt, AppendError> {
        loop {
            match outcome {
                Err(AppendError::Unsettled(unsettled)) => {
                    self.world.book().mark("patience runs out, and the append is settled later");
                    sleep(Duration::from_millis(300)).await;
                    outcome = unsettled.settle().await;
                }
                settled => return settled,
            }
        }
    }

    async fn append_expecting(&self, events: &[Event]) -> Result<Receipt, AppendError> {
        let partition = self.stream.route(&events[0].key);
        let request = Request::ReadHead { partition: partition.clone(), name: None };
        let mut expected = loop {
            match self.stream.wire().send(&request).await {
                Ok(Reply::Head(head)) => break head.head,
                Ok(_) => break Seq::ZERO,
                Err(error) if error.is_transient() => sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.into()),
            }
        };
        loop {
            let outcome = self.stream.append_expecting(expected, events.to_vec()).await;
            match self.settled(outcome).await {
                Err(AppendError::Conflict { found, .. }) => {
                    self.world.book().mark("an expected head was passed");
                    // What was told about the head is where to expect it next.
                    expected = found;
                    sleep(Duration::from_millis(20)).await;
                }
                settled => return settled,
            }
        }
    }

    async fn grouped(&self) -> bool {
        let linger = Duration::from_millis(5);
        let appender = self.stream.appender(Grouping::default().linger(linger));
        while self.world.appended(self.index) < u32::from(self.plan().events) {
            sleep(self.plan().pause.duration()).await;
            let from = self.world.appended(self.index);
            let events = self.batch(from);
            let outcomes =
                join_all(events.iter().cloned().map(|event| appender.append(event))).await;
            for (event, outcome) in events.iter().zip(outcomes) {
                match outcome {
                    Ok(receipt) => self.acknowledged(event, Some(receipt.position.slot)),
                    // It may be in the log, or get there: nobody can tell by now.
                    Err(error) if is_unknown(error.reason()) => {
                        self.world.book().mark("a group's outcome stays unknown");
                    }
                    Err(error) => {
                        self.world.unexplained(self.process, format!("a group failed: {error}"));
                        return false;
                    }
                }
            }
            self.world.set_appended(self.index, from + events.len() as u32);
        }
        true
    }

    /// Under a name: fed from the beginning in every life.
    async fn named(&self) -> bool {
        let plan = self.plan();
        let mut producer =
            self.stream.producer(producer_name(self.index)).batches_of(usize::from(plan.batch));
        let mut fed: Vec<Event> = Vec::new();
        let mut known = 0;
        for number in 1..=u32::from(plan.events) {
            sleep(plan.pause.duration()).await;
            let event = self.event(number, number, true);
            loop {
                match producer.push(Number(u64::from(number)), event.clone()).await {
                    // Taken before the flush that failed: it waits.
                    Ok(_) | Err(ProducerError::Order { .. }) => break,
                    Err(error) => {
                        if !self.is_patient(&error).await {
                            return false;
                        }
                    }
                }
            }
            fed.push(event);
            if number % u32::from(plan.batch) != 0 && number != u32::from(plan.events) {
                continue;
            }
            while let Err(error) = producer.flush().await {
                if !self.is_patient(&error).await {
                    return false;
                }
            }
            // What an earlier life appended is known when this one has come that far.
            if producer.waiting() == 0 && number == u32::from(plan.events) {
                for event in &fed[known..] {
                    self.acknowledged(event, None);
                }
                known = fed.len();
            }
        }
        if producer.skipped() > 0 {
            self.world.book().mark("a named producer skips what is in the log");
        }
        true
    }

    async fn is_patient(&self, error: &ProducerError) -> bool {
        let transient = match error {
            ProducerError::Append(error) => is_unknown(error),
            _ => false,
        };
        if transient {
            sleep(Duration::from_millis(200)).await;
        } else {
            self.world.unexplained(self.process, format!("a named producer failed: {error}"));
        }
        transient
    }
}

fn is_unknown(error: &AppendError) -> bool {
    match error {
        AppendError::Unsettled(_) => true,
        AppendError::Store(error) => StoreError::is_transient(error),
        _ => false,
    }
}
