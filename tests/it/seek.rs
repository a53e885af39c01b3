//! `gapless seek`: checkpoints moved by hand.

use std::path::Path;

use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};

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
