//! A named producer: it appends its numbered input as fast as the store takes it.

use std::path::Path;

use gapless::{Number, Stop};

use crate::reshape::events::{Entry, Source, key_of};
use crate::reshape::{lines, link};

/// How many events are pushed before a flush: four of each key.
const ROUND: u64 = 256;
/// The most events in a slot, so that slots and not bytes are what is busy.
const BATCH: usize = 16;

/// Appends its input from the beginning, as a process does that knows nothing of an earlier run, and goes on
/// until it is asked to stop and has come as far as every run before it.
pub async fn produce(
    endpoint: &str,
    number: u16,
    reached: &Path,
    stop: &Stop,
) -> anyhow::Result<()> {
    lines::end_torn_line(reached)?;
    let earlier = last_reached(reached)?;
    let mut notes = lines::append_to(reached)?;
    let source = Source(number);
    let stream = link::open(link::client(endpoint)).await?;
    let mut run = stream.producer(source.to_string()).batches_of(BATCH);
    let mut last = 0;
    while last < earlier || !stop.is_requested() {
        let next = last + ROUND;
        if next > earlier {
            // Before anything is pushed that an earlier run did not have.
            lines::write(&mut notes, &next)?;
        }
        for number in last + 1..=next {
            run.push(Number(number), Entry { source, number }.event(&key_of(number))).await?;
        }
        run.flush().await?;
        last = next;
    }
    run.finish().await?;
    Ok(())
}

/// The number up to which the input was pushed at most, by all runs.
pub fn last_reached(path: &Path) -> anyhow::Result<u64> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(lines::read(path)?.last().copied().unwrap_or(0))
}
