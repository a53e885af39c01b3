//! Regression plans: each was a violation once. `gapless replay sim/tests/corpus/NAME.json`
//! repeats one.

use std::path::Path;

use gapless_sim::{Plan, run};
use serde_json::Value;

/// What each plan must show, in this order: otherwise it has become one that tries nothing.
const SHOWN: [(&str, &[&str]); 10] = [
    (
        "a-batch-of-an-earlier-run-that-is-not-settled-is-settled-by-the-next-flush",
        &[
            "producer 1: crash",
            "claimed: epoch 2",
            "producer 1: cut",
            "read slot 2 -> ·",
            "write p1.2.0 into slot 2",
        ],
    ),
    (
        "a-grace-longer-than-the-renewal-is-waited-out",
        &["given 2 [cut-reply]", "after 1 -> slots 3 to 3", "renew the lease", "void slot 2"],
    ),
    (
        "a-handler-ends-with-the-lease-while-the-store-is-silent",
        &[
            "handles group-1/p: p1.2.0 under epoch 1",
            "renew the lease if its epoch is 1 -> not applied [storm]",
            "handles group-1/p: p1.2.0 under epoch 2",
        ],
    ),
    (
        "a-handler-is-tried-again-only-after-a-look-at-the-clock",
        &["worker 2: fails at", "worker 2: freeze", "under epoch 2"],
    ),
    (
        "a-run-that-fails-with-its-clock-set-back-excuses-a-redelivery",
        &[
            "worker 1: set-clock",
            "worker 1: cut",
            "worker 1: has handled group-1/p: p1.1.1 under epoch 1",
            "worker 1: ends",
            "worker 2: handles group-1/p: p1.1.1",
        ],
    ),
    (
        // The second copy arrives while the next turn has the lease.
        "a-transaction-is-not-done-twice",
        &[
            "release the lease if its epoch is 1 and slot 2 is empty -> released",
            "epoch 2 held by w1",
            "release the lease if its epoch is 1 and slot 2 is empty -> released [duplicate]",
            "move the checkpoint to 2 if its epoch is 2, forward only -> checkpoint 2",
        ],
    ),
    (
        "a-worker-that-stops-does-not-spin",
        &["worker 3: stop for", "worker 3: stops", "worker 2: stop for"],
    ),
    (
        "an-own-lease-that-was-lost-is-not-caught-up",
        &["void slot 1 if empty -> done [lose-reply]", "-> taken: void", "epoch 2 held by w2"],
    ),
    (
        "gaps-of-a-page-are-waited-out-together",
        &[
            "given 7 [cut-reply]",
            "given 73 [cut-reply]",
            "void slot 7",
            "void slot 49 if empty",
            "handles group-1/p: p1.7.1 p1.8.1",
        ],
    ),
    (
        "the-end-of-a-delivery-is-not-told-to-a-turn-that-is-over",
        &[
            "slow-partition",
            "has handled group-1/p: p1.1.1 under epoch 1",
            "renew the lease if its epoch is 1",
            "handles group-1/p: p1.1.1 under epoch 2",
        ],
    ),
];

fn plans() -> Vec<(String, Plan)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = std::fs::read_dir(&folder).expect("the corpus is there");
    let mut plans: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let plan = Plan::from_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, plan)
        })
        .collect();
    plans.sort_by(|(one, _), (other, _)| one.cmp(other));
    plans
}

/// The lines of a log: who did what, with the answer and the fault.
fn lines(log: &str) -> Vec<String> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line of a log");
        let [who, did] = ["who", "did"].map(|name| line[name].as_str().unwrap_or_default());
        let answer = line["answer"].as_str().map_or(String::new(), |it| format!(" -> {it}"));
        let fault = line["fault"].as_str().map_or(String::new(), |it| format!(" [{it}]"));
        format!("{who}: {did}{answer}{fault}")
    };
    log.lines().skip(1).map(line).collect()
}

#[test]
fn what_was_a_violation_once_is_tried_again_and_is_none_any_more() {
    let plans = plans();
    let names: Vec<_> = plans.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, SHOWN.map(|(name, _)| name), "each plan must show something");
    for ((name, plan), (_, shown)) in plans.iter().zip(SHOWN) {
        let report = run(plan);
        assert_eq!(report.violation, None, "{name}");
        let lines = lines(&report.log);
        let mut left = lines.iter();
        for phrase in shown {
            let found = left.any(|line| line.contains(phrase));
            assert!(found, "{name} shows no `{phrase}` there:\n{}", lines.join("\n"));
        }
    }
}

#[test]
fn a_plan_survives_being_written_and_read() {
    for (name, plan) in plans() {
        assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan, "{name}");
    }
}
