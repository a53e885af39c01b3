//! The stream commands as their users meet them: what they print, and what they
//! say to bad input. Each runs on the embedded engine in a file, or on nothing at all.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::{contains, is_empty};

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The command, in a folder of its own, without anybody's AWS configuration.
pub fn gapless(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
    for variable in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(variable);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", folder);
    command
}

/// The same on the stream in `s.db`.
pub fn on(folder: &Path, args: &[&str]) -> Command {
    let mut command = gapless(folder, args);
    command.args(["--embedded", "s.db"]);
    command
}

/// A folder with a stream in two partitions.
pub fn stream() -> tempfile::TempDir {
    let folder = folder();
    on(folder.path(), &["init", "--partitions", "2", "--lease", "1s", "--grace", "100ms"])
        .assert()
        .code(0)
        .stdout(contains("gapless-partitions"));
    folder
}

pub const EVENTS: &str = r#"{"id":"a","n":1}
{"id":"b","n":2}
{"id":"a","n":3}
"#;

#[test]
fn what_is_appended_is_read_consumed_shown_and_audited() {
    let folder = stream();
    let path = folder.path();
    let append = || on(path, &["append", "--key", "id"]);
    append().write_stdin(EVENTS).assert().code(0).stdout(contains("appended 3 events"));
    on(path, &["read", "--key", "a"])
        .assert()
        .code(0)
        .stdout(contains(r#""data":{"id":"a","n":1}"#));
    on(path, &["read", "--key", "a", "--last", "1"])
        .assert()
        .code(0)
        .stdout(contains(r#""n":3"#).and(contains(r#""n":1"#).not()));
    on(path, &["tail", "--last", "1"]).assert().code(2).stderr(contains("gapless read"));
    let read = on(path, &["read"]).assert().code(0);
    assert_eq!(String::from_utf8_lossy(&read.get_output().stdout).lines().count(), 3);
    let consumed = on(path, &["consume", "--group", "g"]).assert().code(0);
    assert_eq!(String::from_utf8_lossy(&consumed.get_output().stdout).lines().count(), 3);
    on(path, &["consume", "--group", "g"]).assert().code(0).stdout(is_empty());
    on(path, &["status"]).assert().code(0).stdout(contains("free").and(contains("lag")));
    on(path, &["audit"])
        .assert()
        .code(0)
        .stdout(contains("nothing wrong").and(contains("3 events")));
    on(path, &["audit", "--json"]).assert().code(0).stdout(contains(r#""findings":[]"#));
}

#[test]
fn a_named_producer_goes_on_where_it_was() {
    let folder = stream();
    let path = folder.path();
    let append = || on(path, &["append", "--key", "id", "--producer", "p"]);
    append().write_stdin(EVENTS).assert().code(0).stdout(contains("appended 3 events"));
    let more = format!("{EVENTS}{}", r#"{"id":"b","n":4}"#);
    let again = append().write_stdin(more).assert().code(0);
    again.stdout(contains("already in the log: 3 events").and(contains("appended 1 event in")));
    let other = append().write_stdin(r#"{"id":"a","n":9}"#).assert().code(2);
    // No promise that the same command can be given again: this input never fits.
    other.stderr(contains("another input").and(contains("choose another --producer name")));
}

#[test]
fn names_of_producers_are_limited_and_shown() {
    let folder = stream();
    let path = folder.path();
    let append = |name: &str, most: &str| {
        let args = ["append", "--key", "id", "--producer", name, "--most-producers", most];
        on(path, &args).write_stdin(EVENTS).assert()
    };
    append("first", "0").code(2).stderr(contains("records of 0"));
    append("first", "2").code(0);
    append("second", "2").code(0);
    let refused = append("third", "2").code(2);
    refused.stderr(contains("allow more").and(contains("records of 2")));
    on(path, &["producers"]).assert().code(0).stdout(contains("second").and(contains("slot")));
    append("third", "3").code(0).stdout(contains("appended 3 events"));
    let shown = on(path, &["producers", "--json"]).assert().code(0);
    let shown: serde_json::Value =
        serde_json::from_slice(&shown.get_output().stdout).expect("JSON");
    let names = shown["producers"].as_array().expect("a list").iter();
    let names: std::collections::BTreeSet<_> =
        names.map(|producer| producer["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["first", "second", "third"].into());
    on(path, &["audit"]).assert().code(0).stdout(contains("9 events"));
}

#[test]
fn a_command_handles_deliveries() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    let exec = r#"cat >> handled.txt && test -n "$GAPLESS_EPOCH""#;
    on(path, &["consume", "--group", "g", "--exec", exec]).assert().code(0);
    let handled = fs::read_to_string(path.join("handled.txt")).expect("what it handled");
    assert_eq!(handled.lines().count(), 3);
    let failing = on(path, &["consume", "--group", "h", "--exec", "exit 3", "--attempts", "2"])
        .assert()
        .code(2);
    // Messages are wrapped to the terminal, so a phrase may be on two lines.
    failing.stderr(contains("failed 2 times").and(contains("`exit 3`")));
    on(path, &["status"]).assert().stdout(contains("exit status: 3"));
}

#[test]
fn decisions_are_logged() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--decisions", "log.ndjson"]).write_stdin("1\n").assert().code(0);
    let log = fs::read_to_string(path.join("log.ndjson")).expect("a log");
    assert!(log.starts_with(r#"{"format":"gapless-decisions","version":6"#), "{log}");
    assert!(log.contains(r#""request":{"Write""#) && log.contains(r#""reply":"Written""#), "{log}");
}

#[test]
fn an_audit_finds_what_should_not_be_there() {
    let folder = stream();
    let path = folder.path();
    on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
    on(path, &["consume", "--group", "g"]).assert().code(0);
    // Somebody deletes a slot that a group has finished (scenario 8).
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let file = path.join("s.db");
        let engine = gapless::embedded::Engine::file(&file).expect("the engine");
        use aws_sdk_dynamodb::types::AttributeValue;
        let client = engine.client();
        let found = client.scan().table_name("gapless-events").send().await.expect("scanned");
        let first = found.items().first().expect("an item").clone();
        let key = |name: &str| first.get(name).cloned().unwrap_or(AttributeValue::Null(true));
        let deleted = client
            .delete_item()
            .table_name("gapless-events")
            .key("partitionId", key("partitionId"))
            .key("sequenceNumber", key("sequenceNumber"));
        deleted.send().await.expect("deleted");
    });
    on(path, &["audit"]).assert().code(1).stdout(contains("D3").and(contains("is empty")));
}

mod bad_input {
    use super::*;

    #[test]
    fn a_broken_line_leaves_nothing_half_done() {
        let folder = stream();
        let path = folder.path();
        let mut lines: Vec<String> = (1..=20).map(|n| format!(r#"{{"id":"a","n":{n}}}"#)).collect();
        lines[16] = r#"{"id":"a","n":"#.to_owned();
        fs::write(path.join("broken.ndjson"), lines.join("\n")).expect("an input");
        on(path, &["append", "broken.ndjson", "--key", "id"])
            .assert()
            .code(2)
            .stderr(contains("broken.ndjson: line 17").and(contains("nothing was appended")));
        on(path, &["read"]).assert().code(0).stdout(is_empty());
        // From a pipe the lines before it are in the log, and it says so.
        on(path, &["append", "--key", "id"])
            .write_stdin(lines.join("\n"))
            .assert()
            .code(2)
            .stderr(contains("line 17").and(contains("the lines before it were appended")));
        on(path, &["audit"]).assert().code(0).stdout(contains("16 events"));
    }

    #[test]
    fn a_line_without_the_key_is_named() {
        let folder = stream();
        on(folder.path(), &["append", "--key", "order"])
            .write_stdin(EVENTS)
            .assert()
            .code(2)
            .stderr(contains("line 1").and(contains("no field `order`")));
    }

    #[test]
    fn an_event_over_the_limit_is_named() {
        let folder = stream();
        let large = format!(r#"{{"id":"a","x":"{}"}}"#, "x".repeat(500_000));
        fs::write(folder.path().join("large.ndjson"), large).expect("an input");
        on(folder.path(), &["append", "large.ndjson", "--key", "id"])
            .assert()
            .code(2)
            .stderr(contains("line 1").and(contains("409600")));
    }

    #[test]
    fn nothing_is_measured_in_no_time() {
        let folder = folder();
        gapless(folder.path(), &["bench", "--time", "0s"])
            .assert()
            .code(2)
            .stderr(contains("at least 10ms"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_and_not_created() {
        let commands: [&[&str]; 6] = [
            &["status"],
            &["audit"],
            &["read"],
            &["tail"],
            &["consume", "--group", "g"],
            &["append"],
        ];
        for command in commands {
            let folder = folder();
            on(folder.path(), command)
                .assert()
                .code(2)
                .stdout(is_empty())
                .stderr(contains("no file s.db").and(contains("gapless init --embedded s.db")));
            let left = fs::read_dir(folder.path()).expect("the folder").count();
            assert_eq!(left, 0, "{command:?} leaves nothing behind");
        }
    }

    #[test]
    fn a_stream_that_is_not_there_is_named() {
        let folder = folder();
        on(folder.path(), &["init", "--table-prefix", "other-"]).assert().code(0);
        on(folder.path(), &["status"])
            .assert()
            .code(2)
            .stderr(contains("no table gapless-partitions").and(contains("gapless init")));
    }

    #[test]
    fn another_founding_is_refused() {
        let folder = stream();
        on(folder.path(), &["init", "--partitions", "8"])
            .assert()
            .code(2)
            .stderr(contains("2 partitions").and(contains("8 partitions")));
        on(folder.path(), &["init", "--partitions", "7"])
            .assert()
            .code(2)
            .stderr(contains("power of two"));
    }

    #[test]
    fn missing_credentials_are_said_to_be_missing() {
        let folder = folder();
        gapless(folder.path(), &["status", "--region", "eu-west-1"])
            .assert()
            .code(2)
            .stderr(contains("AWS_PROFILE"));
    }

    #[test]
    fn an_endpoint_where_nobody_listens_is_named() {
        let folder = folder();
        gapless(folder.path(), &["status", "--endpoint-url", "http://127.0.0.1:9"])
            .assert()
            .code(2)
            .stderr(contains("is anything listening at http://127.0.0.1:9"));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = folder();
        fs::write(
            folder.path().join("s.db"),
            "not a database, but a letter to a friend".repeat(99),
        )
        .expect("a file");
        on(folder.path(), &["init"]).assert().code(2).stderr(contains("cannot open"));
    }

    #[test]
    fn a_name_that_cannot_be_stored_is_refused_before_anything_is_sent() {
        let folder = stream();
        let long = "g".repeat(2049);
        for (group, found) in [("", "is empty"), (&*long, "has 2049 bytes")] {
            on(folder.path(), &["consume", "--group", group])
                .assert()
                .code(2)
                .stderr(contains(format!("the name of a group {found}: it takes 1 to 2048")));
        }
        let long = "p".repeat(513);
        for (producer, found) in [("", "is empty"), (&*long, "has 513 bytes")] {
            on(folder.path(), &["append", "--producer", producer])
                .write_stdin(EVENTS)
                .assert()
                .code(2)
                .stderr(contains(format!("the name of a producer {found}: it takes 1 to 512")));
        }
        on(folder.path(), &["status", "--json"]).assert().code(0).stdout(contains("\"groups\":[]"));
    }

    #[test]
    fn a_partition_of_another_layout_is_refused() {
        let folder = stream();
        on(folder.path(), &["read", "--partition", "p001"])
            .assert()
            .code(2)
            .stderr(contains("not a partition of this stream"));
        on(folder.path(), &["read", "--partition", "x"])
            .assert()
            .code(2)
            .stderr(contains("binary digits"));
    }

    #[test]
    fn a_stream_of_the_table_is_made_only_if_it_is_asked_for() {
        let folder = stream();
        let path = folder.path();
        on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
        let consume = || on(path, &["consume", "--group", "g", "--table-stream"]);
        consume().assert().code(2).stdout(is_empty()).stderr(
            contains("the table gapless-events has no stream of its own")
                .and(contains("gapless init --table-stream")),
        );
        let founding = ["init", "--partitions", "2", "--lease", "1s", "--grace", "100ms"];
        on(path, &[&founding[..], &["--table-stream"]].concat()).assert().code(0);
        consume().assert().code(0).stdout(contains("\n"));
    }

    /// Changes an item behind the stream's back.
    fn with_engine(folder: &Path, change: impl AsyncFnOnce(aws_sdk_dynamodb::Client)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let engine = gapless::embedded::Engine::file(&folder.join("s.db")).expect("the engine");
            change(engine.client()).await;
        });
    }

    #[test]
    fn a_checkpoint_of_another_version_is_left_alone() {
        use aws_sdk_dynamodb::types::AttributeValue;
        let folder = stream();
        let path = folder.path();
        on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
        on(path, &["consume", "--group", "g"]).assert().code(0);
        with_engine(path, async |client| {
            let all = client.scan().table_name("gapless-consumers").send().await.expect("scanned");
            for mut item in all.items().to_vec() {
                item.insert("v".to_owned(), AttributeValue::N("3".to_owned()));
                let put = client.put_item().table_name("gapless-consumers").set_item(Some(item));
                put.send().await.expect("put");
            }
        });
        on(path, &["append", "--key", "id"]).write_stdin(EVENTS).assert().code(0);
        on(path, &["consume", "--group", "g"])
            .assert()
            .code(2)
            .stdout(is_empty())
            .stderr(contains("version 3").and(contains("consumerId g")));
    }

    #[test]
    fn a_table_of_another_schema_is_refused() {
        use aws_sdk_dynamodb::types::{
            AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        };
        let folder = folder();
        with_engine(folder.path(), async |client| {
            let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
            let attribute = AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(ScalarAttributeType::N);
            client
                .create_table()
                .table_name("gapless-events")
                .billing_mode(BillingMode::PayPerRequest)
                .key_schema(hash.build().expect("a key"))
                .attribute_definitions(attribute.build().expect("an attribute"))
                .send()
                .await
                .expect("a table");
        });
        on(folder.path(), &["init"])
            .assert()
            .code(2)
            .stderr(contains("gapless-events").and(contains("partitionId (S)")));
    }
}
