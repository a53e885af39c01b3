//! How a turn leaves a partition behind, and what comes just then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join, pending};
use gapless::PartitionId;
use gapless::trigger::{Hints, Trigger};

use super::meter::Meter;
use super::{ONE_PARTITION, event, takes};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_event_that_comes_while_the_handler_works_is_of_the_same_turn() {
    let meter = Meter::new();
    let [writer, stream] = [(); 2].map(|()| meter.stream(|config| config.layout(ONE_PARTITION)));
    meter.time.run(writer.append(event(1))).expect("appended");
    // No notice tells of the second event, and no sweep.
    let worker = stream.worker("g", takes(&meter, SECOND)).sweep_every(3600 * SECOND);
    let appends = async {
        meter.time.wait(SECOND / 2).await;
        writer.append(event(2)).await.expect("appended");
    };
    let (summary, ()) = meter.time.run(join(worker.until_caught_up(), appends));
    let summary = summary.expect("caught up");
    assert_eq!((summary.events, summary.turns), (2, 1));
}

/// Announces a partition at these times, and counts how often that was finished.
#[derive(Debug)]
struct Announcing {
    hints: Mutex<Vec<(Duration, PartitionId)>>,
    meter: Meter,
    finished: AtomicU64,
}

impl Trigger for Announcing {
    fn next(&self) -> Hints<'_> {
        async {
            let hint = self.hints.lock().expect("no panic").pop();
            let Some((after, partition)) = hint else { return pending().await };
            self.meter.time.wait(after).await;
            vec![partition]
        }
        .boxed()
    }

    fn finish(&self, _: &PartitionId) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// It may be of an event that the turn has not seen.
#[test]
fn a_trigger_that_comes_during_a_turn_is_not_finished_with_it() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.time.run(stream.append(event(1))).expect("appended");
    let hints = [SECOND / 2, Duration::ZERO].map(|after| (after, stream.route("k")));
    let trigger = Arc::new(Announcing {
        hints: Mutex::new(hints.into()),
        meter: meter.clone(),
        finished: AtomicU64::new(0),
    });
    let worker = stream.worker("g", takes(&meter, SECOND)).sweep_every(3600 * SECOND);
    let worker = worker.trigger(trigger.clone());
    let stop = worker.stopper();
    let stops = async {
        meter.time.wait(5 * SECOND).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), stops));
    let summary = summary.expect("it stops");
    assert_eq!((summary.events, summary.turns), (1, 2));
    // Once, after the turn that looked last.
    assert_eq!(trigger.finished.load(Ordering::Relaxed), 1);
}
