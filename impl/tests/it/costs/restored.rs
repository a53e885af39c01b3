//! A counter that is behind the events, as after tables were restored from copies of another age.

use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use gapless::{AppendError, Event, Seq, Stream};
use gapless_model::design::named;

use super::meter::{self, Meter};
use super::{ONE_PARTITION, append, with_events};

/// The condition in docs/operating.md.
const FORWARD: &str = "attribute_not_exists(sequenceNumber) OR sequenceNumber < :head";

/// Sets the head of the one partition as docs/operating.md says, if `condition` holds.
fn set_head(meter: &Meter, stream: &Stream, head: u64, condition: Option<&str>) -> bool {
    let partition = AttributeValue::S(stream.route("k").to_string());
    let update = meter
        .client()
        .update_item()
        .table_name(format!("{}partitions", meter::PREFIX))
        .key("partitionId", partition)
        .update_expression("SET sequenceNumber = :head")
        .expression_attribute_values(":head", AttributeValue::N(head.to_string()))
        .set_condition_expression(condition.map(str::to_owned));
    let set: Result<UpdateItemOutput, _> = meter.time.run(update.send());
    set.is_ok()
}

/// Five slots with events, and a counter that knows of three.
fn restored() -> (Meter, Stream) {
    let (meter, stream) = with_events(5);
    assert!(set_head(&meter, &stream, 3, None));
    (meter, stream)
}

#[test]
fn an_expected_position_is_in_conflict_with_events_that_the_counter_does_not_know_of() {
    let (meter, stream) = restored();
    let partition = stream.route("k");
    let expecting = stream.append_expecting(&partition, Seq(3), vec![Event::new("k", "new")]);
    let refused = meter.time.run(expecting);
    let Err(AppendError::Conflict { found, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(found, Seq(4));
}

#[test]
fn a_history_has_them_and_is_appended_to_behind_them() {
    let (meter, stream) = restored();
    let mut history = meter.time.run(stream.load("k")).expect("loaded");
    assert_eq!(history.events().len(), 5);
    let ahead = meter.time.run(stream.append_to(&mut history, vec![Event::new("k", "new")]));
    assert!(matches!(ahead, Err(AppendError::Conflict { .. })), "{ahead:?}");
    assert!(set_head(&meter, &stream, 5, Some(FORWARD)));
    let receipt = meter.time.run(stream.append_to(&mut history, vec![Event::new("k", "new")]));
    assert_eq!(receipt.expect("appended").position.slot, Seq(6));
}

#[test]
fn an_append_without_one_passes_them_one_by_one() {
    let (meter, stream) = restored();
    let (receipt, bill) = meter.run(stream.append(Event::new("k", "new")));
    assert_eq!(receipt.expect("appended").position.slot, Seq(6));
    assert_eq!(bill, ["3 PutItem events", "3 UpdateItem partitions"]);
}

#[test]
fn an_append_passes_them_in_every_design() {
    for name in ["transaction", "compare-and-set", "no-counter"] {
        let meter = Meter::new();
        let design = named(name).expect(name).design;
        let stream = meter.stream(|config| config.layout(ONE_PARTITION).design(design));
        append(&meter, &stream, 5);
        set_head(&meter, &stream, 3, None);
        let receipt = meter.time.run(stream.append(Event::new("k", "new"))).expect(name);
        assert_eq!(receipt.position.slot, Seq(6), "{name}");
    }
}

#[test]
fn a_counter_is_only_set_forward() {
    let (meter, stream) = restored();
    assert!(set_head(&meter, &stream, 5, Some(FORWARD)));
    assert!(!set_head(&meter, &stream, 4, Some(FORWARD)));
    let audit = meter.time.run(stream.audit(|_| ())).expect("audited");
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
}

#[test]
fn a_counter_that_is_missing_is_set_as_well() {
    let (meter, stream) = with_events(0);
    assert!(set_head(&meter, &stream, 5, Some(FORWARD)));
    let receipt = meter.time.run(stream.append(Event::new("k", "new"))).expect("appended");
    assert_eq!(receipt.position.slot, Seq(6));
}
