//! `gapless consume`: a worker for a group.

use std::io::Write as _;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gapless::trigger::TableStream;
use gapless::{Delivery, Handler, HandlerError, Summary, Timestamp};
use indicatif::HumanCount;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use super::{add_line, block_on, interrupted, open, unused};
use crate::cli::stream::ConsumeArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Consumes, and prints events as NDJSON or hands them to a command.
pub fn run(args: &ConsumeArgs) -> Result<Status, Failure> {
    match &args.exec {
        Some(command) => consume(args, args.attempts, Exec(command.clone())),
        // An output that failed once fails again.
        None => consume(args, 1, Print(Arc::default())),
    }
}

fn consume(args: &ConsumeArgs, attempts: u32, handler: impl Handler) -> Result<Status, Failure> {
    block_on(async {
        let (stream, reached) = open(&args.place).await?;
        let mut worker = stream
            .worker(args.group.as_str(), handler)
            .name(&format!("pid-{}", std::process::id()))
            .concurrency(args.concurrency)
            .attempts(attempts, Duration::from_millis(200))
            .sweep_every(args.sweep_every);
        if let Some(length) = args.deadline {
            let end = stream.now().as_millis() + length.as_millis() as u64;
            worker = worker.deadline(Timestamp::from_millis(end), length / 10);
        }
        if args.table_stream {
            let hints = TableStream::new(reached.streams(), &stream);
            let hints = hints.map_err(|error| super::unopened(error, &args.place))?;
            worker = worker.trigger(Arc::new(hints));
        }
        let stop = worker.stopper();
        let working = async {
            if args.follow || args.deadline.is_some() {
                worker.run().await
            } else {
                worker.until_caught_up().await
            }
        };
        let mut working = pin!(working);
        let worked = tokio::select! {
            worked = &mut working => worked,
            // It finishes what it has in hand, and releases its leases.
            () = interrupted() => {
                stop.ask();
                working.await
            }
        };
        let summary = worked.map_err(|error| unused("the worker ended", error))?;
        say(summary, args)?;
        Ok(Status::Holds)
    })
}

fn say(summary: Summary, args: &ConsumeArgs) -> Result<(), Failure> {
    let Summary { events, turns, .. } = summary;
    // Standard output is for events.
    let mut out = std::io::stderr().lock();
    if args.place.json {
        writeln!(out, "{}", json!({ "events": events, "turns": turns }))?;
    } else {
        writeln!(out, "{} events in {} turns", HumanCount(events), HumanCount(turns))?;
    }
    Ok(())
}

fn lines(delivery: &Delivery) -> Result<Vec<u8>, HandlerError> {
    let mut lines = Vec::new();
    for event in delivery.events() {
        add_line(&mut lines, &event)?;
    }
    Ok(lines)
}

/// Prints deliveries, each whole.
struct Print(Arc<Mutex<()>>);

impl Handler for Print {
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        let lines = lines(&delivery)?;
        let _one_at_a_time = self.0.lock().await;
        let mut out = std::io::stdout().lock();
        // The checkpoint moves behind what has left this process.
        match out.write_all(&lines).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Hands each delivery to a command of its own.
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
            // Whoever loses the lease must not go on.
            .kill_on_drop(true)
            .spawn()?;
        let lines = lines(&delivery)?;
        if let Some(mut input) = child.stdin.take() {
            match input.write_all(&lines).await {
                // A command that reads no more has heard enough; its exit status counts.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(error.into());
                }
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
