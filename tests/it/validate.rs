//! `gapless validate`: the decision logs of several processes fit together, or the line that does not is
//! named.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

fn gapless(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1");
    command
}

/// A stream to which two processes appended, and from which two read; each left its log.
fn logs() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |args: &[&str], input: &str| {
        let args = [args, &["--embedded", "s.db"]].concat();
        gapless(folder.path(), &args).write_stdin(input).assert().code(0);
    };
    run(&["init", "--partitions", "2"], "");
    for n in ["1", "2"] {
        let append = ["append", "--key", "k", "--batch", "1", "--decisions"];
        let events = "{\"k\":\"a\",\"secret\":1}\n{\"k\":\"b\"}\n{\"k\":\"c\"}\n";
        run(&[&append[..], &[&format!("append-{n}.ndjson")]].concat(), events);
        let consume = ["consume", "--group", "g", "--decisions"];
        run(&[&consume[..], &[&format!("consume-{n}.ndjson")]].concat(), "");
    }
    folder
}

const LOGS: [&str; 4] =
    ["append-1.ndjson", "append-2.ndjson", "consume-1.ndjson", "consume-2.ndjson"];

fn validate(folder: &Path, logs: &[&str]) -> assert_cmd::assert::Assert {
    gapless(folder, &[&["validate"], logs].concat()).assert()
}

/// Changes a log, and returns the line that was changed, from 1.
fn tamper(log: &Path, from: &str, to: &str) -> usize {
    let text = fs::read_to_string(log).expect("a log");
    let line = text.lines().position(|line| line.contains(from)).expect("there is one");
    fs::write(log, text.replacen(from, to, 1)).expect("a log");
    line + 1
}

#[test]
fn logs_of_a_stream_that_does_as_it_should_are_explained() {
    let folder = logs();
    validate(folder.path(), &LOGS)
        .code(0)
        .stdout(contains("in 4 logs, 0 without an answer").and(contains("explained: some order")));
}

#[test]
fn the_first_line_that_no_order_explains_is_named_and_what_came_before_it() {
    let folder = logs();
    let path = folder.path();
    let log = path.join("append-2.ndjson");
    let line = tamper(&log, r#""reply":{"Raised":4}"#, r#""reply":{"Raised":3}"#) - 1;
    let json = ["--json", "r.json", "--skew", "0ms", "--no-hidden-retries"];
    validate(path, &[&LOGS[..], &json].concat()).code(1).stdout(
        contains(format!("append-2.ndjson: line {line}"))
            .and(contains("and heard: given 3"))
            .and(contains("it would be: given 4"))
            .and(contains("→")),
    );
    let found = fs::read_to_string(path.join("r.json")).expect("results");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["verdict"], "unexplained");
    let blamed = &found["unexplained"];
    assert_eq!((&blamed["log"], &blamed["line"]), (&"append-2.ndjson".into(), &line.into()));
    assert_eq!((&blamed["answer"], &blamed["instead"]), (&"given 3".into(), &"given 4".into()));
}

#[test]
fn a_log_that_is_missing_leaves_answers_unexplained() {
    let folder = logs();
    validate(folder.path(), &LOGS[1..]).code(1).stdout(contains("No order of the calls explains"));
}

#[test]
fn a_process_that_died_may_have_had_its_effect() {
    let folder = logs();
    let log = folder.path().join("append-2.ndjson");
    // It died before it heard that its last event was written, and in the middle of a line.
    let text = fs::read_to_string(&log).expect("a log");
    let last = text.trim_end().rfind('\n').expect("lines");
    fs::write(&log, &text[..last + 10]).expect("a log");
    validate(folder.path(), &LOGS).code(0).stdout(contains("1 without an answer"));
    // Without its last request, nobody wrote what the others read.
    let before = text[..last].rfind('\n').expect("lines");
    fs::write(&log, &text[..=before]).expect("a log");
    validate(folder.path(), &LOGS).code(1);
}

#[test]
fn events_are_in_a_log_only_if_asked_for() {
    let folder = logs();
    let secret = Value::from(b"{\"k\":\"a\",\"secret\":1}".to_vec()).to_string();
    let log = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a log");
    assert!(LOGS.iter().all(|name| !log(name).contains(&secret) && !log(name).contains("\"a\"")));
    let consume =
        ["consume", "--group", "h", "--embedded", "s.db", "--decisions", "all", "--payloads"];
    gapless(folder.path(), &consume).assert().code(0);
    assert!(log("all").contains(&secret));
    validate(folder.path(), &[&LOGS[..], &["all"]].concat())
        .code(2)
        .stderr(contains("all has the events and append-1.ndjson their digests"));
    let alone = ["consume", "--group", "h", "--embedded", "s.db", "--payloads"];
    gapless(folder.path(), &alone).assert().code(2).stderr(contains("--decisions"));
}

#[test]
fn runs_add_their_logs_to_one_file_and_half_a_line_is_one_that_was_killed() {
    let folder = logs();
    let path = folder.path();
    let append = |n: u32| {
        let append = ["append", "--producer", "p", "--embedded", "s.db", "--decisions", "p.ndjson"];
        gapless(path, &append).write_stdin(format!("{n}\n")).assert().code(0);
    };
    append(1);
    let log = path.join("p.ndjson");
    let mut text = fs::read_to_string(&log).expect("a log");
    text.push_str("{\"asked\":{\"call\":9,\"at\"");
    fs::write(&log, &text).expect("a log");
    append(2);
    assert!(fs::read_to_string(&log).expect("a log").starts_with(&text), "nothing is lost");
    let all = [&LOGS[..], &["p.ndjson"]].concat();
    validate(path, &all).code(0).stdout(contains("explained"));
    // Half a line that no other run follows is none.
    tamper(&log, "{\"format\"", "{\"asked\"");
    validate(path, &["p.ndjson"]).code(2).stderr(contains("p.ndjson: line 1: this is no header"));
    fs::write(path.join("p.ndjson"), "mine\n").expect("a file");
    let append = ["append", "--embedded", "s.db", "--decisions", "p.ndjson"];
    gapless(path, &append)
        .write_stdin("3\n")
        .assert()
        .code(2)
        .stderr(contains("p.ndjson is there, and no log can be added to it"));
    assert_eq!(fs::read_to_string(&log).expect("it is there"), "mine\n");
}

#[test]
fn a_file_that_is_no_log_says_what_it_is() {
    let folder = logs();
    let path = folder.path();
    let refused = |says: &str| {
        validate(path, &["append-1.ndjson", "bad"]).code(2).stderr(contains(says));
    };
    let header = r#"{"format":"gapless-decisions","version":6,"source":"production"}"#;
    let asked = fs::read_to_string(path.join("append-1.ndjson")).expect("a log");
    let asked = asked.lines().nth(1).expect("a request").to_owned();
    for (text, says) in [
        ("", "bad: line 1: the log is empty"),
        ("hello\n", "bad: line 1: this is no header"),
        ("hello", "bad: line 1: this is no header"),
        (&format!("{header}\nhello\n{asked}\n"), "bad: line 2: it is no line of such a log"),
        (
            &format!(
                "{header}\n{}\n",
                asked.replace("\"call\":1", "\"call\":18446744073709551615")
            ),
            "bad: line 2: a number in it is larger",
        ),
        ("{\"format\":\"x\",\"version\":6}\n", "the format is \"x\""),
        (&format!("{}\n", header.replace('6', "9")), "version 9, and this build reads 6"),
        (&format!("{}\n", header.replace("production", "check")), "gapless check --replay"),
        (&format!("{header}\n{{}}\n"), "bad: line 2: it is no line of such a log"),
        (&format!("{header}\n{asked}\n{asked}\n"), "bad: line 3: call 1 was made before"),
        (
            &format!("{header}\n{{\"heard\":{{\"call\":7,\"at\":1,\"reply\":\"Written\"}}}}\n"),
            "bad: line 2: nothing asked for call 7",
        ),
    ] {
        fs::write(path.join("bad"), text).expect("a file");
        refused(says);
    }
    validate(path, &["nowhere"]).code(2).stderr(contains("cannot read nowhere"));
    validate(path, &["append-1.ndjson", "--json", "no/x"])
        .code(2)
        .stderr(contains("cannot write no/x"));
    gapless(path, &["check", "--replay", "append-1.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("the log is one of production"));
}
