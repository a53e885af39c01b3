//! Draws plans from seeds: each seed enables a random subset of the faults, at a random
//! intensity (swarm testing).

use std::num::NonZeroU8;

use gapless_model::design::{Design, Expiry, Increment};

use super::crowd::add_crowd;
use super::dice::Dice;
use super::drops::add_drops;
use super::fault::{DRAWN_FAULTS, FAULTS, Trouble};
use super::incident::{Ambush, DRAWN, Direction, Happening, Incident, Moment, OperatorAction};
use super::lineage::add_splits;
use super::loading::add_loading;
use super::lock_out::add_lock_outs;
use super::outage::{add_broken_connections, add_hot_index, add_outages};
use super::participants::{Appending, ClockPlan, HintSource, Lifetime, ProducerPlan, WorkerPlan};
use super::patience::{APPEND, patience};
use super::profile::Profile;
use super::ranks::add_ranks;
use super::readers::add_readers;
use super::resets::add_resets;
use super::scenes::add_scene;
use super::strangers::add_stranger;
use super::twins::add_twin;
use super::units::{Millis, Node};
use super::{PLAN_VERSION, Plan};

/// How often a worker sweeps that does so once in a run.
const NEVER: Millis = Millis(240_000);

impl Profile {
    /// Draws the plan of a seed.
    #[must_use]
    pub fn plan(self, seed: u64, design: Design) -> Plan {
        let dice = &mut Dice::at(seed, &[0, self as u64]);
        let heals = Millis(dice.between(4_000, 12_000));
        // Until about then there is work, so that there is something to break.
        let works = Millis(heals.0 * dice.between(30, 90) / 100);
        let producers: Vec<_> = (0..dice.between(1, 3)).map(|_| producer(works, dice)).collect();
        let groups = dice.between(1, 2) as u8;
        let workers: Vec<_> = (0..groups)
            .flat_map(|group| {
                let count = dice.between(1, 3);
                let workers: Vec<_> = (0..count).map(|_| self.worker(group, dice)).collect();
                workers
            })
            .collect();
        let nodes = (producers.len() + workers.len() + 1) as u16;
        let skew = Millis(dice.between(100, 500));
        let timely = !matches!(self, Profile::Hostile);
        let clocks = (0..nodes).map(|_| self.clock(skew, dice)).collect();
        let lease = Millis(dice.between(700, 3000).max(skew.0 * 2));
        let mut plan = Plan {
            version: PLAN_VERSION,
            seed,
            profile: self,
            design,
            partition_bits: partition_bits(&design, dice),
            keys: dice.between(1, 6) as u8,
            lease,
            grace: Millis(dice.between(100, 800)),
            skew,
            timely,
            latency: Millis(dice.between(2, 8)),
            read_timeout: Millis(dice.between(150, 1200)),
            sdk_retries: dice.percent(60),
            page: None,
            script: None,
            visibility: Millis(0),
            groups,
            patience: Millis(0),
            producers,
            workers,
            readers: Vec::new(),
            clocks,
            trouble: Trouble::default(),
            strikes: None,
            incidents: Vec::new(),
            heals,
            mutant: None,
            invariants_only: false,
            watched: None,
        };
        if design.expiry == Expiry::Observer {
            // A worker that lives for less time than it has to watch cannot take over from a dead owner.
            let watch = Millis(plan.lease.0 + 2 * plan.skew.0 + 1_000);
            plan.workers.iter_mut().for_each(|worker| worker.live_for(watch));
        }
        if self == Profile::Calm {
            add_crowd(&mut plan);
        } else {
            self.add_trouble(&mut plan, works, dice);
        }
        add_loading(&mut plan);
        plan.page = page(&plan);
        plan.visibility = visibility(&plan);
        plan.patience = patience(&plan);
        plan
    }

    /// Adds what goes wrong. What comes behind the scenes has dice of its own.
    fn add_trouble(self, plan: &mut Plan, works: Millis, dice: &mut Dice) {
        plan.trouble = self.trouble(plan.lease, dice);
        plan.incidents = self.incidents(plan, dice);
        add_scene(plan, works, dice);
        add_twin(plan, works);
        add_readers(plan);
        add_lock_outs(plan);
        add_outages(plan);
        add_broken_connections(plan);
        add_splits(plan);
        add_resets(plan);
        add_ranks(plan, works);
        add_drops(plan, works);
        add_stranger(plan);
        add_hot_index(plan);
        plan.incidents.sort_by_key(|incident| incident.at);
    }

    fn worker(self, group: u8, dice: &mut Dice) -> WorkerPlan {
        let lambda = match self {
            Profile::Lambda => true,
            Profile::Swarm | Profile::Calm | Profile::Hostile => dice.percent(30),
        };
        // Sometimes handling outlasts the time to the next renewal.
        let handling = if dice.percent(30) { dice.below(1_500) } else { dice.below(200) };
        let limit = dice.between(1_500, 6_000);
        let fails = if self != Profile::Calm && dice.percent(20) { dice.between(5, 30) } else { 0 };
        let mut plan = WorkerPlan {
            group,
            life: if lambda {
                Lifetime::Lambda { limit: Millis(limit) }
            } else {
                Lifetime::Standing
            },
            sweep: Millis(dice.between(200, 1_500)),
            handling: Millis(0),
            fails: fails as u8,
            hints: hints(lambda, dice),
        };
        plan.handle_for(Millis(handling));
        // Without faults no hint is lost. So some workers have to find all work by hints alone, but for
        // their first sweep.
        let is_told = plan.hints != HintSource::None && !lambda;
        if self == Profile::Calm && is_told && dice.percent(50) {
            plan.sweep = NEVER;
        }
        plan
    }

    fn clock(self, skew: Millis, dice: &mut Dice) -> ClockPlan {
        let drift = match self {
            Profile::Calm => 0,
            Profile::Swarm | Profile::Lambda => 100,
            Profile::Hostile => 50_000,
        };
        let bound = clock_bound(self, skew);
        ClockPlan { offset: signed(bound, dice), drift: signed(drift, dice) }
    }

    fn trouble(self, lease: Millis, dice: &mut Dice) -> Trouble {
        let all = self == Profile::Hostile;
        let mut weights = [0; FAULTS.len()];
        for weight in &mut weights[..DRAWN_FAULTS] {
            let on = all || dice.percent(50);
            *weight = if on { dice.between(1, 10) as u8 } else { 0 };
        }
        let most = self.most_trouble().into();
        let ppm = if dice.percent(15) && !all { 0 } else { dice.between(2_000, most) as u32 };
        Trouble { ppm, weights, span: Millis(lease.0 * dice.between(1, 3)) }
    }

    fn incidents(self, plan: &Plan, dice: &mut Dice) -> Vec<Incident> {
        let on: Vec<usize> =
            (0..DRAWN).filter(|_| self == Profile::Hostile || dice.percent(50)).collect();
        if on.is_empty() {
            return Vec::new();
        }
        let count = dice.below(10);
        (0..count)
            .map(|_| {
                let at = Millis(dice.between(50, plan.heals.0));
                let kind = *dice.pick(&on);
                let happening = self.happening(kind, plan, dice);
                Incident { at, happening, ambush: ambush(happening, plan, dice) }
            })
            .collect()
    }

    fn happening(self, kind: usize, plan: &Plan, dice: &mut Dice) -> Happening {
        let node = Node(dice.below(u64::from(plan.nodes() - 1)) as u16);
        let workers = plan.workers.len() as u64;
        let worker = plan.worker(dice.below(workers) as usize);
        let mut span = |most: u64| Millis(dice.between(20, most));
        match kind {
            0 => Happening::Crash { node, down: span(plan.lease.0 * 2) },
            // Around the length of a lease: shorter or much longer pauses change nothing.
            1 => Happening::Freeze { node, span: span(plan.lease.0 * 2) },
            2 => Happening::Stop { node: worker, down: span(plan.lease.0) },
            3 => {
                let span = span(plan.lease.0 * 2);
                let direction = *dice.pick(&[Direction::In, Direction::Out, Direction::Both]);
                Happening::Cut { node, direction, span }
            }
            4 => Happening::SetClock { node, offset: self.clock(plan.skew, dice).offset },
            5 => Happening::Storm { span: span(3_000) },
            6 => {
                let (by, span) = (span(600), span(4_000));
                Happening::SlowPartition { partition: dice.below(4) as u8, by, span }
            }
            7 => Happening::RestartEngine { down: span(1_500) },
            8 => Happening::Operate {
                act: *dice.pick(&[OperatorAction::Audit, OperatorAction::Create]),
            },
            _ => Happening::Drop { node: worker },
        }
    }
}

/// How far a clock is off at most.
pub(super) fn clock_bound(profile: Profile, skew: Millis) -> u64 {
    match profile {
        Profile::Calm => 0,
        // Two clocks share the bound, less what drift adds in a run and what rounding takes.
        Profile::Swarm | Profile::Lambda => (skew.0 / 2).saturating_sub(30),
        Profile::Hostile => skew.0 * 20,
    }
}

/// How many slots a page holds, if they are large and handled fast enough for that. It is drawn by
/// itself, so that the rest of a seed's plan stays as it is.
fn page(plan: &Plan) -> Option<NonZeroU8> {
    let mut dice = Dice::at(plan.seed, &[20]);
    let (large, most) = (dice.percent(40), NonZeroU8::new(dice.between(2, 8) as u8));
    let fast = plan.workers.iter().all(|worker| worker.handling <= Millis(200));
    most.filter(|_| large && fast)
}

/// How long the queue hides a message: longer than a function may run, as Lambda demands, with what it
/// does then.
fn visibility(plan: &Plan) -> Millis {
    let limits = plan.workers.iter().filter_map(|worker| match worker.life {
        Lifetime::Lambda { limit } => Some(limit.0 + 1_000),
        Lifetime::Standing => None,
    });
    let least = limits.max().unwrap_or(1_000);
    Millis(Dice::at(plan.seed, &[30]).between(least, (least * 2).max(4_000)))
}

/// One plan in ten gives each key its own partition, where the design has a counter: raising
/// the counter is what enters a partition into the index.
fn partition_bits(design: &Design, dice: &mut Dice) -> Option<u8> {
    let (each_key, bits) = (dice.percent(10), dice.below(3) as u8);
    match design.increment {
        Increment::None => Some(bits),
        Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
            (!each_key).then_some(bits)
        }
    }
}

/// Lets an incident wait for a moment of the protocol, every other time that it can.
fn ambush(happening: Happening, plan: &Plan, dice: &mut Dice) -> Option<Ambush> {
    let node = happening.node().filter(|_| dice.percent(50))?;
    let moment = match usize::from(node.0) < plan.producers.len() {
        true => Moment::Raised,
        false => *dice.pick(&[Moment::Acquired, Moment::Read, Moment::Checkpointed]),
    };
    // Before the reply is heard, while the handler is at work, or later.
    let after = Millis(if dice.percent(40) { 0 } else { dice.below(60) });
    Some(Ambush { moment, after })
}

fn producer(works: Millis, dice: &mut Dice) -> ProducerPlan {
    let appending = *dice.pick(&[
        Appending::Single,
        Appending::Grouped,
        Appending::Named,
        Appending::Named,
        Appending::Expecting,
    ]);
    // Busy, or with time for others to act in between.
    let pause = if dice.percent(35) { dice.below(20) } else { dice.between(100, 700) };
    let batch = dice.between(1, 4);
    // Under a name, it waits before each event and not before each batch.
    let at_once = if appending == Appending::Named { 1 } else { batch };
    let events = (works.0 / (pause + APPEND) * at_once).clamp(2, 120);
    let (events, batch, pause) = (events as u16, batch as u8, Millis(pause));
    ProducerPlan { appending, events, batch, pause, twin: None }
}

fn signed(bound: u64, dice: &mut Dice) -> i64 {
    dice.between(0, bound * 2) as i64 - bound as i64
}

/// A short-lived worker is always invoked by the queue.
fn hints(lambda: bool, dice: &mut Dice) -> HintSource {
    match (lambda, dice.below(100)) {
        (true, _) | (false, 0..35) => HintSource::Queue,
        (false, 35..60) => HintSource::TableStream,
        (false, _) => HintSource::None,
    }
}
