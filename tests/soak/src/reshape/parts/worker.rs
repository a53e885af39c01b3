//! A worker: it writes down what it is given, and when.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gapless::{Delivery, Handler, HandlerError, Stream, Worker};

use super::until_input_ends;
use crate::reshape::events::Entry;
use crate::reshape::lines::{self, Delivered};
use crate::reshape::link;
use crate::reshape::moment::Moment;

/// Consumes until it is asked to stop.
pub async fn work(endpoint: &str, out: &Path) -> anyhow::Result<()> {
    let stream = link::open(link::client(endpoint)).await?;
    let worker = recording(&stream, out)?;
    until_input_ends(worker.stopper());
    worker.run().await?;
    Ok(())
}

/// A worker whose handler writes everything down.
pub fn recording(stream: &Stream, out: &Path) -> anyhow::Result<Worker<impl Handler + use<>>> {
    let file = Arc::new(Mutex::new(lines::append_to(out)?));
    let handler = move |delivery: Delivery| {
        let (at, file) = (Moment::now(), Arc::clone(&file));
        async move {
            let event = |recorded: gapless::Recorded| {
                let entry = Entry::of(&recorded.event)?;
                Ok((recorded.position, recorded.event.key, entry))
            };
            let events = delivery.events().map(event).collect::<anyhow::Result<_>>()?;
            let (partition, epoch) = (delivery.partition().clone(), delivery.fence().epoch.0);
            let delivered = Delivered { at, partition, epoch, events };
            // Before the checkpoint can move behind it, so a kill loses no line that is not given again.
            lines::write(&*file.lock().unwrap_or_else(PoisonError::into_inner), &delivered)?;
            Ok::<(), HandlerError>(())
        }
    };
    let worker = stream.worker(link::GROUP, handler);
    Ok(worker.sweep_every(Duration::from_millis(200)))
}
