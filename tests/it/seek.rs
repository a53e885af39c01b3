//! `gapless seek`: checkpoints moved by hand.

use std::path::Path;

use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use serde_json::Value;

use crate::commands::{EVENTS, on, stream};

/// How many events the group `g` is given until it has caught up.
fn consumed(folder: &Path) -> usize {
    let consumed = on(folder, &["consume", "--group", "g"]).assert().code(0);
    String::from_utf8_lossy(&consumed.get_output().stdout).lines().count()
}

fn seek(folder: &Path, options: &[&str]) -> assert_cmd::assert::Assert {
    on(folder, &[&["seek", "--group", "g"], options].concat()).assert()
}

#[test]
fn events_are_delivered_again_or_skipped() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    assert_eq!(consumed(path), 3);
    seek(path, &["--to", "start", "--dry-run"]).code(0).stdout(contains("delivered again"));
    assert_eq!(consumed(path), 0, "a dry run moves nothing");
    seek(path, &["--to", "start"]).code(0).stdout(contains("delivered again"));
    assert_eq!(consumed(path), 3);
    seek(path, &["--to", "2000-01-01T00:00:00Z", "--json"]).code(0).stdout(contains(r#""to":0"#));
    for (options, said) in [
        (&["--to", "17", "--partition", "p0"][..], "behind the end"),
        (&["--to", "end", "--partition", "p01"], "not a partition"),
    ] {
        seek(path, options).code(2).stdout(is_empty()).stderr(contains(said));
    }
    seek(path, &["--to", "end"]).code(0).stdout(contains("skipped"));
    assert_eq!(consumed(path), 0);
}

#[test]
fn a_new_group_begins_at_the_end() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    seek(path, &["--to", "end", "--new"]).code(0).stdout(contains("skipped"));
    assert_eq!(consumed(path), 0);
    seek(path, &["--to", "end", "--new"]).code(0).stdout(contains("skipped").not());
}

#[test]
fn no_checkpoint_is_moved_while_a_worker_has_a_lease() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    // The handler fails, and its lease is left to end.
    let failing = ["consume", "--group", "g", "--exec", "exit 1", "--attempts", "1"];
    on(path, &failing).assert().code(2);
    seek(path, &["--to", "end"])
        .code(2)
        .stdout(is_empty())
        .stderr(contains("holds the lease").and(contains("stop the group")));
    // What is in its place needs no lease.
    seek(path, &["--to", "start"]).code(0).stdout(contains("nothing"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = stream();
    let path = folder.path();
    for (options, said) in [
        (&["--to", "17"][..], "give --partition"),
        (&["--to", "end"], "has no checkpoint"),
        (&["--to", "2999-01-01T00:00:00Z", "--new"], "nothing was written"),
        (&["--to", "end", "--new", "--dry-run"], "cannot be used with"),
        (&["--to", "yesterday"], "a slot or a time"),
        (&[], "--to"),
    ] {
        seek(path, options).code(2).stdout(is_empty()).stderr(contains(said));
    }
}

/// What a dry run says is what is done, and what is delivered again.
#[test]
fn a_move_back_shows_what_came_of_the_partition_as_well() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    on(path, &["split", "p0"]).assert().code(0);
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    assert_eq!(consumed(path), 6);
    let moved = |options: &str| {
        let options: Vec<_> = options.split(' ').chain(["--json"]).collect();
        let said = seek(path, &options).code(0);
        let said: Value = serde_json::from_slice(&said.get_output().stdout).expect("JSON");
        let rows = said["checkpoints"].as_array().expect("an array").iter();
        rows.map(|it| format!("{} {}-{}", it["partition"], it["from"], it["to"]))
            .collect::<Vec<_>>()
    };
    // Nothing is moved, so nothing goes along.
    let end = moved("--partition p0 --to end --dry-run");
    assert_eq!(end.len(), 1, "{end:?}");
    let planned = moved("--partition p0 --to start --dry-run");
    let names: Vec<_> = planned.iter().map(|it| it.split_once(' ').expect("a range").0).collect();
    assert_eq!(names, [r#""p0""#, r#""p00""#, r#""p01""#]);
    assert!(planned.iter().all(|it| it.ends_with("-0")), "{planned:?}");
    assert_eq!(moved("--partition p0 --to start"), planned);
    let again = moved("--partition p0 --to start --dry-run");
    assert!(again.iter().all(|it| it.ends_with("0-0")), "{again:?}");
    assert_eq!(consumed(path), events_of_p0(path));
}

/// How many events are in `p0` and what came of it.
fn events_of_p0(folder: &Path) -> usize {
    let read = on(folder, &["read", "--partition", "p0"]).assert().code(0);
    String::from_utf8_lossy(&read.get_output().stdout).lines().count()
}
