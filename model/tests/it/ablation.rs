//! The ablation table: each named design breaks what it is declared to break, and nothing else;
//! and how it does so, in words that are kept in `testdata/`.
//!
//! One fault is enough to tell nearly every design apart, and two the others; `gapless check --all`
//! searches every design with two. A lineage shows with one key most of what is wrong; all of it is
//! found by `gapless check --all --bounds family`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::common::{ONE_KEY, run, task};
use gapless_model::Invariant;
use gapless_model::check::{Bounds, Report, Task, Trace, glossary, replay};
use gapless_model::design::{AXES, Axis, Design, LINEAGE, NAMED, Named, all};

/// Every named design, checked once for all these tests.
static REPORTS: LazyLock<Vec<(&Named, Report)>> = LazyLock::new(|| {
    let within = |known: &'static Named, bounds| {
        run(&Task { name: known.name.to_owned(), ..task(known.design, bounds) })
    };
    let fixed = NAMED.iter().map(|known| {
        let report = within(known, Bounds::TINY);
        let missed = report.violated().len() < known.breaks.len();
        (known, if missed { within(known, Bounds::DEFAULT) } else { report })
    });
    let lineage = LINEAGE.iter().map(|known| {
        let report = within(known, ONE_KEY);
        let missed = report.violated().is_empty() && !known.breaks.is_empty();
        (known, if missed { within(known, Bounds { merges: 0, ..Bounds::FAMILY }) } else { report })
    });
    fixed.chain(lineage).collect()
});

/// Every counterexample, by the name of its golden file.
fn counterexamples() -> impl Iterator<Item = (String, &'static Trace)> {
    REPORTS.iter().flat_map(|(known, report)| {
        let named = |(invariant, trace)| (format!("{}-{invariant}", known.name), trace);
        report.counterexamples().into_iter().map(named)
    })
}

#[test]
fn every_named_design_has_its_declared_verdict() {
    for (known, report) in REPORTS.iter() {
        let declared: BTreeSet<Invariant> = known.breaks.iter().copied().collect();
        let broken: BTreeSet<Invariant> = report.violated().into_iter().collect();
        if LINEAGE.iter().any(|lineage| lineage.name == known.name) {
            assert!(broken.is_subset(&declared), "{}: {broken:?}", known.name);
            assert_eq!(broken.is_empty(), declared.is_empty(), "{}", known.name);
        } else {
            assert_eq!(broken, declared, "{}", known.name);
        }
    }
}

#[test]
fn every_counterexample_replays_to_the_same_violation() {
    for (name, trace) in counterexamples() {
        let replayed = replay(&trace.to_ndjson()).expect("the log is whole");
        assert!(replayed.violated, "{name}");
        assert_eq!(replayed.decisions, trace.decisions, "{name}");
        assert_eq!(replayed.told, trace.told, "{name}");
        assert_eq!(replayed.explanation.as_ref(), Some(&trace.explanation), "{name}");
    }
}

/// `GAPLESS_REWRITE=1 cargo test -p gapless-model --features check golden` writes the files anew.
#[test]
fn every_counterexample_is_told_as_in_its_golden_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let rewrites = std::env::var_os("GAPLESS_REWRITE").is_some_and(|value| value == "1");
    let told: Vec<(String, String)> =
        counterexamples().map(|(name, trace)| (format!("{name}.txt"), words(trace))).collect();
    if rewrites {
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        for kept in kept(&folder) {
            std::fs::remove_file(folder.join(kept)).expect("an old file can be removed");
        }
        for (name, words) in &told {
            std::fs::write(folder.join(name), words).expect("the file can be written");
        }
    }
    let names: BTreeSet<String> = told.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(kept(&folder), names, "GAPLESS_REWRITE=1 writes the files anew");
    for (name, words) in told {
        let kept = std::fs::read_to_string(folder.join(&name)).expect("a text file");
        assert!(kept == words, "{name} differs; GAPLESS_REWRITE=1 writes it anew. Now:\n\n{words}");
    }
}

fn words(trace: &Trace) -> String {
    let story = trace.story();
    format!("{}\n\n{story}\n{}", trace.title(), glossary(&story))
}

/// The golden files that are there.
fn kept(folder: &std::path::Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".txt")).collect()
}

#[test]
fn every_mechanism_is_turned_back_alone_by_some_named_design() {
    // Or together with the one that it needs: no counter leaves no place for a record.
    let differs =
        |axis: &Axis, design: &Design| axis.of(design).name != axis.of(&Design::RECOMMENDED).name;
    for axis in AXES {
        let alone = all().any(|known| {
            let others = AXES.iter().filter(|other| other.name != axis.name);
            differs(axis, &known.design) && !others.into_iter().any(|o| differs(o, &known.design))
        });
        assert!(alone, "no named design turns back `{}` alone", axis.name);
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = all().map(|known| known.name).collect();
    assert_eq!(names.len(), all().count());
}
