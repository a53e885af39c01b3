//! Requests to Partitions about heads.

use aws_sdk_dynamodb::types::AttributeValue;
use gapless_model::store::{Head, Raise, Raiser, Reply};
use gapless_model::{PartitionId, Seq};

use super::attributes::{Item, number, text};
use super::connection::Wire;
use super::edit::{Edit, GetItem, reader};
use super::names;
use super::records::{as_seen, record_name};
use crate::vocabulary::{Live, ProducerName, StoreError, Token};

impl Wire {
    /// A change of a partition's item, unless a newer release has changed what it means.
    pub(super) fn head_edit(&self, partition: &PartitionId) -> Edit {
        Edit::of(&self.tables.partitions, [(names::PARTITION, text(partition.as_str()))])
            .name("#v", names::VERSION)
            .value(":v", number(names::SEALED_VERSION))
            .only_if("attribute_not_exists(#v) OR #v <= :v")
    }

    /// Enters a partition that is written for the first time into the index.
    pub(super) fn with_index_entry(edit: Edit) -> Edit {
        // P1: where each key has its own partition, sweeps find only what is in the index.
        edit.name("#bucket", names::BUCKET)
            .name("#status", names::STATUS)
            .value(":bucket", text(names::ONLY_BUCKET))
            .set("#bucket = if_not_exists(#bucket, :bucket)")
    }

    /// The same of one that is written as open. What is sealed stays so.
    pub(super) fn with_open_entry(edit: Edit) -> Edit {
        Wire::with_index_entry(edit)
            .value(":open", text(names::OPEN))
            .set("#status = if_not_exists(#status, :open)")
    }

    /// A change of an item that no seal has changed before.
    pub(super) fn while_open(edit: Edit) -> Edit {
        edit.name("#children", names::CHILDREN)
            // S3: what is appended after a split or a merge comes behind it, in a child.
            // P2: of two that split or merge a partition one is refused, and learns what came of it.
            .only_if("attribute_not_exists(#children)")
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
        let mut edit = Wire::while_open(Wire::with_open_entry(self.head_edit(&raise.partition)))
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
            edit = as_seen(edit, &keep.name, &keep.seen)
                .value(":newNumber", number(keep.number.0))
                .value(":newCount", number(keep.count))
                .set("#record.#number = :newNumber")
                .set("#record.#count = :newCount")
                .set(&format!("#record.#slot = {next}"));
        }
        edit
    }

    /// The head that an item shows. A missing item shows an empty partition.
    pub(super) fn head(
        &self,
        item: &Item,
        name: Option<&ProducerName>,
    ) -> Result<Head<Live>, StoreError> {
        let read = reader(&self.tables.partitions, item);
        read.partition_version()?;
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
        let head = Seq(read.number_or_zero(names::SEQ)?);
        Ok(Head { head, raiser, record, children: read.partitions(names::CHILDREN)? })
    }
}
