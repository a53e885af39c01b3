//! The application's handler, where the simulation sees deliveries.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gapless::{Delivery, Handler, HandlerError, PartitionId};
use madsim::time::sleep;

use super::gate::{Grant, Wanted};
use super::shared::Cluster;
use crate::judge::ObservedDelivery;
use crate::moment::{lock, now};
use crate::plan::{Dice, Node, WorkerPlan};

/// The application's handler.
pub(super) struct DeliveryHandler {
    cluster: Arc<Cluster>,
    node: Node,
    plan: WorkerPlan,
    handled: AtomicU64,
    /// Partitions at which it failed for good.
    failed: Mutex<BTreeSet<PartitionId>>,
}

impl DeliveryHandler {
    /// How often it may fail at a delivery.
    pub(super) const ATTEMPTS: u32 = 2;

    pub(super) fn new(cluster: Arc<Cluster>, node: Node, plan: WorkerPlan) -> DeliveryHandler {
        let handled = AtomicU64::new(u64::from(cluster.life(node)) << 32);
        DeliveryHandler { cluster, node, plan, handled, failed: Mutex::default() }
    }
}

/// A delivery that a handler is working on. It ends when the handler is dropped, too.
struct ActiveDelivery<'a> {
    cluster: &'a Cluster,
    observed: ObservedDelivery,
    number: u64,
}

impl Drop for ActiveDelivery<'_> {
    fn drop(&mut self) {
        self.cluster.recorder().judge.activity.leave(&self.observed, self.number);
    }
}

impl Handler for DeliveryHandler {
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        let events = delivery.events().map(|recorded| {
            let name = recorded.event.text().unwrap_or_default().to_owned();
            (recorded.position, name)
        });
        let observed = ObservedDelivery {
            node: self.node,
            group: delivery.group().clone(),
            partition: delivery.partition().clone(),
            epoch: delivery.fence().epoch,
            upto: delivery.fence().upto,
            attempt: delivery.attempt(),
            events: events.collect(),
        };
        let name = self.cluster.plan.name(self.node);
        let names: Vec<&str> = observed.events.iter().map(|(_, name)| name.as_str()).collect();
        let what = format!(
            "{}/{}: {} under epoch {}",
            observed.group,
            observed.partition,
            names.join(" "),
            observed.epoch
        );
        let at = now();
        let (judgement, number) = {
            let mut recorder = self.cluster.recorder();
            recorder.note(at, &name, format!("handles {what}"), None);
            let timely = self.cluster.plan.timely;
            if lock(&self.failed).remove(&observed.partition) {
                recorder.mark("a worker comes back to a partition that failed");
            }
            let judgement = recorder.judge.judge_delivery(at, &observed, timely);
            (judgement, recorder.judge.activity.enter(at, &observed))
        };
        self.cluster.record_judgement(judgement);
        let active = ActiveDelivery { cluster: &self.cluster, observed, number };
        let count = self.handled.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice::at(self.cluster.plan.seed, &[5, u64::from(self.node.0), count]);
        let granted = self.cluster.wish(self.node, Wanted::Deliver).await;
        let attempts = if self.cluster.gate.is_some() { 1 } else { DeliveryHandler::ATTEMPTS };
        if self.cluster.script_is_over() {
            sleep(self.plan.handling.duration()).await;
        }
        let is_drawn = dice.percent(u64::from(self.plan.fails));
        let fails = is_drawn && !self.cluster.injector.is_healed();
        if fails || granted == Some(Grant::Refuse) {
            let mut recorder = self.cluster.recorder();
            recorder.note(now(), &name, format!("fails at {what}"), Some("handler"));
            recorder.judge.deliveries.note_failure(&active.observed);
            if active.observed.attempt == attempts {
                recorder.mark("a handler fails for good");
                let key = (active.observed.group.clone(), active.observed.partition.clone());
                recorder.judge.turns.note_failure(self.node, &key);
                lock(&self.failed).insert(active.observed.partition.clone());
            }
            drop(recorder);
            return Err("the handler fails, as planned".into());
        }
        let mut recorder = self.cluster.recorder();
        recorder.note(now(), &name, format!("has handled {what}"), None);
        recorder.judge.deliveries.note_finish(&active.observed);
        drop(recorder);
        Ok(())
    }
}
