//! The three acts: partitions go from 1 to 16 and back to 1 while only the prober appends, then while named
//! producers append at full rate as well, then while processes are killed on top of that.

use std::path::Path;
use std::time::Duration;

use anyhow::{bail, ensure};
use fastrand::Rng;
use gapless::{PartitionId, Stream};
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep, sleep_until};

use super::events::WIDEST_BITS;
use super::moment::Moment;
use super::operating::{Trouble, do_level};
use super::outage::{Operation, Span};
use super::processes::{Processes, Role, Server};
use super::steps::{Step, levels};

/// How many named producers there are.
pub const PRODUCERS: u16 = 3;
const WORKERS: u16 = 3;
/// How long it is between two kills, at least and at most.
const BETWEEN_KILLS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];
/// How long an operator that is killed is at work on its operation, at most.
const AT_WORK: Duration = Duration::from_millis(8);
/// How often it is looked whether a process has ended by itself.
const LOOK: Duration = Duration::from_millis(100);
/// How much longer than planned an act may take: some operators are slow where all are.
const LATE: Duration = Duration::from_secs(120);

/// An act: who is at work beside the prober and the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Alone,
    FullRate,
    Kills,
}

impl Act {
    pub const ALL: [Act; 3] = [Act::Alone, Act::FullRate, Act::Kills];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Act::Alone => "prober alone",
            Act::FullRate => "full rate",
            Act::Kills => "full rate, kills",
        }
    }

    /// Its share of the time, in sixths.
    fn sixths(self) -> u32 {
        match self {
            Act::Alone => 1,
            Act::FullRate => 2,
            Act::Kills => 3,
        }
    }
}

/// What was done, and when.
#[derive(Default)]
pub struct Played {
    pub operations: Vec<Operation>,
    pub acts: Vec<(Act, Span)>,
    /// How often a producer and a worker were killed.
    pub kills: u64,
    /// How many operators were killed, and how many had a rival.
    pub killed_operators: u64,
    pub rivals: u64,
}

/// What is at work, and what comes of it.
pub struct Stage {
    pub server: Server,
    pub processes: Processes,
    stream: Stream,
    random: Rng,
    bar: ProgressBar,
    pub played: Played,
}

impl Stage {
    pub fn new(server: Server, folder: &Path, stream: Stream, seed: u64, time: Duration) -> Stage {
        let processes = Processes::new(folder, &server.endpoint);
        let bar = ProgressBar::new(time.as_millis() as u64);
        if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:40} {elapsed} {msg}") {
            bar.set_style(style);
        }
        let (random, played) = (Rng::with_seed(seed), Played::default());
        Stage { server, processes, stream, random, bar, played }
    }

    /// Plays all acts in so long, and lets the producers, the prober and the workers end.
    pub async fn play(&mut self, time: Duration) -> anyhow::Result<()> {
        for worker in 1..=WORKERS {
            self.processes.start(&Role::Worker(worker))?;
        }
        self.processes.start(&Role::Prober)?;
        sleep(Duration::from_secs(1)).await;
        let mut root = self.only_leaf().await?;
        for act in Act::ALL {
            if act == Act::FullRate {
                for producer in 1..=PRODUCERS {
                    self.processes.start(&Role::Producer(producer))?;
                }
            }
            root = self.play_act(act, &root, time / 6 * act.sixths()).await?;
        }
        self.bar.set_message("the producers end");
        self.processes.stop(|role| matches!(role, Role::Producer(_) | Role::Prober)).await?;
        self.processes.stop(|role| matches!(role, Role::Worker(_))).await?;
        self.server.check()?;
        self.bar.finish_and_clear();
        Ok(())
    }

    /// Plays an act from one partition on. Returns the partition that is left.
    async fn play_act(
        &mut self,
        act: Act,
        root: &PartitionId,
        time: Duration,
    ) -> anyhow::Result<PartitionId> {
        let levels = levels(root)?;
        let (from, began) = (Moment::now(), Instant::now());
        let pause = time / levels.len() as u32;
        let killed_before = self.played.kills;
        for (index, level) in levels.iter().enumerate() {
            // In the middle of its time, so that the steady state is seen before and behind it.
            let begins = began + pause * index as u32 + pause / 2;
            self.bar.set_message(format!("{}: {} steps come", act.name(), level.len()));
            self.wait(act, begins).await?;
            let trouble = self.trouble(act, index, level);
            let endpoint = self.server.endpoint.clone();
            let doing = do_level(&endpoint, level, trouble);
            let done = tokio::select! {
                done = doing => done?,
                failed = keep_going(
                    act, &mut self.processes, &mut self.random, &mut self.played.kills, &self.bar,
                ) => return Err(failed),
            };
            self.played.operations.extend(done);
            let widest = usize::from(WIDEST_BITS);
            if index + 1 == widest {
                let leaves = self.stream.lineage().await?.leaves().count();
                ensure!(leaves == 1 << widest, "{leaves} partitions are open, and not 16");
            }
            ensure!(began.elapsed() < time + LATE, "{}: the operators are too slow", act.name());
        }
        self.wait(act, began + time).await?;
        ensure!(
            act != Act::Kills || self.played.kills > killed_before,
            "nothing was killed: the time is too short"
        );
        self.played.acts.push((act, Span { from, to: Moment::now() }));
        self.only_leaf().await
    }

    /// Lets everything go on until then.
    async fn wait(&mut self, act: Act, until: Instant) -> anyhow::Result<()> {
        self.server.check()?;
        tokio::select! {
            () = sleep_until(until) => Ok(()),
            failed = keep_going(
                act, &mut self.processes, &mut self.random, &mut self.played.kills, &self.bar,
            ) => Err(failed),
        }
    }

    /// What befalls the operators of a level: where processes are killed, one of each second level, and
    /// the others have rivals.
    fn trouble(&mut self, act: Act, index: usize, level: &[Step]) -> Trouble {
        match act {
            Act::Alone | Act::FullRate => Trouble::None,
            Act::Kills if index.is_multiple_of(2) => {
                self.played.killed_operators += 1;
                let after = self.random.u64(..AT_WORK.as_micros() as u64);
                let at = self.random.usize(..level.len());
                Trouble::Killed { at, after: Duration::from_micros(after) }
            }
            Act::Kills => {
                self.played.rivals += 1;
                Trouble::Rivals
            }
        }
    }

    async fn only_leaf(&self) -> anyhow::Result<PartitionId> {
        let lineage = self.stream.lineage().await?;
        let leaves: Vec<_> = lineage.leaves().collect();
        match leaves[..] {
            [leaf] => Ok(leaf.clone()),
            _ => bail!("{} partitions are open, and not one", leaves.len()),
        }
    }
}

/// Looks after the processes, and kills some in the act of kills. It ends with what went wrong.
async fn keep_going(
    act: Act,
    processes: &mut Processes,
    random: &mut Rng,
    kills: &mut u64,
    bar: &ProgressBar,
) -> anyhow::Error {
    let [least, most] = BETWEEN_KILLS.map(|pause| pause.as_millis() as u64);
    let mut next = Instant::now() + Duration::from_millis(random.u64(least..most));
    loop {
        sleep(LOOK).await;
        bar.set_position(bar.elapsed().as_millis() as u64);
        if let Err(failed) = processes.check() {
            return failed;
        }
        if act != Act::Kills || Instant::now() < next {
            continue;
        }
        let mortal: Vec<Role> =
            processes.roles().filter(|role| **role != Role::Prober).cloned().collect();
        let Some(victim) = random.choice(mortal) else { continue };
        if let Err(failed) = processes.kill(&victim).await {
            return failed;
        }
        *kills += 1;
        next = Instant::now() + Duration::from_millis(random.u64(least..most));
    }
}
