//! `gapless scale`: what is decided and why, what is done, and what is refused.

use std::path::Path;

use predicates::str::{contains, is_empty};
use serde_json::Value;

use crate::commands::{folder, on};

/// Thresholds for what a test appends within a moment.
const LOW: &str = "--split-above 0.1 --merge-below 0.025";

/// A stream in four partitions, one of which is busy with keys that a split divides.
pub fn busy() -> tempfile::TempDir {
    let folder = folder();
    let path = folder.path();
    on(path, &["init", "--partitions", "4", "--grace", "100ms"]).assert().code(0);
    // Of the others, each has a key.
    let mut lines: Vec<_> = ["a", "c", "e"].map(|key| format!(r#"{{"id":"{key}"}}"#)).into();
    for _ in 0..8 {
        lines.extend(["b", "d", "f", "g", "i"].map(|key| format!(r#"{{"id":"{key}"}}"#)));
    }
    let append = ["append", "--key", "id", "--batch", "1"];
    on(path, &append).write_stdin(lines.join("\n")).assert().code(0);
    folder
}

/// What `gapless scale` prints with these options.
pub fn scaled(folder: &Path, options: &str) -> String {
    // A stream keeps as many partitions as it began with, unless it is told otherwise.
    let least = if options.contains("--least") { "" } else { "--least 1" };
    let args = format!("scale {LOW} {least} {options}");
    let args: Vec<_> = args.split_whitespace().collect();
    let done = on(folder, &args).assert().code(0);
    String::from_utf8(done.get_output().stdout.clone()).expect("text")
}

fn open(folder: &Path) -> Vec<String> {
    let all = on(folder, &["partitions", "--json"]).assert().code(0);
    let all: Value = serde_json::from_slice(&all.get_output().stdout).expect("JSON");
    let open = all.as_array().expect("an array").iter().filter(|it| it["state"] == "open");
    open.map(|it| it["partition"].as_str().expect("an id").to_owned()).collect()
}

/// The decision and its reason, by partition.
fn decided(folder: &Path, options: &str) -> Vec<[String; 3]> {
    let said = scaled(folder, &format!("--json {options}"));
    let said: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    let rows = said["partitions"].as_array().expect("an array").iter();
    let text = |row: &Value, field: &str| row[field].as_str().expect("a text").to_owned();
    rows.map(|row| ["partition", "decision", "reason"].map(|field| text(row, field))).collect()
}

#[test]
fn a_dry_run_changes_nothing() {
    let folder = busy();
    let path = folder.path();
    let before = open(path);
    assert!(scaled(path, "--dry-run").contains("split"));
    assert_eq!(open(path), before);
}

#[test]
fn what_was_decided_is_done_once_and_then_left_to_settle() {
    let folder = busy();
    let path = folder.path();
    let done = scaled(path, "");
    assert!(
        done.contains("\nmerge p00 and p01 into p0~: done\nsplit p10 into p100 and p101: done\n"),
        "{done}"
    );
    assert_eq!(open(path), ["p0~", "p100", "p101", "p11"]);
    // A new process has no memory, and the tables have.
    let again = decided(path, "");
    assert!(again.iter().all(|[_, decision, _]| decision == "keep"), "{again:?}");
    assert_eq!(again[0], ["p0~", "keep", "unmeasured"]);
    assert_eq!(open(path), ["p0~", "p100", "p101", "p11"]);
}

#[test]
fn each_decision_has_its_reason_for_machines() {
    let folder = busy();
    let said = decided(folder.path(), "--dry-run");
    let said = said.iter().map(|row| row.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        said,
        ["p00 merge quiet", "p01 merge quiet", "p10 split busy", "p11 keep other-busy"]
    );
    let said = decided(folder.path(), "--dry-run --most 4 --least 4");
    let said = said.iter().map(|row| row.join(" ")).collect::<Vec<_>>();
    assert_eq!(said, ["p00 held least", "p01 held least", "p10 held most", "p11 keep other-busy"]);
}

#[test]
fn a_group_whose_lag_grows_is_watched_between_two_looks() {
    let folder = busy();
    let path = folder.path();
    on(path, &["consume", "--group", "g"]).assert().code(0);
    let said = scaled(path, "--dry-run --json --over 50ms --group g");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let group = &said["partitions"][2]["groups"]["g"];
    assert_eq!((&group["begun"], &group["lag"]), (&true.into(), &0.into()), "{said}");
    assert_eq!(group["finished"], 0, "{said}");
}

#[test]
fn thresholds_that_do_not_fit_are_refused_and_nothing_is_changed() {
    let folder = busy();
    let path = folder.path();
    let before = open(path);
    for (args, said) in [
        ("--split-above 0", "it takes more than 0"),
        ("--split-above 1500", "at most the 1000"),
        ("--split-above fast", "write units a second, such as 500"),
        ("--split-above -1", "unexpected argument"),
        ("--merge-below 200", "so 125 here"),
        ("--most 0", "--most"),
        ("--at-once 0", "--at-once"),
        ("--most 8 --least 9", "at least 9 partitions and at most 8"),
        ("--every 10s", "--follow"),
        ("--ignore-lag --behind 1m", "cannot be used with"),
        ("--over 1ms", "at least 10ms"),
        ("--split-cooldown soon", "--split-cooldown"),
    ] {
        let args = format!("scale {args}");
        let args: Vec<_> = args.split(' ').collect();
        let refused = on(path, &args).assert().code(2).stdout(is_empty());
        let told = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        let told = told.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(said), "{args:?}: {told}");
    }
    assert_eq!(open(path), before);
}

/// Two scalers, or a split by hand, can exceed a cap. Merges bring the stream below it again.
#[test]
fn a_cap_that_is_exceeded_holds_back_splits_alone() {
    let folder = busy();
    let path = folder.path();
    let args = format!("scale {LOW} --dry-run --most 3 --json");
    let args: Vec<_> = args.split(' ').collect();
    let done = on(path, &args).assert().code(0);
    done.stderr(contains("the stream has 4 open partitions, more than --most 3"));
    let said = decided(path, "--dry-run --most 3");
    let said = said.iter().map(|row| row.join(" ")).collect::<Vec<_>>();
    assert_eq!(
        said,
        ["p00 merge quiet", "p01 merge quiet", "p10 held most", "p11 keep other-busy"]
    );
}

/// What is to be done once does not depend on what reads of it.
#[test]
fn what_was_decided_is_done_although_the_output_is_closed() {
    let folder = busy();
    let path = folder.path();
    let args = format!("scale {LOW} --least 1 --embedded s.db");
    let mut scale = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    let scale = scale.current_dir(path).args(args.split(' ')).stdout(std::process::Stdio::piped());
    let mut running = scale.spawn().expect("it starts");
    drop(running.stdout.take());
    assert!(running.wait().expect("it ends").success());
    assert_eq!(open(path), ["p0~", "p100", "p101", "p11"]);
}

#[test]
fn a_stream_of_single_keys_cannot_be_scaled() {
    let folder = folder();
    let path = folder.path();
    on(path, &["scale"]).assert().code(2).stderr(contains("no file s.db"));
    on(path, &["init", "--partitions", "each-key"]).assert().code(0);
    on(path, &["scale"]).assert().code(2).stderr(contains("can be neither split nor"));
}
