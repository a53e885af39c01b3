//! What is said when a stream is created, opened, or asked for what it is not.

use std::time::Duration;

use gapless::{Config, Layout, SetupError, Stream};
use gapless_model::design::named;

use super::{Scene, one_partition, transcript};
use crate::costs::meter::{PREFIX, Wrong};

fn say_set_up(scene: &Scene, stream: Result<Stream, SetupError>) {
    match stream {
        Ok(stream) => scene.say(format!("it is there: {:?}", stream.layout())),
        Err(error) => scene.say(format!("refused: {error}")),
    }
}

fn create(scene: &Scene, config: Config) {
    scene.say("create");
    say_set_up(scene, scene.run(Stream::create(scene.meter.client(), config)));
}

fn open(scene: &Scene, config: Config) {
    scene.say("open");
    say_set_up(scene, scene.run(Stream::open(scene.meter.client(), config)));
}

#[test]
fn a_stream_that_exists() {
    transcript("a_stream_that_exists", one_partition, |scene| {
        let config = || one_partition(Config::new(PREFIX));
        create(scene, config());
        open(scene, config());
        let seconds = Duration::from_secs;
        create(scene, config().layout(Layout::EachKey));
        open(scene, config().lease(seconds(60)));
        open(scene, config().grace(seconds(60)));
        open(scene, config().skew(seconds(1)));
        open(scene, config().design(named("observer").expect("it has a name").design));
    });
}

#[test]
fn a_stream_that_is_created_slowly() {
    transcript("a_stream_created_slowly", one_partition, |scene| {
        open(scene, Config::new("other-"));
        scene.meter.create_slowly(4);
        scene.meter.go_wrong_in_turn("DescribeTable", &[Wrong::Throttled]);
        scene.meter.go_wrong_in_turn("CreateTable", &[Wrong::Internal]);
        scene.meter.go_wrong_in_turn("UpdateItem", &[Wrong::Applied]);
        create(scene, Config::new("other-").layout(Layout::Fixed { bits: 1 }));
        open(scene, Config::new("other-").layout(Layout::Fixed { bits: 1 }));
    });
}

#[test]
fn a_stream_that_never_answers() {
    let patient = |config: Config| one_partition(config).patience(Duration::from_secs(2));
    transcript("a_stream_that_never_answers", patient, |scene| {
        scene.meter.go_wrong("DescribeTable", Wrong::Internal);
        create(scene, patient(Config::new("other-")));
        scene.meter.mend("DescribeTable");
        scene.meter.go_wrong("GetItem", Wrong::Internal);
        open(scene, patient(Config::new(PREFIX)));
        scene.meter.go_wrong("GetItem", Wrong::Forbidden);
        open(scene, patient(Config::new(PREFIX)));
    });
}

/// What is asked of a stream whose events have a table's stream, when it is opened.
#[test]
fn a_stream_with_a_table_stream() {
    let streaming = |config: Config| one_partition(config).table_stream(true);
    transcript("a_stream_with_a_table_stream", streaming, |scene| {
        scene.say(format!("{:?}", scene.run(scene.stream.has_table_stream())));
        open(scene, streaming(Config::new(PREFIX)));
        open(scene, one_partition(Config::new(PREFIX)));
    });
}

/// The table exists, and its owner may not change it.
#[test]
fn a_table_stream_that_may_not_be_made() {
    transcript("a_table_stream_that_may_not_be_made", one_partition, |scene| {
        let streaming = || one_partition(Config::new(PREFIX)).table_stream(true);
        scene.meter.go_wrong("UpdateTable", Wrong::Forbidden);
        create(scene, streaming());
        scene.meter.mend("UpdateTable");
        create(scene, streaming());
    });
}

#[test]
fn a_table_stream_that_another_process_makes() {
    transcript("a_table_stream_that_another_process_makes", one_partition, |scene| {
        scene.meter.go_wrong_once("UpdateTable", Wrong::InUse);
        create(scene, one_partition(Config::new(PREFIX)).table_stream(true));
    });
}
