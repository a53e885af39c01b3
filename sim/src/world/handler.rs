//! The handler: where the simulation sees deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gapless::{Delivery, Handler, HandlerError};
use madsim::time::sleep;

use super::shared::World;
use crate::judge::Handed;
use crate::moment::now;
use crate::plan::{Dice, Process, WorkerPlan};

/// The application's handler.
pub(super) struct Handling {
    world: Arc<World>,
    process: Process,
    plan: WorkerPlan,
    handled: AtomicU64,
}

impl Handling {
    pub(super) fn new(world: Arc<World>, process: Process, plan: WorkerPlan) -> Handling {
        let handled = AtomicU64::new(u64::from(world.life(process)) << 32);
        Handling { world, process, plan, handled }
    }
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
        if dice.percent(u64::from(self.plan.fails)) && !self.world.injector.is_healed() {
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
