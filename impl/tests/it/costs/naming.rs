//! What the records of named producers cost, and how their number is limited.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use gapless::{AppendError, Config, Event, Number, Producer, ProducerError, StoreError, Stream};

use super::ONE_PARTITION;
use super::meter::{self, Meter, Wrong};

const LIMIT: u32 = 3;

fn stream(meter: &Meter) -> Stream {
    meter.stream(|config| config.layout(ONE_PARTITION).most_producers(LIMIT))
}

/// Appends one event in a run of its own.
fn run(meter: &Meter, stream: &Stream, name: &str) -> Result<Producer, ProducerError> {
    meter.time.run(async {
        let mut producer = stream.producer(name);
        producer.push(Number(1), Event::new("k", name)).await?;
        producer.flush().await?;
        Ok(producer)
    })
}

/// A stream in whose partition as many names have a record as may have one.
fn full(meter: &Meter) -> Stream {
    let stream = stream(meter);
    for name in ["a", "b", "c"] {
        run(meter, &stream, name).expect("there is room");
    }
    stream
}

fn too_many(outcome: &Result<Producer, ProducerError>) -> bool {
    let Err(ProducerError::Append(AppendError::Store(error))) = outcome else { return false };
    matches!(error, StoreError::TooManyProducers { limit: LIMIT, .. })
}

fn names(meter: &Meter, stream: &Stream) -> Vec<String> {
    let producers = meter.time.run(stream.producers()).expect("listed");
    producers.iter().map(|producer| producer.name.to_string()).collect()
}

#[test]
fn a_slot_of_a_named_producer_has_a_hundred_events_unless_it_is_told_otherwise() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let push_all = async {
        let mut producer = stream.producer("a");
        for number in 1..=201 {
            producer.push(Number(number), Event::new("k", "x")).await.expect("taken");
        }
        producer.flush().await.expect("appended");
    };
    let ((), bill) = meter.run(push_all);
    assert!(bill.contains(&"3 PutItem events".to_owned()), "{bill:?}");
}

#[test]
fn a_new_name_is_refused_where_there_are_as_many_as_may_be_and_nothing_is_written() {
    let meter = Meter::new();
    let stream = full(&meter);
    let heads = meter.time.run(stream.heads(&[stream.route("k")])).expect("read");
    let refused = run(&meter, &stream, "d");
    assert!(too_many(&refused), "{refused:?}");
    let said = refused.expect_err("it is refused").to_string();
    assert!(
        said.contains("most_producers") && said.contains("of 3 named producers, 3 may"),
        "{said}"
    );
    assert_eq!(names(&meter, &stream), ["a", "b", "c"]);
    assert_eq!(meter.time.run(stream.heads(&[stream.route("k")])).expect("read"), heads);
}

#[test]
fn a_name_that_has_a_record_is_never_refused() {
    let meter = Meter::new();
    let stream = full(&meter);
    let producer = run(&meter, &stream, "b").expect("it has a record");
    assert_eq!(producer.skipped(), 1);
}

#[test]
fn an_event_that_was_refused_is_taken_where_more_may_have_a_record() {
    let meter = Meter::new();
    let refuses = full(&meter);
    let mut producer = refuses.producer("d");
    meter.time.run(producer.push(Number(1), Event::new("k", "d"))).expect_err("there is no room");
    let config = meter.config().most_producers(LIMIT + 1);
    let stream = meter.time.run(Stream::open(meter.client(), config)).expect("opened");
    assert_eq!(run(&meter, &stream, "d").expect("there is room").skipped(), 0);
    // The first process knows the name now, as it has a record.
    meter.time.run(producer.push(Number(1), Event::new("k", "d"))).expect("it has a record");
    assert_eq!(names(&meter, &stream), ["a", "b", "c", "d"]);
    assert!(run(&meter, &stream, "e").is_err());
}

/// A claim whose answer is lost has counted its record, and its repetition counts none.
#[test]
fn a_claim_that_is_sent_again_counts_once() {
    let meter = Meter::new();
    let stream = stream(&meter);
    for name in ["a", "b", "c"] {
        meter.go_wrong_once("UpdateItem partitions", Wrong::Applied);
        run(&meter, &stream, name).expect("there is room");
    }
    assert!(too_many(&run(&meter, &stream, "d")));
}

#[test]
fn where_none_may_have_a_record_the_first_name_is_refused() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).most_producers(0));
    let refused = run(&meter, &stream, "a").expect_err("there is no room").to_string();
    assert!(refused.contains("records of 0 named producers, 0 may have one"), "{refused}");
}

/// What an append pays for the partition's item, once so many names have a record in it.
fn units_of_a_raise(config: impl FnOnce(Config) -> Config, names: u32) -> Option<f64> {
    let meter = Meter::new();
    let stream = meter.stream(|with| config(with.layout(ONE_PARTITION)));
    for number in 0..names {
        run(&meter, &stream, &format!("producer-{number:03}")).expect("there is room");
    }
    let update = meter
        .client()
        .update_item()
        .table_name(format!("{}partitions", meter::PREFIX))
        .key("partitionId", AttributeValue::S(stream.route("k").to_string()))
        .update_expression("SET sequenceNumber = sequenceNumber + :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total);
    let updated = meter.time.run(update.send()).expect("updated");
    updated.consumed_capacity.and_then(|consumed| consumed.capacity_units)
}

#[test]
fn as_many_records_as_may_be_by_default_leave_a_raise_at_one_write_unit() {
    assert_eq!(units_of_a_raise(|config| config, 16), Some(1.0));
    assert_eq!(units_of_a_raise(|config| config.most_producers(100), 100), Some(6.0));
}

/// Nothing of the next batch gets in front of the one that has no answer.
#[test]
fn a_push_that_is_made_again_goes_on_with_the_append_that_it_had_begun() {
    let meter = Meter::new();
    let patience = std::time::Duration::from_secs(1);
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(patience));
    let mut producer = stream.producer("a").batches_of(2);
    meter.time.run(async {
        for number in 1..=2 {
            producer.push(Number(number), Event::new("k", "x")).await.expect("taken");
        }
        meter.go_wrong("PutItem", Wrong::Internal);
        let failed = producer.push(Number(3), Event::new("k", "x")).await;
        assert!(failed.is_err(), "{failed:?}");
        assert_eq!(producer.waiting(), 2, "the third is not taken");
        meter.mend("PutItem");
        let again = producer.push(Number(3), Event::new("k", "x")).await.expect("taken");
        assert_eq!(again.iter().map(|receipt| receipt.events).collect::<Vec<_>>(), [2]);
        assert_eq!(producer.waiting(), 1);
    });
}

/// Both have seen that there is room for one.
#[test]
fn of_two_new_names_that_come_at_once_the_last_place_is_for_one() {
    let meter = Meter::new();
    let stream = stream(&meter);
    for name in ["a", "b"] {
        run(&meter, &stream, name).expect("there is room");
    }
    let second = std::time::Duration::from_secs(1);
    meter.set_latency(meter::Latency { queries: second, others: second });
    let claim = async |name: &str| {
        let mut producer = stream.producer(name);
        producer.push(Number(1), Event::new("k", name)).await.map(|_| producer)
    };
    let (c, d) = meter.time.run(futures_util::future::join(claim("c"), claim("d")));
    assert!(c.is_ok() && too_many(&d), "{c:?} {d:?}");
    assert_eq!(names(&meter, &stream), ["a", "b", "c"]);
}
