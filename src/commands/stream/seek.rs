//! `gapless seek`: a group's checkpoints moved by hand.

use std::cmp::Ordering;
use std::io::{Write as _, stdout};

use comfy_table::Cell;
use gapless::{Group, PartitionId, SeekError, SeekTo, Seq, Sought, Stream};
use serde::Serialize;
use serde_json::json;

use super::lineage::{check_partition, read_lineage};
use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::stream::SeekArgs;
use crate::commands::counted::counted;
use crate::failure::Failure;
use crate::report::table;
use crate::status::Status;

/// A checkpoint that was moved, or would be.
#[derive(Serialize)]
struct Move {
    partition: PartitionId,
    from: Seq,
    to: Seq,
}

impl From<Sought> for Move {
    fn from(Sought { partition, from, to, .. }: Sought) -> Move {
        Move { partition, from, to }
    }
}

/// Moves checkpoints, or shows how they would be moved.
pub fn run(args: &SeekArgs) -> Result<Status, Failure> {
    if let (SeekTo::Behind(_), None) = (args.to, &args.partition) {
        return Err(Failure::Usage {
            what: "a slot is one of a partition".to_owned(),
            help: match args.new {
                true => "a new group begins at the start, the end or a time".to_owned(),
                false => "give --partition, or `--to` another place".to_owned(),
            },
        });
    }
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let group = Group::from(args.group.as_str());
        let (moves, failed) = if args.new {
            let begun = stream.begin_at(&group, args.to).await;
            let begun = begun.map_err(|error| seek_failure(&error))?;
            (begun.into_iter().map(Move::from).collect(), None)
        } else {
            let plan = plan(&stream, &group, args).await?;
            if args.dry_run { (plan, None) } else { carry_out(&stream, &group, plan).await }
        };
        let mut out = stdout().lock();
        let told = if args.place.json {
            writeln!(out, "{}", json!({ "dry-run": args.dry_run, "checkpoints": moves }))
        } else if failed.is_none() || !moves.is_empty() {
            writeln!(out, "{}", move_table(&moves))
        } else {
            Ok(())
        };
        // A closed output hides no failure.
        failed.map_or(Ok(()), Err)?;
        told?;
        Ok(Status::Holds)
    })
}

/// Where each checkpoint is, and where it is to be. Nothing is moved if one of them cannot be.
async fn plan(stream: &Stream, group: &Group, args: &SeekArgs) -> Result<Vec<Move>, Failure> {
    let unread =
        |error: &gapless::StoreError| use_failure("the tables cannot be read", error, READ_ONLY);
    // The listing of partitions fails where one of them cannot be read.
    let all = stream.partitions().await.map_err(|error| unread(&error))?;
    if let Some(partition) = &args.partition {
        check_partition(stream, partition).await?;
    }
    let standings = stream.standings(group).await.map_err(|error| unread(&error))?;
    if standings.is_empty() {
        return Err(Failure::Usage {
            what: format!("the group {group} has no checkpoint in this stream"),
            help: "is that its name? With --new, a group that has not begun begins there"
                .to_owned(),
        });
    }
    let now = stream.now();
    let mut moves: Vec<Move> = Vec::new();
    let family = match &args.partition {
        Some(partition) => read_lineage(stream).await?.family(partition),
        None => all,
    };
    for partition in family {
        let lease = standings.get(&partition).map(|standing| &standing.lease);
        let is_asked = args.partition.as_ref().is_none_or(|asked| *asked == partition);
        let to = match moves.first() {
            // What came of a partition that is moved back is delivered again from its beginning.
            Some(first) if !is_asked && first.to < first.from => Seq::ZERO,
            Some(_) if !is_asked => break,
            Some(_) | None => {
                let to = stream.find_slot(&partition, args.to).await;
                to.map_err(|error| seek_failure(&error))?
            }
        };
        let from = lease.map_or(Seq::ZERO, |lease| lease.checkpoint);
        if let Some(lease) = lease.filter(|lease| lease.active && lease.until > now)
            && from != to
            && !args.dry_run
        {
            let (owner, ends_in) = (lease.owner.clone(), lease.until.since(now));
            return Err(seek_failure(&SeekError::Held { partition, owner, ends_in }));
        }
        moves.push(Move { partition, from, to });
    }
    Ok(moves)
}

/// Moves one checkpoint after another that is not in its place. Returns those that it has moved, and why it
/// could not go on.
async fn carry_out(
    stream: &Stream,
    group: &Group,
    plan: Vec<Move>,
) -> (Vec<Move>, Option<Failure>) {
    let mut moved: Vec<Move> = Vec::new();
    for Move { partition, from, to } in plan {
        // Parents come first. What comes after one that was moved back was moved with it.
        let is_moved = |it: &Move| it.to < it.from && it.partition.overlaps(&partition);
        if from == to || to == Seq::ZERO && moved.iter().any(is_moved) {
            moved.push(Move { partition, from, to });
            continue;
        }
        match stream.seek(group, &partition, SeekTo::Behind(to)).await {
            Ok(sought) => moved.push(sought.into()),
            Err(error) => return (moved, Some(seek_failure(&error))),
        }
    }
    (moved, None)
}

fn seek_failure(error: &SeekError) -> Failure {
    let help = match error {
        SeekError::Held { .. } => {
            "stop the group's workers and wait until the lease has ended: no checkpoint is moved under a \
             worker. What is listed above was moved by then"
        }
        SeekError::Beyond { .. } => "`gapless status` shows how far each partition goes",
        _ => "`gapless status` shows the checkpoints; the same command can be given again",
    };
    use_failure("the checkpoint cannot be moved", error, help)
}

fn move_table(moves: &[Move]) -> comfy_table::Table {
    let mut table = table::plain(["partition", "from", "to", "what comes of it"]);
    for Move { partition, from, to, .. } in moves {
        let comes = match to.cmp(from) {
            Ordering::Less => format!("{} delivered again", counted(from.0 - to.0, "slot")),
            Ordering::Equal => "nothing".to_owned(),
            Ordering::Greater => format!("{} skipped", counted(to.0 - from.0, "slot")),
        };
        let cells = [partition.to_string(), from.to_string(), to.to_string(), comes];
        table.add_row(cells.map(Cell::new));
    }
    table::right(&mut table, &[1, 2]);
    table
}
