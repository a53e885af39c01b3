//! Reading backwards, from the newest event.

use std::collections::VecDeque;

use futures_util::stream::{Stream as Futures, unfold};
use gapless_model::{Page, PartitionId, Seq};

use super::reader::Target;
use crate::stream::Stream;
use crate::vocabulary::{Recorded, StoreError};
use crate::wire::Consistency;

impl Stream {
    /// Returns events backwards, from the newest on, one partition after another, the last first. The
    /// partitions are those that [`Stream::read`] reads, and they are asked for what came of them as there:
    /// what took the place of a partition by a split or a merge comes before that partition's own events.
    ///
    /// It begins with the last slot that is written, whether or not those before it are settled: a slot
    /// that is empty by then may get an event afterwards, which is not returned. What is returned stays.
    /// The first page has at most eight slots, and each later one twice as many, up to 128. Pages are
    /// strongly consistent and cost a read unit for each 4 KB, also where the events of one key are few
    /// among them. Nothing is read before it is asked for.
    ///
    /// A request that fails transiently is sent again for as long as patience lasts. After an error the
    /// stream ends. Dropping the stream changes nothing.
    pub fn read_back(
        &self,
        target: Target,
    ) -> impl Futures<Item = Result<Recorded, StoreError>> + Send + use<> {
        let (stream, slots) = (self.clone(), Backwards::FIRST);
        let places = Backwards { stream, target, slots, places: None, events: Vec::new() };
        unfold(Some(places), async |places| {
            let mut places = places?;
            match places.next().await {
                Ok(event) => event.map(|event| (Ok(event), Some(places))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// The progress of reading backwards.
struct Backwards {
    stream: Stream,
    target: Target,
    /// How many slots the next page has at most.
    slots: usize,
    /// The partitions that are still to be read, each with the slot before which to go on, once they are
    /// known.
    places: Option<VecDeque<(PartitionId, Seq)>>,
    /// Events that were read and not returned yet, the newest last.
    events: Vec<Recorded>,
}

impl Backwards {
    const FIRST: usize = 8;
    const MOST: usize = 128;
    /// Behind every slot.
    const END: Seq = Seq(u64::MAX);

    async fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        let places = match &mut self.places {
            Some(places) => places,
            unknown @ None => {
                let (shared, scope) = (&self.stream.0, self.target.scope(&self.stream));
                let asked = || shared.lineage(&scope, Consistency::Strong);
                // Children before their parents: they sort behind them.
                let all = shared.patiently(asked).await?.into_iter().rev();
                let filled = all.filter(|(_, extent)| extent.end() != Some(Seq::ZERO));
                unknown.insert(filled.map(|(partition, _)| (partition, Backwards::END)).collect())
            }
        };
        loop {
            if let Some(event) = self.events.pop() {
                return Ok(Some(event));
            }
            let Some((partition, before)) = places.pop_front() else { return Ok(None) };
            let looking = self.stream.with_page_limit(self.slots);
            let shared = &looking.0;
            let page = shared.patiently(|| shared.wire.read_back(&partition, before)).await?;
            let events = page.events(&partition, Seq::ZERO, before);
            self.events.extend(events.filter(|event| self.target.includes(event)));
            if let (Some(first), true) = (page.first(), page.is_full()) {
                places.push_front((partition, first));
                self.slots = (2 * self.slots).min(Backwards::MOST);
            } else {
                self.slots = Backwards::FIRST;
            }
        }
    }
}
