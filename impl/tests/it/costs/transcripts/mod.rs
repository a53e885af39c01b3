//! What is said between the adapter and DynamoDB, call by call, with what the adapter logs and gives
//! back. Each transcript is kept below `tests/transcripts/`; `GAPLESS_REWRITE=1` writes them anew.

mod appending;
mod designs;
mod failing;
mod gaps;
mod grouping;
mod leases;
mod producing;
mod reading;
mod setting_up;
mod wording;
mod working;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::time::Duration;

use futures_util::future::join;
use gapless::{
    AppendError, Config, Delivery, Event, Handler, HandlerError, Layout, Receipt, Stream, Summary,
    Worker, WorkerError,
};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::ONE_PARTITION;
use super::meter::{Latency, Meter};
use super::virtual_time::VirtualTime;

const SECOND: Duration = Duration::from_secs(1);

/// A transcript as it grows.
#[derive(Clone, Debug, Default)]
pub struct Script {
    lines: Arc<Mutex<Vec<String>>>,
    calls: Arc<AtomicU32>,
    time: VirtualTime,
}

/// An answer that is under way.
pub struct Answer {
    script: Script,
    number: u32,
    answer: String,
    is_heard: bool,
}

impl Answer {
    pub fn comes(mut self) {
        self.is_heard = true;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let unheard = if self.is_heard { "" } else { "unheard: " };
        self.script.say(format!("  #{} -> {unheard}{}", self.number, self.answer));
    }
}

impl Script {
    pub fn of(time: VirtualTime) -> Script {
        Script { time, ..Script::default() }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().expect("no panic")
    }

    /// Adds a line, with the time.
    pub fn say(&self, what: impl Display) {
        let now = self.time.elapsed().as_secs_f64();
        self.lines().push(format!("{now:>9.3}  {what}"));
    }

    /// Adds a call. Its answer is added when it comes, or when the caller no longer waits for it.
    pub fn call(&self, operation: &str, asked: &Value, status: u16, answer: &[u8]) -> Answer {
        let told = serde_json::from_slice(answer).unwrap_or(Value::Null);
        let number = self.calls.fetch_add(1, Relaxed) + 1;
        self.say(format!("  #{number} {}", wording::call(operation, asked)));
        let answer = wording::answer(operation, status, &told);
        Answer { script: self.clone(), number, answer, is_heard: false }
    }

    /// A handler that notes what it gets, and takes so long.
    fn handler(&self, long: Duration) -> impl Handler + use<> {
        self.failing(long, 0)
    }

    /// The same, that fails so often.
    fn failing(&self, long: Duration, failures: u32) -> impl Handler + use<> {
        let script = self.clone();
        let left = AtomicU32::new(failures);
        move |delivery: Delivery| {
            script.say(format!("handles {}", delivered(&delivery)));
            let takes = script.time.wait(long);
            let fails = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
            let script = script.clone();
            async move {
                takes.await;
                script.say(if fails { "the handler fails" } else { "the handler is done" });
                if fails { Err("bad data".into()) } else { Ok::<(), HandlerError>(()) }
            }
        }
    }

    /// Compares it with the one that is kept.
    #[track_caller]
    fn compare(&self, name: &str) {
        let said = named(&self.lines().join("\n")) + "\n";
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("GAPLESS_REWRITE").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &said).expect("written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == said, "{name} differs; GAPLESS_REWRITE=1 writes it anew. Now:\n\n{said}");
    }
}

/// A delivery in one line.
fn delivered(delivery: &Delivery) -> String {
    let events = delivery.events().map(|recorded| {
        let payload = String::from_utf8_lossy(&recorded.event.data).into_owned();
        format!("{} {}={payload}", recorded.position, recorded.event.key)
    });
    let events: Vec<_> = events.collect();
    let (partition, fence) = (delivery.partition(), delivery.fence());
    format!("{partition} {fence}, attempt {}: {}", delivery.attempt(), events.join(", "))
}

/// What is drawn at random gets a name, by when it is first said. Ids of partitions are cut.
fn named(text: &str) -> String {
    let mut names = Vec::new();
    let mut words = String::new();
    for part in split_at_words(text) {
        if part.len() > 60 && part.bytes().skip(1).all(|byte| matches!(byte, b'0' | b'1')) {
            words += &part[..5];
            continue;
        }
        let is_random = matches!(part.len(), 16 | 32)
            && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_random {
            words += part;
            continue;
        }
        let known = names.iter().position(|name| *name == part);
        let number = known.unwrap_or_else(|| {
            names.push(part);
            names.len() - 1
        });
        words += &format!("random{}", number + 1);
    }
    words
}

/// The text in parts: runs of letters and digits, and what is between these.
fn split_at_words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = rest.chars().next()?.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// A meter whose calls are written down, each of which takes a millisecond.
fn listening() -> (Meter, Script) {
    let meter = Meter::new();
    let script = Script::of(meter.time.clone());
    meter.write_into(script.clone());
    let millisecond = Duration::from_millis(1);
    meter.set_latency(Latency { queries: millisecond, others: millisecond });
    (meter, script)
}

/// Where a transcript takes place.
struct Scene {
    meter: Meter,
    script: Script,
    stream: Stream,
}

impl Scene {
    fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.meter.time.run(what)
    }

    fn say(&self, what: impl Display) {
        self.script.say(what);
    }

    /// Appends an event, and says where it is.
    async fn append(&self, key: &str, data: &str) {
        self.say(format!("append {key}={data}"));
        self.say_appended(self.stream.append(Event::new(key, data)).await);
    }

    fn say_appended(&self, appended: Result<Receipt, AppendError>) {
        match appended {
            Ok(receipt) => self.say(receipt_of(&receipt)),
            Err(error) => self.say(format!("not appended: {error}")),
        }
    }

    /// Appends events without a word about the calls.
    fn given(&self, events: &[(&str, &str)]) {
        for (key, data) in events {
            self.run(self.stream.append(Event::new(*key, *data))).expect("appended");
        }
        self.script.lines().clear();
        self.script.calls.store(0, Relaxed);
    }

    /// A worker of the group `g` whose handler takes a tenth of a second.
    fn worker(&self) -> Worker<impl Handler + use<>> {
        self.worker_with(self.script.handler(Duration::from_millis(100)))
    }

    /// A worker of the group `g` that sweeps every ten seconds.
    fn worker_with<H: Handler>(&self, handler: H) -> Worker<H> {
        self.stream.worker("g", handler).sweep_every(Duration::from_secs(10))
    }

    /// Runs a worker until it has caught up.
    fn catch_up(&self, worker: Worker<impl Handler>) {
        self.say_ended(self.run(worker.until_caught_up()));
    }

    fn say_ended(&self, ended: Result<Summary, WorkerError>) {
        match ended {
            Ok(summary) => self.say(format!("{summary:?}")),
            Err(error) => self.say(format!("the worker fails: {error}")),
        }
    }

    /// Runs a worker, and asks it to stop when something else is done.
    fn work_during(&self, worker: Worker<impl Handler>, what: impl Future<Output = ()>) {
        let stop = worker.stopper();
        let stopped = async {
            what.await;
            self.say("asked to stop");
            stop.request();
        };
        self.say_ended(self.run(join(worker.run(), stopped)).0);
    }

    async fn wait(&self, seconds: f64) {
        self.meter.time.wait(Duration::from_secs_f64(seconds)).await;
    }
}

fn receipt_of(receipt: &Receipt) -> String {
    let Receipt { partition, position, events, .. } = receipt;
    format!("appended {events} to {partition} at {position}")
}

/// Plays a scene over a stream that exists, and compares what was said.
#[track_caller]
fn transcript(name: &str, set: impl FnOnce(Config) -> Config, act: impl FnOnce(&Scene)) {
    let (meter, script) = listening();
    log_to(&script);
    let stream = meter.stream(set);
    let scene = Scene { meter, script: script.clone(), stream };
    scene.given(&[]);
    act(&scene);
    script.compare(name);
}

fn one_partition(config: Config) -> Config {
    config.layout(ONE_PARTITION)
}

fn each_key(config: Config) -> Config {
    config.layout(Layout::EachKey)
}

thread_local! {
    /// Where the log of this thread's transcript goes.
    static LOG: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// Lets the log of this thread go into a script. The subscriber is the process's: with one for each
/// transcript, a line that a test without a subscriber reaches first could be lost to all others.
fn log_to(script: &Script) {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("gapless=debug"))
            .with_writer(LogWriter::default)
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .init();
    });
    LOG.set(Some(script.clone()));
}

/// Collects a line of the log.
#[derive(Default)]
struct LogWriter(Vec<u8>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        LOG.with_borrow(|script| {
            let Some(script) = script else { return };
            text.lines().for_each(|line| script.say(format!("log {}", line.trim())));
        });
    }
}
