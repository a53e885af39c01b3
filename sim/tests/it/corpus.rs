//! Regression plans: each was a violation once. `gapless replay sim/tests/corpus/NAME.json`
//! repeats one.

use std::path::Path;

use gapless_sim::{Plan, run};

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

#[test]
fn what_was_a_violation_once_is_none_any_more() {
    let plans = plans();
    assert!(plans.len() >= 4, "the corpus should not shrink");
    for (name, plan) in plans {
        let report = run(&plan);
        assert_eq!(report.violation, None, "{name}");
        assert!(report.requests > 0, "{name}");
    }
}

#[test]
fn a_plan_survives_being_written_and_read() {
    for (name, plan) in plans() {
        assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan, "{name}");
    }
}
