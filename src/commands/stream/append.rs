//! `gapless append`: NDJSON into the log.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _, stdin, stdout};
use std::path::Path;
use std::pin::pin;

use futures_util::future::try_join_all;
use gapless::{Event, Number, Producer, Receipt, Stream};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{block_on, called, interrupted, open, unused};
use crate::cli::stream::AppendArgs;
use crate::failure::Failure;
use crate::status::Status;

/// How many lines are read before what waits is appended.
const CHUNK: usize = 2000;

/// Appends each line of the input as an event.
pub fn run(args: &AppendArgs) -> Result<Status, Failure> {
    let input = args.input.as_deref();
    // A file is looked through first, so that a broken line leaves nothing half done.
    let lines = input.map(|path| check(path, args)).transpose()?;
    block_on(async {
        let (stream, _reached) = open(&args.place).await?;
        let bar = bar(lines);
        let mut done = Done::default();
        let outcome = {
            let appending = pin!(append(&stream, args, &bar, &mut done));
            tokio::select! {
                outcome = appending => outcome,
                () = interrupted() => {
                    let what = "interrupted".to_owned();
                    let help = "with --producer, the same command goes on where it was".to_owned();
                    Err(Failure::Option(what, help))
                }
            }
        };
        bar.finish_and_clear();
        // What is in the log is said also when the rest failed.
        report(&done, args)?;
        outcome.map(|()| Status::Holds)
    })
}

/// What an append came to.
#[derive(Debug, Default)]
struct Done {
    appended: u64,
    slots: u64,
    /// Events of a named producer that were in the log before.
    skipped: u64,
    /// The last line that is in the log with all before it.
    line: u64,
}

impl Done {
    fn add(&mut self, receipts: &[Receipt]) {
        self.slots += receipts.len() as u64;
        self.appended += receipts.iter().map(|receipt| u64::from(receipt.events)).sum::<u64>();
    }
}

fn report(done: &Done, args: &AppendArgs) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let Done { appended, slots, skipped, line } = *done;
    if args.place.json {
        let figures = json!({
            "appended": appended, "slots": slots, "skipped": skipped, "through_line": line,
        });
        writeln!(out, "{figures}")?;
        return Ok(());
    }
    if skipped > 0 {
        writeln!(out, "{} events were in the log already", HumanCount(skipped))?;
    }
    writeln!(out, "appended {} events in {} slots", HumanCount(appended), HumanCount(slots))?;
    Ok(())
}

fn bar(lines: Option<u64>) -> ProgressBar {
    let bar = lines.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = "{spinner} {elapsed:>4} {wide_bar} {human_pos}/{human_len} events, {per_sec}";
    if let (Ok(style), Some(_)) = (ProgressStyle::with_template(style), lines) {
        bar.set_style(style);
    }
    bar
}

fn reader(path: Option<&Path>) -> Result<Box<dyn BufRead>, Failure> {
    let Some(path) = path else { return Ok(Box::new(BufReader::new(stdin()))) };
    let failed = |source| Failure::File { doing: "read", path: path.to_owned(), source };
    Ok(Box::new(BufReader::new(File::open(path).map_err(failed)?)))
}

/// Looks through a file; how many events it has.
fn check(path: &Path, args: &AppendArgs) -> Result<u64, Failure> {
    let mut events = 0;
    for event in Input::open(Some(path), args)? {
        event.map_err(|wrong| wrong.with_help("nothing was appended"))?;
        events += 1;
    }
    Ok(events)
}

/// The events of an input, each with its line.
struct Input<'a> {
    lines: std::io::Lines<Box<dyn BufRead>>,
    line: u64,
    path: Option<&'a Path>,
    key: Option<&'a str>,
}

impl<'a> Input<'a> {
    fn open(path: Option<&'a Path>, args: &'a AppendArgs) -> Result<Input<'a>, Failure> {
        let key = args.key.as_deref();
        Ok(Input { lines: reader(path)?.lines(), line: 0, path, key })
    }

    fn event(&self, line: String) -> Result<Event, Failure> {
        let wrong = |what: String| Failure::Line {
            input: called(self.path),
            line: self.line,
            what,
            help: String::new(),
        };
        let parsed: Value = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("not JSON, at column {}: {error}", error.column())))?;
        let key = match self.key {
            None => String::new(),
            Some(field) => match parsed.get(field) {
                Some(Value::String(key)) => key.clone(),
                Some(key @ (Value::Number(_) | Value::Bool(_))) => key.to_string(),
                Some(_) => {
                    return Err(wrong(format!("the field `{field}` is neither text nor a number")));
                }
                None => {
                    return Err(wrong(format!(
                        "there is no field `{field}`, which should hold the key"
                    )));
                }
            },
        };
        let event = Event::new(key, line);
        gapless::wire::check_event(&event).map_err(|error| wrong(error.to_string()))?;
        Ok(event)
    }
}

impl Failure {
    fn with_help(self, text: &str) -> Failure {
        match self {
            Failure::Line { input, line, what, .. } => {
                Failure::Line { input, line, what, help: text.to_owned() }
            }
            other => other,
        }
    }
}

impl Iterator for Input<'_> {
    type Item = Result<(u64, Event), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.next()?;
            self.line += 1;
            let failed = |source: std::io::Error| Failure::Line {
                input: called(self.path),
                line: self.line,
                what: format!("it cannot be read: {source}"),
                help: String::new(),
            };
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => return Some(self.event(line).map(|event| (self.line, event))),
                Err(error) => return Some(Err(failed(error))),
            }
        }
    }
}

async fn append(
    stream: &Stream,
    args: &AppendArgs,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Failure> {
    let mut input = Input::open(args.input.as_deref(), args)?;
    match &args.producer {
        Some(name) => {
            let producer = stream.producer(name.as_str()).batches_of(args.batch.into());
            named(producer, &mut input, bar, done).await
        }
        None => anonymous(stream, args, &mut input, bar, done).await,
    }
}

/// A producer that is known: each event has the number of its line.
async fn named(
    mut producer: Producer,
    input: &mut Input<'_>,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Failure> {
    let failed = |error| unused("the events cannot be appended", error);
    let mut broken = None;
    for event in input.by_ref() {
        match event {
            Ok((line, event)) => {
                done.add(&producer.push(Number(line), event).await.map_err(failed)?);
                if producer.waiting() >= CHUNK {
                    done.add(&producer.flush().await.map_err(failed)?);
                    done.line = line;
                }
                done.skipped = producer.skipped();
                bar.set_position(done.appended + done.skipped);
            }
            Err(wrong) => {
                broken = Some(wrong);
                break;
            }
        }
    }
    let last = input.line;
    if let Some(wrong) = broken {
        done.add(&producer.flush().await.map_err(failed)?);
        done.skipped = producer.skipped();
        return Err(wrong.with_help("the lines before it were appended"));
    }
    let (receipts, skipped) = producer.finish().await.map_err(failed)?;
    done.add(&receipts);
    (done.skipped, done.line) = (skipped, last);
    bar.set_position(done.appended + done.skipped);
    Ok(())
}

/// Nobody in particular: chunk after chunk, all partitions of a chunk at once.
async fn anonymous(
    stream: &Stream,
    args: &AppendArgs,
    input: &mut Input<'_>,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Failure> {
    loop {
        let mut lanes: std::collections::BTreeMap<_, Vec<Event>> =
            std::collections::BTreeMap::new();
        let (mut last, mut broken) = (0, None);
        for event in input.by_ref().take(CHUNK) {
            match event {
                Ok((line, event)) => {
                    lanes.entry(stream.route(&event.key)).or_default().push(event);
                    last = line;
                }
                Err(wrong) => {
                    broken = Some(wrong.with_help("the lines before it were appended"));
                    break;
                }
            }
        }
        if lanes.is_empty() {
            return broken.map_or(Ok(()), Err);
        }
        let lanes = lanes.into_values().map(|events| lane(stream, events, args.batch.into()));
        let failed = |error| unused("the events cannot be appended", error);
        for receipts in try_join_all(lanes).await.map_err(failed)? {
            done.add(&receipts);
        }
        done.line = last;
        bar.set_position(done.appended);
        if let Some(wrong) = broken {
            return Err(wrong);
        }
    }
}

/// One partition's events of a chunk, in order.
async fn lane(
    stream: &Stream,
    events: Vec<Event>,
    batch: usize,
) -> Result<Vec<Receipt>, gapless::AppendError> {
    /// So that a batch of large events still fits into an item.
    const BYTES: usize = 256 * 1024;
    let mut receipts = Vec::new();
    let (mut group, mut bytes) = (Vec::new(), 0);
    for event in events {
        let size = event.key.len() + event.data.len();
        if group.len() == batch || (!group.is_empty() && bytes + size > BYTES) {
            receipts.push(stream.append_batch(std::mem::take(&mut group)).await?);
            bytes = 0;
        }
        bytes += size;
        group.push(event);
    }
    receipts.push(stream.append_batch(group).await?);
    Ok(receipts)
}
