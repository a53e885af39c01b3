//! Some seeds of each profile, where CI runs thousands: the recommended design survives them, the
//! first draft doesn't, and mechanisms that are disabled are noticed.

use gapless_model::Invariant;
use gapless_model::design::{Design, NAMED, named};
use gapless_sim::{
    Breach, Campaign, CampaignReport, EngineKind, HintSource, Lifetime, Millis, Profile, run,
    shrink,
};

fn ran(design: Design, profile: Profile, seeds: u64) -> CampaignReport {
    Campaign::new(design, profile, seeds).run(&|_| true)
}

#[track_caller]
fn assert_sound(summary: &CampaignReport) {
    let failures: Vec<_> =
        summary.failures.iter().map(|failed| (failed.seed, &failed.violation)).collect();
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn the_recommended_design_survives_a_swarm_of_faults() {
    let summary = ran(Design::RECOMMENDED, Profile::Swarm, 150);
    assert_sound(&summary);
    assert_eq!(summary.digests.len() as u64, summary.seeds, "no two seeds run alike");
}

#[test]
fn the_recommended_design_survives_every_fault_and_any_clock() {
    assert_sound(&ran(Design::RECOMMENDED, Profile::Hostile, 100));
}

#[test]
fn the_recommended_design_survives_in_short_lived_workers() {
    assert_sound(&ran(Design::RECOMMENDED, Profile::Lambda, 100));
}

#[test]
fn without_faults_nothing_is_ever_redelivered_or_voided() {
    let summary = ran(Design::RECOMMENDED, Profile::Calm, 50);
    assert_sound(&summary);
    assert_eq!(summary.faults.iter().sum::<u64>(), 0);
    assert!(!summary.marks.contains_key("a writer finds its own write"));
}

#[test]
fn a_worker_that_looks_for_work_minutes_late_breaks_p1() {
    let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
    for worker in &mut plan.workers {
        (worker.sweep, worker.hints) = (Millis(240_000), HintSource::None);
        worker.life = Lifetime::Standing;
    }
    let violation = run(&plan).violation.expect("its patience is shorter");
    assert_eq!(violation.breach, Breach::Invariant(Invariant::P1));
}

/// Without faults no hint is lost, so sweeps are not needed but for the first one.
fn finds_work_by_hints_alone(hints: HintSource) {
    for seed in 0..60 {
        let mut plan = Profile::Calm.plan(seed, Design::RECOMMENDED);
        for worker in &mut plan.workers {
            (worker.sweep, worker.hints) = (Millis(240_000), hints);
            worker.life = Lifetime::Standing;
        }
        assert_eq!(run(&plan).violation, None, "seed {seed}");
    }
}

#[test]
fn a_worker_finds_all_work_by_hints_of_the_tables_stream_alone() {
    finds_work_by_hints_alone(HintSource::TableStream);
}

#[test]
fn a_worker_finds_all_work_by_hints_of_the_queue_alone() {
    finds_work_by_hints_alone(HintSource::Queue);
}

#[test]
fn a_hunt_of_one_job_repeats_and_runs_other_plans_than_are_drawn() {
    let mut campaign = Campaign::new(Design::RECOMMENDED, Profile::Swarm, 64);
    campaign.jobs = 1;
    let drawn = campaign.run(&|_| true);
    campaign.hunt = true;
    let (hunted, again) = (campaign.run(&|_| true), campaign.run(&|_| true));
    assert_sound(&hunted);
    assert_eq!(hunted.digests, again.digests);
    // The first fifty are drawn, and of the others one in four.
    let common = drawn.digests.intersection(&hunted.digests).count();
    assert!((50..60).contains(&common), "{common} of 64 plans are those that are drawn");
}

#[test]
fn every_design_that_is_declared_to_hold_survives() {
    for known in NAMED.iter().filter(|known| known.breaks.is_empty()) {
        let summary = ran(known.design, Profile::Swarm, 8);
        let failures: Vec<_> =
            summary.failures.iter().map(|failed| (failed.seed, &failed.violation)).collect();
        assert!(failures.is_empty(), "{}: {failures:?}", known.name);
    }
}

#[test]
fn the_first_draft_fails_within_a_hundred_seeds_and_is_shrunk() {
    let mut campaign = Campaign::new(Design::SEED, Profile::Swarm, 100);
    campaign.jobs = 1;
    let summary = campaign.run(&|_| true);
    let failed = summary.failures.first().expect("the draft is wrong");
    let plan = campaign.plan(failed.seed);
    let small = shrink(&plan, &failed.report, 1500, |_| true).expect("it failed");
    let breach =
        |violation: &Option<gapless_sim::Violation>| violation.as_ref().map(|found| found.breach);
    assert_eq!(breach(&small.report.violation), Some(failed.violation.breach));
    assert!(small.plan.incidents.len() <= plan.incidents.len());
    let strikes = small.plan.strikes.as_ref().expect("what struck is written down");
    assert!(strikes.len() + small.plan.incidents.len() <= 4, "{:?}", small.plan);
    let told = small.report.log.lines().filter(|line| !line.contains(r#""looks":true"#)).count();
    assert!(told < 60, "seed {}: {told} steps do not fit a screen", failed.seed);
}

#[test]
fn the_light_engine_answers_as_dynoxide_does() {
    for profile in [Profile::Swarm, Profile::Hostile] {
        for design in ["recommended", "transaction", "no-counter", "observer", "wake-counter"] {
            let known = named(design).expect("it has a name");
            let mut campaign = Campaign::new(known.design, profile, 8);
            campaign.engine = EngineKind::Both;
            assert_sound(&campaign.run(&|_| true));
        }
    }
}

#[test]
fn a_mechanism_that_is_disabled_is_noticed() {
    for (design, breach) in [
        ("skip-gaps", Invariant::D3),
        ("read-then-set", Invariant::L1),
        ("wait-at-gaps", Invariant::P1),
        ("blind-slots", Invariant::S1),
    ] {
        let known = named(design).expect("it has a name");
        let mut campaign = Campaign::new(known.design, Profile::Swarm, 40);
        campaign.keep_going = true;
        let failures = campaign.run(&|_| true).breaches();
        let found = failures.contains(&Breach::Invariant(breach));
        assert!(found, "{design} should break {breach} and breaks {failures:?}");
    }
}
