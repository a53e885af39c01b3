//! Reading forward, from the beginning or from a position.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::stream::{Stream as Futures, unfold};
use gapless_model::{Page as _, PartitionId, Seq};

use super::lineage::{Plan, Scope};
use super::place::Place;
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Position, Recorded, StoreError};
use crate::wire::{Consistency, Extent};

/// What to read.
///
/// Where partitions were split or merged, all of them are read that have the events, parents before their
/// children, so the events of a key come in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The events of one key. The whole partition of the key is read and paid for, and where it came of
    /// splits or merges every partition that the key's events were in before. In a fixed layout the last
    /// of them is asked first whether it was split or merged meanwhile, which takes a request and a read
    /// unit.
    Key(String),
    /// The events of one partition, and of what came of it by splits and merges those whose keys the
    /// partition covers. What the partition itself came of is not read.
    ///
    /// In a fixed layout the partition is asked first for what came of it, as for [`Target::Key`].
    Partition(PartitionId),
    /// The events of one partition alone: what came of it by splits and merges is not read, nor followed.
    ///
    /// In a fixed layout the partition is asked first whether it was split or merged, as for
    /// [`Target::Key`].
    Alone(PartitionId),
    /// All events, one partition after another. In a fixed layout each partition is asked first for what
    /// came of it: a read unit each, in a request for each hundred, and one for each generation of
    /// children that this process has not met yet.
    Everything,
}

impl Target {
    /// Which partitions are read.
    pub(super) fn scope(&self, stream: &Stream) -> Scope {
        match self {
            Target::Key(key) => {
                Scope::Path { from: stream.0.layout.route(key), hash: Layout::hash(key) }
            }
            Target::Partition(partition) => Scope::Family(partition.clone()),
            Target::Alone(partition) => Scope::Alone(partition.clone()),
            Target::Everything => Scope::Everything,
        }
    }

    /// Whether an event of these partitions is to be read.
    pub(super) fn includes(&self, event: &Recorded) -> bool {
        match self {
            Target::Key(key) => event.event.key == *key,
            // What took its place by a merge has keys of others too.
            Target::Partition(partition) => {
                event.partition == *partition || partition.covers(Layout::hash(&event.event.key))
            }
            Target::Alone(_) | Target::Everything => true,
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
    begin: Begin,
    follow: Option<Duration>,
}

/// Where a reader begins.
#[derive(Clone, Debug)]
enum Begin {
    /// At a position, in each partition before which nothing is read.
    At(Position),
    /// At a position in each of these partitions, with nothing that comes before one of them.
    Inside(BTreeMap<PartitionId, Position>),
}

impl Stream {
    /// Creates a reader, from the beginning up to the first slot that is not settled.
    ///
    /// Every page is strongly consistent: the reader returns each event that was
    /// acknowledged before it began, unless a slot before that event is still empty. A
    /// partition that was split or merged keeps back what came of it until each of its slots is settled.
    /// A page is one query, of at most 1 MB, and costs a read unit for each 4 KB. It has to
    /// arrive within [`Config::attempt`](crate::Config::attempt).
    #[must_use]
    pub fn read(&self, target: Target) -> Reader {
        let begin = Begin::At(Position::START);
        Reader { stream: self.clone(), target, begin, follow: None }
    }
}

/// A reader's progress.
struct Cursor {
    reader: Reader,
    plan: Plan,
    /// The partitions that are being read. A reader that follows goes round them.
    places: VecDeque<Place>,
    /// Events that were read and not returned yet.
    events: VecDeque<Recorded>,
    /// How many partitions in a row had nothing new.
    idle: usize,
    begun: bool,
}

impl Reader {
    /// Begins at a position, in each partition that is read and is not the child of another that is: what
    /// came of a partition by a split or a merge is read from its beginning. Default:
    /// [`Position::START`]. It replaces [`Reader::behind`].
    #[must_use]
    pub fn from(mut self, position: Position) -> Reader {
        self.begin = Begin::At(position);
        self
    }

    /// Goes on where a reader of the same target has ended: behind the last event that it returned of each
    /// partition. These partitions are read from there on, and those that they came of are not read again.
    /// All others are read from their beginning. For a key the last event of all will do. Events of
    /// partitions that are not read change nothing. It replaces [`Reader::from`].
    #[must_use]
    pub fn behind<'a>(mut self, last: impl IntoIterator<Item = &'a Recorded>) -> Reader {
        let mut places = BTreeMap::new();
        for event in last {
            let Position { slot, index } = event.position;
            let next = Position { slot, index: index.saturating_add(1) };
            let place = places.entry(event.partition.clone()).or_insert(next);
            *place = next.max(*place);
        }
        self.begin = Begin::Inside(places);
        self
    }

    /// Never ends, and looks for new events this often while there are none. Default: ends.
    ///
    /// A look costs one read unit for each partition, and at a gap as much as the slot behind it. In a
    /// fixed layout it also asks for splits and merges: half a read unit for each partition that is not
    /// known to be sealed, in a request for each hundred. A sealed partition is read until each of its
    /// slots is settled, then never again.
    #[must_use]
    pub fn follow(mut self, interval: Duration) -> Reader {
        self.follow = Some(interval);
        self
    }

    /// Returns the events as an asynchronous stream, in order within each partition, and in the order of
    /// each key across partitions that were split or merged.
    ///
    /// A request that fails transiently is sent again for as long as patience lasts. After
    /// an error the stream ends; read again behind the last event ([`Reader::behind`]). Dropping the
    /// stream changes nothing.
    pub fn events(self) -> impl Futures<Item = Result<Recorded, StoreError>> + Send {
        let plan = Plan::new(self.target.scope(&self.stream), self.stream.layout());
        let cursor = Cursor {
            reader: self,
            plan,
            places: VecDeque::new(),
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

    /// The first position to read of a partition.
    fn first(&self, partition: &PartitionId, is_start: bool) -> Position {
        match &self.begin {
            Begin::At(position) if is_start => *position,
            Begin::At(_) => Position::START,
            Begin::Inside(places) => places.get(partition).copied().unwrap_or(Position::START),
        }
    }
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        if !self.begun {
            self.begin().await?;
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(interval) = self.reader.follow
                // Or there is none yet. Where each key has its own, the first may come.
                && self.idle >= self.places.len()
            {
                self.idle = 0;
                self.reader.stream.0.clock.sleep(interval).await;
                self.look_for_seals().await?;
                continue;
            }
            let Some(mut place) = self.places.pop_front() else { return Ok(None) };
            let before = place.after;
            let page = place.read(&self.reader.stream).await?;
            let first = self.first_of(&place.partition);
            let events = page.events(&place.partition, before, place.after);
            let wanted =
                |event: &Recorded| event.position >= first && self.reader.target.includes(event);
            self.events.extend(events.filter(wanted));
            if self.plan.note_read(&place.partition, place.after) {
                self.begin_behind(&place.partition);
                continue;
            }
            match (place.after > before, self.reader.follow) {
                // A page at a time to the end, then the next partition. Nothing was behind a page that
                // was not cut, as it was consistent; if the partition is sealed, a slot before its end
                // is empty, and what came of it stays out.
                (true, None) if page.is_full() => self.places.push_front(place),
                (_, None) => {}
                (moved, Some(_)) => {
                    self.places.push_back(place);
                    self.idle = if moved { 0 } else { self.idle + 1 };
                }
            }
        }
    }

    fn first_of(&self, partition: &PartitionId) -> Position {
        let is_start = self.plan.begins_with(partition);
        self.reader.first(partition, is_start)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        // Whatever was acknowledged before is in one of these.
        let lineage = self.lineage(Consistency::Strong).await?;
        self.plan.learn(lineage);
        if let Begin::Inside(places) = &self.reader.begin {
            places.keys().for_each(|partition| self.plan.skip_before(partition));
        }
        let ready = self.plan.begin();
        self.read_also(ready);
        self.begun = true;
        Ok(())
    }

    async fn lineage(
        &self,
        reads: Consistency,
    ) -> Result<BTreeMap<PartitionId, Extent>, StoreError> {
        let shared = &self.reader.stream.0;
        shared.patiently(|| shared.lineage(self.plan.scope(), reads)).await
    }

    /// Finds what was split or merged since. Where each key has its own partition, new ones come instead.
    async fn look_for_seals(&mut self) -> Result<(), StoreError> {
        let lineage = self.lineage(Consistency::Eventual).await?;
        self.plan.learn(lineage);
        // What is sealed by now, and was read to its end before that was known.
        let plan = &mut self.plan;
        self.places.retain(|place| !plan.note_read(&place.partition, place.after));
        let ready = plan.begin();
        self.read_also(ready);
        Ok(())
    }

    fn begin_behind(&mut self, finished: &PartitionId) {
        let ready = self.plan.begin_behind(finished);
        self.read_also(ready);
    }

    /// Begins partitions, but for those that have nothing to read: then with what came of them.
    fn read_also(&mut self, mut ready: Vec<PartitionId>) {
        ready.reverse();
        while let Some(partition) = ready.pop() {
            // The slot of the position is read as well; the events before the position are left out.
            let after = Seq(self.first_of(&partition).slot.0.saturating_sub(1));
            if self.plan.note_read(&partition, after) {
                ready.extend(self.plan.begin_behind(&partition).into_iter().rev());
                continue;
            }
            let place = match self.reader.follow {
                Some(_) => self.places.len(),
                None => self.places.partition_point(|place| place.partition < partition),
            };
            self.places.insert(place, Place::after(partition, after));
            self.idle = 0;
        }
    }
}
