//! Appending as a named producer: each event has the number of its line, so that a rerun
//! appends only what is missing.

use gapless::Producer;
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;

use super::events::{CHUNK, InputEvent};
use super::outcome::{Done, Stopped};

/// Appends the events of `input`.
pub async fn append(
    mut producer: Producer,
    mut input: Receiver<InputEvent>,
    bar: &ProgressBar,
    done: &mut Done,
) -> Result<(), Stopped> {
    let (mut last, mut mistake) = (0, None);
    while let Some(event) = input.recv().await {
        match event {
            Ok((number, event)) => {
                last = number.0;
                done.add(&producer.push(number, event).await.map_err(Stopped::Named)?);
                if producer.waiting() >= CHUNK {
                    done.add(&producer.flush().await.map_err(Stopped::Named)?);
                    done.line = last;
                }
                done.skipped = producer.skipped();
                bar.set_position(done.appended + done.skipped);
            }
            Err(found) => {
                mistake = Some(found);
                break;
            }
        }
    }
    if let Some(mistake) = mistake {
        done.add(&producer.flush().await.map_err(Stopped::Named)?);
        done.skipped = producer.skipped();
        return Err(Stopped::Line(mistake));
    }
    let (receipts, skipped) = producer.finish().await.map_err(Stopped::Named)?;
    done.add(&receipts);
    (done.skipped, done.line) = (skipped, last);
    bar.set_position(done.appended + done.skipped);
    Ok(())
}
