//! `gapless scale`: splits and merges that were measured to be needed.

mod table;

use std::io::{Write as _, stderr, stdout};

use gapless::scale::{Choice, Decision, Hold, Measured, NoNeed, Thresholds};
use gapless::{Carried, Group, Look, ScaleError, Scaler, StoreError, Stream};
use serde_json::{Value, json};

use super::ending::{interrupted, output_closed};
use super::lineage::read_lineage;
use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::lineage::ScaleArgs;
use crate::failure::{Cause, Failure};
use crate::status::Status;

/// Looks, decides, and does what was decided unless it is a dry run.
pub fn run(args: &ScaleArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let mut scaler = scaler(args, &stream)?;
        note_most(args, &stream).await?;
        // What is done once is done whether or not anything reads what is said of it.
        let gone = async {
            match args.follow || args.dry_run {
                true => output_closed().await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            scaled = scale(args, &mut scaler) => scaled.map(|()| Status::Holds),
            // What was decided and not done is decided anew by the next look.
            () = interrupted() => Ok(match args.follow {
                true => Status::Holds,
                false => Status::Unfinished,
            }),
            () = gone => Ok(Status::Holds),
        }
    })
}

/// The scaler that the options describe.
fn scaler(args: &ScaleArgs, stream: &Stream) -> Result<Scaler, Failure> {
    let usual = stream.thresholds();
    let least =
        args.least.unwrap_or_else(|| args.most.map_or(usual.least, |it| usual.least.min(it)));
    let thresholds = Thresholds {
        split_above: args.split_above,
        merge_below: args.merge_below,
        // To ask for so many at least is to allow them.
        most: args.most.unwrap_or_else(|| usual.most.max(least)),
        least,
        split_cooldown: args.split_cooldown,
        merge_cooldown: args.merge_cooldown,
        behind: (!args.ignore_lag).then_some(args.behind),
        at_once: args.at_once,
    };
    let scaler = stream.scaler(thresholds).map_err(|error| scale_failure(&error))?;
    let scaler = match args.over {
        Some(over) => scaler.pace_over(over),
        None => scaler,
    };
    Ok(match args.group.as_slice() {
        _ if args.ignore_lag => scaler.groups([]),
        [] => scaler,
        groups => scaler.groups(groups.iter().map(|name| Group::from(name.as_str()))),
    })
}

/// Says that a cap is exceeded already: merges go on, and nothing is split.
async fn note_most(args: &ScaleArgs, stream: &Stream) -> Result<(), Failure> {
    let Some(most) = args.most else { return Ok(()) };
    let open = read_lineage(stream).await?.leaves().count();
    if open > most.get() {
        let told = writeln!(
            stderr(),
            "note: the stream has {open} open partitions, more than --most {most}: none is split until merges \
             have made them fewer"
        );
        // Nothing depends on a note.
        drop(told);
    }
    Ok(())
}

/// Looks once, or again and again.
async fn scale(args: &ScaleArgs, scaler: &mut Scaler) -> Result<(), Failure> {
    if let Some(over) = args.over {
        look(scaler).await?;
        // The clock of the looks is not the one of this sleep.
        tokio::time::sleep(over + std::time::Duration::from_millis(1)).await;
    }
    loop {
        let look = look(scaler).await?;
        let told = print(&look, args);
        if !args.dry_run {
            carry_out(scaler, &look, args).await?;
        }
        told?;
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(args.every).await;
    }
}

async fn look(scaler: &mut Scaler) -> Result<Look, Failure> {
    let look = scaler.look().await;
    look.map_err(|error| use_failure("the tables cannot be read", &error, READ_ONLY))
}

/// Prints what was measured, and what was decided.
fn print(look: &Look, args: &ScaleArgs) -> Result<(), Failure> {
    let mut out = stdout().lock();
    if args.place.json {
        writeln!(out, "{}", object(look, args.dry_run))?;
        return Ok(());
    }
    writeln!(out, "{}", table::drawn(look))?;
    for (index, why) in look.unread.iter().enumerate() {
        let begin = if index == 0 { "\ncannot be read:\n" } else { "" };
        writeln!(out, "{begin}  {why}")?;
    }
    Ok(())
}

/// Does what was decided, and says so.
async fn carry_out(scaler: &Scaler, look: &Look, args: &ScaleArgs) -> Result<(), Failure> {
    for (decision, carried) in scaler.carry_out(look).await {
        let (id, said) = (
            &decision.partition,
            match carried {
                Carried::Done => "done".to_owned(),
                Carried::Overtaken(error) => format!("not done: {error}"),
                Carried::Failed(error) => return Err(failed(decision, &error)),
            },
        );
        let mut out = stdout().lock();
        if args.place.json {
            let told =
                json!({ "partition": id, "decision": decision.choice.name(), "outcome": said });
            writeln!(out, "{told}")?;
        } else {
            let what = match &decision.choice {
                Choice::Merge { with, into, .. } => format!("merge {id} and {with} into {into}"),
                Choice::Split { halves: [low, high], .. } => {
                    format!("split {id} into {low} and {high}")
                }
                Choice::Held { .. } | Choice::Keep(_) => continue,
            };
            writeln!(out, "{what}: {said}")?;
        }
    }
    Ok(())
}

/// What is printed for machines.
fn object(look: &Look, dry_run: bool) -> Value {
    let rows = look.decisions.iter().map(|decision| row(look, decision)).collect::<Vec<_>>();
    json!({ "at": look.at, "dry-run": dry_run, "partitions": rows, "unread": look.unread })
}

fn row(look: &Look, decision: &Decision) -> Value {
    let Decision { partition, choice } = decision;
    let unmeasured = Measured::default();
    let measured = look.readings.open.get(partition).unwrap_or(&unmeasured);
    let (reason, places) = match choice {
        Choice::Split { cause, halves } => (cause.name(), halves.to_vec()),
        Choice::Merge { into, .. } => ("quiet", vec![into.clone()]),
        Choice::Held { hold, .. } => (Hold::name(hold), Vec::new()),
        Choice::Keep(keep) => (NoNeed::name(keep), Vec::new()),
    };
    json!({
        "partition": partition,
        "rates": measured.averages,
        "together": measured.together,
        "age-seconds": measured.age.map(|age| age.as_secs()),
        "groups": table::groups(measured),
        "decision": choice.name(),
        "reason": reason,
        "why": decision.to_string(),
        "children": places,
    })
}

fn failed(decision: &Decision, error: &StoreError) -> Failure {
    let help = format!(
        "it was to {} {}; `gapless partitions` shows what was done, and the same command can be given again",
        decision.choice.name(),
        decision.partition
    );
    use_failure("what was decided cannot be done", error, help)
}

/// Why a stream cannot be scaled, and what would help.
fn scale_failure(error: &ScaleError) -> Failure {
    let (what, help) = match error {
        ScaleError::Limits(_) => (
            "these thresholds do not fit together",
            "`gapless scale --help` says what each option takes",
        ),
        ScaleError::Rigid => (
            "the stream cannot be scaled",
            "a stream keeps the layout and the design that it was created with",
        ),
        _ => ("the stream cannot be scaled", READ_ONLY),
    };
    Failure::Stream { what, help: help.to_owned(), source: Cause::of(error) }
}
