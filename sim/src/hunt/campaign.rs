//! A campaign: many seeds, several at a time, until all have run, the time is up, or the
//! caller stops it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gapless_model::Mutant;
use gapless_model::design::Design;

use super::pool::Pool;
use crate::cell::Cell;
use crate::engine::EngineKind;
use crate::judge::{Breach, Violation};
use crate::marks::{ENOUGH_SEEDS, MARKS, Mark};
use crate::moment::lock;
use crate::plan::{FAULTS, HAPPENINGS, Millis, Plan, Profile};
use crate::play::{RunReport, run_while, warm_up};

/// Which seeds to run, and how.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The design of the protocol.
    pub design: Design,
    /// The family of plans.
    pub profile: Profile,
    /// The first seed. Default: 0.
    pub from: u64,
    /// The number of seeds, over all shards.
    pub seeds: u64,
    /// Run every `shards`-th seed, starting at `shard`. Default: 1, every seed.
    pub shards: u64,
    /// The index of this shard, from 0.
    pub shard: u64,
    /// How many seeds run at a time. Default: the number of cores.
    pub jobs: usize,
    /// After how long to end, in the middle of a seed too. Default: no limit.
    pub time_budget: Option<Duration>,
    /// A defect planted into the traffic. Default: none.
    pub mutant: Option<Mutant>,
    /// Whether to judge the invariants alone. Default: false.
    pub invariants_only: bool,
    /// Whether to go on after a violation. Default: false.
    pub keep_going: bool,
    /// The engine that stores. Default: [`EngineKind::Light`].
    pub engine: EngineKind,
    /// Whether to hunt: most seeds change a plan that met something rare, instead of drawing one.
    /// With more than one job, which plan that is depends on which run ends first. Default: false.
    pub hunt: bool,
}

impl Campaign {
    /// A campaign of `seeds` seeds, starting at 0, with the defaults of every field.
    #[must_use]
    pub fn new(design: Design, profile: Profile, seeds: u64) -> Campaign {
        Campaign {
            design,
            profile,
            from: 0,
            seeds,
            shards: 1,
            shard: 0,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            time_budget: None,
            mutant: None,
            invariants_only: false,
            keep_going: false,
            engine: EngineKind::default(),
            hunt: false,
        }
    }

    /// The plan that is drawn from a seed.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = self.profile.plan(seed, self.design);
        plan.mutant = self.mutant;
        plan.invariants_only = self.invariants_only;
        plan
    }

    /// Runs the campaign. `watch` is called before each seed and from time to time in it, from several
    /// threads, and stops the campaign by returning false.
    pub fn run(&self, watch: &(dyn Fn(&CampaignProgress) -> bool + Sync)) -> CampaignReport {
        warm_up();
        let running = Running {
            campaign: self,
            watch,
            began: Instant::now(),
            next: AtomicU64::new(self.shard),
            stopped: AtomicBool::new(false),
            summary: Mutex::default(),
            pool: Mutex::default(),
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| while running.run_next() {});
            }
        });
        let Running { began, summary, .. } = running;
        let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        summary.elapsed = began.elapsed();
        summary.failures.sort_by_key(|failure| failure.seed);
        summary
    }
}

/// A campaign under way.
struct Running<'a> {
    campaign: &'a Campaign,
    watch: &'a (dyn Fn(&CampaignProgress) -> bool + Sync),
    began: Instant,
    /// The index of the next seed.
    next: AtomicU64,
    stopped: AtomicBool,
    summary: Mutex<CampaignReport>,
    pool: Mutex<Pool>,
}

impl Running<'_> {
    /// The plan of a seed: the one that is drawn from it or, in a hunt, one that it changes.
    fn plan(&self, seed: u64) -> Plan {
        let drawn = self.campaign.plan(seed);
        if self.campaign.hunt { lock(&self.pool).plan(drawn) } else { drawn }
    }

    fn is_late(&self) -> bool {
        self.campaign.time_budget.is_some_and(|budget| self.began.elapsed() >= budget)
    }

    /// Whether there is time, and the caller wants more.
    fn goes_on(&self) -> bool {
        if self.is_late() {
            lock(&self.summary).out_of_time = true;
            return false;
        }
        let progress = lock(&self.summary).progress();
        if (self.watch)(&CampaignProgress { elapsed: self.began.elapsed(), ..progress }) {
            return true;
        }
        lock(&self.summary).interrupted = true;
        self.stop();
        false
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Runs the next seed, and returns whether another one may follow.
    fn run_next(&self) -> bool {
        let Campaign { shards, seeds, from, engine, keep_going, .. } = *self.campaign;
        let index = self.next.fetch_add(shards.max(1), Ordering::Relaxed);
        if index >= seeds || self.stopped.load(Ordering::Relaxed) || !self.goes_on() {
            return false;
        }
        let seed = from + index;
        let plan = self.plan(seed);
        let Some(report) = run_while(&plan, engine, || self.goes_on()) else {
            return false;
        };
        if self.campaign.hunt {
            lock(&self.pool).learn(&plan, &report);
        }
        if report.given_up || report.violation.is_some() && !keep_going {
            self.stop();
        }
        lock(&self.summary).add(plan, report);
        true
    }
}

/// How far a campaign has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct CampaignProgress {
    /// The number of seeds that have run.
    pub seeds: u64,
    /// The simulated time of all runs.
    pub simulated: Duration,
    /// The number of faults that struck and of incidents that happened.
    pub faults: u64,
    /// The number of seeds that failed.
    pub failures: usize,
    /// The time since the campaign began.
    pub elapsed: Duration,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct FailedSeed {
    /// The seed.
    pub seed: u64,
    /// Its plan.
    pub plan: Plan,
    /// The violation.
    pub violation: Violation,
    /// The report on its run.
    pub report: RunReport,
}

/// The report on a campaign.
#[derive(Clone, Debug, Default)]
pub struct CampaignReport {
    /// The number of seeds that ran.
    pub seeds: u64,
    /// The number of calls that the engine answered.
    pub requests: u64,
    /// The simulated time of all runs.
    pub simulated: Duration,
    /// How long the campaign took.
    pub elapsed: Duration,
    /// How often each kind of fault struck, in the order of [`FAULTS`].
    pub faults: [u64; FAULTS.len()],
    /// How often each kind of incident happened, in the order of [`HAPPENINGS`].
    pub happenings: [u64; HAPPENINGS.len()],
    /// How many seeds reached each coverage mark that was reached.
    pub marks: BTreeMap<&'static str, u64>,
    /// How many seeds met each cell of coverage that was met.
    pub cells: BTreeMap<Cell, u64>,
    /// The fingerprints of the logs: as many as seeds, unless two ran alike.
    pub digests: BTreeSet<u64>,
    /// The sum of all logs' fingerprints: it is the same for the same seeds in every order,
    /// process and build.
    pub fingerprint: u64,
    /// The seeds that failed.
    pub failures: Vec<FailedSeed>,
    /// Whether the time budget ran out before all seeds had run.
    pub out_of_time: bool,
    /// Whether the caller stopped the campaign.
    pub interrupted: bool,
}

impl CampaignReport {
    fn progress(&self) -> CampaignProgress {
        CampaignProgress {
            seeds: self.seeds,
            simulated: self.simulated,
            faults: self.faults.iter().chain(&self.happenings).sum(),
            failures: self.failures.len(),
            elapsed: Duration::ZERO,
        }
    }

    fn add(&mut self, plan: Plan, report: RunReport) {
        self.seeds += 1;
        self.requests += report.requests;
        self.simulated += Millis::duration(report.simulated);
        let digest = report.digest();
        self.digests.insert(digest);
        self.fingerprint = self.fingerprint.wrapping_add(digest);
        let sums = self.faults.iter_mut().zip(report.faults);
        sums.for_each(|(sum, count)| *sum += count);
        let sums = self.happenings.iter_mut().zip(report.happenings);
        sums.for_each(|(sum, count)| *sum += count);
        for mark in &report.marks {
            *self.marks.entry(mark).or_default() += 1;
        }
        for cell in &report.cells {
            *self.cells.entry(*cell).or_default() += 1;
        }
        if let Some(violation) = report.violation.clone() {
            self.failures.push(FailedSeed { seed: plan.seed, plan, violation, report });
        }
    }

    /// What each failed seed broke, in the order of seeds.
    #[must_use]
    pub fn breaches(&self) -> Vec<Breach> {
        self.failures.iter().map(|failed| failed.violation.breach).collect()
    }

    /// How many seeds reached a coverage mark.
    #[must_use]
    pub fn reached(&self, mark: Mark) -> u64 {
        self.marks.get(mark.name).copied().unwrap_or_default()
    }

    /// The coverage marks that no run reached, or too few runs, and the kinds of fault that never
    /// struck, each as a line of text. What is too few is said of swarms alone, and not of hunts: other
    /// profiles leave things out on purpose, and a hunt goes where cells are rare.
    #[must_use]
    pub fn missed(&self, campaign: &Campaign) -> Vec<String> {
        let is_drawn = campaign.profile == Profile::Swarm && !campaign.hunt;
        let tells = is_drawn && self.seeds >= ENOUGH_SEEDS;
        let marks = MARKS.iter().filter_map(|mark| match self.reached(*mark) {
            0 => Some(format!("never reached: {}", mark.name)),
            count if tells && count * 100 < self.seeds * u64::from(mark.floor) => Some(format!(
                "too rare: {} in {count} of {} seeds, and {} % are the least",
                mark.name, self.seeds, mark.floor
            )),
            _ => None,
        });
        let faults = FAULTS.iter().zip(self.faults).filter(|(_, count)| *count == 0);
        let incidents = HAPPENINGS.iter().zip(self.happenings).filter(|(_, count)| *count == 0);
        let kinds = faults.chain(incidents).map(|(kind, _)| format!("never injected: {kind}"));
        marks.chain(kinds).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A campaign of which every seed struck with everything, and reached every mark.
    fn full(seeds: u64) -> CampaignReport {
        CampaignReport {
            seeds,
            faults: [1; FAULTS.len()],
            happenings: [1; HAPPENINGS.len()],
            marks: MARKS.iter().map(|mark| (mark.name, seeds)).collect(),
            ..CampaignReport::default()
        }
    }

    fn of(profile: Profile) -> Campaign {
        Campaign::new(Design::RECOMMENDED, profile, 1)
    }

    #[test]
    fn a_mark_below_its_floor_is_missed() {
        let mark = "a page is full";
        let with = |seeds, count| {
            let mut report = full(seeds);
            report.marks.insert(mark, count);
            report
        };
        assert_eq!(with(2_000, 100).missed(&of(Profile::Swarm)), Vec::<String>::new());
        assert_eq!(
            with(2_000, 99).missed(&of(Profile::Swarm)),
            ["too rare: a page is full in 99 of 2000 seeds, and 5 % are the least"]
        );
        // Other profiles leave things out, hunts go elsewhere, and few seeds tell little.
        let hunt = Campaign { hunt: true, ..of(Profile::Swarm) };
        assert_eq!(with(2_000, 1).missed(&hunt), Vec::<String>::new());
        assert_eq!(with(2_000, 1).missed(&of(Profile::Lambda)), Vec::<String>::new());
        assert_eq!(with(1_999, 1).missed(&of(Profile::Swarm)), Vec::<String>::new());
        assert_eq!(with(1_999, 0).missed(&of(Profile::Swarm)), ["never reached: a page is full"]);
    }

    #[test]
    fn a_kind_of_fault_that_never_struck_is_missed() {
        let mut report = full(1);
        report.faults[0] = 0;
        assert_eq!(report.missed(&of(Profile::Calm)), ["never injected: lose-request"]);
    }
}
