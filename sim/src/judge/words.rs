//! Turns of phrase for what a run has broken.

use gapless::{Live, Timestamp};
use gapless_model::explanation::listed;
use gapless_model::store::{Request, request_words};
use gapless_model::{PartitionId, Seq};

use crate::moment::BEGINNING;
use crate::plan::Millis;

/// A point in or a length of simulated time, as in "at 4.443 s".
pub(crate) fn seconds(time: Millis) -> String {
    let (whole, rest) = (time.0 / 1000, time.0 % 1000);
    match format!("{rest:03}").trim_end_matches('0') {
        "" => format!("{whole} s"),
        digits => format!("{whole}.{digits} s"),
    }
}

/// A time on a node's clock, such as the end of a lease, as if that clock were right.
pub(super) fn simulated(end: Timestamp) -> Millis {
    let beginning = u64::try_from(BEGINNING.as_millis()).unwrap_or(u64::MAX);
    Millis(end.as_millis().saturating_sub(beginning))
}

/// A partition by its id. Of a key's own partition the first digits are enough beside the key.
pub(super) fn partition_name(id: &PartitionId) -> String {
    const SHOWN: usize = 8;
    let digits = id.as_str().split(':').next().unwrap_or_default();
    let shown = if digits.len() > SHOWN + 2 {
        format!("{}…", &digits[..SHOWN])
    } else {
        digits.to_owned()
    };
    id.key().map_or_else(|| shown.clone(), |key| format!("{shown}:{key}"))
}

/// A slot with its partition, as in "slot 2 of p01".
pub(super) fn slot_name(partition: &PartitionId, slot: Seq) -> String {
    format!("slot {slot} of {}", partition_name(partition))
}

/// Events by name, as in "events p1.1.1 and p1.2.1".
pub(super) fn events(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names {
        [] => "no event".to_owned(),
        [only] => format!("event {only}"),
        _ if names.len() > SHOWN + 1 => {
            format!("events {} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN)
        }
        _ => format!("events {}", listed(names)),
    }
}

/// A request as something to do, with what it is about.
pub(crate) fn request(request: &Request<Live>) -> String {
    let about = partition_name(request.partition());
    let did = request_words(request);
    match request.group() {
        Some(group) => format!("{did} ({group} on {about})"),
        None => format!("{did} ({about})"),
    }
}
