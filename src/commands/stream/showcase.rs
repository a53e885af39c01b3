//! A small stream in this process, from its tables to its audit: the main job's part about production.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gapless::embedded::Engine;
use gapless::{Config, Delivery, Event, HandlerError, Layout, Number, Stream};
use serde_json::Value;

use super::{audit, block_on, use_failure};
use crate::failure::Failure;
use crate::status::Status;

/// A day's orders of a small shop.
const ORDERS: &str = include_str!("../../data/orders.ndjson");

/// Appends the bundled events twice as one producer, consumes them for two groups, and audits.
pub fn run(out: &mut impl Write) -> Result<Status, Failure> {
    block_on(async {
        let engine = Engine::memory()
            .map_err(|error| failure("the embedded engine cannot start", &error))?;
        let client = engine.client();
        let config = Config::new("showcase-")
            .layout(Layout::Fixed { bits: 2 })
            .lease(Duration::from_secs(2))
            .grace(Duration::from_millis(50));
        let created = Stream::create(client, config).await;
        let stream = created.map_err(|error| failure("the stream cannot be created", &error))?;

        let (appended, slots, _) = append(&stream).await?;
        writeln!(
            out,
            "A producer appended {appended} events of a small shop to {} partitions, in {slots} slots.",
            stream.layout()
        )?;
        let (again, _, skipped) = append(&stream).await?;
        writeln!(
            out,
            "Run again with the same input, it appended {again}: all {skipped} were in the log."
        )?;

        for group in ["billing", "shipping"] {
            let (events, in_order) = consume(&stream, group).await?;
            let order = if in_order { "each order's in their order" } else { "OUT OF ORDER" };
            writeln!(out, "Group {group} consumed {events} events, {order}.")?;
            if !in_order || events != appended {
                return Ok(Status::Violated);
            }
        }
        let audited = stream.audit(|_| ()).await;
        let audit = audited.map_err(|error| failure("the tables cannot be audited", &error))?;
        write!(out, "Audit of the tables: ")?;
        audit::print(out, &audit)?;
        let clean = audit.findings.is_empty() && again == 0;
        Ok(if clean { Status::Holds } else { Status::Violated })
    })
}

/// Appends the bundled events as the producer `shop`. Returns how many events were
/// appended, to how many slots, and how many events the log held already.
async fn append(stream: &Stream) -> Result<(u64, usize, u64), Failure> {
    let failed = |error| failure("the events cannot be appended", &error);
    let mut producer = stream.producer("shop").batches_of(10);
    let mut receipts = Vec::new();
    for (number, line) in (1..).zip(ORDERS.lines()) {
        let event = Event::new(field(line, "order"), line);
        receipts.extend(producer.push(Number(number), event).await.map_err(failed)?);
    }
    let (rest, skipped) = producer.finish().await.map_err(failed)?;
    receipts.extend(rest);
    let events = receipts.iter().map(|receipt| u64::from(receipt.events)).sum();
    Ok((events, receipts.len(), skipped))
}

/// Consumes for a group until it has caught up. Returns how many events it saw, and whether
/// each key's events came in the order of their times.
async fn consume(stream: &Stream, group: &str) -> Result<(u64, bool), Failure> {
    let last: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
    let in_order = Arc::new(Mutex::new(true));
    let (seen, fine) = (Arc::clone(&last), Arc::clone(&in_order));
    let worker = stream.worker(group, move |delivery: Delivery| {
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for recorded in delivery.events() {
            let at = field(recorded.event.text().unwrap_or_default(), "at");
            let before = seen.insert(recorded.event.key, at.clone());
            if before.is_some_and(|before| before >= at) {
                *fine.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = false;
            }
        }
        async { Ok::<(), HandlerError>(()) }
    });
    let worked = worker.until_caught_up().await;
    let summary = worked.map_err(|error| failure("the worker failed", &error))?;
    let in_order = *in_order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok((summary.events, in_order))
}

/// The stream is in memory, and so there is nothing to repair.
fn failure(what: &'static str, error: &(dyn Error + 'static)) -> Failure {
    use_failure(what, error, "the stream was in memory: `gapless` can be run again")
}

fn field(line: &str, name: &str) -> String {
    let parsed: Value = serde_json::from_str(line).unwrap_or_default();
    parsed[name].as_str().unwrap_or_default().to_owned()
}
