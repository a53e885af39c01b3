//! Follows a script: takes its steps one after the other, and notices where a process of the run wants
//! something else.

use std::sync::Arc;

use madsim::time::sleep;

use super::stage::Stage;
use crate::cluster::{Cluster, Flight, Grant, Wanted};
use crate::moment::now;
use crate::plan::{Act, Divergence, Followed, Happening, Incident, Millis, Node, Script};

/// For how long a step waits for a process to want it: more than the longest pause between two attempts,
/// and less than the sleeps that wait for a step of the script.
const PATIENCE: Millis = Millis(4_000);
/// How often it looks.
const LOOK: Millis = Millis(2);
/// How long a process has, after a step, to come to what it wants next.
const REST: Millis = Millis(20);
/// For how long a producer stays dead that is restarted by a step of its own, or never.
const FOR_GOOD: Millis = Millis(24 * 3600 * 1000);

/// Why a step was not taken: what the process wanted instead, in a clause.
type Instead = String;

impl Stage {
    /// Takes the steps of the script, as long as nothing is broken and the processes want what the
    /// script says. Where it took all of them, the run goes on by itself from here.
    pub(crate) async fn follow(&mut self, script: &Script) -> Followed {
        let mut followed = Followed::default();
        for (index, step) in script.steps.iter().enumerate() {
            let taken = self.take_step(script, &step.act).await;
            if std::mem::take(&mut self.has_detoured) {
                followed.detours.push(index + 1);
            }
            if !self.is_over()
                && let Err(instead) = taken
            {
                let (step, says) = (index + 1, step.says.clone());
                followed.diverges = Some(Divergence { step, says, instead });
                return followed;
            }
            followed.steps += 1;
            if self.is_over() {
                return followed;
            }
        }
        for node in self.dead_producers() {
            self.cluster().give_up_on(node);
        }
        self.cluster().end_script();
        followed.is_whole = true;
        followed
    }

    async fn take_step(&mut self, script: &Script, act: &Act) -> Result<(), Instead> {
        let cluster = Arc::clone(self.cluster());
        let gate = cluster.script_gate();
        match act {
            Act::Send { node, asks } => self.send(*node, asks, Grant::Pass).await?,
            Act::LoseReply { node, asks } => self.send(*node, asks, Grant::LoseReply).await?,
            Act::Delay { node, asks } => self.send(*node, asks, Grant::Delay).await?,
            Act::Arrive { asks } => {
                if !cluster.deliver_copy(asks) {
                    return Err(format!("not just one process has a request to {asks} under way"));
                }
                // Nothing tells when it has arrived. A call takes a few milliseconds.
                sleep(REST.duration() * 5).await;
            }
            Act::Depart { node, asks } => {
                let id = self.request(*node, asks).await?;
                gate.grant(id, Grant::Depart);
            }
            Act::Land { node } => self.land(*node).await?,
            Act::Hear { node } => {
                let id = gate.under_way(*node).ok_or_else(|| gate.describe(*node))?;
                if !gate.is_applied(id) {
                    return Err("its request has not been applied".to_owned());
                }
                gate.set_flight(id, Flight::Heard);
                self.until_gone(id).await?;
            }
            Act::Crash { node, asks } => self.crash_scripted(*node, asks.as_deref()).await?,
            Act::Restart { node } => self.restart(*node),
            Act::Start { node } => self.grant(*node, &Wanted::Start, Grant::Pass).await?,
            Act::Take { node } => self.take(*node).await?,
            Act::Deliver { node } => self.grant(*node, &Wanted::Deliver, Grant::Pass).await?,
            Act::Fail { node } => self.grant(*node, &Wanted::Deliver, Grant::Refuse).await?,
            Act::Drop { node, asks } => {
                if let Some(asks) = asks {
                    self.send(*node, asks, Grant::LoseReply).await?;
                }
                self.inject_now(Happening::Drop { node: *node });
            }
            Act::Clock { node } => self.look(*node).await?,
            Act::Stop { node } => self.stop(*node).await?,
            Act::Tick => {
                cluster.advance_clocks(script.tick);
                sleep(script.tick.duration()).await;
                cluster.note_clocks();
            }
            Act::SetClock { node, ahead } => {
                let ahead = Millis(script.tick.0.saturating_mul(u64::from(*ahead)));
                cluster.set_stepped_clock(*node, ahead);
                let offset = i64::try_from(ahead.0).unwrap_or(i64::MAX);
                let happening = Happening::SetClock { node: *node, offset };
                cluster.record_incident(&Incident { at: now(), happening, ambush: None });
                cluster.note_clocks();
            }
            Act::Nothing => {}
        }
        sleep(REST.duration()).await;
        Ok(())
    }

    /// Has a process send its request. Waits until its sender has heard of it, or never will.
    async fn send(&mut self, node: Node, asks: &str, grant: Grant) -> Result<(), Instead> {
        let id = self.request(node, asks).await?;
        self.end(id, grant).await
    }

    /// The request that a process is to send. A worker looks at its clock before: in the checked world
    /// that is part of the step, unless its lease has ended, and it is paused.
    ///
    /// The adapter looks at its clock once more than the checked world has to: when it has a page, before
    /// the handler has finished. So it may renew its lease first, and then look behind the delivery
    /// where the script no longer does. The renewal passes, and the look is refused, which is no reason
    /// to wait. Whether something is broken is for the judges to say.
    async fn request(&mut self, node: Node, asks: &str) -> Result<u64, Instead> {
        const MOST_DETOURS: usize = 2;
        let cluster = Arc::clone(self.cluster());
        if !cluster.has_outlived_lease(node) {
            self.look(node).await?;
        }
        let gate = cluster.script_gate();
        for _ in 0..MOST_DETOURS {
            let wanted = || gate.request(node, asks).map(|id| (id, None));
            let detour = || gate.detour(node).map(|(id, grant)| (id, Some(grant)));
            let (id, grant) = self.awaited(node, || wanted().or_else(detour)).await?;
            let Some(grant) = grant else { return Ok(id) };
            self.has_detoured = true;
            self.end(id, grant).await?;
        }
        self.awaited(node, || gate.request(node, asks)).await
    }

    /// Has a process look at its clock. A request that waits here and was made at another time is
    /// refused, as if there were no connection: its sender looks at its clock, and makes it anew.
    async fn look(&self, node: Node) -> Result<(), Instead> {
        let cluster = self.cluster();
        cluster.look_at_clock(node);
        sleep(LOOK.duration()).await;
        self.refuse(cluster.outdated_requests(node)).await
    }

    /// Lets a process do what it waits for.
    async fn grant(&self, node: Node, wanted: &Wanted, grant: Grant) -> Result<(), Instead> {
        let gate = self.cluster().script_gate();
        let id = self.awaited(node, || gate.find(node, |it| it == wanted)).await?;
        self.end(id, grant).await
    }

    /// Has a worker take a trigger. It may have begun the turn by itself: it comes back to a partition
    /// at once that it gave back, or where its handler failed.
    async fn take(&self, node: Node) -> Result<(), Instead> {
        if self.cluster().script_gate().requests(node).is_empty() {
            self.grant(node, &Wanted::Take, Grant::Pass).await?;
        }
        Ok(())
    }

    /// Applies the request of a process that takes its time.
    async fn land(&self, node: Node) -> Result<(), Instead> {
        let gate = self.cluster().script_gate();
        let id = gate.under_way(node).ok_or_else(|| gate.describe(node))?;
        gate.set_flight(id, Flight::Landing);
        self.awaited(node, || gate.is_applied(id).then_some(())).await
    }

    /// Asks a worker to stop. It hears of that between two requests, so the one that waits here is
    /// refused, and made anew if it is still wanted.
    async fn stop(&mut self, node: Node) -> Result<(), Instead> {
        let down = Millis(1);
        self.inject_now(Happening::Stop { node, down });
        self.refuse(self.cluster().script_gate().requests(node)).await
    }

    async fn crash_scripted(&mut self, node: Node, asks: Option<&str>) -> Result<(), Instead> {
        if let Some(asks) = asks {
            self.send(node, asks, Grant::LoseReply).await?;
        }
        let is_producer = usize::from(node.0) < self.cluster().plan.producers.len();
        let down = if is_producer { FOR_GOOD } else { Millis(1) };
        self.inject_now(Happening::Crash { node, down });
        if !is_producer {
            sleep(LOOK.duration()).await;
            self.restart(node);
        }
        Ok(())
    }

    /// Waits for what a process is to come to.
    async fn awaited<T>(&self, node: Node, ready: impl Fn() -> Option<T>) -> Result<T, Instead> {
        let until = now().plus(PATIENCE);
        loop {
            if let Some(ready) = ready() {
                return Ok(ready);
            }
            if now() >= until || self.is_over() {
                let cluster: &Cluster = self.cluster();
                let instead = cluster.script_gate().describe(node);
                return Err(format!("{} {instead}", cluster.plan.name(node)));
            }
            sleep(LOOK.duration()).await;
        }
    }

    /// Refuses requests, one after another.
    async fn refuse(&self, requests: Vec<u64>) -> Result<(), Instead> {
        for id in requests {
            self.end(id, Grant::Refuse).await?;
        }
        Ok(())
    }

    /// Grants a wish, and waits until it has come to its end.
    async fn end(&self, id: u64, grant: Grant) -> Result<(), Instead> {
        self.cluster().script_gate().grant(id, grant);
        self.until_gone(id).await
    }

    /// Waits until what was granted has ended.
    async fn until_gone(&self, id: u64) -> Result<(), Instead> {
        let until = now().plus(PATIENCE);
        while !self.cluster().script_gate().is_gone(id) && !self.is_over() {
            if now() >= until {
                return Err("what was sent has not come to its end".to_owned());
            }
            sleep(LOOK.duration()).await;
        }
        Ok(())
    }
}
