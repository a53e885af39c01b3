//! Reports of runs that never change, word for word: texts and drawings. `GAPLESS_REWRITE=1`
//! writes the files in `tests/testdata/` anew.

use std::path::Path;

use crate::commands::{folder, gapless, on};
use crate::scaling;

/// A key in each quarter of the hashes.
const EVENTS: &str = r#"{"id":"a"}
{"id":"b"}
{"id":"c"}
{"id":"d"}
{"id":"e"}
{"id":"f"}
"#;

/// Compares a text with the one that is kept.
#[track_caller]
fn assert_kept(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata").join(name);
    if std::env::var_os("GAPLESS_REWRITE").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).expect("it can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} differs; GAPLESS_REWRITE=1 writes it anew. Now:\n\n{text}");
}

/// What a command prints that finds a violation.
fn printed(folder: &Path, args: &str) -> String {
    let args: Vec<_> = args.split(' ').collect();
    let found = gapless(folder, &args).assert().code(1);
    String::from_utf8(found.get_output().stdout.clone()).expect("text")
}

#[test]
fn a_counterexample_is_replayed_and_drawn_as_it_was() {
    let folder = folder();
    let path = folder.path();
    printed(path, "check wait-at-gaps --bounds tiny --property P1 --trace .");
    let text = printed(path, "check --replay wait-at-gaps-P1.ndjson --svg .");
    assert_kept("check-replay.txt", &text);
    let svg = std::fs::read_to_string(path.join("wait-at-gaps-P1.svg")).expect("a drawing");
    assert_kept("check-replay.svg", &svg);
}

#[test]
fn a_lineage_is_drawn_as_it_was() {
    let folder = folder();
    let does = |args: &str| {
        let args: Vec<_> = args.split(' ').collect();
        let done = on(folder.path(), &args).write_stdin(EVENTS).assert().code(0);
        String::from_utf8(done.get_output().stdout.clone()).expect("text")
    };
    does("init --lease 1s --grace 100ms");
    does("append --key id --batch 1");
    does("consume --group billing");
    does("split p --into 4");
    does("append --key id --batch 1");
    does("merge p00 p01");
    does("append --key id --batch 1");
    does("consume --group search");
    does("append --key id --batch 1");
    assert_kept("partitions.txt", &does("partitions"));
    assert_kept("partitions.dot", &does("partitions --dot"));
    assert_kept("partitions.json", &does("partitions --json --group search"));
}

/// Everything was appended just now, so each average is a count over its window.
#[test]
fn decisions_are_explained_as_they_were() {
    let folder = scaling::busy();
    assert_kept("scale.txt", &scaling::scaled(folder.path(), "--dry-run"));
}

#[cfg(madsim)]
#[test]
fn a_run_is_replayed_as_it_was() {
    let folder = folder();
    let path = folder.path();
    printed(path, "sim seed --from 0 --seeds 1 --shrink 0 --out .");
    assert_kept("replay.txt", &printed(path, "replay seed-0.ndjson"));
}
