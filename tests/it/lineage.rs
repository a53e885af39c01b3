//! `gapless split`, `merge` and `partitions`: what takes a partition's place, and how it is drawn.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};

use aws_sdk_dynamodb::types::AttributeValue;
use gapless::embedded::Engine;
use gapless::{Config, Layout, Stream};
use gapless_model::design::named;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};

use crate::commands::{folder, gapless, on};
use crate::endpoint::serve;

/// A folder with a stream in one partition.
fn stream() -> tempfile::TempDir {
    let folder = folder();
    on(folder.path(), &["init", "--lease", "1s", "--grace", "100ms"]).assert().code(0);
    folder
}

/// What a command prints that succeeds.
fn done(folder: &Path, args: &str) -> String {
    let args: Vec<_> = args.split(' ').collect();
    let done = on(folder, &args).assert().code(0);
    String::from_utf8(done.get_output().stdout.clone()).expect("text")
}

fn done_json(folder: &Path, args: &str) -> Value {
    serde_json::from_str(&done(folder, &format!("{args} --json"))).expect("JSON")
}

/// The partitions that take events.
fn open(folder: &Path) -> Vec<String> {
    let all = done_json(folder, "partitions");
    let open = all.as_array().expect("an array").iter().filter(|it| it["state"] == "open");
    open.map(|it| it["partition"].as_str().expect("an id").to_owned()).collect()
}

/// Says that a command is refused with these words, and that it changed nothing.
#[track_caller]
fn assert_refused(folder: &Path, args: &str, said: &str) {
    let before = open(folder);
    let args: Vec<_> = args.split(' ').collect();
    let refused = on(folder, &args).assert().code(2).stdout(is_empty());
    // Messages are wrapped, so a phrase may be on two lines.
    let told = String::from_utf8_lossy(&refused.get_output().stderr).replace("\n      ", " ");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(said), "{args:?}: {told}");
    assert_eq!(open(folder), before, "{args:?} changes nothing");
}

/// Appends an event to each of some keys.
fn append(folder: &Path, number: usize) {
    let lines: Vec<_> = ["a", "b", "c", "d", "e", "h"]
        .map(|id| json!({ "id": id, "n": number }).to_string())
        .into();
    let append = ["append", "--key", "id", "--batch", "1"];
    on(folder, &append).write_stdin(lines.join("\n")).assert().code(0);
}

/// Which numbers a group is given of each key, in the order in which it is given them.
fn consumed(folder: &Path, group: &str) -> BTreeMap<String, Vec<u64>> {
    let mut given: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in done(folder, &format!("consume --group {group}")).lines() {
        let event: Value = serde_json::from_str(line).expect("an event");
        let key = event["key"].as_str().expect("a key").to_owned();
        given.entry(key).or_default().push(event["data"]["n"].as_u64().expect("a number"));
    }
    given
}

#[test]
fn the_newest_events_are_those_of_each_partition_itself() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    done(path, "split p");
    append(path, 2);
    let last = done(path, "read --last 1");
    let last = last.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let last: Vec<_> = last.map(|it| format!("{} {}", it["partition"], it["data"]["n"])).collect();
    assert_eq!(last, [r#""p" 1"#, r#""p0" 2"#, r#""p1" 2"#]);
}

#[test]
fn keys_keep_their_order_through_a_split_and_a_merge() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    assert_eq!(
        done(path, "split p"),
        "p was split: p0 and p1 take its place\n\
         producers and groups go on by themselves: each group finishes p before it begins p0 and p1\n"
    );
    append(path, 2);
    assert_eq!(
        done(path, "merge p1 p0"),
        "p0 and p1 were merged: p~ takes their place\n\
         producers and groups go on by themselves: each group finishes p0 and p1 before it begins p~\n"
    );
    append(path, 3);
    let given = consumed(path, "g");
    assert_eq!(given.len(), 6);
    assert!(given.values().all(|numbers| *numbers == [1, 2, 3]), "{given:?}");
    let sealed = done_json(path, "partitions");
    let place = &sealed[1]["groups"]["g"];
    assert_eq!((&place["drained"], &place["lag"]), (&json!(true), &json!(0)), "{sealed}");
}

#[test]
fn a_batch_whose_keys_were_divided_is_appended_in_parts() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p --into 4");
    let lines: Vec<_> =
        (0..40).map(|n| json!({ "id": format!("k{}", n % 7), "n": n }).to_string()).collect();
    // Each process begins with the routes that the stream was created with.
    let mut append = on(path, &["append", "--key", "id", "--batch", "25"]);
    append.write_stdin(lines.join("\n")).assert().code(0).stdout(contains("appended 40 events"));
    let given = consumed(path, "g");
    assert_eq!(given.values().map(Vec::len).sum::<usize>(), 40);
    assert!(given.values().all(|numbers| numbers.is_sorted()), "{given:?}");
}

#[test]
fn a_split_that_is_done_again_changes_nothing() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p --into 4");
    assert_eq!(
        done_json(path, "split p --into 4"),
        json!({ "parents": ["p"], "children": ["p00", "p01", "p10", "p11"], "changed": false })
    );
    let again = done(path, "split p");
    assert!(again.starts_with("p was split before, and nothing was changed: p0 and p1 took its"));
    assert!(again.contains("p0 was split since, into p00 and p01\np1 was split"), "{again}");
    assert_eq!(open(path), ["p00", "p01", "p10", "p11"]);
}

#[test]
fn a_split_that_was_left_half_done_is_completed() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p");
    done(path, "split p1");
    let completed = done_json(path, "split p --into 8");
    assert_eq!(completed["changed"], true);
    assert_eq!(open(path), ["p000", "p001", "p010", "p011", "p100", "p101", "p110", "p111"]);
    let more = done(path, "split p000 --into 16");
    assert!(more.contains("16 partitions from p0000000 to p0001111 take its place"), "{more}");
}

#[test]
fn partitions_of_different_depth_are_merged_and_merged_again() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p");
    done(path, "split p0");
    assert!(done(path, "merge p1 p00 p01").starts_with("p00, p01 and p1 were merged: p~ takes"));
    assert_eq!(
        done_json(path, "merge p00 p01 p1"),
        json!({ "parents": ["p00", "p01", "p1"], "children": ["p~"], "changed": false })
    );
    done(path, "split p~");
    let again = done(path, "merge p0~ p1");
    assert!(again.contains("merged before, and nothing was changed"), "{again}");
    assert!(again.contains("p~ was split since, into p~0 and p~1\n"), "{again}");
}

#[test]
fn a_merge_that_was_left_half_done_is_completed() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p --into 4");
    done(path, "merge p10 p11");
    assert_eq!(done_json(path, "merge p00 p01 p10 p11")["changed"], true);
    assert_eq!(open(path), ["p~"]);
}

#[test]
fn what_took_another_ones_place_otherwise_is_refused_before_anything_is_done() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p --into 4");
    done(path, "merge p10 p11");
    assert_refused(path, "split p --into 8", "p10 was split or merged before, into p1~");
    done(path, "split p1~");
    let args = "merge p00 p01 p10 p11";
    assert_refused(path, args, "p1~ was split or merged before, into p1~0 and p1~1");
    assert_refused(path, "merge p0 p1", "p0 was split or merged before, into p00 and p01");
    assert_refused(path, "split p10", "p10 was split or merged before, into p1~");
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p");
    for (args, said) in [
        ("split p0 --into 3", "a power of two from 2 to 64"),
        ("split p0 --into 1", "a power of two from 2 to 64"),
        ("split p0 --into 128", "a power of two from 2 to 64"),
        ("split p0 --into many", "a power of two from 2 to 64"),
        ("split x", "is not a partition id"),
        ("split", "<PARTITION>"),
        ("split p0 p1", "unexpected argument 'p1'"),
        ("split p01", "the stream has no partition p01: nothing was split or merged into it"),
        ("split p~", "`gapless partitions` lists the partitions"),
        ("merge p0", "2 values required"),
        ("merge", "<PARTITION>"),
        ("merge p0 x", "is not a partition id"),
        ("merge p0 p0", "p0 would be merged with into p~ is missing"),
        ("merge p0 p", "the partitions do not make up one"),
        ("merge p00 p1", "p00 would be merged with into p0~ is missing"),
        ("merge p00 p01", "the stream has no partition p00"),
        ("partitions --dot --json", "cannot be used with"),
        ("partitions --over soon", "--over"),
        ("partitions --over 1ms", "at least 10ms"),
        ("partitions --group ", "the name of a group is empty"),
    ] {
        assert_refused(path, args, said);
    }
    for command in ["split p", "merge p p0", "partitions"] {
        let args: Vec<_> = command.split(' ').collect();
        let empty = crate::commands::folder();
        on(empty.path(), &args).assert().code(2).stderr(contains("no file s.db"));
    }
}

#[test]
fn the_finest_partition_cannot_be_split() {
    let folder = stream();
    let finest = format!("split p{} --into 16", "0".repeat(61));
    assert_refused(folder.path(), &finest, "cannot be split: it has no halves");
}

/// A stream that the command cannot create.
fn founded(folder: &Path, config: Config) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let engine = Engine::file(&folder.join("s.db")).expect("the engine");
        Stream::create(engine.client(), config).await.expect("a stream");
    });
}

#[test]
fn partitions_of_a_design_without_a_counter_stay_as_they_are() {
    let folder = folder();
    let path = folder.path();
    let design = named("no-counter").expect("it has a name").design;
    founded(path, Config::new("gapless-").layout(Layout::fixed(2).expect("two")).design(design));
    assert_refused(path, "split p0", "without a counter can be neither split nor merged");
    assert_refused(path, "merge p0 p1", "without a counter can be neither split nor merged");
    assert_eq!(open(path), ["p0", "p1"]);
}

#[test]
fn the_partition_of_a_single_key_cannot_be_split() {
    let folder = folder();
    let path = folder.path();
    on(path, &["init", "--partitions", "each-key"]).assert().code(0);
    append(path, 1);
    let partition = open(path).remove(0);
    assert_refused(path, &format!("split {partition}"), "it has no halves");
    assert_refused(path, "split p", "the stream has no partition p");
}

/// Starts the command against an endpoint.
fn started(folder: &Path, url: &str, args: &[&str]) -> Child {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.args(args).args(["--endpoint-url", url]).current_dir(folder);
    command.stdout(Stdio::piped()).spawn().expect("the command starts")
}

fn ended(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn operators_at_once_do_the_same() {
    let (_served, url) = serve();
    let folder = folder();
    let path = folder.path();
    gapless(path, &["init", "--endpoint-url", &url]).assert().code(0);
    for args in [&["split", "p", "--into", "8"][..], &["merge", "p000", "p001", "p010", "p011"]] {
        for operator in [(); 3].map(|()| started(path, &url, args)) {
            assert!(ended(operator).contains("place"), "{args:?}");
        }
    }
    let drawn = gapless(path, &["partitions", "--json", "--endpoint-url", &url]).assert().code(0);
    let drawn: Value = serde_json::from_slice(&drawn.get_output().stdout).expect("JSON");
    let open = drawn.as_array().expect("an array").iter().filter(|it| it["state"] == "open");
    assert_eq!(open.count(), 5, "{drawn}");
}

#[test]
fn rates_are_measured_between_two_looks() {
    let (_served, url) = serve();
    let folder = folder();
    let path = folder.path();
    gapless(path, &["init", "--endpoint-url", &url, "--partitions", "2"]).assert().code(0);
    let measure = ["partitions", "--over", "2s", "--json"];
    let mut measuring = started(path, &url, &measure);
    while measuring.try_wait().expect("it runs").is_none() {
        let append = ["append", "--key", "id", "--endpoint-url", &url];
        gapless(path, &append).write_stdin(r#"{"id":"a"}"#).assert().code(0);
    }
    let rates: Value = serde_json::from_str(&ended(measuring)).expect("JSON");
    let rate = |index: usize| rates[index]["slots-per-second"].as_f64().expect("a rate");
    assert!(rate(0) > 0.0, "{rates}");
    assert_eq!(rate(1), 0.0, "{rates}");
    let shown = ["partitions", "--over", "10ms", "--endpoint-url", &url];
    let shown = gapless(path, &shown).assert().code(0).stdout(contains("slots/s"));
    // The progress bar is for a terminal.
    shown.stderr(is_empty());
}

#[test]
fn groups_are_shown_as_asked() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    consumed(path, "billing");
    consumed(path, "search");
    let all = done(path, "partitions");
    assert!(all.contains("billing") && all.contains("search"), "{all}");
    let one = done(path, "partitions --group billing --group new --group billing");
    assert!(!one.contains("search"), "{one}");
    let row = one.lines().nth(1).expect("a row").split_whitespace().collect::<Vec<_>>();
    assert_eq!(row, ["p", "6", "open", "begun", "0", "-", "6"]);
    assert!(!done(path, "partitions --dot").contains("lag"));
    assert!(done(path, "partitions --dot --group new").contains(r"\nnew: -, lag 6"));
}

#[test]
fn an_empty_partition_that_a_group_has_not_begun_is_not_drained() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    consumed(path, "g");
    done(path, "split p --into 4");
    let drawn = done_json(path, "partitions");
    let p0 = drawn[1]["groups"]["g"].clone();
    assert_eq!(p0, json!({ "checkpoint": 0, "lag": 0, "begun": false, "drained": false }));
    consumed(path, "g");
    assert_eq!(done_json(path, "partitions")[0]["groups"]["g"]["drained"], true);
}

#[test]
fn a_partition_that_cannot_be_read_is_listed_and_hides_no_other() {
    let folder = stream();
    let path = folder.path();
    done(path, "split p");
    append(path, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = Engine::file(&path.join("s.db")).expect("the engine").client();
        let newer = client
            .update_item()
            .table_name("gapless-partitions")
            .key("partitionId", AttributeValue::S("p0".to_owned()))
            .update_expression("SET v = :v")
            .expression_attribute_values(":v", AttributeValue::N("9".to_owned()));
        newer.send().await.expect("it is written");
    });
    let drawn = done(path, "partitions");
    let (table, unread) =
        drawn.split_once("\n\ncannot be read:\n").expect("a list below the table");
    assert_eq!(table.lines().count(), 3, "{drawn}");
    assert!(unread.contains("version 9") && unread.lines().count() == 1, "{drawn}");
    assert!(done(path, "partitions --dot").contains("  // cannot be read: "));
    let all = done_json(path, "partitions");
    assert_eq!(all[1]["partition"], "p1");
    assert!(all[2]["unread"].as_str().is_some_and(|why| why.contains("version 9")), "{all}");
    let split = on(path, &["split", "p", "--into", "4"]).assert().code(2).stdout(is_empty());
    split.stderr(contains("version 9"));
}

#[test]
fn status_says_what_took_a_partitions_place() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    consumed(path, "g");
    assert!(!done(path, "status").contains("state"), "all are open");
    done(path, "split p");
    let status = done(path, "status");
    assert!(status.contains("sealed for p0, p1  g ") && status.contains("open"), "{status}");
    assert_eq!(done_json(path, "status")["partitions"][0]["children"], json!(["p0", "p1"]));
}

#[test]
fn partitions_that_came_of_a_split_can_be_named_elsewhere() {
    let folder = stream();
    let path = folder.path();
    append(path, 1);
    consumed(path, "g");
    done(path, "split p");
    append(path, 2);
    let read = done(path, "read --partition p0") + &done(path, "read --partition p1");
    assert_eq!(read.lines().count(), 6);
    let seek = "seek --group g --to end --partition p0";
    assert!(done(path, seek).contains("skipped"));
    for args in ["read --partition p00", "seek --group g --to end --partition p00"] {
        let args: Vec<_> = args.split(' ').collect();
        let refused = on(path, &args).assert().code(2).stdout(is_empty());
        refused.stderr(contains("`p00` is not a partition").and(contains("gapless partitions")));
    }
}
