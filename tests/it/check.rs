//! `gapless check` as its users meet it: tables, exit statuses, files, and what it
//! says to bad input.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;

/// The command, in a folder of its own.
fn gapless(folder: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_design_that_holds_exits_with_0() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "recommended", "--bounds", "tiny"])
        .assert()
        .code(0)
        .stdout(contains("recommended").and(contains("  ok".repeat(11))));
}

#[test]
fn a_design_that_is_violated_exits_with_1_and_tells_the_story() {
    let folder = folder();
    gapless(folder.path()).args(["check", "seed", "--bounds", "tiny"]).assert().code(1).stdout(
        contains("seed breaks P1")
            .and(contains("seed breaks D3"))
            .and(contains("seed breaks L2"))
            .and(contains("  1. producer A  reads the head -> head 0")),
    );
}

#[test]
fn a_disk_that_cannot_be_used_is_known_before_the_search() {
    let folder = folder();
    let refused = |options: &[&str], why: &str| {
        let check = [&["check", "recommended", "--bounds", "tiny"], options].concat();
        gapless(folder.path()).args(check).assert().code(2).stderr(contains(why));
    };
    let little = ["--max-memory", "1GiB"];
    refused(&[&["--disk", "no"], &little[..]].concat(), "cannot write no");
    refused(&["--disk", "."], "--max-memory <SIZE>");
    let both = ["--disk", ".", "--checkpoint", "kept"];
    refused(&[&both[..], &little].concat(), "cannot be used with");
    let reference = ["--disk", ".", "--engine", "stateright"];
    refused(&[&reference[..], &little].concat(), "Stateright keeps all states in memory");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_counterexample_begins_with_what_went_wrong_and_ends_with_the_state_that_shows_it() {
    let folder = folder();
    let checked = ["check", "seed", "--bounds", "tiny", "--property", "D3"];
    let output = gapless(folder.path()).args(checked).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no `{part}` in {text}"));
    let places = [
        "seed breaks D3",
        "Worker 1 moved group g1's checkpoint to slot 2",
        "  1. producer A",
        "slot 1: event A1, acknowledged, not delivered\n",
        "At the end:",
        "  worker 1: at work for g1 under epoch 1",
        "Words:",
        "  checkpoint ",
    ];
    assert!(places.map(place).is_sorted(), "{text}");
    gapless(folder.path())
        .args(["check", "wait-at-gaps", "--bounds", "tiny", "--property", "P1"])
        .assert()
        .code(1)
        .stdout(contains("Why it stays so:").and(contains("repeat for ever")));
}

#[test]
fn counterexamples_come_shortest_first() {
    let folder = folder();
    let output = gapless(folder.path())
        .args(["check", "seed", "--bounds", "tiny"])
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let steps: Vec<u32> = text
        .lines()
        .filter_map(|line| line.strip_prefix('(')?.split(' ').next()?.parse().ok())
        .collect();
    assert!(steps.len() >= 4, "{text}");
    // The table has the same lengths, in the order of the invariants.
    let row = text.lines().find(|line| line.starts_with(" seed ")).expect("a row");
    let lengths = row.split_whitespace().filter_map(|cell| cell.strip_prefix('x')?.parse().ok());
    let mut lengths: Vec<u32> = lengths.collect();
    lengths.sort_unstable();
    assert_eq!(lengths, steps);
    assert!(steps.is_sorted(), "{steps:?}");
}

#[test]
fn a_limit_ends_the_search_with_3_and_says_so() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "recommended", "--faults", "6", "--crashes", "2", "--timeout", "300ms"])
        .assert()
        .code(3)
        .stdout(contains("not exhaustive: the time limit ended the search"));
}

#[test]
fn a_memory_limit_does_so_too() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "recommended", "--faults", "6", "--crashes", "2", "--max-memory", "30MiB"])
        .assert()
        .code(3)
        .stdout(contains("not exhaustive: the memory limit ended the search"));
}

#[test]
fn a_design_of_ones_own_is_a_file() {
    let folder = folder();
    fs::write(folder.path().join("mine.toml"), "base = \"recommended\"\ngap = \"wait\"\n")
        .expect("written");
    gapless(folder.path())
        .args(["check", "mine.toml", "--bounds", "tiny"])
        .assert()
        .code(1)
        .stdout(contains("mine breaks P1"));
}

#[test]
fn a_wrong_value_names_file_line_key_and_what_is_allowed() {
    let folder = folder();
    fs::write(folder.path().join("mine.toml"), "base = \"seed\"\n\ngap = \"hop\"\n")
        .expect("written");
    gapless(folder.path()).args(["check", "mine.toml"]).assert().code(2).stderr(
        contains("mine.toml: line 3")
            .and(contains("`gap` cannot be `hop`"))
            .and(contains("skip, wait, void")),
    );
}

#[test]
fn a_wrong_key_names_the_keys() {
    let folder = folder();
    fs::write(folder.path().join("mine.toml"), "gaps = \"wait\"\n").expect("written");
    gapless(folder.path())
        .args(["check", "mine.toml"])
        .assert()
        .code(2)
        .stderr(contains("line 1").and(contains("there is no axis `gaps`")));
}

#[test]
fn an_unknown_design_lists_the_known_ones() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "sead"])
        .assert()
        .code(2)
        .stderr(contains("no design `sead`").and(contains("recommended")));
}

#[test]
fn bounds_that_cannot_be_met_say_why() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--producers", "9"])
        .assert()
        .code(2)
        .stderr(contains("producers is 9; the checker takes 1 to 4"));
    gapless(folder.path())
        .args(["check", "--batch", "2"])
        .assert()
        .code(2)
        .stderr(contains("a batch of 2 needs at least as many events"));
}

#[test]
fn l2_cannot_be_asked_for_under_unbounded_clocks() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--property", "L2", "--clocks", "unbounded"])
        .assert()
        .code(2)
        .stderr(contains("--clocks timely"));
}

#[test]
fn stateright_searches_the_same_states_and_says_what_it_leaves_out() {
    let folder = folder();
    let searched = |json: &str, options: &[&str]| {
        let path = folder.path().join(json);
        let command = ["check", "recommended", "--bounds", "tiny", "--json", json];
        let ran = gapless(folder.path()).args(command).args(options).assert().code(0);
        let text = fs::read_to_string(path).expect("written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let table = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        (json["checks"][0].clone(), table)
    };
    let (named, _) = searched("named.json", &["--no-symmetry"]);
    let (reference, table) = searched("reference.json", &["--engine", "stateright"]);
    assert_eq!(named["unique-states"], reference["unique-states"]);
    assert_eq!((&named["engine"], &named["symmetry"]), (&"own".into(), &false.into()));
    assert_eq!(reference["engine"], "stateright");
    assert_eq!(reference["properties"]["P1"], serde_json::Value::Null);
    assert!(table.contains("Engine: Stateright, as a reference"), "{table}");
    assert!(!table.contains("P1 was judged") && table.contains("without P1"), "{table}");
    let (usual, table) = searched("usual.json", &[]);
    assert_eq!((&usual["engine"], &usual["symmetry"]), (&"own".into(), &true.into()));
    let fewer = |states: &str| usual[states].as_u64() < named[states].as_u64();
    assert!(fewer("unique-states") && fewer("p1-states"), "{usual} {named}");
    assert!(table.contains("P1 was judged on"), "{table}");
}

#[test]
fn p1_cannot_be_asked_of_stateright() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--property", "P1", "--engine", "stateright"])
        .assert()
        .code(2)
        .stderr(contains("cannot judge P1").and(contains("--engine own")));
}

#[test]
fn an_unknown_property_lists_the_known_ones() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--property", "X9"])
        .assert()
        .code(2)
        .stderr(contains("S1, S2, S3"));
}

#[test]
fn results_are_written_for_machines() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "seed", "recommended", "--bounds", "tiny"])
        .args(["--json", "r.json", "--junit", "r.xml", "--trace", "traces", "--svg", "pictures"])
        .assert()
        .code(1);
    let text = fs::read_to_string(folder.path().join("r.json")).expect("written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["checks"][0]["properties"]["P1"]["verdict"], "violated");
    let explanation = &json["checks"][0]["properties"]["P1"]["explanation"];
    let sentence = explanation["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("Event A1") && sentence.ends_with('.'), "{sentence}");
    assert_eq!(explanation["end"][1], "slot 1: empty");
    assert!(explanation["why"].as_str().is_some_and(|why| why.contains("other states")));
    assert_eq!(json["checks"][1]["properties"]["P1"]["verdict"], "holds");
    assert_eq!(json["checks"][1]["exhaustive"], true);
    let xml = fs::read_to_string(folder.path().join("r.xml")).expect("written");
    assert!(xml.contains("type=\"P1\""), "{xml}");
    assert!(xml.contains("<testsuite name=\"seed\""), "{xml}");
    assert!(xml.contains("<failure message=\"Event A1, which is still to be written"), "{xml}");
    assert!(xml.contains("At the end:"), "{xml}");
    assert_eq!(files(folder.path()), ["pictures", "r.json", "r.xml", "traces"]);
    assert!(files(&folder.path().join("traces")).contains(&"seed-P1.ndjson".to_owned()));
    let svg = fs::read_to_string(folder.path().join("pictures/seed-P1.svg")).expect("written");
    assert!(svg.starts_with("<svg") && svg.contains("producer A"), "{svg}");
    assert!(svg.contains("Event A1, which is still") && svg.contains("At the end:"), "{svg}");
}

#[test]
fn a_trace_replays_to_the_same_violation() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "skip-gaps", "--bounds", "tiny", "--trace", "."])
        .assert()
        .code(1);
    gapless(folder.path())
        .args(["check", "--replay", "skip-gaps-D3.ndjson"])
        .assert()
        .code(1)
        .stdout(contains("past the acknowledged event").and(contains("At the end D3 is violated")));
}

#[test]
fn a_broken_trace_names_its_line() {
    let folder = folder();
    fs::write(folder.path().join("t.ndjson"), "{\"format\":3}\n").expect("written");
    gapless(folder.path())
        .args(["check", "--replay", "t.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("cannot replay t.ndjson").and(contains("line 1")));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--replay", "nowhere.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("cannot read nowhere.ndjson"));
}

#[test]
fn a_result_that_cannot_be_written_leaves_nothing_behind() {
    let folder = folder();
    gapless(folder.path())
        .args(["check", "--bounds", "tiny", "--json", "no/such/folder/r.json"])
        .assert()
        .code(2)
        .stderr(contains("cannot write no/such/folder/r.json"));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn strict_fails_where_something_was_never_exercised() {
    let folder = folder();
    gapless(folder.path()).args(["check", "--faults", "2", "--strict"]).assert().code(0);
    // One event makes one trigger, so nobody can take over from an owner who does not know.
    gapless(folder.path())
        .args(["check", "--faults", "1", "--producers", "1", "--clocks", "unbounded", "--strict"])
        .args(["--json", "r.json"])
        .assert()
        .code(1)
        .stdout(contains("never exercised").and(contains("checkpoint: fenced out")));
    let text = fs::read_to_string(folder.path().join("r.json")).expect("written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let count = |key: &str| json["checks"][0][key].as_u64().expect("a count");
    let never = json["checks"][0]["never-exercised"].as_array().expect("a list").len() as u64;
    assert_eq!(never, count("exercisable") - count("exercised"));
}

#[test]
fn designs_lists_axes_and_prints_a_design_that_can_be_read_back() {
    let folder = folder();
    gapless(folder.path())
        .arg("designs")
        .assert()
        .code(0)
        .stdout(contains("slot-write").and(contains("skip-gaps")));
    let shown = gapless(folder.path()).args(["designs", "show", "no-counter"]).output();
    let text = String::from_utf8(shown.expect("it runs").stdout).expect("text");
    assert!(text.contains("increment = \"none\""), "{text}");
    fs::write(folder.path().join("copy.toml"), text).expect("written");
    gapless(folder.path()).args(["check", "copy.toml", "--bounds", "tiny"]).assert().code(0);
}

#[test]
fn the_explorer_says_when_its_port_is_taken() {
    let folder = folder();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    gapless(folder.path())
        .args(["explore", "--port", &port])
        .assert()
        .code(2)
        .stderr(contains("cannot listen on port"));
}
