//! What cannot come next: calls that others precede, and items beyond what is still to be explained.

use std::collections::{BTreeSet, HashMap};

use super::pieces::{Pieces, Says};
use crate::store::{Reply, Request};
use crate::vocabulary::{SpanOf, Time, Vocabulary};

/// When the answers of some calls were heard, the earliest of each process.
pub(super) struct Earliest<V: Vocabulary> {
    skew: SpanOf<V>,
    own: HashMap<usize, V::Time>,
    first: Option<(usize, V::Time)>,
}

impl<V: Vocabulary> Earliest<V> {
    pub(super) fn new(skew: SpanOf<V>) -> Self {
        Earliest { skew, own: HashMap::new(), first: None }
    }

    pub(super) fn add(&mut self, process: usize, heard: V::Time) {
        let own = self.own.entry(process).or_insert(heard);
        *own = heard.min(*own);
        if self.first.is_none_or(|(_, first)| heard < first) {
            self.first = Some((process, heard));
        }
    }

    /// Whether one of them was heard before a process asked at this time. Two clocks may differ by the
    /// skew.
    pub(super) fn precede(&self, process: usize, sent: V::Time) -> bool {
        // The earliest of all is enough: where that is the process's own, it has an earlier one itself
        // than any other that could precede it.
        let others = self.first.filter(|(first, _)| *first != process);
        let before = |(_, heard): (usize, V::Time)| heard.plus(self.skew) < sent;
        self.own.get(&process).is_some_and(|&heard| heard < sent) || others.is_some_and(before)
    }

    /// Whether one of them was heard before any process asked at this time or later.
    pub(super) fn precede_all_from(&self, sent: V::Time) -> bool {
        self.first.is_some_and(|(_, heard)| heard.plus(self.skew) < sent)
    }
}

/// How far an item may have come before each of its pieces. A head and an epoch only grow, so an item
/// that has come farther leaves that piece unexplained for good.
pub(super) struct Bounds {
    /// The bounds in order, each with its piece.
    sorted: Vec<(u64, usize)>,
    /// The place of each piece in that order.
    places: HashMap<usize, usize>,
    /// No piece before this place is open.
    low: std::cell::Cell<usize>,
}

impl Bounds {
    pub(super) fn of<V: Vocabulary>(pieces: &Pieces<V>) -> Bounds {
        // A lease that is taken without a condition can go back.
        let sets = |request: &Request<V>| matches!(request, Request::SetLease { .. });
        let heard = pieces.heard.iter().any(|piece| match &piece.says {
            Says::Answer(request, _) => sets(request),
            Says::Slot(..) | Says::Filled(_) | Says::Releasable(_) | Says::Never => false,
        });
        let goes_back = heard || pieces.unheard.iter().any(|unheard| sets(&unheard.request));
        let bound = |(index, says)| bound_of(says).map(|bound| (bound, index));
        let all = pieces.heard.iter().map(|piece| &piece.says).enumerate();
        let mut sorted: Vec<_> =
            if goes_back { Vec::new() } else { all.filter_map(bound).collect() };
        sorted.sort_unstable();
        let places = sorted.iter().enumerate().map(|(place, &(_, piece))| (piece, place)).collect();
        Bounds { sorted, places, low: std::cell::Cell::new(0) }
    }

    /// Whether an item that has come so far leaves an open piece unexplained.
    pub(super) fn are_passed_by(&self, clock: u64, open: &BTreeSet<usize>) -> bool {
        let mut low = self.low.get();
        while self.sorted.get(low).is_some_and(|(_, piece)| !open.contains(piece)) {
            low += 1;
        }
        self.low.set(low);
        self.sorted.get(low).is_some_and(|&(bound, _)| clock > bound)
    }

    /// Notes that a piece is open again.
    pub(super) fn reopen(&mut self, piece: usize) {
        if let Some(&place) = self.places.get(&piece) {
            self.low.set(self.low.get().min(place));
        }
    }
}

/// How far the item may have come before a piece.
fn bound_of<V: Vocabulary>(says: &Says<V>) -> Option<u64> {
    let Says::Answer(request, reply) = says else { return None };
    match reply {
        Reply::Raised(number) | Reply::Appended(number) => Some(number.0.saturating_sub(1)),
        Reply::Head(head) | Reply::NotRaised(head) => Some(head.head.0),
        Reply::Leased(lease) if matches!(request, Request::Acquire { .. }) => {
            Some(lease.epoch.0.saturating_sub(1))
        }
        Reply::Leased(lease)
        | Reply::Lease(Some(lease))
        | Reply::Refused { lease: Some(lease), .. } => Some(lease.epoch.0),
        Reply::Lease(None) => Some(0),
        Reply::Released => match request {
            Request::Release { fence, .. } => fence.map(|epoch| epoch.0),
            _ => None,
        },
        Reply::Claimed(_)
        | Reply::NotClaimed(_)
        | Reply::Created
        | Reply::Sealed
        | Reply::NotSealed(_)
        | Reply::Tail(_)
        | Reply::Slot(_)
        | Reply::Written
        | Reply::Taken(_)
        | Reply::NotAppended { .. }
        | Reply::Page(_)
        | Reply::Refused { lease: None, .. } => None,
    }
}
