//! The commands in pipes: input from standard input, and an output that its reader closes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;

use crate::commands::{EVENTS, folder, gapless, on, stream};

/// The command on the stream in `s.db`, with its standard streams in pipes.
fn command(folder: &Path, args: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.args(args).args(["--embedded", "s.db"]).current_dir(folder).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(folder: &Path, args: &[&str]) -> Child {
    command(folder, args).spawn().expect("the command starts")
}

/// Reads one line of a command's output, closes that, and waits for its end: the line, the
/// exit status, and what it wrote on standard error.
fn head(mut child: Child) -> (String, Option<i32>, String) {
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("a line");
    drop(out);
    let status = child.wait().expect("it ends");
    let mut errors = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut errors).expect("text");
    (line, status.code(), errors)
}

fn positions(ndjson: &[u8]) -> Vec<u64> {
    let slot = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("NDJSON");
        let position = line["position"].as_str().expect("a position").to_owned();
        position.split('.').next().and_then(|slot| slot.parse().ok()).expect("a slot")
    };
    String::from_utf8_lossy(ndjson).lines().map(slot).collect()
}

/// The group's only checkpoint, and whether its lease is held.
fn standing(folder: &Path) -> (u64, bool) {
    let status = on(folder, &["status", "--json"]).assert().code(0);
    let status: Value = serde_json::from_slice(&status.get_output().stdout).expect("JSON");
    let lease = &status["partitions"][0]["groups"][0]["lease"];
    let checkpoint = lease["checkpoint"].as_u64().expect("a checkpoint");
    (checkpoint, lease["active"].as_bool().expect("a flag"))
}

mod closed_output {
    use super::*;

    /// More than a pipe holds, in one partition, an event a slot.
    fn large_stream() -> tempfile::TempDir {
        let folder = folder();
        on(folder.path(), &["init", "--lease", "1s", "--skew", "100ms"]).assert().code(0);
        let event = |n: usize| format!("{{\"n\":{n},\"x\":\"{}\"}}\n", "x".repeat(3000));
        let events: String = (1..=300).map(event).collect();
        on(folder.path(), &["append", "--batch", "1"]).write_stdin(events).assert().code(0);
        folder
    }

    #[test]
    fn consume_ends_quietly_and_releases_what_it_did_not_print() {
        let folder = large_stream();
        let path = folder.path();
        let consume = ["consume", "--group", "g", "--decisions", "log.ndjson"];
        let (line, status, errors) = head(start(path, &consume));
        assert_eq!((positions(line.as_bytes()), status, errors.as_str()), (vec![1], Some(0), ""));
        let (checkpoint, held) = standing(path);
        assert!(!held, "the lease is released");
        let log = fs::read_to_string(path.join("log.ndjson")).expect("a log");
        let last: Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
        assert_eq!(last["heard"]["reply"], "Released", "{last}");
        assert!(checkpoint < 300, "what was not printed is not checkpointed");
        let rest = on(path, &["consume", "--group", "g"]).assert().code(0);
        let rest = positions(&rest.get_output().stdout);
        assert_eq!(rest, (checkpoint + 1..=300).collect::<Vec<_>>());
    }

    /// A pager, or a slow reader. Another worker would deliver everything again.
    #[test]
    fn consume_keeps_its_lease_while_nobody_reads_what_it_prints() {
        let folder = large_stream();
        let path = folder.path();
        let child = start(path, &["consume", "--group", "g"]);
        thread::sleep(Duration::from_secs(4));
        let other = on(path, &["consume", "--group", "g", "--deadline", "2s"]).assert().code(0);
        assert_eq!(positions(&other.get_output().stdout), [0; 0]);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(positions(&output.stdout), (1..=300).collect::<Vec<_>>());
    }

    #[test]
    fn a_log_whose_reader_is_gone_stops_nothing() {
        let folder = folder();
        let path = folder.path();
        on(path, &["init"]).assert().code(0);
        on(path, &["append"]).write_stdin("1\n2\n3\n").assert().code(0);
        let mut command = command(path, &["consume", "--group", "g"]);
        let mut child = command.env("GAPLESS_LOG", "gapless=trace").spawn().expect("it starts");
        drop(child.stderr.take());
        let mut out = String::new();
        child.stdout.take().expect("its output").read_to_string(&mut out).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        assert_eq!((positions(out.as_bytes()).len(), standing(path).1), (3, false));
    }

    #[test]
    fn consume_that_follows_notices_at_once() {
        let folder = folder();
        let path = folder.path();
        on(path, &["init"]).assert().code(0);
        on(path, &["append"]).write_stdin("1\n").assert().code(0);
        let (line, status, errors) = head(start(path, &["consume", "--group", "g", "--follow"]));
        assert_eq!((positions(line.as_bytes()), status, errors.as_str()), (vec![1], Some(0), ""));
        assert_eq!(standing(path), (1, false));
        // Begins at the first event that was not printed.
        on(path, &["append"]).write_stdin("2\n").assert().code(0);
        let rest = on(path, &["consume", "--group", "g"]).assert().code(0);
        assert_eq!(positions(&rest.get_output().stdout), [2]);
    }

    /// Runs a command that finds a violation, and whose output is closed before it prints anything.
    fn run_unread(folder: &Path, args: &[&str]) {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
        command.args(args).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        // Whoever reads no more has not changed the verdict.
        assert_eq!((output.status.code(), &*errors), (Some(1), ""), "{args:?}");
    }

    #[test]
    fn files_are_written_even_so() {
        let folder = folder();
        let path = folder.path();
        let written = |name: &str| fs::read_to_string(path.join(name)).expect("it is written");
        let check = ["check", "seed", "--bounds", "tiny", "--json", "check.json", "--trace", "."];
        run_unread(path, &check);
        assert!(written("check.json").contains("\"gapless-check\""));
        let svg = ["check", "--replay", "seed-D3.ndjson", "--svg", "."];
        run_unread(path, &svg);
        assert!(written("seed-D3.svg").contains("<svg"));
    }

    #[cfg(madsim)]
    #[test]
    fn files_of_a_simulation_are_written_even_so() {
        let folder = folder();
        let path = folder.path();
        let written = |name: &str| fs::read_to_string(path.join(name)).expect("it is written");
        let sim = "sim seed --from 0 --seeds 1 --shrink 0 --json sim.json --junit sim.xml --svg . --out .";
        run_unread(path, &sim.split(' ').collect::<Vec<_>>());
        assert!(written("sim.json").contains("gapless-sim"));
        assert!(written("sim.xml").contains("<testsuite"));
        assert!(written("seed-0.svg").contains("<svg"));
        run_unread(path, &["replay", "seed-0.ndjson", "--log", "again.ndjson"]);
        assert_eq!(written("again.ndjson"), written("seed-0.ndjson"));
    }

    #[test]
    fn read_and_tail_end_quietly() {
        let folder = large_stream();
        for command in ["read", "tail"] {
            let (line, status, errors) = head(start(folder.path(), &[command]));
            assert_eq!(positions(line.as_bytes()), [1], "{command}");
            assert_eq!((status, errors.as_str()), (Some(0), ""), "{command}");
        }
    }
}

mod standard_input {
    use super::*;

    #[test]
    fn append_takes_events_from_it() {
        let folder = stream();
        let path = folder.path();
        on(path, &["append", "-", "--key", "id"])
            .write_stdin(EVENTS)
            .assert()
            .code(0)
            .stdout(contains("appended 3 events"));
        on(path, &["append", "-"]).write_stdin("").assert().code(0).stdout(contains("0 events"));
        on(path, &["append", "-", "--key", "id"])
            .write_stdin("\n{\"id\":")
            .assert()
            .code(2)
            .stderr(
                contains("standard input: line 2: not JSON: column 6")
                    .and(contains("nothing was appended")),
            );
        // A file of that name is reached by its path.
        fs::write(path.join("-"), EVENTS).expect("an input");
        on(path, &["append", "./-", "--key", "id"]).assert().code(0).stdout(contains("3 events"));
        on(path, &["audit"]).assert().code(0).stdout(contains("6 events"));
    }

    #[test]
    fn an_interrupted_append_says_what_a_rerun_does() {
        for (producer, says) in [
            (None, "a rerun appends all of its input again"),
            (Some("p"), "a rerun appends only what is missing"),
        ] {
            let folder = stream();
            let mut args = vec!["append", "-"];
            args.extend(producer.iter().flat_map(|name| ["--producer", name]));
            let mut child = start(folder.path(), &args);
            let mut input = child.stdin.take().expect("its input");
            input.write_all("1\n".repeat(2500).as_bytes()).expect("it reads");
            std::thread::sleep(std::time::Duration::from_secs(2));
            let pid = child.id().to_string();
            std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
            // The input is still open: the command does not wait for more of it.
            let output = child.wait_with_output().expect("it ends");
            drop(input);
            let errors = String::from_utf8_lossy(&output.stderr).replace("\n        ", " ");
            assert_eq!(output.status.code(), Some(2), "{errors}");
            assert!(errors.contains("interrupted") && errors.contains(says), "{errors}");
        }
    }

    #[test]
    fn check_takes_a_design_from_it() {
        let folder = folder();
        let check = |designs: &[&str]| {
            let mut command = gapless(folder.path(), &["check", "--bounds", "tiny"]);
            command.args(designs);
            command
        };
        let design = "base = \"recommended\"\ngap = \"wait\"\n";
        check(&["-"]).write_stdin(design).assert().code(1).stdout(contains("stdin breaks P1"));
        check(&["-"]).write_stdin("\ngap = \"hop\"\n").assert().code(2).stderr(
            contains("standard input: line 2")
                .and(contains("`gap` cannot be `hop`"))
                .and(contains("skip, wait, void")),
        );
        check(&["-"])
            .write_stdin("")
            .assert()
            .code(2)
            .stderr(contains("standard input is empty").and(contains("gapless designs show seed")));
        check(&["-", "-"]).write_stdin(design).assert().code(2).stderr(contains("only once"));
        fs::write(folder.path().join("-"), design).expect("a design");
        check(&["./-"]).write_stdin("").assert().code(1).stdout(contains("breaks P1"));
    }

    #[test]
    fn check_replays_a_log_from_it() {
        let folder = folder();
        gapless(folder.path(), &["check", "skip-gaps", "--bounds", "tiny", "--trace", "."])
            .assert()
            .code(1);
        let log = fs::read_to_string(folder.path().join("skip-gaps-D3.ndjson")).expect("a log");
        let replay = || gapless(folder.path(), &["check", "--replay", "-"]);
        replay().write_stdin(log).assert().code(1).stdout(contains("D3 is violated"));
        replay()
            .write_stdin("{\"format\":3}\n")
            .assert()
            .code(2)
            .stderr(contains("cannot replay standard input").and(contains("line 1")));
        replay()
            .write_stdin("")
            .assert()
            .code(2)
            .stderr(contains("the log is empty").and(contains("gapless check --trace")));
    }

    #[cfg(madsim)]
    #[test]
    fn sim_takes_a_design_and_replay_a_plan_from_it() {
        let folder = folder();
        let design = "base = \"seed\"\n";
        let sim = ["sim", "-", "--seeds", "100", "--jobs", "1", "--shrink", "0"];
        let failed = gapless(folder.path(), &sim).write_stdin(design).assert().code(1);
        let text = String::from_utf8_lossy(&failed.get_output().stdout).into_owned();
        let repeats = text.lines().find_map(|line| line.strip_prefix("to repeat it: gapless "));
        let repeats =
            repeats.and_then(|line| line.strip_suffix(", with the same design on standard input"));
        let mut repeats: Vec<_> = repeats.expect("how to repeat it").split(' ').collect();
        assert_eq!(repeats[..2], ["sim", "-"]);
        repeats.extend(["--shrink", "0"]);
        let again = gapless(folder.path(), &repeats).write_stdin(design).assert().code(1);
        let again = String::from_utf8_lossy(&again.get_output().stdout).into_owned();
        assert_eq!(again.lines().next(), text.lines().next());
        let (_, broken) =
            text.lines().next().and_then(|line| line.split_once("breaks ")).expect("it");
        let log = text.lines().find_map(|line| line.strip_prefix("decision log: "));
        let log = fs::read_to_string(folder.path().join(log.expect("a log"))).expect("a log");
        let replay = || gapless(folder.path(), &["replay", "-"]);
        replay().write_stdin(log).assert().code(1).stdout(contains(format!("breaks {broken}")));
        replay()
            .write_stdin("")
            .assert()
            .code(2)
            .stderr(contains("cannot replay standard input: it is empty"));
        replay()
            .write_stdin("{\n  \"version\": 1,\n}")
            .assert()
            .code(2)
            .stderr(contains("standard input").and(contains("line 3")));
    }
}

/// What another program prints now and then is in the log soon, and not with its two-thousandth line.
#[test]
fn lines_are_appended_as_they_come() {
    let folder = folder();
    let path = folder.path();
    on(path, &["init"]).assert().code(0);
    let read = || {
        let read = on(path, &["read"]).assert().code(0);
        positions(&read.get_output().stdout).len()
    };
    for (args, before) in [(&["append"][..], 0), (&["append", "--producer", "p"], 2)] {
        let mut child = start(path, args);
        let mut input = child.stdin.take().expect("its input");
        for line in 1..=2 {
            writeln!(input, "{line}").expect("it reads on");
            let began = Instant::now();
            while read() < before + line {
                assert!(began.elapsed() < Duration::from_secs(20), "{args:?}: line {line}");
            }
        }
        drop(input);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
}
