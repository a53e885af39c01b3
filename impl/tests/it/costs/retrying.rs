//! What is known of a write whose first try had no answer, where the SDK tries again by itself.

use std::time::Duration;

use gapless::{AppendError, Grouping, Seq, StoreError, Stream, Target};
use gapless_model::design::named;

use super::meter::{Meter, Wrong};
use super::{ONE_PARTITION, event};

/// A stream whose client tries twice, and whose own patience is over at once.
fn tried_twice(meter: &Meter, design: &str) -> Stream {
    let design = named(design).expect("a design").design;
    meter.stream_over(meter.client_that_tries(2), |config| {
        config.layout(ONE_PARTITION).design(design).patience(Duration::ZERO)
    })
}

fn events(meter: &Meter, stream: &Stream) -> usize {
    meter.time.run(stream.read(Target::Everything).collect()).expect("read").len()
}

/// The first try is applied without an answer, and the second is refused for good: the credentials
/// expired in between.
fn expire_in_between(meter: &Meter, kind: &'static str) {
    meter.go_wrong_in_turn(kind, &[Wrong::Applied, Wrong::Forbidden]);
}

#[test]
fn a_refusal_after_a_hidden_try_without_an_answer_can_be_settled() {
    for (design, kind) in [("recommended", "PutItem"), ("transaction", "TransactWriteItems")] {
        let meter = Meter::new();
        let stream = tried_twice(&meter, design);
        expire_in_between(&meter, kind);
        let error = meter.time.run(stream.append(event(1))).expect_err("no answer");
        let AppendError::Unsettled(unsettled) = error else { panic!("{design}: {error}") };
        assert!(unsettled.why().to_string().contains("not yours"), "{}", unsettled.why());
        let receipt = meter.time.run(unsettled.settle()).expect("it finds its own slot");
        assert_eq!(receipt.position.slot, Seq(1), "{design}");
        assert_eq!(events(&meter, &stream), 1, "{design}");
    }
}

#[test]
fn a_group_that_is_refused_after_a_hidden_try_without_an_answer_can_be_settled() {
    let meter = Meter::new();
    let stream = tried_twice(&meter, "recommended");
    expire_in_between(&meter, "PutItem");
    let appender = stream.appender(Grouping::default());
    let error = meter.time.run(appender.append(event(1))).expect_err("no answer");
    assert!(error.is_unsettled(), "{error}");
    meter.time.run(error.settle()).expect("it finds its own slot");
    assert_eq!(events(&meter, &stream), 1);
}

/// That the second try is turned away does not say what became of the first, and the third is
/// refused for good.
#[test]
fn a_throttled_try_does_not_make_up_for_one_without_an_answer() {
    let meter = Meter::new();
    let config = |config: gapless::Config| config.layout(ONE_PARTITION);
    let stream = meter.stream_over(meter.client_that_tries(2), config);
    let befalls = [Wrong::Applied, Wrong::Throttled, Wrong::Forbidden];
    meter.go_wrong_in_turn("PutItem", &befalls);
    let error = meter.time.run(stream.append(event(1))).expect_err("no answer");
    let AppendError::Unsettled(unsettled) = error else { panic!("{error}") };
    meter.time.run(unsettled.settle()).expect("it finds its own slot");
    assert_eq!(events(&meter, &stream), 1);
}

/// Each try was answered, so it is known that nothing was written.
#[test]
fn a_refusal_after_a_hidden_try_that_was_turned_away_is_final() {
    for (design, kind) in [("recommended", "PutItem"), ("transaction", "TransactWriteItems")] {
        let meter = Meter::new();
        let stream = tried_twice(&meter, design);
        meter.go_wrong_in_turn(kind, &[Wrong::Throttled, Wrong::Forbidden]);
        let error = meter.time.run(stream.append(event(1))).expect_err("it may not");
        assert!(matches!(error, AppendError::Store(StoreError::Refused { .. })), "{error}");
        assert_eq!(events(&meter, &stream), 0, "{design}");
    }
}
