//! Shows a node's decisions to the judges, through the adapter's observer.

use std::sync::Arc;
use std::time::Duration;

use gapless::{Decision, Machine, Observer, SetupError, Stream, Told};
use madsim::time::sleep;

use super::client::client;
use super::shared::Cluster;
use crate::judge::{Doubt, Machines};
use crate::moment::now;
use crate::plan::Node;

/// Observes one life of a node.
struct Watcher {
    cluster: Arc<Cluster>,
    node: Node,
    life: u32,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watcher").field(&self.node).field(&self.life).finish()
    }
}

impl Watcher {
    fn is_enabled(&self) -> bool {
        !self.cluster.plan.invariants_only
    }

    fn judge(&self, judge: impl FnOnce(&mut Machines) -> Doubt) {
        let judgement = {
            let mut recorder = self.cluster.recorder();
            let doubt = judge(&mut recorder.judge.machines);
            recorder.judge.judge_machine(now(), self.node, doubt)
        };
        self.cluster.record_judgement(judgement);
    }
}

impl Observer for Watcher {
    fn on_decision(&self, decision: &Decision<'_>) {
        if self.is_enabled() {
            let (asked, failed) = ((decision.who, decision.request), decision.answer.is_err());
            self.judge(|machines| machines.judge_decision(self.node, self.life, asked, failed));
        }
    }

    fn on_start(&self, machine: Machine<'_>) {
        if let Machine::Seek { owner, .. } = machine
            && let Some(seeker) = owner.worker()
        {
            self.cluster.recorder().judge.leases.register_worker(&seeker, self.node);
        }
        let judgement = self.cluster.recorder().judge.turns.judge_start(self.node, machine);
        self.cluster.record_judgement(judgement);
        if self.is_enabled() {
            self.judge(|machines| machines.judge_start(now(), self.node, self.life, machine));
        }
    }

    fn on_tell(&self, machine: Machine<'_>, news: Told<'_>) {
        self.cluster.recorder().judge.note_news(machine, news);
        if self.is_enabled() {
            let clock = self.cluster.clock(self.node);
            self.judge(|machines| {
                machines.judge_time(clock, news)?;
                machines.judge_news(now(), self.node, self.life, machine, news)
            });
        }
    }
}

/// Opens the stream for one life of a node, and observes it. Retries for as long as the store
/// fails; returns nothing after an error that no fault explains.
pub(super) async fn open_stream(cluster: &Arc<Cluster>, node: Node, life: u32) -> Option<Stream> {
    loop {
        let client = client(cluster, node).await;
        match Stream::open(client, cluster.plan.config()).await {
            Ok(stream) => {
                let watcher = Watcher { cluster: Arc::clone(cluster), node, life };
                return Some(stream.observed(Arc::new(watcher)));
            }
            Err(SetupError::Store(error))
                if error.is_transient() || cluster.injector.explains_refusal(node, &error) =>
            {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                cluster.record_unexplained(node, format!("cannot open the stream: {error}"));
                return None;
            }
        }
    }
}
