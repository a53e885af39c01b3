//! Requests to Events: slots.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use gapless_model::store::{Raise, Reply, Slot, Write};
use gapless_model::{PartitionId, Seq};

use super::attributes::{self, Item, number, text};
use super::connection::Wire;
use super::edit::{self, GetItem, reader};
use super::every_page::every_item;
use super::failure::failure;
use super::hidden_retries::HiddenRetries;
use super::limits::check_write;
use super::names;
use crate::vocabulary::{EventBatch, Filled, Live, Slots, StoreError, Timestamp, Token};

pub(super) fn slot_key(partition: &PartitionId, slot: Seq) -> Item {
    Item::from([
        (names::PARTITION.to_owned(), text(partition.as_str())),
        (names::SEQ.to_owned(), number(slot.0)),
    ])
}

impl Wire {
    /// A query of a partition's slots, of those that meet a further condition on their number.
    fn query_slots(&self, partition: &PartitionId, and: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.tables.events)
            .key_condition_expression(format!("#partition = :partition{and}"))
            .expression_attribute_names("#partition", names::PARTITION)
            .expression_attribute_values(":partition", text(partition.as_str()))
    }

    pub(super) async fn read_tail(
        &self,
        partition: &PartitionId,
    ) -> Result<Reply<Live>, StoreError> {
        let table = &self.tables.events;
        let answer = self
            .query_slots(partition, "")
            // S3: without a counter, the tail must show every append that was acknowledged.
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| failure(table, error))?;
        match answer.items().first() {
            None => Ok(Reply::Tail(Seq::ZERO)),
            Some(item) => {
                let read = reader(table, item);
                read.version_if_any()?;
                Ok(Reply::Tail(Seq(read.number(names::SEQ)?)))
            }
        }
    }

    pub(super) async fn read_slot(
        &self,
        partition: &PartitionId,
        slot: Seq,
    ) -> Result<Reply<Live>, StoreError> {
        let table = &self.tables.events;
        let get = GetItem { client: &self.client, table };
        Ok(Reply::Slot(match get.by(slot_key(partition, slot)).await? {
            None => Slot::Empty,
            Some(item) => self.slot(&item)?,
        }))
    }

    pub(super) async fn read_events(
        &self,
        partition: &PartitionId,
        after: Seq,
        consistent: bool,
    ) -> Result<Reply<Live>, StoreError> {
        let table = &self.tables.events;
        let answer = self
            .query_slots(partition, " AND #slot > :after")
            .expression_attribute_names("#slot", names::SEQ)
            .expression_attribute_values(":after", number(after.0))
            .consistent_read(consistent)
            .set_limit(self.page_limit)
            .send()
            .await
            .map_err(|error| failure(table, error))?;
        let is_cut = answer.last_evaluated_key().is_some();
        Ok(Reply::Page(self.page(answer.items(), is_cut)?))
    }

    /// Reads the slots before `before` from the last one backwards, as many as a page takes. The page has
    /// them in rising order; if it is cut, there are others before them. No machine asks for it.
    pub(crate) async fn read_back(
        &self,
        partition: &PartitionId,
        before: Seq,
    ) -> Result<Slots, StoreError> {
        let table = &self.tables.events;
        let answer = self
            .query_slots(partition, " AND #slot < :before")
            .expression_attribute_names("#slot", names::SEQ)
            .expression_attribute_values(":before", number(before.0))
            .consistent_read(true)
            .scan_index_forward(false)
            .set_limit(self.page_limit)
            .send()
            .await
            .map_err(|error| failure(table, error))?;
        Ok(self.page(answer.items(), answer.last_evaluated_key().is_some())?.in_rising_order())
    }

    /// Returns which slots after `after`, up to `upto`, are filled, whatever they hold.
    pub(crate) async fn filled_slots(
        &self,
        partition: &PartitionId,
        after: Seq,
        upto: Seq,
    ) -> Result<BTreeSet<Seq>, StoreError> {
        let table = &self.tables.events;
        let query = self
            .query_slots(partition, " AND #slot BETWEEN :first AND :last")
            .projection_expression("#partition, #slot")
            .expression_attribute_names("#slot", names::SEQ)
            .expression_attribute_values(":first", number(after.next().0))
            .expression_attribute_values(":last", number(upto.0))
            .consistent_read(true);
        let mut filled = BTreeSet::new();
        every_item(table, query, |item| {
            filled.insert(Seq(reader(table, item).number(names::SEQ)?));
            Ok(())
        })
        .await?;
        Ok(filled)
    }

    /// What items of slots show, in their order.
    fn page(&self, items: &[Item], mut is_cut: bool) -> Result<Slots, StoreError> {
        let table = &self.tables.events;
        let (mut shown, mut times) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            let seq = Seq(reader(table, item).number(names::SEQ)?);
            let filled = match self.slot(item) {
                Ok(Slot::Empty) => continue,
                Ok(Slot::Void) => Filled::Void,
                Ok(Slot::Events { token, batch }) => Filled::Events { token, batch },
                // The page ends in front of it, and the next one begins with it.
                Err(_) if !shown.is_empty() => {
                    is_cut = true;
                    break;
                }
                Err(unreadable) => return Err(unreadable),
            };
            shown.push((seq, filled));
            // A time that cannot be read is as good as none: no machine asks for it.
            times.push(reader(table, item).number(names::AT).ok().map(Timestamp::from_millis));
        }
        Ok(Slots::new(shown, is_cut).written_at(times))
    }

    pub(super) async fn write(&self, write: &Write<Live>) -> Result<Reply<Live>, StoreError> {
        check_write(write)?;
        let absent = write.if_absent.then_some(names::PARTITION);
        self.put(self.slot_item(write), absent).await
    }

    pub(super) async fn void(
        &self,
        partition: &PartitionId,
        slot: Seq,
    ) -> Result<Reply<Live>, StoreError> {
        let mut item = slot_key(partition, slot);
        item.insert(names::VOID.to_owned(), AttributeValue::Bool(true));
        item.insert(names::AT.to_owned(), self.at());
        let reply = self.put(item, Some(names::PARTITION)).await?;
        if matches!(reply, Reply::Written) {
            // A writer that was only late takes another.
            tracing::info!(%partition, %slot, "a slot that stayed empty is void now");
        }
        Ok(reply)
    }

    async fn put(&self, item: Item, absent: Option<&str>) -> Result<Reply<Live>, StoreError> {
        let table = &self.tables.events;
        let tries = HiddenRetries::default();
        let sent = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            // S1: a slot that is not empty never changes.
            .set_condition_expression(absent.map(|key| format!("attribute_not_exists({key})")))
            // S2: the refusal shows the slot, so that a writer recognises its own token.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(tries.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Reply::Written),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Reply::Taken(self.slot(failed.item().unwrap_or(&Item::new()))?))
                }
                _ => Err(tries.judge(failure(table, error))),
            },
        }
    }

    pub(super) async fn raise_and_write(
        &self,
        raise: &Raise<Live>,
        write: &Write<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        check_write(write)?;
        let table = &self.tables.events;
        // A transaction returns no item, so the number that it hands out must be known before.
        let Some(head) = raise.head else {
            let why = "a raise in a transaction must demand the head that it raises".to_owned();
            return Err(StoreError::Refused { table: self.tables.partitions.clone(), why });
        };
        let absent = write.if_absent.then_some(names::PARTITION);
        let items = vec![
            self.raising(raise).in_transaction()?,
            edit::put(table, self.slot_item(write), absent)?,
        ];
        match edit::transact(&self.client, table, items).await? {
            Ok(()) => Ok(Reply::Appended(head.next())),
            Err(failed) => {
                let mut failed = failed.into_iter();
                let (head, slot) = (failed.next().flatten(), failed.next().flatten());
                let name = raise.record.as_ref().map(|keep| &keep.name);
                Ok(Reply::NotAppended {
                    head: head.map(|item| self.head(&item, name)).transpose()?,
                    slot: slot.map(|item| self.slot(&item)).transpose()?,
                })
            }
        }
    }

    fn slot_item(&self, write: &Write<Live>) -> Item {
        let mut item = slot_key(&write.partition, write.slot);
        item.insert(names::TOKEN.to_owned(), text(write.token.as_str()));
        item.insert(names::EVENTS.to_owned(), attributes::events(write.batch.events()));
        item.insert(names::AT.to_owned(), self.at());
        item
    }

    /// The time of the write, for people, for measuring ages, and to find a place by. No machine reads it.
    pub(super) fn at(&self) -> AttributeValue {
        let time = self.client.config().time_source().unwrap_or_default();
        number(Timestamp::from(time.now()).as_millis())
    }

    fn slot(&self, item: &Item) -> Result<Slot<Live>, StoreError> {
        let read = reader(&self.tables.events, item);
        read.version_if_any()?;
        // D1: a void holds no event.
        if item.contains_key(names::VOID) {
            return Ok(Slot::Void);
        }
        let token = Token::from(read.text(names::TOKEN)?);
        let batch = EventBatch::new(read.events(names::EVENTS)?);
        let batch = batch.ok_or_else(|| read.wrong("a slot should hold at least one event"))?;
        Ok(Slot::Events { token, batch })
    }
}
