//! Where a group begins, and moving its checkpoints by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use gapless_model::consume::{Seek, SeekEnd};
use gapless_model::store::{Lease, Reply, Request};
use gapless_model::{Page, PartitionId, Seq, Time};
use serde::Serialize;

use crate::observe::{Machine, Told};
use crate::stream::Stream;
use crate::vocabulary::{Group, Live, Owner, Slots, StoreError, Timestamp, WorkerId};
use crate::wire::{Consistency, check_group};

/// How many slots before a place are looked at for empty ones.
const LOOKED_AT: u64 = 100;

/// How many slots a look for a time sees: what was voided does not tell.
const TIMED: usize = 8;

/// Where a group's checkpoint is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeekTo {
    /// Before the first event: everything is delivered again.
    Start,
    /// Behind the last number that was given out: nothing that is there is delivered any more.
    End,
    /// Behind a slot: what comes after it is delivered next.
    Behind(Seq),
    /// Before the first slot that was written at this time or later, by its writer's clock. A slow writer
    /// can write an older slot later than that, and clocks differ: to be given everything, take an
    /// earlier time.
    Time(Timestamp),
}

/// What became of a group's checkpoint in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sought {
    /// The partition.
    pub partition: PartitionId,
    /// The last slot that the group had finished before.
    pub from: Seq,
    /// The last slot that counts as finished now.
    pub to: Seq,
}

/// Why a checkpoint was not moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// A worker's turn holds the lease, of the partition or of one that came of it. No checkpoint was moved. Stop the group's
    /// workers, or wait until the lease has ended.
    #[error("{owner} holds the lease on {partition}, which ends in {ends_in:?}")]
    Held {
        /// The partition.
        partition: PartitionId,
        /// The turn.
        owner: Owner,
        /// How long the lease lasts by this process's clock, unless it is renewed; zero if clocks may
        /// differ by as much as it has ended ago.
        ends_in: Duration,
    },
    /// The partition does not go that far: what is appended there later would never be delivered.
    /// Nothing was changed.
    #[error("slot {asked} is behind the end of {partition}: the last number given out is {last}")]
    Beyond {
        /// The partition.
        partition: PartitionId,
        /// The slot that was asked for.
        asked: Seq,
        /// The last number that was given out.
        last: Seq,
    },
    /// The time has not come yet: to skip everything, say so ([`SeekTo::End`]). Nothing was changed.
    #[error("nothing was written at that time yet: it is {ahead:?} ahead of this process's clock")]
    Future {
        /// How far it is ahead.
        ahead: Duration,
    },
    /// No answer came while the lease lasted, and another worker has taken it since: the checkpoint may
    /// have been moved, and may have gone on from there. [`Stream::standings`] shows it.
    #[error(
        "another worker took the lease on {partition} before it was known whether the checkpoint was moved"
    )]
    Lost {
        /// The partition.
        partition: PartitionId,
    },
    /// The store refused, or did not answer for as long as patience lasts: then the checkpoint may have
    /// been moved, and a lease that was taken for it ends by itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Stream {
    /// Moves a group's checkpoint in a partition: forward, past events that it is never to be given, or
    /// back, so that it is given them again.
    ///
    /// It takes the lease for that, so it changes nothing under a worker that is at work: while a
    /// lease is held, or has not ended yet, it is refused. In a design whose workers watch leases, one that
    /// a dead worker left is refused until a worker has taken it, or [`Stream::release_leases`] has
    /// released it. Whatever an earlier owner still has under way is refused, as it is of an earlier
    /// epoch. A handler of a turn that lost its lease may still be at work beside, as ever; its fence is
    /// lower. Workers need not be told: those of this process get a notice, others find it by their next
    /// sweep. One that has set the partition aside for good goes on to leave it alone.
    ///
    /// Forward, a slot that is empty would be skipped although its writer may be at work. So the empty ones
    /// among the last hundred before the new place are voided; their writers take others, behind it.
    /// Older ones stay, and an [audit](Stream::audit) reports them.
    ///
    /// Where partitions were split or merged, a move back is a reset of the family: everything that came of the
    /// partition is delivered again as well, from its beginning and in order. For that the leases of all of it
    /// are taken at once; if a worker holds one of them, nothing is moved. A partition whose parents the group
    /// has not finished begins at the new place, once it has.
    ///
    /// It costs two write units, a read unit for the head, and forward a read of a hundred slots and a write
    /// unit for each that is voided; back, a read unit more, and three units for each partition that came
    /// of this one. The next worker there pays a refused write, by which it learns that the checkpoint was
    /// moved. A request without an answer is sent again for as long as the stream's
    /// patience allows. Dropping the future in the middle leaves leases that end by themselves, and a
    /// checkpoint that was moved or not; partitions that came of this one may be delivered again.
    ///
    /// # Errors
    /// [`SeekError`] says why the checkpoint was not moved.
    pub async fn seek(
        &self,
        group: &Group,
        partition: &PartitionId,
        to: SeekTo,
    ) -> Result<Sought, SeekError> {
        check_group(group)?;
        let to = self.find_slot(partition, to).await?;
        let exists = self.0.patiently(|| self.0.parents(partition)).await?.is_some();
        if !exists {
            return Err(self.0.no_partition(partition).into());
        }
        let sought = self.move_checkpoint(group, partition, to).await?;
        if sought.to < sought.from {
            self.0.notices.notify(partition);
        }
        Ok(sought)
    }

    /// Finds the slot behind which [`Stream::seek`] would move a checkpoint, and moves none.
    ///
    /// It costs a read unit for the head, and where a time is looked for the reads of some twenty times
    /// eight slots. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`SeekError::Beyond`], [`SeekError::Future`], or [`SeekError::Store`] if the layout has no
    /// such partition or a request fails, for as long as patience lasts if the error is transient.
    pub async fn find_slot(&self, partition: &PartitionId, to: SeekTo) -> Result<Seq, SeekError> {
        self.0.check_partition(partition)?;
        let last = self.last_number(partition).await?;
        match to {
            SeekTo::Start => Ok(Seq::ZERO),
            SeekTo::End => Ok(last),
            SeekTo::Behind(asked) if asked > last => {
                Err(SeekError::Beyond { partition: partition.clone(), asked, last })
            }
            SeekTo::Behind(asked) => Ok(asked),
            SeekTo::Time(time) => {
                let latest = self.now().plus(self.0.rules.skew);
                if time > latest {
                    return Err(SeekError::Future { ahead: time.since(self.now()) });
                }
                Ok(self.last_before(partition, time, last).await?)
            }
        }
    }

    /// Lets a new group begin at a place, in each partition where it has never had a lease. Without this, a
    /// group begins at the first event.
    ///
    /// Call it before the group's first worker runs; where one has had a lease already, the checkpoint
    /// stays. Each partition is begun in one write, so calling it again completes what was left undone, and
    /// calls beside each other do no harm. Where each key has its own partition, those that come later are
    /// consumed from their beginning; and so are partitions that take the place of others where the
    /// place is not at the others' end. What it returns has `from` and `to` alike where nothing was changed.
    /// What [`Stream::seek`] says of empty slots holds here too.
    ///
    /// It costs what [`Stream::lineage`] and [`Stream::standings`] cost, and for each partition a write
    /// unit and what [`Stream::seek`] reads. Dropping the future in the middle leaves the rest of the
    /// partitions as they are.
    ///
    /// # Errors
    /// [`SeekError`] as for [`Stream::seek`], of the first partition where it failed. Call it again.
    pub async fn begin_at(&self, group: &Group, to: SeekTo) -> Result<Vec<Sought>, SeekError> {
        check_group(group)?;
        let mut begun = self.checkpoints(group).await?;
        let mut all = Vec::new();
        // D4: of what cannot be read it is not known what comes before what.
        let survey = self.0.patiently(|| self.0.survey(Consistency::Strong)).await?.whole()?;
        for partition in survey.into_keys() {
            if let Some(&Checkpoint { at, .. }) = begun.get(&partition) {
                all.push(Sought { partition, from: at, to: at });
                continue;
            }
            // D4: begun behind a parent that is not drained, it would not wait for it. Without an item it
            // is begun at its first event, once the parents are drained.
            let parents = self.0.routes.parents(&partition);
            if parents.iter().any(|parent| !self.is_drained(parent, &begun)) {
                all.push(Sought { partition, from: Seq::ZERO, to: Seq::ZERO });
                continue;
            }
            let sought = self.begin_partition(group, partition.clone(), to).await?;
            begun.insert(partition, Checkpoint { at: sought.to, begun: true });
            all.push(sought);
        }
        Ok(all)
    }

    /// Whether the partition is sealed, and the group has begun it and finished its last slot.
    fn is_drained(
        &self,
        partition: &PartitionId,
        checkpoints: &BTreeMap<PartitionId, Checkpoint>,
    ) -> bool {
        let (end, checkpoint) = (self.0.routes.end(partition), checkpoints.get(partition));
        end.is_some_and(|end| checkpoint.is_some_and(|it| it.begun && it.at >= end))
    }

    /// The checkpoints of a group, in each partition where it has ever had a lease.
    async fn checkpoints(
        &self,
        group: &Group,
    ) -> Result<BTreeMap<PartitionId, Checkpoint>, StoreError> {
        let standings = self.standings(group).await?.into_iter();
        let checkpoint =
            |lease: Lease<Live>| Checkpoint { at: lease.checkpoint, begun: lease.begun };
        Ok(standings.map(|(partition, it)| (partition, checkpoint(it.lease))).collect())
    }

    async fn begin_partition(
        &self,
        group: &Group,
        partition: PartitionId,
        to: SeekTo,
    ) -> Result<Sought, SeekError> {
        let to = self.find_slot(&partition, to).await?;
        self.void_before(&partition, Seq::ZERO, to).await?;
        let owner = seeker()?;
        let shared = &self.0;
        let begin = || shared.wire.begin(group, &partition, to, &owner);
        let (from, to) = match shared.patiently(begin).await? {
            // An attempt that had no answer had been applied.
            Some(lease) if lease.owner != owner => (lease.checkpoint, lease.checkpoint),
            Some(_) | None => (Seq::ZERO, to),
        };
        Ok(Sought { partition, from, to })
    }

    /// Voids what is empty among the last slots behind `from`, up to `to`. A writer that is at work there
    /// takes another.
    async fn void_before(
        &self,
        partition: &PartitionId,
        from: Seq,
        to: Seq,
    ) -> Result<(), StoreError> {
        let shared = &self.0;
        let from = Seq(from.0.max(to.0.saturating_sub(LOOKED_AT)));
        if from >= to {
            // DynamoDB refuses a range that ends before it begins.
            return Ok(());
        }
        let look = || shared.wire.filled_slots(partition, from, to);
        let filled = shared.patiently(look).await?;
        for slot in (from.0 + 1..=to.0).map(Seq).filter(|slot| !filled.contains(slot)) {
            // D3: what is written behind a checkpoint would never be delivered.
            let void = Request::Void { partition: partition.clone(), slot };
            shared.send_until_answered("seek", &void).await?;
        }
        Ok(())
    }

    /// The last number given out in a partition, or in a design without a counter the tail.
    async fn last_number(&self, partition: &PartitionId) -> Result<Seq, StoreError> {
        let read = || self.0.extents(std::slice::from_ref(partition), Consistency::Strong);
        let last = self.0.patiently(read).await?.whole()?;
        Ok(last.get(partition).map_or(Seq::ZERO, |extent| extent.last))
    }

    /// The last slot before the first one that was written at `time` or later: `last` if there is none.
    async fn last_before(
        &self,
        partition: &PartitionId,
        time: Timestamp,
        last: Seq,
    ) -> Result<Seq, StoreError> {
        let looking = self.with_page_limit(TIMED);
        // What is up to `early` was written before the time, and what is behind `late` was not.
        let (mut early, mut late) = (Seq::ZERO, last);
        while early < late {
            let middle = Seq(early.0.midpoint(late.0));
            // The next slot that tells a time does so for those before it.
            match looking.next_time(partition, middle, late).await? {
                Some((slot, at)) if at < time => early = slot,
                Some(_) | None => late = middle,
            }
        }
        Ok(late)
    }

    /// The first slot behind `after`, up to `upto`, that tells when its events were written. A void does
    /// not, as a worker writes it, nor does a slot that cannot be read.
    async fn next_time(
        &self,
        partition: &PartitionId,
        mut after: Seq,
        upto: Seq,
    ) -> Result<Option<(Seq, Timestamp)>, StoreError> {
        while after < upto {
            let (partition, consistent) = (partition.clone(), true);
            let request = Request::ReadEvents { partition, after, consistent };
            let page = match self.0.send_until_answered("seek", &request).await {
                Ok(Reply::Page(page)) => page,
                Ok(_) => Slots::default(),
                Err(StoreError::Malformed { .. }) => {
                    after = after.next();
                    continue;
                }
                Err(error) => return Err(error),
            };
            match (page.first_time(), page.last()) {
                (Some((slot, at)), _) => return Ok((slot <= upto).then_some((slot, at))),
                (None, Some(last)) if page.is_full() => after = last,
                (None, _) => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn move_checkpoint(
        &self,
        group: &Group,
        partition: &PartitionId,
        to: Seq,
    ) -> Result<Sought, SeekError> {
        let shared = &self.0;
        let owner = seeker()?;
        let mut seek: Seek<Live> = Seek::new(group.clone(), partition.clone(), owner.clone(), to);
        shared.show_start(Machine::Seek { owner: &owner, machine: &seek });
        while let Some(request) = seek.wants(&shared.rules, shared.clock.now()) {
            if let Some(from) = seek.holds_at().filter(|from| *from < to) {
                self.void_before(partition, from, to).await?;
            }
            let reply = shared.send_until_answered(owner.as_str(), &request).await?;
            shared.show_told(Machine::Seek { owner: &owner, machine: &seek }, Told::Answer(&reply));
            seek.tell(reply);
        }
        let partition = partition.clone();
        match seek.outcome() {
            Some(SeekEnd::Moved { from }) => Ok(Sought { partition, from: *from, to }),
            Some(SeekEnd::Held { partition, lease }) => {
                let partition = partition.clone();
                let (owner, ends_in) = (lease.owner.clone(), lease.until.since(shared.clock.now()));
                Err(SeekError::Held { partition, owner, ends_in })
            }
            Some(SeekEnd::Lost) | None => Err(SeekError::Lost { partition }),
        }
    }
}

/// How far a group has come in a partition.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    at: Seq,
    begun: bool,
}

/// A name that no turn and no other seek has.
fn seeker() -> Result<Owner, StoreError> {
    // L1: an epoch has one owner.
    Ok(Owner::of(&WorkerId::fresh("seek")?, 1))
}
