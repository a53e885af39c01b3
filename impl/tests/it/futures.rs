//! Every future of the crate can go to another thread, as a runtime of several threads demands.

use futures_util::StreamExt as _;
use gapless::embedded::Engine;
use gapless::trigger::Trigger;
use gapless::{
    Config, Delivery, Event, Group, Grouping, HandlerError, Number, SeekTo, Seq, Stream, Target,
};

/// Compiles for a future that is `Send`. It is dropped before it does anything.
fn can_be_spawned(_: impl Future + Send) {}

#[tokio::test]
async fn every_call_can_be_awaited_in_a_task_of_its_own() {
    let client = Engine::memory().expect("an engine").client();
    can_be_spawned(Stream::open(client.clone(), Config::new("s-")));
    can_be_spawned(Stream::create(client.clone(), Config::new("s-")));
    let stream = Stream::create(client, Config::new("s-")).await.expect("a stream");
    let event = || Event::new("k", "x");
    can_be_spawned(stream.append(event()));
    can_be_spawned(stream.append_batch(vec![event()]));
    can_be_spawned(stream.append_expecting(&stream.route("k"), Seq::ZERO, vec![event()]));
    let appender = stream.appender(Grouping::default());
    can_be_spawned(appender.append(event()));
    let mut producer = stream.producer("p");
    can_be_spawned(producer.push(Number(1), event()));
    can_be_spawned(producer.flush());
    can_be_spawned(producer.finish());
    let worker = stream.worker("g", async |_: Delivery| Ok::<(), HandlerError>(()));
    can_be_spawned(worker.run());
    can_be_spawned(worker.until_caught_up());
    let partition = stream.route("k");
    can_be_spawned(worker.take_turn(&partition));
    can_be_spawned(worker.stopper().wait());
    can_be_spawned(stream.lease("jobs", "nightly").hold(async |_| "done"));
    can_be_spawned(stream.read(Target::Everything).collect());
    can_be_spawned(async { Box::pin(stream.read_back(Target::Everything)).next().await });
    can_be_spawned(Trigger::next(&stream.notices().subscribe()));
    can_be_spawned(stream.heads(&[]));
    can_be_spawned(stream.partitions());
    can_be_spawned(stream.standings(&Group::from("g")));
    can_be_spawned(stream.lag(&Group::from("g")));
    can_be_spawned(stream.seek(&Group::from("g"), &partition, SeekTo::End));
    can_be_spawned(stream.begin_at(&Group::from("g"), SeekTo::End));
    can_be_spawned(stream.status());
    can_be_spawned(stream.audit(|_| ()));
    let id = worker.id().expect("an id");
    can_be_spawned(stream.release_leases(&Group::from("g"), id));
    let receipt = stream.append(event()).await.expect("appended");
    can_be_spawned(stream.settled(&receipt));
}
