//! Reading forward, from the beginning or from a position.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{Stream as Futures, unfold};
use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seen, Seq};

use crate::append::Receipt;
use crate::stream::Stream;
use crate::vocabulary::{Position, Recorded, Slots, StoreError};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The events of one key. The whole partition of the key is read and paid for.
    Key(String),
    /// The events of one partition.
    Partition(PartitionId),
    /// All events, one partition after another.
    Everything,
}

impl Target {
    /// The partitions to read, in order.
    pub(super) async fn partitions(&self, stream: &Stream) -> Result<Vec<PartitionId>, StoreError> {
        match self {
            Target::Key(key) => Ok(vec![stream.route(key)]),
            Target::Partition(partition) => Ok(vec![partition.clone()]),
            Target::Everything => stream.partitions().await,
        }
    }

    /// Whether an event of these partitions is to be read.
    pub(super) fn includes(&self, event: &Recorded) -> bool {
        match self {
            Target::Key(key) => event.event.key == *key,
            Target::Partition(_) | Target::Everything => true,
        }
    }
}

/// Reads events without a group; created by [`Stream::read`].
///
/// A reader holds one page at a time, at most 1 MB. It takes no lease, moves no checkpoint
/// and voids no gap.
#[derive(Clone, Debug)]
pub struct Reader {
    stream: Stream,
    target: Target,
    from: Position,
    follow: Option<Duration>,
}

impl Stream {
    /// Creates a reader, from the beginning up to the first slot that is not settled.
    ///
    /// Every page is strongly consistent: the reader returns each event that was
    /// acknowledged before it began, unless a slot before that event is still empty. A
    /// page is one query, of at most 1 MB, and costs a read unit for each 4 KB. It has to
    /// arrive within [`Config::attempt`](crate::Config::attempt).
    #[must_use]
    pub fn read(&self, target: Target) -> Reader {
        Reader { stream: self.clone(), target, from: Position::START, follow: None }
    }

    /// Waits until a receipt's event can be read: until every slot before it is settled.
    ///
    /// It reads the partition from its beginning, and then again every 50 ms while a slot
    /// stays empty. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError::Unknown`] if a slot stays empty for longer than patience
    /// lasts: its writer is gone, and no consumer has voided the slot yet. Returns the
    /// store's error if a page cannot be read.
    pub async fn settled(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let mut patience = self.0.clock.timer(self.0.patience);
        let (partition, wanted) = (&receipt.partition, receipt.position.slot);
        let mut place = Place::after(partition.clone(), Seq::ZERO);
        loop {
            let before = place.after;
            place.read(self).await?;
            if place.after >= wanted {
                return Ok(());
            }
            if place.after == before {
                if patience.is_over() {
                    return Err(StoreError::Unknown {
                        table: self.0.wire.tables().events.clone(),
                        why: format!("slot {} of {partition} stays empty", before.next()).into(),
                    });
                }
                self.0.clock.sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The last slot that can be reached from `after` without stepping over an empty one.
fn last_settled(page: &Slots, after: Seq) -> Seq {
    let mut end = after;
    while page.seen(end.next()) != Seen::Nothing {
        end = end.next();
    }
    end
}

/// How far a partition was read.
pub(crate) struct Place {
    pub(crate) partition: PartitionId,
    pub(crate) after: Seq,
    /// Whether the next slot was empty, with others behind it.
    is_gap: bool,
}

impl Place {
    pub(crate) fn after(partition: PartitionId, after: Seq) -> Place {
        Place { partition, after, is_gap: false }
    }

    /// Whether the next slot was empty, with others behind it.
    pub(crate) fn is_gap(&self) -> bool {
        self.is_gap
    }

    /// Lets the next page be a whole one, also at a gap.
    pub(crate) fn forget_gap(&mut self) {
        self.is_gap = false;
    }

    /// Reads the next page, and moves to the end of what is settled. At a gap it asks for one slot:
    /// what is behind it is not to be had yet, and may be a megabyte.
    pub(crate) async fn read(&mut self, stream: &Stream) -> Result<Slots, StoreError> {
        let stream = if self.is_gap { stream.with_page_limit(1) } else { stream.clone() };
        let (partition, after) = (self.partition.clone(), self.after);
        let request = Request::ReadEvents { partition, after, consistent: true };
        let page = match stream.0.send_until_answered("reader", &request).await? {
            Reply::Page(page) => page,
            _ => Slots::default(),
        };
        self.after = last_settled(&page, after);
        self.is_gap = page.last().is_some_and(|last| self.after < last);
        Ok(page)
    }
}

/// A reader's progress.
struct Cursor {
    reader: Reader,
    /// The partitions that are still to be read. A reader that follows goes round them.
    partitions: VecDeque<Place>,
    /// Events that were read and not returned yet.
    events: VecDeque<Recorded>,
    /// How many partitions in a row had nothing new.
    idle: usize,
    begun: bool,
}

impl Reader {
    /// Begins at a position, in each partition that is read. Default: [`Position::START`].
    #[must_use]
    pub fn from(mut self, position: Position) -> Reader {
        self.from = position;
        self
    }

    /// Never ends, and looks for new events this often while there are none. Default: ends.
    ///
    /// A look costs one read unit for each partition, and at a gap as much as the slot behind it.
    #[must_use]
    pub fn follow(mut self, interval: Duration) -> Reader {
        self.follow = Some(interval);
        self
    }

    /// Returns the events as an asynchronous stream, in order within each partition.
    ///
    /// A request that fails transiently is sent again for as long as patience lasts. After
    /// an error the stream ends; read again from the last position. Dropping the stream
    /// changes nothing.
    pub fn events(self) -> impl Futures<Item = Result<Recorded, StoreError>> + Send {
        let cursor = Cursor {
            reader: self,
            partitions: VecDeque::new(),
            events: VecDeque::new(),
            idle: 0,
            begun: false,
        };
        unfold(Some(cursor), async |cursor| {
            let mut cursor = cursor?;
            match cursor.next().await {
                Ok(event) => event.map(|event| (Ok(event), Some(cursor))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Returns the events in a vector. With [`Reader::follow`] it never returns.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a page cannot be read for as long as patience lasts.
    pub async fn collect(self) -> Result<Vec<Recorded>, StoreError> {
        use futures_util::TryStreamExt as _;
        self.events().try_collect().await
    }

    async fn partitions(&self) -> Result<VecDeque<Place>, StoreError> {
        // The slot of the position is read as well; the events before the position are left out.
        let after = Seq(self.from.slot.0.saturating_sub(1));
        let partitions = self.target.partitions(&self.stream).await?;
        Ok(partitions.into_iter().map(|partition| Place::after(partition, after)).collect())
    }

    fn includes(&self, event: &Recorded) -> bool {
        self.target.includes(event) && event.position >= self.from
    }
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        if !self.begun {
            (self.partitions, self.begun) = (self.reader.partitions().await?, true);
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(interval) = self.reader.follow
                // Or there is none yet. Where each key has its own, the first may come.
                && self.idle >= self.partitions.len()
            {
                self.idle = 0;
                self.reader.stream.0.clock.sleep(interval).await;
                self.add_new_partitions().await?;
                continue;
            }
            let Some(mut place) = self.partitions.pop_front() else { return Ok(None) };
            let before = place.after;
            let page = place.read(&self.reader.stream).await?;
            let events = page.events(&place.partition, before, place.after);
            self.events.extend(events.filter(|event| self.reader.includes(event)));
            match (place.after > before, self.reader.follow) {
                // A page at a time to the end, then the next partition. Nothing was behind a page that
                // was not cut, as it was consistent.
                (true, None) if page.is_full() => self.partitions.push_front(place),
                (_, None) => {}
                (moved, Some(_)) => {
                    self.partitions.push_back(place);
                    self.idle = if moved { 0 } else { self.idle + 1 };
                }
            }
        }
    }

    /// Adds partitions that came since: where each key has its own, new ones come. Otherwise they are
    /// known without a request, and the same.
    async fn add_new_partitions(&mut self) -> Result<(), StoreError> {
        for place in self.reader.partitions().await? {
            if !self.partitions.iter().any(|known| known.partition == place.partition) {
                self.partitions.push_back(place);
            }
        }
        Ok(())
    }
}
