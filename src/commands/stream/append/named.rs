//! Appending as a named producer: each event has the number of its line, so that a rerun
//! appends only what is missing.

use gapless::Producer;
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;

use super::events::{InputEvent, next_lines};
use super::outcome::{Done, Stopped};

/// Appends the events of `input`.
pub async fn append(
    mut producer: Producer,
    mut input: Receiver<InputEvent>,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Stopped> {
    let mut last = 0;
    let mut mistake = None;
    while mistake.is_none() {
        let lines = next_lines(&mut input).await;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            match line {
                Ok((number, event)) => {
                    last = number.0;
                    done.add(&producer.push(number, event).await.map_err(Stopped::Named)?);
                }
                Err(found) => {
                    mistake = Some(found);
                    break;
                }
            }
        }
        let flushed = producer.flush().await;
        // Of other partitions there may be receipts all the same.
        done.add(&producer.take_receipts());
        done.skipped = producer.skipped();
        done.add(&flushed.map_err(Stopped::Named)?);
        done.line = last;
        bar.set_position(done.appended + done.skipped);
    }
    if let Some(mistake) = mistake {
        return Err(Stopped::Line(mistake));
    }
    let (receipts, skipped) = producer.finish().await.map_err(Stopped::Named)?;
    done.add(&receipts);
    (done.skipped, done.line) = (skipped, last);
    bar.set_position(done.appended + done.skipped);
    Ok(())
}
