//! Reproduces a counterexample of the model checker against the real adapter: the same
//! design, the same number of participants and events, and only the kinds of fault that it
//! needs. The order of messages that breaks the invariant is searched for, seed by seed.

use std::collections::BTreeSet;

use gapless_model::Invariant;
use gapless_model::design::Design;

use crate::judge::Breach;
use crate::plan::{
    Appending, ClockPlan, FAULTS, Happening, HintSource, Incident, Lifetime, Millis, Plan,
    ProducerPlan, Profile, Trouble, Twin, WorkerPlan,
};
use crate::play::{RunReport, run};

/// A fault of the checker's world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckedFault {
    /// A process dies.
    Crash,
    /// A request is applied, and its reply is lost.
    LostReply,
    /// A copy of a request arrives later.
    LateRequest,
    /// A request, or its reply, takes its time.
    SlowRequest,
    /// A read misses something that was written.
    StaleRead,
    /// A lease ends while its owner is alive.
    Expiry,
    /// A worker's clock is set.
    ClockSet,
    /// A handler fails.
    HandlerFailed,
    /// A turn is dropped.
    TurnDropped,
    /// A worker is told to stop.
    TimeLimit,
    /// A named producer runs twice at once.
    SecondRun,
    /// A trigger is lost.
    LostTrigger,
    /// A trigger arrives twice.
    RepeatedTrigger,
}

impl CheckedFault {
    /// Why the simulation cannot strike with this fault; `None` if it can.
    #[must_use]
    pub fn obstacle(self) -> Option<&'static str> {
        match self {
            CheckedFault::LostTrigger => {
                Some("its workers sweep the tables in any case, so no trigger is lost for good")
            }
            CheckedFault::Crash
            | CheckedFault::LostReply
            | CheckedFault::LateRequest
            | CheckedFault::SlowRequest
            | CheckedFault::StaleRead
            | CheckedFault::Expiry
            | CheckedFault::ClockSet
            | CheckedFault::HandlerFailed
            | CheckedFault::TurnDropped
            | CheckedFault::TimeLimit
            | CheckedFault::SecondRun
            | CheckedFault::RepeatedTrigger => None,
        }
    }

    /// The faults of calls that stand for it.
    fn of_calls(self) -> &'static [&'static str] {
        match self {
            CheckedFault::Crash => &["lose-request"],
            CheckedFault::LostReply => &["lose-request", "lose-reply", "internal-after"],
            CheckedFault::LateRequest => &["duplicate", "late"],
            CheckedFault::SlowRequest => &["slow"],
            CheckedFault::StaleRead => &["stale"],
            // Sweeps find the same work again and again, so a trigger that arrives twice needs no
            // fault.
            CheckedFault::Expiry
            | CheckedFault::ClockSet
            | CheckedFault::HandlerFailed
            | CheckedFault::TurnDropped
            | CheckedFault::TimeLimit
            | CheckedFault::SecondRun
            | CheckedFault::LostTrigger
            | CheckedFault::RepeatedTrigger => &[],
        }
    }

    /// The incident that stands for it.
    fn incident(self) -> Option<&'static str> {
        match self {
            CheckedFault::Crash => Some("crash"),
            CheckedFault::Expiry => Some("freeze"),
            CheckedFault::ClockSet => Some("set-clock"),
            CheckedFault::TurnDropped => Some("drop"),
            CheckedFault::TimeLimit => Some("stop"),
            CheckedFault::LostReply
            | CheckedFault::LateRequest
            | CheckedFault::SlowRequest
            | CheckedFault::StaleRead
            | CheckedFault::HandlerFailed
            | CheckedFault::SecondRun
            | CheckedFault::LostTrigger
            | CheckedFault::RepeatedTrigger => None,
        }
    }
}

/// The ingredients of a counterexample.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The design that it refutes.
    pub design: Design,
    /// The invariant that it breaks.
    pub invariant: Invariant,
    /// The number of producers.
    pub producers: u8,
    /// The number of events that each producer appends.
    pub events: u8,
    /// The number of events in a slot.
    pub batch: u8,
    /// Whether each append expects the head that its producer saw before it.
    pub expected: bool,
    /// The number of partitions.
    pub partitions: u8,
    /// The number of workers in each group.
    pub workers: u8,
    /// The number of groups.
    pub groups: u8,
    /// Whether clocks keep their bound.
    pub timely: bool,
    /// The faults that strike in it.
    pub faults: BTreeSet<CheckedFault>,
}

impl Counterexample {
    /// The plan of a seed, reduced to the counterexample.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = Profile::Swarm.plan(seed, self.design);
        let producer = ProducerPlan {
            appending: match (self.expected, seed.is_multiple_of(2)) {
                // The adapter's named producers expect no position.
                (true, _) => Appending::Expecting,
                (false, true) => Appending::Named,
                // An anonymous producer doesn't fill the gap that its crash left.
                (false, false) => Appending::Single,
            },
            events: u16::from(self.events),
            batch: self.batch,
            pause: Millis(seed * 37 % 400),
            twin: None,
        };
        let worker = |group| WorkerPlan {
            group,
            life: Lifetime::Standing,
            sweep: Millis(200 + seed * 53 % 400),
            handling: Millis(seed * 71 % 300),
            fails: if self.has(CheckedFault::HandlerFailed) { 20 } else { 0 },
            hints: HintSource::None,
        };
        plan.producers = vec![producer; usize::from(self.producers)];
        if self.has(CheckedFault::SecondRun) && producer.appending == Appending::Named {
            let twin = Some(Twin { of: 0, starts: Millis(seed * 97 % 1_500) });
            plan.producers.push(ProducerPlan { twin, ..producer });
        }
        self.staff(&mut plan, worker);
        // The layout has a power of two.
        let bits = self.partitions.max(1).next_power_of_two().trailing_zeros() as u8;
        // Some more keys than partitions, so that few partitions have none.
        plan.partition_bits = Some(bits);
        plan.keys = if bits == 0 { 1 } else { self.partitions * 2 };
        // Producers of the same pace would always race.
        for (index, producer) in plan.producers.iter_mut().enumerate() {
            producer.pause.0 += index as u64 * (seed % 5) * 11;
        }
        plan.watched = Some(self.invariant);
        plan.trouble = self.trouble(&plan);
        plan.incidents = self.incidents(&plan, seed);
        plan
    }

    /// Gives a plan that has its producers the workers of the counterexample, and every process a clock.
    pub(super) fn staff(&self, plan: &mut Plan, worker: impl Fn(u8) -> WorkerPlan) {
        plan.groups = self.groups;
        plan.workers = (0..self.groups)
            .flat_map(|group| std::iter::repeat_n(worker(group), usize::from(self.workers)))
            .collect();
        plan.readers = Vec::new();
        plan.clocks = vec![ClockPlan::default(); usize::from(plan.nodes())];
        plan.timely = self.timely;
    }

    pub(super) fn has(&self, fault: CheckedFault) -> bool {
        self.faults.contains(&fault)
    }

    fn trouble(&self, plan: &Plan) -> Trouble {
        let kinds: BTreeSet<&str> =
            self.faults.iter().flat_map(|fault| fault.of_calls()).copied().collect();
        // Slow messages make every order possible.
        let weights = FAULTS.map(|kind| if kind == "slow" || kinds.contains(kind) { 5 } else { 0 });
        Trouble { ppm: 200_000, weights, span: Millis(plan.lease.0 * 2) }
    }

    /// The incidents of a hostile plan that stand for faults of the counterexample.
    fn incidents(&self, plan: &Plan, seed: u64) -> Vec<Incident> {
        let mut incidents = Profile::Hostile.plan(seed, self.design).incidents;
        let allowed = |happening: &Happening| {
            self.faults.iter().any(|fault| fault.incident() == Some(happening.name()))
        };
        for incident in &mut incidents {
            // What it waits for is of the hostile plan's own producers and workers.
            incident.ambush = None;
            if let (true, Happening::SetClock { offset, .. }) =
                (self.timely, &mut incident.happening)
            {
                // Two clocks share the bound.
                *offset %= (plan.skew.0 / 2) as i64;
            }
        }
        incidents.retain(|incident| {
            let there = incident
                .happening
                .node()
                .is_none_or(|node| usize::from(node.0) < plan.producers.len() + plan.workers.len());
            there && allowed(&incident.happening)
        });
        incidents
    }

    /// Runs seeds until one breaks the same invariant, and returns it with its plan and report.
    /// `go_on` is called before each seed with the number of seeds so far, and ends the search
    /// by returning false.
    pub fn reproduce(
        &self,
        seeds: u64,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Option<(u64, Plan, RunReport)> {
        (0..seeds).take_while(|seed| go_on(*seed)).find_map(|seed| {
            let plan = self.plan(seed);
            let report = run(&plan);
            let same = report
                .violation
                .as_ref()
                .is_some_and(|found| found.breach == Breach::Invariant(self.invariant));
            same.then_some((seed, plan, report))
        })
    }
}
