//! What a partition is written, as its slots tell.
//!
//! Each slot says when it was written. So how many came in over a length of time is a difference of
//! two numbers: the last, and the first of that time, which is searched for. Nothing has to run all
//! the time for it.

use gapless_model::scale::{Averages, Rate, Share, Traffic, Window};
use gapless_model::store::{Reply, Request};
use gapless_model::{HASH_BITS, Page as _, PartitionId, Seq, Time as _};

use crate::stream::{Layout, Stream};
use crate::vocabulary::{EventBatch, Slots, StoreError, Timestamp, Token};
use crate::wire::{item_size, overhead};

/// How many of the newest slots are looked at.
const NEWEST: usize = 16;
/// How many slots a look in the middle sees: what was voided does not tell.
const PROBED: usize = 4;
/// A count of slots is exact to this part of it.
const EXACT: u64 = 64;
/// From how many slots on it is told how a split would divide them.
const TELLING: usize = 8;
/// The bytes of a write unit.
const WRITE_UNIT: f64 = 1024.0;
/// The bytes of a read unit.
const READ_UNIT: f64 = 4096.0;
/// How many digits of a hash tell the parts apart that a split would make, four times over.
const PART_BITS: u32 = 4;

/// What the slots of a partition told.
pub(super) struct Sounding {
    /// How many slots came in over each window.
    slots: [u64; 3],
    /// What of them was seen.
    seen: Sample,
}

impl Sounding {
    /// Sounds a partition whose last number is `head`, as it was at a time.
    pub(super) async fn take(
        stream: &Stream,
        partition: &PartitionId,
        head: Seq,
        at: Timestamp,
    ) -> Result<Sounding, StoreError> {
        let mut sounding = Sounding { slots: [0; 3], seen: Sample::default() };
        if head == Seq::ZERO {
            return Ok(sounding);
        }
        let looking = stream.with_page_limit(NEWEST);
        let newest = || looking.0.wire.read_back(partition, Seq(u64::MAX));
        let page = looking.0.patiently(newest).await?;
        let longest = at.minus(Window::Ten.length());
        sounding.seen.add(partition, &page, longest);
        let Some((_, written, ..)) = page.timed().last() else { return Ok(sounding) };
        let mut search = Search { stream, partition, end: head.next(), first: head.next() };
        for (window, slots) in Window::ALL.into_iter().zip(&mut sounding.slots) {
            let begin = at.minus(window.length());
            if written < begin {
                continue;
            }
            search.go_back_to(begin, longest, &mut sounding.seen).await?;
            *slots = search.count();
        }
        Ok(sounding)
    }

    /// The averages, for so many groups that read everything, over the windows that are `known`.
    pub(super) fn averages(&self, groups: usize, known: impl Fn(Window) -> bool) -> Averages {
        Averages::of(|window| {
            let slots = match window {
                Window::Two => self.slots[0],
                Window::Five => self.slots[1],
                Window::Ten => self.slots[2],
            };
            let a_second = slots as f64 / window.length().as_secs_f64();
            known(window).then(|| Traffic {
                writes: Rate::per_second(a_second * self.seen.write_units()),
                reads: Rate::per_second(a_second * self.seen.read_units() * groups as f64),
            })
        })
    }

    /// How much would stay together if the partition were split four times over.
    pub(super) fn together(&self) -> Option<Share> {
        self.seen.together()
    }
}

/// A search back from the last slot.
struct Search<'a> {
    stream: &'a Stream,
    partition: &'a PartitionId,
    /// Behind the last slot.
    end: Seq,
    /// The first slot that is known to have been written at the time, or later.
    first: Seq,
}

impl Search<'_> {
    /// How many slots there are from the first on.
    fn count(&self) -> u64 {
        self.end.0.saturating_sub(self.first.0)
    }

    /// Moves the first slot back to the first that was written at a time or later, about.
    ///
    /// Steps back that double find one that is earlier, and halves of what lies between find the
    /// place. Where clocks differ, slots are not quite in the order of their times: what it finds
    /// is one of the places where the time passes.
    async fn go_back_to(
        &mut self,
        time: Timestamp,
        longest: Timestamp,
        seen: &mut Sample,
    ) -> Result<(), StoreError> {
        // Behind it are those of the time, and up to it those before.
        let mut earlier = None;
        while self.first.0 > earlier.map_or(1, |earlier: Seq| earlier.0 + 1) {
            let behind = match earlier {
                None => {
                    let step = self.count().max(NEWEST as u64);
                    Seq(self.first.0.saturating_sub(1 + step))
                }
                Some(earlier) if self.first.0 - earlier.0 - 1 <= self.count() / EXACT => break,
                // What is asked for comes behind it.
                Some(earlier) => Seq(earlier.0.midpoint(self.first.0 - 1)),
            };
            let page = probe(self.stream, self.partition, behind).await?;
            seen.add(self.partition, &page, longest);
            match page.first_time().filter(|(slot, _)| *slot < self.first) {
                Some((slot, at)) if at < time => earlier = Some(slot),
                // What lies before it and was voided counts as well.
                Some(_) | None => self.first = behind.next(),
            }
        }
        Ok(())
    }
}

/// The first slots behind one that tell when they were written, with what comes at once behind
/// them.
pub(super) async fn probe(
    stream: &Stream,
    partition: &PartitionId,
    behind: Seq,
) -> Result<Slots, StoreError> {
    let looking = stream.with_page_limit(PROBED);
    let mut after = behind;
    loop {
        // It need not show the newest: half the price.
        let request =
            Request::ReadEvents { partition: partition.clone(), after, consistent: false };
        let page = match looking.0.patiently(|| looking.0.wire.send(&request)).await? {
            Reply::Page(page) => page,
            // The wire answers a read of events with a page or an error.
            _ => Slots::default(),
        };
        match page.last() {
            Some(last) if page.first_time().is_none() && page.is_full() => after = last,
            Some(_) | None => return Ok(page),
        }
    }
}

/// Slots that were seen, as a sample of all.
#[derive(Default)]
struct Sample {
    slots: std::collections::BTreeSet<Seq>,
    bytes: f64,
    units: f64,
    /// The units of each part, if its events were in slots of their own.
    parts: [f64; 1 << PART_BITS],
}

impl Sample {
    /// Adds what a page shows that was written at a time or later.
    fn add(&mut self, partition: &PartitionId, page: &Slots, since: Timestamp) {
        for (slot, at, token, batch) in page.timed() {
            if at >= since && self.slots.insert(slot) {
                self.add_slot(partition, token, batch);
            }
        }
    }

    fn add_slot(&mut self, partition: &PartitionId, token: &Token, batch: &EventBatch) {
        let beside = overhead(partition.as_str(), token.as_str());
        let (mut bytes, mut parts) = (0, [0; 1 << PART_BITS]);
        // Behind the digits that the partition fixes; what fixes nearly all cannot be told apart
        // any more.
        let fixed = u32::from(partition.bits()).min(u32::from(HASH_BITS) - PART_BITS);
        for event in batch.events() {
            let size = item_size(event);
            let part = Layout::hash(&event.key) << fixed >> (u32::from(HASH_BITS) - PART_BITS);
            bytes += size;
            parts[part as usize] += size;
        }
        let units = |bytes: usize| ((beside + bytes) as f64 / WRITE_UNIT).ceil();
        self.bytes += (beside + bytes) as f64;
        self.units += units(bytes);
        for (sum, bytes) in self.parts.iter_mut().zip(parts).filter(|(_, bytes)| *bytes > 0) {
            *sum += units(bytes);
        }
    }

    /// The write units of a slot. The raise of the head for it is one as well, to another item
    /// collection.
    fn write_units(&self) -> f64 {
        if self.slots.is_empty() { 1.0 } else { self.units / self.slots.len() as f64 }
    }

    /// What a slot costs a group that reads it, among others on a page.
    fn read_units(&self) -> f64 {
        if self.slots.is_empty() { 0.0 } else { self.bytes / READ_UNIT / self.slots.len() as f64 }
    }

    fn together(&self) -> Option<Share> {
        let most = self.parts.into_iter().fold(0.0, f64::max);
        (self.slots.len() >= TELLING).then(|| Share::of(most, self.units))
    }
}
