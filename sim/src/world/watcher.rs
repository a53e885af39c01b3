//! A process's decisions, as its own observer sees them, shown to the checkers.

use std::sync::Arc;
use std::time::Duration;

use gapless::{Decision, Machine, Observer, SetupError, Stream, Told};
use madsim::time::sleep;

use super::client::client;
use super::shared::World;
use crate::plan::Process;

/// Watches one life of a process.
struct Watcher {
    world: Arc<World>,
    process: Process,
    life: u32,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watcher").field(&self.process).field(&self.life).finish()
    }
}

impl Watcher {
    fn watches(&self) -> bool {
        !self.world.plan.invariants_only
    }
}

impl Observer for Watcher {
    fn on_decision(&self, decision: &Decision<'_>) {
        if self.watches() {
            let verdict = self.world.book().judge.machines.decided(
                self.process,
                self.life,
                decision.who,
                decision.request,
            );
            self.world.judged(verdict);
        }
    }

    fn on_start(&self, machine: Machine<'_>) {
        if let Machine::Turn { group, partition, .. } = machine {
            self.world.book().judge.deliveries.turned(group, partition);
        }
        if self.watches() {
            let verdict = self.world.book().judge.machines.began(self.process, self.life, machine);
            self.world.judged(verdict);
        }
    }

    fn on_tell(&self, machine: Machine<'_>, news: Told<'_>) {
        if self.watches() {
            let verdict =
                self.world.book().judge.machines.told(self.process, self.life, machine, news);
            self.world.judged(verdict);
        }
    }
}

/// Opens the stream for one life of a process, and watches it; tries as often as it takes.
pub(super) async fn open(world: &Arc<World>, process: Process, life: u32) -> Option<Stream> {
    loop {
        let client = client(world, process).await;
        match Stream::open(client, world.plan.config()).await {
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
