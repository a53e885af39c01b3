//! Which reads may be eventually consistent. The protocol stands what these miss, and each says why;
//! every other read must be consistent.

use gapless::Live;
use gapless_model::store::Request;

use crate::decode::{Read, Source};

/// Whether a read may miss recent writes.
pub(super) fn may_be_eventual(read: Read, request: Option<&Request<Live>>) -> bool {
    match (request, read.source) {
        // Whether a turn reads consistently is an axis of the design, and its machine is judged by
        // the request. A sweep that looks behind the checkpoint looks again.
        (Some(Request::ReadEvents { .. }), _) => true,
        (Some(_), _) => false,
        // It has no other reads to give. A partition that it doesn't show is found by a later sweep.
        (None, Source::Index) => true,
        // Heads: a standing worker's next sweep finds what this one misses. Whether a short-lived
        // one reads them consistently shows in what it leaves behind (`caught_up.rs`).
        (None, Source::Partitions) => true,
        // A lease, a checkpoint or a slot that is read outside of any machine.
        (None, Source::Consumers | Source::Events) => false,
    }
}
