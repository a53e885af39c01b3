//! How the events of a named producer come to their partitions: through those that were split or merged,
//! and in which order.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{StreamExt, iter};
use gapless_model::append::Claim;
use gapless_model::design::Producer as ProducerAxis;
use gapless_model::{Number, PartitionId};

use super::feed::{Next, PartitionFeed, Source};
use super::producer::Producer;
use super::producer_error::ProducerError;
use super::single::Receipt;
use crate::stream::Layout;
use crate::wire::check_partition;

/// The most partitions that are written at once.
const AT_ONCE: usize = 16;

impl Producer {
    /// Takes the receipts of a partition and of those before it.
    pub(super) fn receipts_to(&mut self, partition: &PartitionId) -> Vec<Receipt> {
        let feeds = self.feeds.iter_mut().filter(|(at, _)| is_on_path(at, partition));
        feeds.flat_map(|(_, feed)| feed.take_receipts()).collect()
    }

    /// Appends what waits, where it belongs: everywhere, or in one partition and in those before it. The
    /// input was pushed up to `reached`.
    ///
    /// All partitions are tried. The first error is returned.
    pub(super) async fn drive(
        &mut self,
        only: Option<&PartitionId>,
        reached: Number,
    ) -> Result<(), ProducerError> {
        let mut failures = Failures::default();
        // A round ends some appends or finds some partitions sealed, and those that failed are left out.
        loop {
            self.move_on(only, &mut failures).await;
            let ready = self.ready(only, reached, &failures);
            if ready.is_empty() {
                return failures.first.map_or(Ok(()), Err);
            }
            // A loop and no chain of closures, whose lifetimes would keep the future from being `Send`.
            let mut flushes = Vec::new();
            for (partition, feed) in &mut self.feeds {
                if let Some(may_start) = ready.get(partition) {
                    flushes.push(flush(partition, feed, &self.source, *may_start));
                }
            }
            // Each is polled by itself: what befalls one partition stops no other.
            let ended = iter(flushes).buffered(AT_ONCE).collect::<Vec<_>>().await;
            ended
                .into_iter()
                .flatten()
                .for_each(|(partition, error)| failures.note(partition, error));
        }
    }

    /// The partitions where something is to be done, and whether a new append may start there.
    fn ready(
        &self,
        only: Option<&PartitionId>,
        reached: Number,
        failures: &Failures,
    ) -> BTreeMap<PartitionId, bool> {
        let is_wanted = |at: &PartitionId| {
            only.is_none_or(|only| is_on_path(at, only)) && !failures.partitions.contains(at)
        };
        let busy: Vec<_> = self.feeds.iter().filter(|(_, feed)| !feed.is_clear()).collect();
        let layout = self.source.stream.layout();
        let mut ready = BTreeMap::new();
        for (partition, feed) in busy.iter().filter(|(at, _)| is_wanted(at)) {
            if !feed.is_writing() && !feed.has_next(reached) {
                continue;
            }
            // S2: a record says that all events up to its number are settled, and those of a partition
            // before this one may yet move here.
            let may_start = layout.founds(partition)
                || !busy.iter().any(|(at, _)| at < partition && is_on_path(at, partition));
            if may_start || feed.is_writing() {
                ready.insert((*partition).clone(), may_start);
            }
        }
        ready
    }

    /// Moves the events that wait in sealed partitions to the feeds of those that took their place.
    async fn move_on(&mut self, only: Option<&PartitionId>, failures: &mut Failures) {
        let sealed = self.feeds.iter().filter(|(at, feed)| {
            feed.leaving(0).is_some() && only.is_none_or(|only| is_on_path(at, only))
        });
        let sealed: Vec<PartitionId> = sealed.map(|(at, _)| at.clone()).collect();
        for partition in sealed {
            let mut passed = 0;
            while let Some(feed) = self.feeds.get(&partition)
                && let Some((number, event)) = feed.leaving(passed)
            {
                let hash = Layout::hash(&event.key);
                match self.path_end(partition.clone(), number, hash) {
                    Ok(PathEnd::Claimed(at)) => self.move_event(&partition, passed, &at),
                    Ok(PathEnd::Unclaimed(at)) if failures.partitions.contains(&at) => passed += 1,
                    Ok(PathEnd::Unclaimed(at)) => {
                        if let Err(error) = self.claim(&at).await {
                            failures.note(at, error);
                        }
                    }
                    Err(error) => {
                        failures.note(partition.clone(), error);
                        passed += 1;
                    }
                }
            }
        }
    }

    fn move_event(&mut self, from: &PartitionId, passed: usize, to: &PartitionId) {
        let left = self.feeds.get_mut(from).and_then(|feed| feed.leave(passed));
        if let (Some((number, event)), Some(feed)) = (left, self.feeds.get_mut(to)) {
            self.skipped += feed.take(number, event);
        }
    }

    /// Returns the partition to which an event belongs, from `first` on, once it and all before it are
    /// claimed.
    pub(super) async fn claim_path(
        &mut self,
        first: PartitionId,
        number: Number,
        hash: u64,
    ) -> Result<PartitionId, ProducerError> {
        loop {
            match self.path_end(first.clone(), number, hash)? {
                PathEnd::Claimed(partition) => return Ok(partition),
                PathEnd::Unclaimed(partition) => self.claim(&partition).await?,
            }
        }
    }

    /// Follows the path of an event as far as this run has come.
    ///
    /// S2: an open feed is left only after the store has refused this run's own append there with the
    /// seal. The routes may know of the seal before, but not whether a later run had
    /// fenced this one out and appended the same events.
    fn path_end(
        &self,
        first: PartitionId,
        number: Number,
        hash: u64,
    ) -> Result<PathEnd, ProducerError> {
        let mut at = first;
        while let Some(feed) = self.feeds.get(&at) {
            match feed.next(number, hash)? {
                Next::Stays => return Ok(PathEnd::Claimed(at)),
                Next::Child(child) => at = child,
            }
        }
        Ok(PathEnd::Unclaimed(at))
    }

    /// Claims a partition, unless it is sealed.
    async fn claim(&mut self, partition: &PartitionId) -> Result<(), ProducerError> {
        let Source { stream, name, .. } = &self.source;
        match stream.0.rules.design.producer {
            ProducerAxis::Named => {}
            ProducerAxis::Anonymous => return Err(ProducerError::Anonymous),
        }
        check_partition(partition)?;
        // A merge brings the names together for which its parents had room: none of them is new.
        let is_known =
            self.feeds.iter().any(|(at, feed)| is_on_path(at, partition) && feed.has_record());
        let unlimited = is_known.then(|| stream.with_most_producers(u32::MAX));
        let stream = unlimited.as_ref().unwrap_or(stream);
        let mut claim = Claim::new(partition.clone(), name.clone());
        while let Some(request) = claim.wants() {
            claim.tell(stream.0.send_until_answered(name.as_str(), &request).await?);
        }
        let feed = match (claim.record(), claim.sealed()) {
            (Some(record), _) => {
                let epoch = record.epoch.0;
                tracing::debug!(producer = %name, %partition, epoch, "the producer has claimed the partition");
                PartitionFeed::open(partition.clone(), record)
            }
            (None, Some((record, children))) => {
                stream.0.routes.learn(partition, children);
                PartitionFeed::sealed(partition.clone(), record, children)
            }
            (None, None) => return Ok(()),
        };
        self.feeds.insert(partition.clone(), feed);
        Ok(())
    }
}

/// How far an event's path is known.
enum PathEnd {
    /// The event belongs to this partition, which has a feed.
    Claimed(PartitionId),
    /// This partition has no feed yet.
    Unclaimed(PartitionId),
}

/// Where a call failed, so that it tries nothing there again.
#[derive(Default)]
struct Failures {
    partitions: BTreeSet<PartitionId>,
    first: Option<ProducerError>,
}

impl Failures {
    fn note(&mut self, partition: PartitionId, error: ProducerError) {
        self.partitions.insert(partition);
        self.first.get_or_insert(error);
    }
}

async fn flush(
    partition: &PartitionId,
    feed: &mut PartitionFeed,
    source: &Source,
    may_start: bool,
) -> Option<(PartitionId, ProducerError)> {
    feed.flush(source, may_start).await.err().map(|error| (partition.clone(), error))
}

/// Whether a partition is another or comes before it: of two that overlap, what sorts first came first.
fn is_on_path(at: &PartitionId, partition: &PartitionId) -> bool {
    at == partition || (at < partition && at.key().is_none() && at.overlaps(partition))
}
