//! Reading without a group: load an aggregate, rebuild a view, look.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{Stream as Futures, unfold};
use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seen, Seq};

use crate::append::Receipt;
use crate::stream::Stream;
use crate::vocabulary::{Position, Recorded, Slots, StoreError, recorded};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The events of one key.
    Key(String),
    /// The events of one partition.
    Partition(PartitionId),
    /// Everything, a partition after another.
    Everything,
}

/// A read that is about to begin. Each page is at most 1 MB, and one is held at a
/// time, whatever is read.
#[derive(Clone, Debug)]
pub struct Read {
    stream: Stream,
    target: Target,
    from: Position,
    follow: Option<Duration>,
}

impl Stream {
    /// Reads from the beginning, unless told otherwise, up to the first slot that is
    /// not settled. What was acknowledged before is read (every page is strongly
    /// consistent), unless a slot before it is still open.
    #[must_use]
    pub fn read(&self, target: Target) -> Read {
        Read { stream: self.clone(), target, from: Position::START, follow: None }
    }

    /// Waits until a receipt's event can be read: until every slot before it is settled.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if some slot before it stays open for longer than
    /// patience lasts: its writer is gone, and no consumer has voided it yet.
    pub async fn settled(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let began = self.now();
        let (partition, wanted) = (&receipt.partition, receipt.position.slot);
        let mut after = Seq::ZERO;
        loop {
            let page = self.page(partition, after).await?;
            let end = run(&page, after);
            if end >= wanted {
                return Ok(());
            }
            if end == after {
                if self.now().since(began) > self.0.patience {
                    return Err(StoreError::Unknown {
                        table: self.0.wire.tables().events.clone(),
                        why: format!("slot {} of {partition} stays open", end.next()).into(),
                    });
                }
                self.0.clock.sleep(Duration::from_millis(50)).await;
            }
            after = end;
        }
    }

    async fn page(&self, partition: &PartitionId, after: Seq) -> Result<Slots, StoreError> {
        let request = Request::ReadEvents { partition: partition.clone(), after, consistent: true };
        match self.0.send_until_answered("reader", &request).await? {
            Reply::Page(page) => Ok(page),
            _ => Ok(Slots::default()),
        }
    }
}

/// The last slot that can be reached from `after` without stepping over an empty one.
fn run(page: &Slots, after: Seq) -> Seq {
    let mut end = after;
    while page.seen(end.next()) != Seen::Nothing {
        end = end.next();
    }
    end
}

/// Where a read stands.
struct Cursor {
    read: Read,
    /// The partitions that are still to be read; where it follows, in turns for ever.
    partitions: VecDeque<(PartitionId, Seq)>,
    /// Events that were read and not handed out.
    events: VecDeque<Recorded>,
    /// How many partitions in a row had nothing new.
    idle: usize,
    begun: bool,
}

impl Read {
    /// Begins at a position, in each partition that is read.
    #[must_use]
    pub fn from(mut self, position: Position) -> Read {
        self.from = position;
        self
    }

    /// Does not end: looks for more this often.
    #[must_use]
    pub fn follow(mut self, interval: Duration) -> Read {
        self.follow = Some(interval);
        self
    }

    /// The events, in order within each partition.
    pub fn events(self) -> impl Futures<Item = Result<Recorded, StoreError>> + Send {
        let cursor = Cursor {
            read: self,
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

    /// The events, in a vector.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn collect(self) -> Result<Vec<Recorded>, StoreError> {
        use futures_util::TryStreamExt as _;
        self.events().try_collect().await
    }

    async fn partitions(&self) -> Result<VecDeque<(PartitionId, Seq)>, StoreError> {
        // The slot of the position is read too; what is before it in its batch is left out.
        let after = Seq(self.from.slot.0.saturating_sub(1));
        let partitions = match &self.target {
            Target::Key(key) => vec![self.stream.route(key)],
            Target::Partition(partition) => vec![partition.clone()],
            Target::Everything => self.stream.partitions().await?,
        };
        Ok(partitions.into_iter().map(|partition| (partition, after)).collect())
    }

    fn wants(&self, event: &Recorded) -> bool {
        let of_key = match &self.target {
            Target::Key(key) => event.event.key == *key,
            Target::Partition(_) | Target::Everything => true,
        };
        of_key && event.position >= self.from
    }
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Recorded>, StoreError> {
        if !self.begun {
            (self.partitions, self.begun) = (self.read.partitions().await?, true);
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some((partition, after)) = self.partitions.pop_front() else {
                let Some(interval) = self.read.follow else { return Ok(None) };
                // No partition yet: where each key has its own, the first may come.
                self.read.stream.0.clock.sleep(interval).await;
                self.partitions = self.read.partitions().await?;
                continue;
            };
            let page = self.read.stream.page(&partition, after).await?;
            let end = run(&page, after);
            let wanted = recorded(&partition, page.between(after, end));
            self.events.extend(wanted.filter(|event| self.read.wants(event)));
            match (end > after, self.read.follow) {
                // A page at a time to the end, then the next partition.
                (true, None) => self.partitions.push_front((partition, end)),
                (false, None) => {}
                (moved, Some(interval)) => {
                    self.partitions.push_back((partition, end));
                    self.idle = if moved { 0 } else { self.idle + 1 };
                    if self.idle >= self.partitions.len() {
                        self.idle = 0;
                        self.read.stream.0.clock.sleep(interval).await;
                        self.look_for_new().await?;
                    }
                }
            }
        }
    }

    /// Where each key has its own partition, new ones come while it follows.
    async fn look_for_new(&mut self) -> Result<(), StoreError> {
        if self.read.stream.layout().all().is_some() || self.read.target != Target::Everything {
            return Ok(());
        }
        for (partition, after) in self.read.partitions().await? {
            if !self.partitions.iter().any(|(known, _)| *known == partition) {
                self.partitions.push_back((partition, after));
            }
        }
        Ok(())
    }
}
