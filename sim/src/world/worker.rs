//! Workers: they consume for a group, standing or invoked, and their handlers are
//! where deliveries are seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gapless::trigger::{TableStream, Trigger};
use gapless::{Delivery, Group, Handler, HandlerError, Stream, WorkerError};
use gapless_model::Time as _;
use madsim::time::{sleep, timeout};

use super::client::streams_client;
use super::producer::open;
use super::queue::{Ask, Invocation, Queue, QueueTrigger};
use super::{World, now};
use crate::dice::Dice;
use crate::judge::Handed;
use crate::plan::{Hints, Life, Process, WorkerPlan};

struct Working {
    world: Arc<World>,
    process: Process,
    plan: WorkerPlan,
    group: Group,
    stream: Stream,
    queue: Queue,
}

/// One life of a worker.
pub(crate) async fn run(world: Arc<World>, index: usize) {
    let process = world.plan.worker(index);
    let life = world.born(process);
    let plan = world.plan.workers[index];
    let group = world.group(plan.group);
    let queue = Queue::new(process).await;
    let Some(stream) = open(&world, process, life).await else { return };
    let working = Working { world, process, plan, group, stream, queue };
    drop(madsim::task::spawn(forward(
        working.stream.clone(),
        working.queue.clone(),
        working.group.clone(),
    )));
    match plan.life {
        Life::Standing => working.stand().await,
        Life::Lambda { limit } => working.be_invoked(limit.duration()).await,
    }
}

/// What this process announces (a hand-over), other processes hear by the queue.
async fn forward(stream: Stream, queue: Queue, group: Group) {
    let notices = stream.notices().subscribe();
    loop {
        for partition in notices.next().await {
            let ask =
                Ask::Send { group: Some(group.to_string()), partition: partition.to_string() };
            queue.ask(ask).await;
        }
    }
}

impl Working {
    fn handler(&self) -> Handling {
        Handling {
            world: Arc::clone(&self.world),
            process: self.process,
            plan: self.plan,
            handled: AtomicU64::new(u64::from(self.world.life(self.process)) << 32),
        }
    }

    fn worker(&self) -> gapless::Worker<Handling> {
        let worker = self
            .stream
            .worker(self.group.clone(), self.handler())
            .name(&format!("w{}", self.process.0))
            .concurrency(3)
            .sweep_every(self.plan.sweep.duration())
            .attempts(3, Duration::from_millis(40));
        self.world.book().judge.leases.named(worker.owner(), self.process);
        worker
    }

    async fn stand(&self) {
        loop {
            let mut worker = self.worker();
            match self.plan.hints {
                Hints::None => {}
                Hints::Queue => {
                    let trigger = QueueTrigger::new(self.queue.clone(), &self.group);
                    worker = worker.trigger(Arc::new(trigger));
                }
                Hints::TableStream => {
                    let client = streams_client(&self.world, self.process).await;
                    let trigger = TableStream::new(client, &self.stream);
                    let trigger = trigger.expect("the stream's client can sleep");
                    worker = worker.trigger(Arc::new(trigger));
                }
            }
            self.world.can_stop(self.process, worker.stopper());
            match worker.run().await {
                Ok(_) => {
                    self.world.book().mark("a worker stops as it was asked to");
                    self.note("stops".to_owned());
                    sleep(self.world.stays_away(self.process).duration()).await;
                }
                Err(error) => self.failed(error).await,
            }
        }
    }

    async fn be_invoked(&self, limit: Duration) {
        loop {
            let messages = self.queue.ask(Ask::Receive { group: self.group.to_string() }).await;
            let messages = messages.unwrap_or_default();
            if messages.is_empty() {
                sleep(Duration::from_millis(200)).await;
                continue;
            }
            self.note(format!("is invoked by {} triggers", messages.len()));
            let invocation = Invocation::new(&messages);
            let deadline = self.stream.now().plus(limit);
            let before = self.plan.handling.duration() * 2 + Duration::from_millis(300);
            let worker = self.worker().deadline(deadline, before);
            let worker = worker.trigger(Arc::new(invocation.clone()));
            self.world.can_stop(self.process, worker.stopper());
            // At its limit an invocation is ended, wherever it is.
            match timeout(limit + Duration::from_millis(200), worker.until_caught_up()).await {
                Err(_) => self.note("is ended at its limit".to_owned()),
                Ok(Err(error)) => self.failed(error).await,
                Ok(Ok(_)) if worker.stopper().is_asked() => {
                    // Its time ran out: the triggers come back by themselves.
                    self.world.book().mark("a short-lived worker hands over before its deadline");
                }
                Ok(Ok(_)) => {}
            }
            // Only what a turn found to be caught up; the others come back by themselves (P1).
            let receipts = invocation.done();
            if !receipts.is_empty() {
                self.queue.ask(Ask::Delete { receipts }).await;
            }
        }
    }

    fn note(&self, did: String) {
        let name = self.world.plan.name(self.process);
        self.world.book().note(now(), &name, did, None);
    }

    /// A supervisor starts it again, unless what it met must never be.
    async fn failed(&self, error: WorkerError) {
        match &error {
            WorkerError::Handler { .. } => {
                self.world.book().mark("a handler fails for good");
            }
            WorkerError::Store(error) if error.is_transient() => {
                self.world.book().mark("a worker's patience runs out");
            }
            _ => {
                self.world.unexplained(self.process, format!("a worker ended: {error}"));
            }
        }
        self.note(format!("ends: {error}"));
        sleep(Duration::from_millis(200)).await;
    }
}

/// The application's handler.
struct Handling {
    world: Arc<World>,
    process: Process,
    plan: WorkerPlan,
    handled: AtomicU64,
}

/// A delivery in hand: dropped where it awaits, it is no longer active.
struct InHand<'a> {
    world: &'a World,
    handed: Handed,
    number: u64,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.world.book().judge.activity.leave(&self.handed, self.number);
    }
}

impl Handler for Handling {
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        let events = delivery.events().map(|recorded| {
            let name = recorded.event.text().unwrap_or_default().to_owned();
            (recorded.position.slot, name)
        });
        let handed = Handed {
            process: self.process,
            group: delivery.group().clone(),
            partition: delivery.partition().clone(),
            epoch: delivery.fence().epoch,
            upto: delivery.fence().upto,
            attempt: delivery.attempt(),
            events: events.collect(),
        };
        let name = self.world.plan.name(self.process);
        let names: Vec<&str> = handed.events.iter().map(|(_, name)| name.as_str()).collect();
        let said = format!(
            "{}/{}: {} under epoch {}",
            handed.group,
            handed.partition,
            names.join(" "),
            handed.epoch
        );
        let at = now();
        let (verdict, number) = {
            let mut book = self.world.book();
            book.note(at, &name, format!("handles {said}"), None);
            let timely = self.world.plan.timely;
            let verdict = book.judge.handed(at, &handed, timely);
            (verdict, book.judge.activity.enter(at, &handed))
        };
        self.world.judged(verdict);
        let in_hand = InHand { world: &self.world, handed, number };
        let count = self.handled.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice::at(self.world.plan.seed, &[5, u64::from(self.process.0), count]);
        sleep(self.plan.handling.duration()).await;
        if dice.percent(u64::from(self.plan.fails)) && !self.world.is_healed() {
            self.world.book().note(now(), &name, format!("fails at {said}"), Some("handler"));
            return Err("the handler fails, as planned".into());
        }
        let mut book = self.world.book();
        book.note(now(), &name, format!("has handled {said}"), None);
        book.judge.deliveries.finished(&in_hand.handed);
        drop(book);
        Ok(())
    }
}
