//! Appending without a producer's name: chunk after chunk, all partitions of a chunk at once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use gapless::{AppendError, Event, PartitionId, Stream};
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;

use super::events::{InputEvent, Mistake, next_lines};
use super::outcome::{Done, Stopped};

/// How many bytes of events share a slot, so that a batch of large events fits into an item.
const BYTES: usize = 256 * 1024;

/// Appends the events of `input`, at most `batch` of them in a slot.
pub async fn append(
    stream: &Stream,
    batch: usize,
    mut input: Receiver<InputEvent>,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Stopped> {
    loop {
        let chunk = Chunk::read(stream, &mut input).await;
        if !chunk.partitions.is_empty() {
            // Counted as they come: when one partition fails, the others' events are in the log.
            let counted = RefCell::new(&mut *done);
            let appends = chunk.partitions.into_values();
            let appends = appends.map(|events| append_in_order(stream, events, batch, &counted));
            try_join_all(appends).await.map_err(Stopped::Anonymous)?;
            done.line = chunk.last;
            bar.set_position(done.appended);
        } else if chunk.mistake.is_none() {
            return Ok(());
        }
        if let Some(mistake) = chunk.mistake {
            return Err(Stopped::Line(mistake));
        }
    }
}

/// Some lines, by partition.
struct Chunk {
    partitions: BTreeMap<PartitionId, Vec<Event>>,
    /// The last line that holds one of the events.
    last: u64,
    /// What is wrong with the line after that.
    mistake: Option<Mistake>,
}

impl Chunk {
    async fn read(stream: &Stream, input: &mut Receiver<InputEvent>) -> Chunk {
        let mut chunk = Chunk { partitions: BTreeMap::new(), last: 0, mistake: None };
        for event in next_lines(input).await {
            match event {
                Ok((number, event)) => {
                    let partition = stream.route(&event.key);
                    chunk.partitions.entry(partition).or_default().push(event);
                    chunk.last = number.0;
                }
                Err(mistake) => {
                    chunk.mistake = Some(mistake);
                    break;
                }
            }
        }
        chunk
    }
}

/// Appends the events of one partition, in order; where it was split meanwhile, those of one half after
/// those of the other.
async fn append_in_order(
    stream: &Stream,
    events: Vec<Event>,
    batch: usize,
    done: &RefCell<&mut Done>,
) -> Result<(), AppendError> {
    let mut parts = vec![events];
    while let Some(part) = parts.pop() {
        let mut left = &part[..];
        while !left.is_empty() {
            let (next, behind) = left.split_at(length_of_batch(left, batch));
            match stream.append_batch(next.to_vec()).await {
                Ok(receipt) => {
                    done.borrow_mut().add(&[receipt]);
                    left = behind;
                }
                // A split divided the keys, and nothing of this batch was appended. The events of a key
                // stay together.
                Err(AppendError::Batch(_)) => {
                    parts.extend(by_partition(stream, left).into_values());
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// How many of these events share the next slot.
fn length_of_batch(events: &[Event], most: usize) -> usize {
    let mut bytes = 0;
    let fits = events.iter().take(most).take_while(|event| {
        bytes += event.key.len() + event.data.len();
        bytes <= BYTES
    });
    // A large event is alone.
    fits.count().max(1)
}

/// Events by the partition that takes them, as far as is known.
fn by_partition(stream: &Stream, events: &[Event]) -> BTreeMap<PartitionId, Vec<Event>> {
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        partitions.entry(stream.route(&event.key)).or_default().push(event.clone());
    }
    partitions
}
