//! How a worker came to miss a slot.

use gapless_model::store::Request;

use super::chronicle::Chronicle;
use super::evidence::SlotKey;
use super::words::seconds;
use crate::plan::Node;

/// What a worker saw of a slot that it passed, and when that was written: half a sentence after a
/// colon, or nothing if the worker never read past it.
pub(super) fn because(node: Node, place: &SlotKey, chronicle: &Chronicle) -> String {
    let Some(read) = chronicle.overlooking(node, place) else { return String::new() };
    let (who, slot) = (chronicle.name(node), place.1);
    let writes = chronicle.writes(place);
    let seen = format!("{who} had read past slot {slot} at {}", seconds(read.at));
    match writes.first() {
        Some(write) if write.at > read.at => {
            let did = match write.request {
                Request::Void { .. } => "voided",
                _ => "wrote",
            };
            let writer = chronicle.name(write.node);
            format!(
                ": {seen}, when it was still empty, and {writer} {did} it at {}",
                seconds(write.at)
            )
        }
        Some(write) => format!(
            ": {seen} and was not shown it, although it had been written at {}",
            seconds(write.at)
        ),
        None => format!(": {seen}, when it was empty"),
    }
}
