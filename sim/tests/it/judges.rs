//! Every judge can fail: each notices a defect that is planted into the traffic. What it then says
//! is kept in `sim/testdata/`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use gapless_model::Invariant;
use gapless_model::Mutant;
use gapless_model::design::{Design, named};
use gapless_model::explanation::{Explanation, ending, paragraph};
use gapless_sim::{Breach, Campaign, FailedSeed, Profile};

/// Runs that break something, judged by everything or by the invariants alone.
fn failures(mutant: Mutant, invariants_only: bool) -> Vec<FailedSeed> {
    // Listed heads are read now and then, and few of them are old enough to matter.
    let seeds = if mutant == Mutant::EventualHeads { 320 } else { 80 };
    let mut campaign = Campaign::new(Design::RECOMMENDED, Profile::Swarm, seeds);
    (campaign.mutant, campaign.invariants_only) = (Some(mutant), invariants_only);
    campaign.keep_going = true;
    campaign.run(&|_| true).failures
}

/// What is broken where an event is hidden from its readers. A run that lacks an event waits for it for
/// as long as its patience lasts.
static EVENTS_HIDDEN: LazyLock<Vec<FailedSeed>> = LazyLock::new(|| {
    let mut campaign = Campaign::new(Design::RECOMMENDED, Profile::Swarm, 30);
    (campaign.mutant, campaign.invariants_only) = (Some(Mutant::EventHidden), true);
    campaign.keep_going = true;
    campaign.run(&|_| true).failures
});

/// The words of the first failures with a breach: all of one, and the sentences of some others.
fn words(breach: Breach, failures: &[FailedSeed]) -> String {
    const OTHERS: usize = 8;
    let mut alike = failures.iter().filter(|failed| failed.violation.breach == breach);
    let Some(FailedSeed { seed, violation, .. }) = alike.next() else { return String::new() };
    let Explanation { sentence, .. } = &violation.explanation;
    let mut words = format!("seed {seed} breaks {breach}, \"{}\"\n\n", breach.says());
    let _ = writeln!(words, "{}\n{}", paragraph("", sentence), ending(&violation.explanation));
    for FailedSeed { seed, violation, .. } in alike.take(OTHERS) {
        words += &paragraph("", &format!("seed {seed}: {}", violation.explanation.sentence));
    }
    words
}

/// Compares the words with those that are kept. `GAPLESS_REWRITE=1` writes them anew.
#[track_caller]
fn assert_kept(name: &str, words: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("{name}.txt"));
    if std::env::var_os("GAPLESS_REWRITE").is_some_and(|value| value == "1") {
        std::fs::write(&path, words).expect("it can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == words, "{name} differs; GAPLESS_REWRITE=1 writes it anew. Now:\n\n{words}");
}

/// The breach is found, and each sentence on it says all of these facts; the state follows. The
/// words are those that are kept under this name.
#[track_caller]
fn explained(name: &str, breach: Breach, failures: &[FailedSeed], facts: &[&str]) {
    assert_kept(name, &words(breach, failures));
    let found: Vec<_> = failures.iter().map(|failed| failed.violation.breach).collect();
    assert!(found.contains(&breach), "{breach} should be broken, and {found:?} are");
    for FailedSeed { seed, violation, .. } in failures {
        if violation.breach != breach {
            continue;
        }
        let Explanation { sentence, end, why } = &violation.explanation;
        for fact in facts {
            let has = fact.split('|').any(|either| sentence.contains(either));
            assert!(has, "seed {seed} lacks `{fact}`: {sentence}");
        }
        assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{sentence}");
        assert!(!sentence.contains("\":"), "raw items are no sentence: {sentence}");
        assert!(end.iter().any(|line| line.starts_with("worker 1: ")), "seed {seed}: {end:?}");
        assert_eq!(why.is_some(), breach == Breach::Invariant(Invariant::P1), "seed {seed}");
    }
}

#[track_caller]
fn noticed(breach: Breach, mutant: Mutant, invariants_only: bool, facts: &[&str]) {
    explained(mutant.name(), breach, &failures(mutant, invariants_only), facts);
}

#[track_caller]
fn invariant(invariant: Invariant, mutant: Mutant, facts: &[&str]) {
    noticed(Breach::Invariant(invariant), mutant, true, facts);
}

#[test]
fn slots_that_change_are_noticed() {
    invariant(Invariant::S1, Mutant::BlindWrites, &["Slot ", " changed at ", "producer ", "event"]);
}

#[test]
fn an_event_in_two_slots_is_noticed() {
    invariant(
        Invariant::S2,
        Mutant::RecordForgotten,
        &["Event p", " is in two slots: producer ", " wrote it into slot ", " into slot "],
    );
}

#[test]
fn a_slot_that_a_fenced_run_is_given_is_noticed() {
    invariant(
        Invariant::S2,
        Mutant::RecordUnguarded,
        &[
            "Producer ",
            " was given slot ",
            " of epoch ",
            ", although producer ",
            " had claimed it ",
        ],
    );
}

#[test]
fn an_append_that_overtakes_another_is_noticed() {
    let (name, breach) = (Mutant::NumbersSwapped.name(), Breach::Invariant(Invariant::S3));
    let failures = failures(Mutant::NumbersSwapped, true);
    // Of a named producer the next write shows it, before anything is acknowledged.
    let (named, others): (Vec<_>, Vec<_>) = failures
        .into_iter()
        .partition(|failed| failed.violation.explanation.sentence.contains("of the same input"));
    let facts = ["Event p", " was acknowledged in slot ", ", below ", " began only at "];
    explained(name, breach, &others, &facts);
    let facts = ["roducer ", " wrote event", " into slot ", ", although slot ", " holds event"];
    explained(&format!("{name}-in-an-input"), breach, &named, &facts);
}

#[test]
fn an_append_that_finds_something_where_it_expected_nothing_is_noticed() {
    // Two appends must meet within some milliseconds.
    let mut campaign = Campaign::new(Design::RECOMMENDED, Profile::Swarm, 150);
    (campaign.mutant, campaign.invariants_only) = (Some(Mutant::ExpectationUnguarded), true);
    campaign.keep_going = true;
    let failures = campaign.run(&|_| true).failures;
    let (name, breach) = (Mutant::ExpectationUnguarded.name(), Breach::Invariant(Invariant::S4));
    let (of_histories, others): (Vec<_>, Vec<_>) = failures
        .into_iter()
        .partition(|failed| failed.violation.explanation.sentence.contains("to a history of"));
    let facts = ["The append of event p", " expected nothing behind slot ", " between them."];
    explained(name, breach, &others, &facts);
    let facts = ["vent", " acknowledged in slot ", ", appended to a history of k", ", although "];
    explained(&format!("{name}-in-a-history"), breach, &of_histories, &facts);
}

#[test]
fn an_event_that_was_not_appended_there_is_noticed() {
    invariant(
        Invariant::D1,
        Mutant::EventsSwapped,
        &["Worker ", " was given event p", " for group-", "; slot ", " holds event"],
    );
}

#[test]
fn a_redelivery_without_a_reason_is_noticed() {
    invariant(
        Invariant::D2,
        Mutant::CheckpointForgotten,
        &["Worker ", " was given event", " of slot ", " for group-", " under epoch "],
    );
}

#[test]
fn an_event_below_the_checkpoint_that_was_never_delivered_is_noticed() {
    invariant(Invariant::D3, Mutant::CheckpointAhead, &["group-", "checkpoint", " slot "]);
}

#[test]
fn an_event_that_is_written_below_the_checkpoint_is_noticed() {
    let known = named("skip-gaps").expect("it has a name");
    let mut campaign = Campaign::new(known.design, Profile::Swarm, 30);
    (campaign.invariants_only, campaign.keep_going) = (true, true);
    let failures = campaign.run(&|_| true).failures;
    let facts = ["orker ", " group-", "checkpoint", "slot ", " had read past slot "];
    explained(known.name, Breach::Invariant(Invariant::D3), &failures, &facts);
}

#[test]
fn two_owners_of_an_epoch_are_noticed() {
    invariant(
        Invariant::L1,
        Mutant::EpochStandsStill,
        &[
            "Epoch ",
            "'s lease on p",
            " has two owners",
            "worker |operator ",
            " took the lease under it at ",
            " took it at ",
        ],
    );
}

#[test]
fn two_active_workers_are_noticed() {
    invariant(
        Invariant::L2,
        Mutant::LeaseTakenEarly,
        &["Worker ", " group-", " under epoch ", " deliver", " s"],
    );
}

#[test]
fn a_checkpoint_that_goes_back_is_noticed() {
    let known = named("unfenced-checkpoint").expect("it has a name");
    let mut campaign = Campaign::new(known.design, Profile::Hostile, 100);
    campaign.keep_going = true;
    let failures = campaign.run(&|_| true).failures;
    let facts = ["roup-", "'s checkpoint on p", " from slot ", " to slot ", " at ", "orker "];
    explained(known.name, Breach::Invariant(Invariant::L3), &failures, &facts);
}

#[test]
fn a_lost_event_is_noticed() {
    invariant(
        Invariant::P1,
        Mutant::UnknownAsDone,
        &["vent p", " acknowledged", "in no slot: it is lost"],
    );
}

#[test]
fn an_engine_that_does_something_else_is_noticed() {
    noticed(
        Breach::Refinement,
        Mutant::IncrementTwice,
        false,
        &["The store answered producer ", " to raise the head", ", where the specification says "],
    );
}

#[test]
fn a_process_that_is_told_something_else_is_noticed() {
    noticed(
        Breach::Machine,
        Mutant::RefusalAsDone,
        false,
        &[
            " told its machine that the store answered its request to ",
            ", which the store never did",
        ],
    );
}

#[test]
fn reads_that_should_be_consistent_are_noticed() {
    for mutant in [Mutant::EventualItems, Mutant::EventualStandings] {
        let facts = [" sent an eventually consistent read at ", "counts on a consistent one: "];
        noticed(Breach::Machine, mutant, false, &facts);
    }
}

/// What they are shown makes a difference, whatever they are judged by.
#[test]
fn single_items_that_lag_lead_to_errors() {
    let found: Vec<_> =
        failures(Mutant::EventualItems, true).iter().map(|it| it.violation.breach).collect();
    assert!(found.contains(&Breach::Error), "{found:?}");
}

#[test]
fn a_worker_that_has_not_caught_up_and_says_so_is_noticed() {
    invariant(
        Invariant::P1,
        Mutant::EventualHeads,
        &[
            "Worker ",
            " said at ",
            " that it had caught up for group-",
            " was not delivered to group-",
        ],
    );
}

#[test]
fn what_an_audit_finds_beside_live_traffic_is_noticed() {
    let failures = &EVENTS_HIDDEN;
    explained(
        Mutant::EventHidden.name(),
        Breach::Audit,
        failures,
        &["An audit of the tables found a violation: "],
    );
    for FailedSeed { seed, violation, .. } in failures.iter() {
        if violation.breach != Breach::Audit {
            continue;
        }
        // The state is that of the partition and the slot that the finding names.
        let Explanation { sentence, end, .. } = &violation.explanation;
        let mut parts = sentence.split(": ").skip_while(|part| !part.starts_with('p'));
        let (partition, rest) = (parts.next().unwrap_or_default(), parts.next());
        let heads = end.iter().filter_map(|line| line.strip_prefix("head of "));
        let heads: Vec<_> = heads.filter_map(|line| line.split([':', '…']).next()).collect();
        let is_it = |head: &&str| partition.starts_with(*head);
        assert!(heads.len() == 1 && heads.iter().all(is_it), "seed {seed}: {sentence} {end:?}");
        let slot = rest.and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
        let line = format!("slot {slot}: ");
        assert!(
            end.iter().any(|known| known.starts_with(&line)),
            "seed {seed}: {sentence} {end:?}"
        );
    }
}

#[test]
fn a_reader_that_is_not_given_an_event_is_noticed() {
    let facts = ["eader ", "vent p"];
    explained("event-hidden-from-a-reader", Breach::Reader, &EVENTS_HIDDEN, &facts);
}

#[test]
fn an_error_that_no_fault_explains_is_noticed() {
    noticed(
        Breach::Error,
        Mutant::ForeignVersion,
        true,
        &["Worker |Operator ", " met an error that no fault explains: ", "version 3 of the format"],
    );
}

#[test]
fn an_event_that_no_worker_gets_to_is_explained_by_what_the_workers_do() {
    let known = named("wait-at-gaps").expect("it has a name");
    let mut campaign = Campaign::new(known.design, Profile::Swarm, 30);
    campaign.keep_going = true;
    let failures = campaign.run(&|_| true).failures;
    let facts = ["Event p", ", acknowledged at ", " and stored in slot ", " was not delivered to "];
    explained(known.name, Breach::Invariant(Invariant::P1), &failures, &facts);
    let why = failures[0].violation.explanation.why.as_deref().unwrap_or_default();
    for fact in ["'s checkpoint on p", " before it is empty", "Worker ", " last at "] {
        assert!(why.contains(fact), "{why}");
    }
}
