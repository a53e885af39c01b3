//! What processes do differently while a script says what they do: they bring their wishes to the
//! [gate](super::gate), and their clocks stand still.

use std::sync::Arc;

use gapless::trigger::{Hint, Hints, Trigger};
use gapless_model::PartitionId;

use super::connector::send_copy;
use super::gate::{Gate, Grant, Wanted};
use super::shared::Cluster;
use crate::moment::now;
use crate::plan::{Fault, Millis, Node, Strike};

/// The trigger of a worker under a script: it announces the partition when the worker is to take a turn.
pub(super) struct ScriptTrigger {
    pub(super) cluster: Arc<Cluster>,
    pub(super) node: Node,
}

impl std::fmt::Debug for ScriptTrigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ScriptTrigger").field(&self.node).finish()
    }
}

impl Trigger for ScriptTrigger {
    fn next(&self) -> Hints<'_> {
        Box::pin(async {
            match self.cluster.wish(self.node, Wanted::Take).await {
                Some(_) => self.partitions().into_iter().map(Hint::of).collect(),
                // The script is over, and sweeps find what is left.
                None => std::future::pending().await,
            }
        })
    }
}

impl ScriptTrigger {
    fn partitions(&self) -> Vec<PartitionId> {
        self.cluster.plan.layout().all().unwrap_or_default().into_iter().take(1).collect()
    }
}

// For the processes.
impl Cluster {
    /// Waits at the gate, as long as there is a script. Returns nothing if there is none.
    pub(super) async fn wish(&self, node: Node, wanted: Wanted) -> Option<Grant> {
        let waiting = self.gate.as_ref()?.wait(node, wanted, self.clock(node))?;
        Some(waiting.granted().await)
    }

    /// Whether there is no script, or no more.
    pub(super) fn script_is_over(&self) -> bool {
        self.gate.as_ref().is_none_or(Gate::is_open)
    }

    /// Notes a fault with which the script strikes a request.
    pub(super) fn note_strike(&self, node: Node, attempt: u32, fault: Fault) {
        self.recorder().record_strike(Strike { node, attempt, fault });
    }
}

// For the script.
impl Cluster {
    /// The gate.
    ///
    /// # Panics
    /// If the plan has no script.
    pub(crate) fn script_gate(&self) -> &Gate {
        self.gate.as_ref().expect("only a plan with a script is followed")
    }

    /// Applies a request that was under way. Returns false if there is none with these words.
    pub(crate) fn deliver_copy(&self, asks: &str) -> bool {
        let copy = self.script_gate().take_copy(asks);
        copy.map(|call| send_copy(self, call, Millis(0))).is_some()
    }

    /// Advances every clock.
    pub(crate) fn advance_clocks(&self, by: Millis) {
        self.offsets.stepped.iter().for_each(|stepped| stepped.advance(by.0));
    }

    /// Sets a clock, by how much it is ahead of the others.
    pub(crate) fn set_stepped_clock(&self, node: Node, ahead: Millis) {
        if let Some(stepped) = &self.offsets.stepped {
            // The operator's clock is never set: it shows the time of the world.
            let world = self.clock(self.plan.operator());
            stepped.set(node, world.as_millis() + ahead.0);
        }
    }

    /// Shows the judges what the clocks of the workers show.
    pub(crate) fn note_clocks(&self) {
        for node in (0..self.plan.workers.len()).map(|index| self.plan.worker(index)) {
            let clock = self.clock(node);
            self.recorder().judge.note_clock_moved(now(), node, clock);
        }
    }

    /// Whether a worker's lease has ended by its clock, and it has not looked since.
    pub(crate) fn has_outlived_lease(&self, node: Node) -> bool {
        self.recorder().judge.turns.has_outlived_lease(node, self.clock(node))
    }

    /// Has a process look at its clock, which wakes it if it waits for a time that has come.
    pub(crate) fn look_at_clock(&self, node: Node) {
        self.offsets.stepped.iter().for_each(|stepped| stepped.look(node));
    }

    /// The requests of a process that say what time it was, and it is another one now.
    pub(crate) fn outdated_requests(&self, node: Node) -> Vec<u64> {
        self.script_gate().outdated(node, self.clock(node))
    }

    /// Ends the script: clocks run again, and all that waits goes on.
    pub(crate) fn end_script(&self) {
        self.offsets.release();
        self.script_gate().open();
    }

    /// Gives a producer up that the script leaves dead: nothing more is expected of it.
    pub(crate) fn give_up_on(&self, node: Node) {
        let name = self.plan.name(node);
        self.expect_nothing_of(usize::from(node.0));
        self.recorder().note(now(), &name, "stays dead".to_owned(), None);
    }
}
