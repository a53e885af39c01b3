//! `gapless check --checkpoint`: a search that is interrupted, killed or ended by a limit goes on
//! where it was, and ends as it would have.

use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;

/// A search of a second or more. P1 is left out, since its judgement is never kept.
const SEARCH: [&str; 14] = [
    "check",
    "recommended",
    "--threads",
    "2",
    "--json",
    "r.json",
    "--property",
    "S1",
    "--property",
    "D2",
    "--property",
    "L2",
    "--property",
    "L3",
];

fn gapless(folder: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
    command
}

fn asserted(folder: &Path, options: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = gapless(folder);
    command.args(options);
    assert_cmd::Command::from_std(command).assert()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// What a search found, without what differs from run to run.
fn found(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("r.json")).expect("written");
    let mut results: Value = serde_json::from_str(&text).expect("JSON");
    let check = results["checks"][0].as_object_mut().expect("a check");
    check.remove("seconds").and(check.remove("peak-memory-bytes")).expect("measured");
    results
}

/// What the search finds without a break.
fn unbroken() -> &'static Value {
    static UNBROKEN: OnceLock<Value> = OnceLock::new();
    UNBROKEN.get_or_init(|| {
        let folder = folder();
        asserted(folder.path(), &SEARCH).code(0);
        found(folder.path())
    })
}

/// Starts the search, and waits until a checkpoint was written while it goes on.
fn started(folder: &Path) -> Child {
    let mut command = gapless(folder);
    command.args(SEARCH).args(["--checkpoint", "kept", "--checkpoint-every", "50ms"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    await_checkpoint(folder);
    child
}

fn await_checkpoint(folder: &Path) {
    let began = Instant::now();
    while !folder.join("kept").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint was written");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status: ExitStatus| status.success()));
}

/// The files in a folder, but not what a kill in the middle of a checkpoint may leave behind.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| !name.ends_with(".partial")).collect();
    names.sort();
    names
}

#[test]
fn a_search_goes_on_after_ctrl_c_and_its_file_is_removed_in_the_end() {
    let folder = folder();
    let child = started(folder.path());
    signal(&child, "-INT");
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("not exhaustive: the search was interrupted"), "{told}");
    assert!(told.contains("kept in kept: the same command goes on from there"), "{told}");
    let reached = found(folder.path())["checks"][0]["unique-states"].clone();
    let same = [&SEARCH[..], &["--checkpoint", "kept"]].concat();
    asserted(folder.path(), &same)
        .code(0)
        .stdout(contains("went on from kept, which had").and(contains("the same command").not()));
    let unbroken = unbroken();
    assert_eq!(found(folder.path()), *unbroken);
    assert!(reached.as_u64() < unbroken["checks"][0]["unique-states"].as_u64());
    assert_eq!(files(folder.path()), ["r.json"]);
}

#[test]
fn a_search_goes_on_after_a_kill_from_its_last_checkpoint() {
    let folder = folder();
    let mut child = started(folder.path());
    signal(&child, "-KILL");
    assert_eq!(child.wait().expect("it is gone").code(), None);
    assert_eq!(files(folder.path()), ["kept"]);
    let same = [&SEARCH[..], &["--checkpoint", "kept"]].concat();
    asserted(folder.path(), &same).code(0).stdout(contains("went on from kept, which had"));
    assert_eq!(found(folder.path()), *unbroken());
    assert_eq!(files(folder.path()), ["r.json"]);
}

#[test]
fn a_search_in_slices_of_time_ends_as_without_a_limit() {
    let folder = folder();
    let slice = [&SEARCH[..], &["--checkpoint", "kept", "--timeout", "400ms"]].concat();
    let mut slices = 0;
    while asserted(folder.path(), &slice).get_output().status.code() == Some(3) {
        slices += 1;
        assert_eq!(found(folder.path())["checks"][0]["ended"], "timeout");
        assert_eq!(files(folder.path()), ["kept", "r.json"]);
        assert!(slices < 100, "it does not get on");
    }
    assert!(slices > 0, "the first slice was enough");
    assert_eq!(found(folder.path()), *unbroken());
    assert_eq!(files(folder.path()), ["r.json"]);
}

#[test]
fn a_memory_limit_keeps_the_search_too_and_more_memory_goes_on() {
    let folder = folder();
    let same = [&SEARCH[..], &["--checkpoint", "kept"]].concat();
    let little = [&same[..], &["--max-memory", "30MiB"]].concat();
    asserted(folder.path(), &little).code(3).stdout(contains("kept in kept"));
    asserted(folder.path(), &same).code(0).stdout(contains("went on from kept"));
    assert_eq!(found(folder.path()), *unbroken());
}

#[test]
fn a_violation_exits_with_1_as_ever_and_the_file_is_removed() {
    let folder = folder();
    let check = ["check", "seed", "--bounds", "tiny", "--checkpoint", "kept"];
    asserted(folder.path(), &check).code(1).stdout(contains("seed breaks P1"));
    assert!(files(folder.path()).is_empty());
}

/// That a folder is missing is known before the search. That a disk is full shows only after it.
#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_leave_the_file() {
    let folder = folder();
    let check = ["check", "--bounds", "tiny", "--checkpoint", "kept", "--json", "/dev/full"];
    asserted(folder.path(), &check).code(2).stderr(contains("cannot write /dev/full"));
    assert_eq!(files(folder.path()), ["kept"]);
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_is_left_alone() {
    let folder = folder();
    let refused = |options: &[&str], file: &str| {
        let check = [&["check", "--bounds", "tiny", "--checkpoint", file], options].concat();
        asserted(folder.path(), &check).code(2)
    };
    let half = ["check", "--checkpoint", "kept", "--timeout", "300ms", "--property", "L3"];
    asserted(folder.path(), &half).code(3);
    let kept = fs::read(folder.path().join("kept")).expect("kept");
    refused(&[], "kept").stderr(
        contains("cannot go on from kept")
            .and(contains("faults is 2 there and 1 here"))
            .and(contains("nothing was overwritten; give the options of the search")),
    );
    for (name, text, why) in [
        ("notes", &b"buy milk\n"[..], "it is not a checkpoint file"),
        ("empty", b"", "it is not a checkpoint file"),
        ("cut", &kept[..kept.len() / 2], "damaged or cut short"),
        ("later", b"gapless-checkpoint 3 00000000\n", "it has format 3"),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
        let half = ["check", "--property", "L3", "--checkpoint", name];
        asserted(folder.path(), &half).code(2).stderr(contains(why));
        assert_eq!(fs::read(folder.path().join(name)).expect("there"), text);
    }
    fs::create_dir(folder.path().join("folder")).expect("a folder");
    refused(&[], "folder").stderr(contains("folder is a folder, and --checkpoint needs a file"));
    refused(&[], "no/kept").stderr(contains("cannot write no/kept"));
    assert_eq!(fs::read(folder.path().join("kept")).expect("kept"), kept);
    assert_eq!(files(folder.path()), ["cut", "empty", "folder", "kept", "later", "notes"]);
}

#[test]
fn one_file_keeps_one_search_of_the_engine_of_gapless() {
    let folder = folder();
    let refused = |options: &[&str]| {
        let check = [&["check", "--checkpoint", "kept"], options].concat();
        asserted(folder.path(), &check).code(2)
    };
    let one = || contains("--checkpoint keeps one search").and(contains("one design at a time"));
    refused(&["--all"]).stderr(one());
    refused(&["seed", "recommended"]).stderr(one());
    refused(&["--engine", "stateright"]).stderr(contains("search with --engine own"));
    refused(&["--replay", "t.ndjson"]).stderr(contains("cannot be used with"));
    let alone = ["check", "--checkpoint-every", "1s"];
    asserted(folder.path(), &alone).code(2).stderr(contains("--checkpoint <FILE>"));
    assert!(files(folder.path()).is_empty());
}

/// A search of a minute that is kept in a file.
fn long(folder: &Path, every: &str) -> Child {
    let mut command = gapless(folder);
    let search = ["check", "recommended", "--bounds", "deep", "--property", "L2", "--threads", "1"];
    command.args(search).args(["--checkpoint", "kept", "--checkpoint-every", every]);
    command.args(["--timeout", "60s"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

#[cfg(unix)]
#[test]
fn a_file_that_another_search_is_at_work_on_is_refused() {
    let folder = folder();
    let mut first = long(folder.path(), "50ms");
    await_checkpoint(folder.path());
    let same = ["check", "recommended", "--bounds", "deep", "--property", "L2"];
    let same = [&same[..], &["--checkpoint", "kept", "--timeout", "1s"]].concat();
    for _ in 0..20 {
        // The file is replaced all the time.
        asserted(folder.path(), &same)
            .code(2)
            .stderr(contains("another search is at work on kept").and(contains("another file")));
    }
    first.kill().and_then(|()| first.wait()).expect("it is killed");
    asserted(folder.path(), &same).code(3).stdout(contains("went on from kept"));
}

#[cfg(unix)]
#[test]
fn of_two_searches_that_begin_at_once_only_one_writes_the_file() {
    let folder = folder();
    let second = long(folder.path(), "1h");
    // It has looked for the file when it searches, which its checkpoint at the end shows.
    std::thread::sleep(Duration::from_secs(1));
    let mut first = long(folder.path(), "50ms");
    await_checkpoint(folder.path());
    signal(&second, "-INT");
    let second = second.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{told}");
    assert!(told.contains("another search has written it meanwhile"), "{told}");
    first.kill().and_then(|()| first.wait()).expect("it is killed");
}

#[cfg(unix)]
#[test]
fn a_search_that_ends_leaves_another_ones_file_alone() {
    let folder = folder();
    let mut command = gapless(folder.path());
    command.args(SEARCH).args(["--checkpoint", "kept", "--checkpoint-every", "1h"]);
    let second = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(300));
    let mut first = long(folder.path(), "50ms");
    await_checkpoint(folder.path());
    let second = second.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&second.stderr);
    assert_ne!(second.status.code(), Some(3), "{told}");
    assert!(folder.path().join("kept").exists(), "it is the other one's");
    first.kill().and_then(|()| first.wait()).expect("it is killed");
}
