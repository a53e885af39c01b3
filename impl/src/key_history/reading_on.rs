//! Reading on in a history, and waiting for the slots that are empty.

use std::time::Duration;

use gapless_model::store::{Reply, Request};
use gapless_model::{Page, Seq};

use super::history::History;
use crate::read::Place;
use crate::stream::Stream;
use crate::vocabulary::{Backoff, StoreError, Timer};

/// What a look at a history's partition showed.
pub(super) struct Look {
    /// Whether an event of the key came.
    pub(super) came: bool,
    /// Whether everything was looked at.
    pub(super) is_end: bool,
}

/// How far a history is read on.
pub(super) struct ReadingOn {
    place: Place,
    /// Up to which slot; unknown until a page shows the end.
    target: Option<Seq>,
    gap: Option<Gap>,
    /// Whether the next slot was empty at the last look.
    waits: bool,
}

impl ReadingOn {
    /// To where the end is found to be. What comes later is not waited for, or it would never end.
    pub(super) fn from(history: &History) -> ReadingOn {
        let place = Place::after(history.partition().clone(), history.head());
        ReadingOn { place, target: None, gap: None, waits: false }
    }

    /// To a number that was given out.
    pub(super) fn up_to(history: &History, given: Seq) -> ReadingOn {
        ReadingOn { target: Some(given), ..ReadingOn::from(history) }
    }

    /// Reads a page into the history, and waits a moment if the next slot is empty. Nothing is awaited
    /// between taking in an event of the key and saying so.
    pub(super) async fn look(
        &mut self,
        stream: &Stream,
        history: &mut History,
    ) -> Result<Look, StoreError> {
        if self.gap.as_ref().is_some_and(|gap| gap.upto <= self.place.after) {
            self.gap = None;
        }
        match &mut self.gap {
            Some(gap) if self.waits => {
                if gap.grace.is_over() {
                    stream.void(&mut self.place).await?;
                    history.take_in_void(self.place.after);
                } else {
                    stream.0.clock.sleep(gap.looks.next()).await;
                }
            }
            Some(_) => {}
            // All empty slots age together that a whole page shows.
            None => self.place.forget_gap(),
        }
        let page = self.place.read(stream).await?;
        let came = history.take_in(&page, self.place.after);
        let after = self.place.after;
        if self.target.is_none() && !page.is_full() {
            self.target = Some(page.last().map_or(after, |last| last.max(after)));
        }
        let last = page.last().max(self.target).unwrap_or(after);
        // Behind a page that was cut, nothing is known of the next slot.
        self.waits = self.place.is_gap() || (after < last && !page.is_full());
        if self.waits && self.gap.is_none() {
            self.gap = Some(Gap::up_to(last, stream));
        }
        Ok(Look { came, is_end: self.target.is_some_and(|target| after >= target) })
    }
}

impl Stream {
    /// Voids the next slot, and moves behind it unless its writer was faster.
    async fn void(&self, place: &mut Place) -> Result<(), StoreError> {
        let (partition, slot) = (place.partition.clone(), place.after.next());
        // S4: whoever writes the slot later would be before what is decided now, and not be seen.
        let request = Request::Void { partition, slot };
        if let Reply::Written = self.0.send_until_answered("history", &request).await? {
            place.after = slot;
        }
        // What is behind it can be had now.
        place.forget_gap();
        Ok(())
    }
}

/// Empty slots whose numbers were given out, and which age together.
#[derive(Debug)]
struct Gap {
    /// The last number that was given out when the first of them was noticed.
    upto: Seq,
    grace: Timer,
    looks: Backoff,
}

impl Gap {
    fn up_to(upto: Seq, stream: &Stream) -> Gap {
        let grace = stream.0.rules.grace;
        // Some eight looks in a grace, and more than one in a short one.
        let looks = Backoff::up_to(Duration::from_millis(20).min(grace / 2), grace / 4);
        Gap { upto, grace: stream.0.clock.timer(grace), looks }
    }
}
