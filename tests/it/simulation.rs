//! `gapless sim`, `replay` and `mutants` as somebody types them.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use serde_json::Value;
use tempfile::tempdir;

fn gapless() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gapless"))
}

fn fingerprint(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the summary was written");
    let summary: Value = serde_json::from_str(&text).expect("it is JSON");
    summary["fingerprint"].as_str().expect("it has a fingerprint").to_owned()
}

#[test]
fn seeds_that_pass_exit_0_and_tell_what_was_injected() {
    let folder = tempdir().expect("a folder");
    let (json, junit) = (folder.path().join("sim.json"), folder.path().join("sim.xml"));
    gapless()
        .args(["sim", "--seeds", "20", "--json"])
        .arg(&json)
        .arg("--junit")
        .arg(&junit)
        .assert()
        .code(0)
        .stdout(contains("20 seeds").and(contains("lose-reply")).and(contains("simulated hours")));
    assert!(std::fs::read_to_string(junit).expect("it was written").contains("20 seeds"));
    assert_eq!(fingerprint(&json).len(), 16);
}

#[test]
fn shards_divide_the_seeds() {
    let folder = tempdir().expect("a folder");
    let ran = |shard: &str| {
        let json = folder.path().join("shard.json");
        gapless()
            .args(["sim", "--seeds", "9", "--shard", shard, "--json"])
            .arg(&json)
            .assert()
            .code(0);
        let text = std::fs::read_to_string(json).expect("it was written");
        let summary: Value = serde_json::from_str(&text).expect("it is JSON");
        let part =
            summary["fingerprint"].as_str().and_then(|text| u64::from_str_radix(text, 16).ok());
        (summary["seeds"].as_u64().expect("a count"), part.expect("a fingerprint"))
    };
    let (whole, first, second) = (ran("1/1"), ran("1/2"), ran("2/2"));
    assert_eq!((whole.0, first.0, second.0), (9, 5, 4));
    assert_eq!(whole.1, first.1.wrapping_add(second.1));
}

#[test]
fn a_failure_is_made_small_and_repeats() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("failures");
    gapless()
        .args(["sim", "seed", "--seeds", "100", "--jobs", "1", "--out"])
        .arg(&out)
        .assert()
        .code(1)
        .stdout(contains("to repeat it: gapless sim seed").and(contains("shrunk in")));
    let files =
        std::fs::read_dir(&out).expect("it was made").map(|file| file.expect("a file").path());
    let (plans, logs): (Vec<_>, Vec<_>) =
        files.partition(|path| path.extension().is_some_and(|ext| ext == "json"));
    let svg = folder.path().join("failure.svg");
    gapless()
        .arg("replay")
        .arg(&plans[0])
        .arg("--svg")
        .arg(&svg)
        .assert()
        .code(1)
        .stdout(starts_with("the plan in ").and(contains(" breaks ")).and(contains("At the end:")));
    assert!(std::fs::read_to_string(svg).expect("it was drawn").contains("<svg"));
    // A log holds its plan: the run is the same to the byte, or that is an error.
    let seed = gapless().arg("replay").arg(&logs[0]).assert().code(1);
    seed.stdout(starts_with("seed ").and(contains(", profile swarm, breaks ")));
    let text = std::fs::read_to_string(&logs[0]).expect("a log");
    std::fs::write(&logs[0], text.replacen("read the head", "read the tail", 1))
        .expect("it can be written");
    gapless()
        .arg("replay")
        .arg(&logs[0])
        .assert()
        .code(2)
        .stderr(contains("is not what happens now"));
}

#[test]
fn a_failure_of_a_hunt_is_repeated_from_its_log() {
    let folder = tempdir().expect("a folder");
    // The seed fails after a hunt has begun, and does not fail with the plan that it draws.
    let hunt = |options: &[&str]| {
        let mut command = gapless();
        command.args(["sim", "--mutant", "eventual-heads", "--jobs", "1", "--shrink", "0"]);
        command.args(options).arg("--out").arg(folder.path());
        command.assert()
    };
    let json = folder.path().join("hunt.json");
    let junit = folder.path().join("hunt.xml");
    let (written, also) = (json.display().to_string(), junit.display().to_string());
    let hunted =
        ["--hunt", "--from", "3000", "--seeds", "400", "--json", &written, "--junit", &also];
    let failed = hunt(&hunted).code(1);
    let told = String::from_utf8_lossy(&failed.get_output().stdout).into_owned();
    let repeats = told.lines().find_map(|line| line.strip_prefix("to repeat it: gapless replay "));
    let repeats = repeats.expect("it says how");
    let xml = std::fs::read_to_string(junit).expect("it was written");
    assert!(xml.contains(&format!("to repeat it: gapless replay {repeats}")), "{xml}");
    let breaks =
        told.lines().find_map(|line| line.split(", ").find(|it| it.starts_with("breaks ")));
    let breaks = breaks.expect("it says what").to_owned();
    gapless().arg("replay").arg(repeats).assert().code(1).stdout(contains(breaks));
    let text = std::fs::read_to_string(json).expect("the summary was written");
    let summary: Value = serde_json::from_str(&text).expect("it is JSON");
    let failure = &summary["failures"][0];
    let seed = failure["seed"].to_string();
    assert_eq!(summary["hunt"], true);
    assert_eq!(failure["plan"]["seed"], failure["seed"]);
    hunt(&["--from", &seed, "--seeds", "1"]).code(0);
}

#[test]
fn the_line_that_repeats_a_seed_has_what_was_broken_on_purpose() {
    let folder = tempdir().expect("a folder");
    let broken = "sim --mutant blind-writes --invariants-only --engine both --seeds 60 --shrink 0";
    gapless().args(broken.split(' ')).current_dir(folder.path()).assert().code(1).stdout(
        contains("to repeat it: gapless sim recommended --profile swarm --from ")
            .and(contains(" --seeds 1 --mutant blind-writes --invariants-only --engine both\n")),
    );
}

#[test]
fn a_failure_begins_with_what_went_wrong_and_ends_with_the_state() {
    let folder = tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let output = gapless()
        .args(["sim", "seed", "--from", "23", "--seeds", "1", "--jobs", "1", "--out"])
        .arg(folder.path())
        .arg("--svg")
        .arg(folder.path())
        .arg("--json")
        .arg(file("sim.json"))
        .arg("--junit")
        .arg(file("sim.xml"))
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    assert!(paragraphs[0].contains(r#"breaks S1, "a slot never changes once it is not empty""#));
    let sentence = paragraphs[1].replace('\n', " ");
    for fact in ["Slot 1 of p changed at ", "producer 1 wrote the same event", "event p1.1.1 at "] {
        assert!(sentence.contains(fact), "{sentence}");
    }
    let end = paragraphs.last().expect("it ends");
    for fact in ["At the end:", "  slot 1: event p1.1.1, ", "  group-1: ", "  producer 1: "] {
        assert!(end.contains(fact), "{end}");
    }
    assert!(!text.contains("never reached"), "{text}");
    let read = |path: &Path| std::fs::read_to_string(path).expect("it was written");
    let svg = read(&file("seed-23.svg"));
    assert!(svg.contains("Slot 1 of p changed at ") && svg.contains("At the end:"), "{svg}");
    let json: Value = serde_json::from_str(&read(&file("sim.json"))).expect("it is JSON");
    let explanation = &json["failures"][0]["explanation"];
    let whole = explanation["sentence"].as_str().expect("a sentence").to_owned();
    assert!(whole.starts_with("Slot 9 of p changed at 1.141 s: "), "{whole}");
    assert!(explanation["end"].as_array().is_some_and(|lines| lines.len() > 3));
    let junit = read(&file("sim.xml"));
    assert!(junit.contains("message=\"Slot 9 of p changed at 1.141 s: "), "{junit}");
}

#[test]
fn a_counterexample_of_the_checker_is_played_against_the_adapter() {
    let folder = tempdir().expect("a folder");
    gapless()
        .args(["check", "skip-gaps", "--bounds", "tiny", "--property", "D3", "--trace"])
        .arg(folder.path())
        .assert()
        .code(1);
    let trace = folder.path().join("skip-gaps-D3.ndjson");
    let played = gapless().arg("replay").arg(&trace).assert().code(1);
    played.stdout(contains(
        "skip-gaps breaks D3 against the real adapter too, step by step: at step 14 of 14",
    ));
}

#[cfg(unix)]
#[test]
fn mutants_that_an_interruption_left_are_counted() {
    use std::process::{Command, Stdio};
    let folder = tempdir().expect("a folder");
    let json = folder.path().join("mutants.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapless"));
    // The first is killed within seconds; what follows takes minutes.
    command.args(["mutants", "--seeds", "1000", "--json"]).arg(&json);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    let written = std::fs::read_to_string(&json).expect("the results so far were written");
    let results: Value = serde_json::from_str(&written).expect("it is JSON");
    let count = |field: &str| results[field].as_array().expect("a list").len();
    let (run, left) = (count("mutants"), count("not-run"));
    assert!(run + left == 52 && left > 0, "{run} and {left}");
    let first = results["not-run"][0].as_str().expect("a name");
    assert!(
        text.contains(&format!("{left} of 52 mutants were not run, from {first} on")),
        "{text}"
    );
    assert!(text.contains(&format!("{run} of the {run} that were run are killed")), "{text}");
}

#[test]
fn a_limit_that_ends_it_exits_3() {
    gapless().args(["sim", "--seeds", "100000", "--time-budget", "1s"]).assert().code(3);
}

#[test]
fn under_strict_what_was_never_reached_fails() {
    gapless()
        .args(["sim", "--seeds", "2", "--profile", "calm", "--strict"])
        .assert()
        .code(1)
        .stdout(
            contains("never reached: a lease is taken over")
                .or(contains("never injected: lose-request")),
        );
}

#[test]
fn a_mutant_is_killed_and_the_table_says_by_what() {
    gapless()
        .args(["mutants", "blind-writes", "design skip-gaps", "--seeds", "100"])
        .assert()
        .code(0)
        .stdout(contains("blind-writes").and(contains("2 of 2 mutants are killed")));
}

#[test]
fn unusable_input_says_what_would_be_right() {
    let folder = tempdir().expect("a folder");
    let plan = folder.path().join("plan.json");
    for (text, says) in [
        ("{", "not a plan"),
        ("{\"version\":1}", "missing field"),
        (
            "{\"format\":\"gapless-decisions\",\"version\":2,\"source\":\"production\"}",
            "no plan in it",
        ),
    ] {
        std::fs::write(&plan, text).expect("it can be written");
        gapless().arg("replay").arg(&plan).assert().code(2).stderr(contains(says));
    }
    for (args, says) in [
        (["sim", "--shard", "5/4"], "a shard is its number"),
        (["sim", "--profile", "wild"], "there are swarm, calm, hostile and lambda"),
        (["sim", "--mutant", "x"], "the mutants are"),
        (["sim", "nothing", "--seeds=1"], "there is no design `nothing`"),
        (["mutants", "--seeds=1", "x"], "there is no mutant `x`"),
        (["replay", "--log=x", "/nowhere"], "cannot read"),
    ] {
        gapless().args(args).assert().code(2).stderr(contains(says));
    }
}
