//! Requests to Partitions: heads and producers' records.

use aws_sdk_dynamodb::types::AttributeValue;
use gapless_model::store::{Head, Raise, Raiser, Record, Reply};
use gapless_model::{Epoch, PartitionId, Seq};

use super::attributes::{self, Item, number, text};
use super::connection::Wire;
use super::edit::{Edit, GetItem, reader};
use super::names;
use crate::vocabulary::{Live, ProducerName, StoreError, Token};

/// The attribute that keeps a producer's record.
fn record_name(name: &ProducerName) -> String {
    format!("{}{name}", names::RECORD)
}

impl Wire {
    fn head_edit(&self, partition: &PartitionId) -> Edit {
        Edit::of(&self.tables.partitions, [(names::PARTITION, text(partition.as_str()))])
    }

    /// Enters a partition that is written for the first time into the index, as open.
    fn with_index_entry(edit: Edit) -> Edit {
        // P1: where each key has its own partition, sweeps find only what is in the index.
        edit.name("#bucket", names::BUCKET)
            .name("#status", names::STATUS)
            .value(":bucket", text(names::ONLY_BUCKET))
            .value(":open", text(names::OPEN))
            .set("#bucket = if_not_exists(#bucket, :bucket)")
            .set("#status = if_not_exists(#status, :open)")
    }

    pub(super) async fn read_head(
        &self,
        partition: &PartitionId,
        name: Option<&ProducerName>,
    ) -> Result<Reply<Live>, StoreError> {
        let key = Item::from([(names::PARTITION.to_owned(), text(partition.as_str()))]);
        let table = &self.tables.partitions;
        let item = GetItem { client: &self.client, table }.by(key).await?.unwrap_or_default();
        Ok(Reply::Head(self.head(&item, name)?))
    }

    pub(super) async fn raise(&self, raise: &Raise<Live>) -> Result<Reply<Live>, StoreError> {
        let name = raise.record.as_ref().map(|keep| &keep.name);
        match self.raising(raise).send(&self.client).await? {
            Ok(item) => Ok(Reply::Raised(self.head(&item, name)?.head)),
            Err(old) => Ok(Reply::NotRaised(self.head(&old, name)?)),
        }
    }

    /// The increment of a head. Every `SET` can use the old head plus one, so a producer's
    /// record needs no write of its own.
    pub(super) fn raising(&self, raise: &Raise<Live>) -> Edit {
        let next = "if_not_exists(#head, :zero) + :one";
        let mut edit = Wire::with_index_entry(self.head_edit(&raise.partition))
            .name("#head", names::SEQ)
            .value(":zero", number(0))
            .value(":one", number(1))
            // S3: the head only rises, so a later append gets a higher number.
            .set(&format!("#head = {next}"));
        if let Some(head) = raise.head {
            // S4: nothing got a number since the head was the expected one.
            edit = edit.value(":head", number(head.0));
            edit = match head {
                Seq::ZERO => edit.only_if("attribute_not_exists(#head) OR #head = :head"),
                _ => edit.only_if("#head = :head"),
            };
        }
        if let Some(token) = &raise.token {
            edit = edit
                .name("#raiserToken", names::RAISER_TOKEN)
                .name("#raiserSlot", names::RAISER_SLOT)
                .value(":token", text(token.as_str()))
                .set("#raiserToken = :token")
                .set(&format!("#raiserSlot = {next}"));
        }
        if let Some(keep) = &raise.record {
            edit = Wire::as_seen(edit, &keep.name, &keep.seen)
                .value(":newNumber", number(keep.number.0))
                .value(":newCount", number(keep.count))
                .set("#record.#number = :newNumber")
                .set("#record.#count = :newCount")
                .set(&format!("#record.#slot = {next}"));
        }
        edit
    }

    /// Adds the condition that a producer's record is as it was seen.
    fn as_seen(edit: Edit, name: &ProducerName, seen: &Record) -> Edit {
        edit.name("#record", record_name(name))
            .name("#epoch", names::EPOCH)
            .name("#number", names::NUMBER)
            .name("#count", names::COUNT)
            .name("#slot", names::SLOT)
            .value(":epoch", number(seen.epoch.0))
            .value(":number", number(seen.number.0))
            .value(":count", number(seen.count))
            .value(":slot", number(seen.slot.0))
            // S2: a late or repeated copy, or one of an earlier run, finds another record.
            .only_if("#record.#epoch = :epoch AND #record.#number = :number")
            .only_if("#record.#count = :count AND #record.#slot = :slot")
    }

    pub(super) async fn claim(
        &self,
        partition: &PartitionId,
        name: &ProducerName,
        seen: Option<Record>,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::with_index_entry(self.head_edit(partition));
        let (edit, record) = match seen {
            None => {
                let edit = edit.name("#record", record_name(name));
                let first = Record::claimed(Epoch::ZERO.next());
                // S2: of two first claims one is refused.
                (edit.only_if("attribute_not_exists(#record)"), first)
            }
            Some(seen) => {
                let next = Record { epoch: seen.epoch.next(), ..seen };
                (Wire::as_seen(edit, name, &seen), next)
            }
        };
        let edit = edit.value(":record", attributes::record(&record)).set("#record = :record");
        let attribute = record_name(name);
        match edit.send(&self.client).await? {
            Ok(_) => Ok(Reply::Claimed(record)),
            Err(old) => {
                Ok(Reply::NotClaimed(reader(&self.tables.partitions, &old).record(&attribute)?))
            }
        }
    }

    /// The head that an item shows. A missing item shows an empty partition.
    pub(super) fn head(
        &self,
        item: &Item,
        name: Option<&ProducerName>,
    ) -> Result<Head<Live>, StoreError> {
        let read = reader(&self.tables.partitions, item);
        let raiser = match item.get(names::RAISER_TOKEN) {
            None => None,
            Some(AttributeValue::S(token)) => Some(Raiser {
                token: Token::from(token.as_str()),
                slot: Seq(read.number(names::RAISER_SLOT)?),
            }),
            Some(_) => return Err(read.wrong("`raiserToken` should be a string")),
        };
        let record = match name {
            None => None,
            Some(name) => read.record(&record_name(name))?,
        };
        Ok(Head { head: Seq(read.number_or_zero(names::SEQ)?), raiser, record })
    }
}
