//! `gapless append`: NDJSON into the log.

mod anonymous;
mod events;
mod named;
mod outcome;

use std::io::{Write as _, stdout};
use std::pin::pin;

use gapless::Stream;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use self::events::InputEvents;
use self::outcome::{Done, Stopped};
use super::ending::interrupted;
use super::{block_on, config, open_as};
use crate::cli::stream::AppendArgs;
use crate::commands::counted::counted;
use crate::failure::Failure;
use crate::input::Input;
use crate::status::Status;

/// Appends each line of the input as an event.
pub fn run(args: &AppendArgs) -> Result<Status, Failure> {
    // A file is checked first, so that a mistake in it leaves nothing half appended.
    let events = match &args.input {
        Input::Stdin => None,
        Input::File(_) => Some(count_events(args)?),
    };
    block_on(async {
        let config = config(&args.place).most_producers(args.most_producers);
        let (stream, _store) = open_as(&args.place, config).await?;
        let bar = progress_bar(events);
        let mut done = Done::default();
        let ended = {
            let appending = pin!(append(&stream, args, &bar, &mut done));
            tokio::select! {
                ended = appending => ended,
                () = interrupted() => Err(Stopped::Interrupted),
            }
        };
        bar.finish_and_clear();
        let settled = matches!(ended, Ok(()) | Err(Stopped::Line(_)));
        let printed = print_summary(&done, settled, args);
        // The failure is worth more than its summary, which may not be printable.
        ended.map_err(|stopped| stopped.failure(&done, args))?;
        printed.map(|()| Status::Holds)
    })
}

fn print_summary(done: &Done, settled: bool, args: &AppendArgs) -> Result<(), Failure> {
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
        writeln!(out, "already in the log: {}", counted(skipped, "event"))?;
    }
    // Where it failed, the outcome of the requests under way is unknown.
    let at_least = if settled { "" } else { "at least " };
    let (appended, slots) = (counted(appended, "event"), counted(slots, "slot"));
    writeln!(out, "appended {at_least}{appended} in {slots}")?;
    Ok(())
}

fn progress_bar(events: Option<u64>) -> ProgressBar {
    let bar = events.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = "{spinner} {elapsed:>4} {wide_bar} {human_pos}/{human_len} events, {per_sec}";
    if let (Ok(style), Some(_)) = (ProgressStyle::with_template(style), events) {
        bar.set_style(style);
    }
    bar
}

/// Checks a whole input, and returns how many events it holds.
fn count_events(args: &AppendArgs) -> Result<u64, Failure> {
    let mut events = 0;
    for event in InputEvents::open(&args.input, args.key.as_deref())? {
        event.map_err(|mistake| mistake.failure(&args.input, "nothing was appended"))?;
        events += 1;
    }
    Ok(events)
}

async fn append(
    stream: &Stream,
    args: &AppendArgs,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Stopped> {
    let events = InputEvents::open(&args.input, args.key.as_deref()).map_err(Stopped::Input)?;
    let events = events.in_background();
    match &args.producer {
        Some(name) => {
            let producer = stream.producer(name.as_str()).batches_of(args.batch.into());
            named::append(producer, events, bar, done).await
        }
        None => anonymous::append(stream, args.batch.into(), events, bar, done).await,
    }
}
