//! Reproduces a counterexample of the model checker against the real adapter: the same
//! design, the same number of participants and events, and only the kinds of fault that it
//! needs. The order of messages that breaks the invariant is searched for, seed by seed.

use gapless_model::Invariant;
use gapless_model::design::Design;

use crate::judge::Breach;
use crate::plan::{
    Appending, ClockPlan, FAULTS, HAPPENINGS, Happening, HintSource, Incident, Lifetime, Millis,
    Plan, ProducerPlan, Profile, Trouble, WorkerPlan,
};
use crate::play::{RunReport, run};

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
    /// The number of workers in each group.
    pub workers: u8,
    /// The number of groups.
    pub groups: u8,
    /// The faults that strike in it, by their names in the checker's decision log.
    pub faults: Vec<String>,
}

impl Counterexample {
    /// The plan of a seed, reduced to the counterexample.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = Profile::Swarm.plan(seed, self.design);
        let producer = ProducerPlan {
            // An anonymous producer doesn't fill the gap that its crash left.
            appending: if seed.is_multiple_of(2) { Appending::Named } else { Appending::Single },
            events: u16::from(self.events),
            batch: self.batch,
            pause: Millis(seed * 37 % 400),
        };
        let worker = |group| WorkerPlan {
            group,
            life: Lifetime::Standing,
            sweep: Millis(200 + seed * 53 % 400),
            handling: Millis(seed * 71 % 300),
            fails: 0,
            hints: HintSource::None,
        };
        plan.producers = vec![producer; usize::from(self.producers)];
        plan.groups = self.groups;
        plan.workers = (0..self.groups)
            .flat_map(|group| std::iter::repeat_n(worker(group), usize::from(self.workers)))
            .collect();
        plan.clocks = vec![ClockPlan::default(); usize::from(plan.nodes())];
        (plan.partition_bits, plan.keys) = (Some(0), 1);
        // Producers of the same pace would always race.
        for (index, producer) in plan.producers.iter_mut().enumerate() {
            producer.pause.0 += index as u64 * (seed % 5) * 11;
        }
        plan.watched = Some(self.invariant);
        plan.trouble = self.trouble(&plan);
        plan.incidents = self.incidents(&plan, seed);
        plan
    }

    fn has_any(&self, names: &[&str]) -> bool {
        self.faults.iter().any(|fault| names.contains(&fault.as_str()))
    }

    fn trouble(&self, plan: &Plan) -> Trouble {
        let kinds: [(&str, &[&str]); 8] = [
            ("lose-request", &["reply lost", "crash"]),
            ("lose-reply", &["reply lost"]),
            ("internal-after", &["reply lost"]),
            ("duplicate", &["late request"]),
            ("late", &["late request"]),
            ("stale", &["stale read"]),
            // Slow messages make every order possible.
            ("slow", &[]),
            ("conflict", &[]),
        ];
        let mut weights = [0; FAULTS.len()];
        for (kind, causes) in kinds {
            let place = FAULTS.iter().position(|known| *known == kind);
            if let (Some(place), true) = (place, self.has_any(causes) || kind == "slow") {
                weights[place] = 5;
            }
        }
        Trouble { ppm: 200_000, weights, span: Millis(plan.lease.0 * 2) }
    }

    /// Crashes if the counterexample has one, and pauses if a lease ends under its holder.
    fn incidents(&self, plan: &Plan, seed: u64) -> Vec<Incident> {
        let mut incidents = Profile::Hostile.plan(seed, self.design).incidents;
        let allowed = |happening: &Happening| match HAPPENINGS[happening.kind()] {
            "crash" => self.has_any(&["crash"]),
            "freeze" => self.has_any(&["expiry"]),
            "stop" => self.has_any(&["time limit"]),
            _ => false,
        };
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
