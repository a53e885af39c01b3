//! `gapless consume`: a worker for a group.

use std::io::{ErrorKind, Write as _, stderr};
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gapless::trigger::TableStream;
use gapless::{
    AfterFailure, Delivery, Group, Handler, HandlerError, StoreError, Stream, Summary, Timestamp,
    Worker, WorkerError,
};
use serde_json::json;
use tokio::io::{AsyncWriteExt as _, Stdout};
use tokio::sync::Mutex;

use super::ending::{interrupted, output_closed};
use super::event_line::add_event_line;
use super::store::Store;
use super::{block_on, open, open_failure, use_failure};
use crate::cli::stream::{ConsumeArgs, Place};
use crate::commands::counted::counted;
use crate::failure::Failure;
use crate::status::Status;

/// Consumes, and prints events as NDJSON or hands them to a command.
pub fn run(args: &ConsumeArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, store) = open(&args.place).await?;
        if args.table_stream {
            check_table_stream(&stream, &args.place).await?;
        }
        match &args.exec {
            Some(command) => {
                let exec = Exec(command.clone());
                let worker = worker(args, &stream, &store, exec)?;
                // The output is the command's own affair.
                consume(args, &stream, &worker, std::future::pending()).await
            }
            None => {
                // An output that failed once fails again.
                let worker = worker(args, &stream, &store, Print::default())?;
                let worker = worker.attempts(1, Duration::ZERO);
                let worker = worker.after_failure(AfterFailure::Stop);
                consume(args, &stream, &worker, output_closed()).await
            }
        }
    })
}

/// Refuses to wait for what cannot come.
async fn check_table_stream(stream: &Stream, place: &Place) -> Result<(), Failure> {
    let known = stream.has_table_stream().await;
    if known.map_err(|error| open_failure(&error, place))? {
        return Ok(());
    }
    Err(Failure::Usage {
        what: format!("the table {} has no stream of its own", stream.wire().tables().events),
        help:
            "`gapless init --table-stream` gives it one; without --table-stream, workers look into \
               the tables alone"
                .to_owned(),
    })
}

/// The worker that the options describe.
fn worker<H: Handler>(
    args: &ConsumeArgs,
    stream: &Stream,
    store: &Store,
    handler: H,
) -> Result<Worker<H>, Failure> {
    let mut worker = stream
        .worker(args.group.as_str(), handler)
        .name(&format!("pid-{}", std::process::id()))
        .concurrency(args.concurrency)
        .attempts(args.attempts, Duration::from_millis(200))
        .sweep_every(args.sweep_every);
    if let Some(length) = args.deadline {
        let end = stream.now().as_millis() + length.as_millis() as u64;
        worker = worker.deadline(Timestamp::from_millis(end), length / 10);
    }
    if args.table_stream {
        let hints = TableStream::new(store.streams(), stream);
        let hints = hints.map_err(|error| open_failure(&error, &args.place))?;
        worker = worker.trigger(Arc::new(hints));
    }
    Ok(worker)
}

/// Runs the worker until it is done, the process is asked to end, or the output is `closed`.
async fn consume<H: Handler>(
    args: &ConsumeArgs,
    stream: &Stream,
    worker: &Worker<H>,
    closed: impl Future<Output = ()>,
) -> Result<Status, Failure> {
    let stop = worker.stopper();
    let mut working = pin!(async {
        if args.follow || args.deadline.is_some() {
            worker.run().await
        } else {
            worker.until_caught_up().await
        }
    });
    // Asked to stop, the worker finishes the deliveries under way and releases its leases.
    let mut quietly = false;
    let worked = tokio::select! {
        worked = &mut working => worked,
        () = interrupted() => {
            stop.request();
            tokio::select! {
                worked = &mut working => worked,
                // A handler that does not end, such as one whose output nobody reads.
                () = interrupted() => return Err(Failure::Usage {
                    what: "interrupted in the middle of a delivery".to_owned(),
                    help: "it is delivered again, once its lease has ended".to_owned(),
                }),
            }
        }
        () = closed => {
            quietly = true;
            stop.request();
            working.await
        }
    };
    match worked {
        Ok(_) if quietly => {}
        Ok(summary) => print_summary(summary, args)?,
        Err(WorkerError::Handler { why, .. }) if why.is::<OutputClosed>() => {
            // After a failed delivery a lease is left to end by itself, so that the next worker
            // does not fail on the same events at once. Here the output failed, not the events.
            let group = Group::from(args.group.as_str());
            let help = "they end by themselves in time";
            let failed =
                |error: &StoreError| use_failure("the leases cannot be released", error, help);
            let id = worker.id().map_err(|error| failed(&error.into()))?;
            stream.release_leases(&group, id).await.map_err(|error| failed(&error))?;
        }
        Err(error) => {
            let help = "what was not checkpointed is delivered again: once the cause is \
                        repaired, give the same command again";
            return Err(use_failure("the worker failed", &error, help));
        }
    }
    Ok(Status::Holds)
}

/// Prints what the worker did on standard error: standard output is for events.
fn print_summary(summary: Summary, args: &ConsumeArgs) -> Result<(), Failure> {
    let Summary { events, turns, failures, .. } = summary;
    let mut out = stderr().lock();
    if args.place.json {
        let summary = json!({ "events": events, "turns": turns, "failures": failures });
        writeln!(out, "{summary}")?;
        return Ok(());
    }
    write!(out, "{} in {}", counted(events, "event"), counted(turns, "turn"))?;
    if failures > 0 {
        write!(out, ", {}: `gapless status` shows what failed", counted(failures, "failure"))?;
    }
    writeln!(out)?;
    Ok(())
}

fn event_lines(delivery: &Delivery) -> Result<Vec<u8>, HandlerError> {
    let mut lines = Vec::new();
    for event in delivery.events() {
        add_event_line(&mut lines, &event)?;
    }
    Ok(lines)
}

/// The reader of standard output closed it, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output closed it")]
struct OutputClosed;

/// Prints deliveries, one at a time. While nobody reads them, the leases are renewed.
struct Print(Mutex<Stdout>);

impl Default for Print {
    fn default() -> Print {
        Print(Mutex::new(tokio::io::stdout()))
    }
}

impl Handler for Print {
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        let lines = event_lines(&delivery)?;
        let mut out = self.0.lock().await;
        let written = async {
            out.write_all(&lines).await?;
            // The checkpoint moves past the events when this returns.
            out.flush().await
        };
        match written.await {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
            written => Ok(written?),
        }
    }
}

/// Hands each delivery to a new process of a command.
struct Exec(String);

impl Handler for Exec {
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut child = tokio::process::Command::new(shell)
            .args([flag, &self.0])
            .env("GAPLESS_PARTITION", delivery.partition().as_str())
            .env("GAPLESS_EPOCH", delivery.fence().epoch.to_string())
            .env("GAPLESS_UPTO", delivery.fence().upto.to_string())
            .stdin(Stdio::piped())
            // L2: once the lease is lost, the command must not go on.
            .kill_on_drop(true)
            .spawn()?;
        let lines = event_lines(&delivery)?;
        if let Some(mut input) = child.stdin.take() {
            match input.write_all(&lines).await {
                // A command may stop reading early: its exit status decides.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        let status = child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` ended with {status}", self.0).into())
        }
    }
}
