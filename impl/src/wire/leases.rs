//! Requests to Consumers: leases and checkpoints.

use aws_sdk_dynamodb::types::AttributeValue;
use gapless_model::store::{Entry, Extend, Free, Guard, Lease, Reply};
use gapless_model::{Epoch, PartitionId, Seq};

use super::attributes::{Item, number, text};
use super::connection::Wire;
use super::edit::{self, Edit, GetItem, reader};
use super::names;
use super::slots::slot_key;
use crate::vocabulary::{Group, Live, Owner, StoreError, Timestamp};

fn lease_key(group: &Group, partition: &PartitionId) -> [(&'static str, AttributeValue); 2] {
    [(names::GROUP, text(group.as_str())), (names::PARTITION, text(partition.as_str()))]
}

impl Wire {
    fn lease_edit(&self, group: &Group, partition: &PartitionId) -> Edit {
        Edit::of(&self.tables.consumers, lease_key(group, partition))
    }

    /// A change of an existing lease, on condition of the epoch that `fence` names.
    fn fenced(&self, group: &Group, partition: &PartitionId, fence: Option<Epoch>) -> Edit {
        let edit = self.lease_edit(group, partition);
        match fence {
            None => edit.name("#v", names::VERSION).only_if("attribute_exists(#v)"),
            Some(epoch) => edit
                .name("#epoch", names::EPOCH)
                .value(":epoch", number(epoch.0))
                // L3: only the current epoch renews, moves the checkpoint or releases.
                .only_if("#epoch = :epoch"),
        }
    }

    fn while_active(edit: Edit) -> Edit {
        edit.name("#active", names::ACTIVE)
            .value(":true", AttributeValue::Bool(true))
            // L2: an owner that has released the lease cannot go on with it.
            // P1: a trigger must not count on an owner that has left.
            .only_if("#active = :true")
    }

    fn extended(edit: Edit, extend: &Extend<Live>) -> Edit {
        let edit = edit
            .name("#expiry", names::EXPIRY)
            .value(":until", number(extend.until.as_millis()))
            .set("#expiry = :until");
        if !extend.beat {
            return edit;
        }
        edit.name("#beat", names::BEAT).value(":one", number(1)).set("#beat = #beat + :one")
    }

    /// Sends a change of a lease. A refusal returns the lease, if it was ever taken.
    async fn leased(&self, edit: Edit) -> Result<Reply<Live>, StoreError> {
        match edit.send(&self.client).await? {
            Ok(item) => Ok(Reply::Leased(self.lease(&item)?)),
            Err(old) => Ok(Reply::Refused { lease: self.lease_if_any(&old)?, taken: false }),
        }
    }

    pub(super) async fn read_lease(
        &self,
        group: &Group,
        partition: &PartitionId,
    ) -> Result<Reply<Live>, StoreError> {
        let key = lease_key(group, partition).map(|(name, value)| (name.to_owned(), value));
        let table = &self.tables.consumers;
        let item = GetItem { client: &self.client, table }.by(Item::from(key)).await?;
        Ok(Reply::Lease(item.map(|item| self.lease(&item)).transpose()?))
    }

    /// A change that writes every attribute of a lease.
    fn whole(edit: Edit, owner: &Owner) -> Edit {
        edit.name("#active", names::ACTIVE)
            .name("#owner", names::OWNER)
            .name("#expiry", names::EXPIRY)
            .name("#epoch", names::EPOCH)
            .name("#checkpoint", names::SEQ)
            .name("#beat", names::BEAT)
            .name("#wake", names::WAKE)
            .name("#v", names::VERSION)
            .value(":owner", text(owner.as_str()))
            .value(":zero", number(0))
            .value(":v", number(names::THIS_VERSION))
    }

    /// What every way to take a lease writes, but for the epoch.
    fn taking(edit: Edit, owner: &Owner, until: Timestamp, entry: Entry) -> Edit {
        let version = match entry {
            Entry::Begun | Entry::Begin { .. } => ":v",
            // D4: nothing that comes after it is begun while its checkpoint may move back.
            Entry::Hold => ":unbegun",
        };
        Wire::whole(edit, owner)
            .value(":true", AttributeValue::Bool(true))
            .value(":until", number(until.as_millis()))
            .set("#active = :true, #owner = :owner, #expiry = :until, #wake = :zero")
            .set(&format!("#v = {version}"))
            // D2: the next owner begins behind what the last one finished.
            .set("#checkpoint = if_not_exists(#checkpoint, :zero)")
            .set("#beat = if_not_exists(#beat, :zero)")
    }

    /// Lets a group begin a partition behind a slot, if it has never had a lease there: with the item of a
    /// lease that was released in its first epoch. Returns the item that is there otherwise.
    pub(crate) async fn begin(
        &self,
        group: &Group,
        partition: &PartitionId,
        behind: Seq,
        owner: &Owner,
    ) -> Result<Option<Lease<Live>>, StoreError> {
        let edit = Wire::whole(self.lease_edit(group, partition), owner)
            .value(":false", AttributeValue::Bool(false))
            .value(":one", number(1))
            .value(":behind", number(behind.0))
            .set("#active = :false, #owner = :owner, #expiry = :zero, #wake = :zero, #v = :v")
            .set("#epoch = :one, #beat = :zero, #checkpoint = :behind")
            // L3: a copy that arrives late finds the item, and changes nothing.
            .only_if("attribute_not_exists(#v)");
        match edit.send(&self.client).await? {
            Ok(_) => Ok(None),
            Err(old) => self.lease(&old).map(Some),
        }
    }

    pub(super) async fn set_lease(
        &self,
        group: &Group,
        partition: &PartitionId,
        owner: &Owner,
        epoch: Epoch,
        until: Timestamp,
    ) -> Result<Reply<Live>, StoreError> {
        let begun = Entry::default();
        let edit = Wire::taking(self.lease_edit(group, partition), owner, until, begun)
            .value(":epoch", number(epoch.0))
            .set("#epoch = :epoch");
        self.leased(edit).await
    }

    pub(super) async fn acquire(
        &self,
        group: &Group,
        partition: &PartitionId,
        owner: &Owner,
        until: Timestamp,
        free: &Free<Live>,
        entry: Entry,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::taking(self.lease_edit(group, partition), owner, until, entry)
            .value(":one", number(1))
            .value(":false", AttributeValue::Bool(false))
            // L1: every owner gets an epoch of its own, higher than all before.
            .set("#epoch = if_not_exists(#epoch, :zero) + :one");
        let (edit, ended) = match free {
            Free::Inactive => (edit, ""),
            // By this clock and the skew.
            Free::EndedBy(time) => {
                (edit.value(":now", number(time.as_millis())), " OR #expiry <= :now")
            }
            // It showed no sign of life for its length and twice the skew.
            Free::Unchanged { epoch, beat } => (
                edit.value(":seenEpoch", number(epoch.0)).value(":seenBeat", number(*beat)),
                " OR (#epoch = :seenEpoch AND #beat = :seenBeat)",
            ),
        };
        self.leased(Wire::entering(edit, entry, &format!("#active = :false{ended}"))).await
    }

    /// The condition of taking a lease. One that another version of the format wrote is left alone.
    fn entering(edit: Edit, entry: Entry, free: &str) -> Edit {
        let unbegun = number(names::UNBEGUN_VERSION);
        // L2: a lease that is active is taken only if it has ended.
        let begun = format!("#v = :v AND ({free})");
        match entry {
            // D4: the item says that the partition's parents were drained.
            Entry::Begun => edit.only_if(&begun),
            Entry::Begin { seen: Epoch::ZERO } => {
                edit.only_if(&format!("attribute_not_exists(#v) OR ({begun})"))
            }
            Entry::Begin { seen } => edit
                .value(":seen", number(seen.0))
                .value(":unbegun", unbegun)
                // D4: a reset that came after the parents were asked has raised the epoch.
                .only_if("#v = :v OR (#v = :unbegun AND #epoch = :seen)")
                .only_if(free),
            Entry::Hold => edit.value(":unbegun", unbegun).only_if(&format!(
                "attribute_not_exists(#v) OR ((#v = :v OR #v = :unbegun) AND ({free}))"
            )),
        }
    }

    pub(super) async fn renew(
        &self,
        group: &Group,
        partition: &PartitionId,
        fence: Option<Epoch>,
        extend: &Extend<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::while_active(self.fenced(group, partition, fence));
        // L2: a late copy must not shorten the lease that its owner counts on.
        let edit = Wire::extended(edit, extend).only_if("#expiry <= :until");
        self.leased(edit).await
    }

    /// A change that moves the checkpoint as well. What failed before has been finished by now.
    fn finished(edit: Edit, to: Seq) -> Edit {
        edit.name("#checkpoint", names::SEQ)
            .name("#failure", names::FAILURE)
            .value(":to", number(to.0))
            .set("#checkpoint = :to")
            .remove("#failure")
    }

    pub(super) async fn checkpoint(
        &self,
        group: &Group,
        partition: &PartitionId,
        to: Seq,
        fence: Option<Epoch>,
        forward: bool,
        extend: &Extend<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::extended(self.fenced(group, partition, fence), extend);
        let edit = Wire::finished(edit, to);
        if !forward {
            return self.leased(edit).await;
        }
        // L3: a late checkpoint must not move it back.
        // D2: what was finished must not be delivered again.
        self.leased(edit.only_if("#checkpoint < :to")).await
    }

    pub(super) async fn release(
        &self,
        group: &Group,
        partition: &PartitionId,
        to: Option<Seq>,
        fence: Option<Epoch>,
        guard: Guard,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::while_active(self.fenced(group, partition, fence))
            .value(":false", AttributeValue::Bool(false))
            .set("#active = :false");
        // L3: with the lease, which only its owner gives up, and once.
        let edit = match to {
            Some(to) => Wire::finished(edit, to),
            None => edit,
        };
        let edit = match guard {
            Guard::None | Guard::Empty(_) => edit,
            Guard::Unwoken(wake) => edit
                .name("#wake", names::WAKE)
                .value(":wake", number(wake))
                // P1: a trigger that found the lease held must not be lost.
                .only_if("#wake = :wake"),
        };
        let Guard::Empty(slot) = guard else {
            return Ok(match self.leased(edit).await? {
                Reply::Leased(_) => Reply::Released,
                refused => refused,
            });
        };
        let events = &self.tables.events;
        let items = vec![
            edit.in_transaction()?,
            // P1: an event that came in behind the checkpoint must not be left without a turn.
            edit::absent(events, slot_key(partition, slot), names::PARTITION)?,
        ];
        match edit::transact(&self.client, &self.tables.consumers, items).await? {
            Ok(()) => Ok(Reply::Released),
            Err(failed) => {
                let mut failed = failed.into_iter();
                let (lease, slot) = (failed.next().flatten(), failed.next().flatten());
                let lease = lease.map(|item| self.lease_if_any(&item)).transpose()?.flatten();
                Ok(Reply::Refused { lease, taken: slot.is_some() })
            }
        }
    }

    pub(super) async fn wake(
        &self,
        group: &Group,
        partition: &PartitionId,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::while_active(self.lease_edit(group, partition))
            .name("#wake", names::WAKE)
            .value(":one", number(1))
            .set("#wake = #wake + :one");
        self.leased(edit).await
    }

    /// Stores why a worker stopped. Nothing in the protocol depends on it.
    pub(crate) async fn note_failure(
        &self,
        group: &Group,
        partition: &PartitionId,
        epoch: Epoch,
        why: &str,
    ) -> Result<(), StoreError> {
        let edit = self
            .fenced(group, partition, Some(epoch))
            .name("#failure", names::FAILURE)
            .value(":why", text(why))
            .set("#failure = :why");
        edit.send(&self.client).await.map(drop)
    }

    fn lease_if_any(&self, item: &Item) -> Result<Option<Lease<Live>>, StoreError> {
        if item.is_empty() { Ok(None) } else { self.lease(item).map(Some) }
    }

    pub(crate) fn lease(&self, item: &Item) -> Result<Lease<Live>, StoreError> {
        let read = reader(&self.tables.consumers, item);
        let begun = read.is_begun()?;
        Ok(Lease {
            checkpoint: Seq(read.number(names::SEQ)?),
            active: read.flag(names::ACTIVE)?,
            owner: Owner::from(read.text(names::OWNER)?),
            epoch: Epoch(read.number(names::EPOCH)?),
            until: Timestamp::from_millis(read.number(names::EXPIRY)?),
            beat: read.number(names::BEAT)?,
            wake: read.number(names::WAKE)?,
            begun,
        })
    }
}
