//! Requests to Partitions about named producers' records.

use gapless_model::store::{Record, Reply};
use gapless_model::{Epoch, PartitionId};

use super::attributes::{self, Item, number, text};
use super::connection::Wire;
use super::edit::{Edit, GetItem, reader};
use super::names;
use crate::vocabulary::{Live, ProducerName, StoreError};

/// The attribute that keeps a producer's record.
pub(super) fn record_name(name: &ProducerName) -> String {
    format!("{}{name}", names::RECORD)
}

/// Adds the condition that a producer's record is as it was seen.
pub(super) fn as_seen(edit: Edit, name: &ProducerName, seen: &Record) -> Edit {
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

impl Wire {
    pub(super) async fn claim(
        &self,
        partition: &PartitionId,
        name: &ProducerName,
        seen: Option<Record>,
    ) -> Result<Reply<Live>, StoreError> {
        let edit = Wire::with_open_entry(self.head_edit(partition));
        let (edit, record) = match seen {
            None => {
                let first = Record::claimed(Epoch::ZERO.next());
                (self.first_claim(edit, name), first)
            }
            Some(seen) => {
                let next = Record { epoch: seen.epoch.next(), ..seen };
                (as_seen(edit, name, &seen), next)
            }
        };
        let edit = edit.value(":record", attributes::record(&record)).set("#record = :record");
        let attribute = record_name(name);
        match edit.send(&self.client).await? {
            Ok(_) => Ok(Reply::Claimed(record)),
            Err(old) => {
                let read = reader(&self.tables.partitions, &old);
                read.partition_version()?;
                let there = read.record(&attribute)?;
                if (seen, there) == (None, None) {
                    let found = read.number_or_zero(names::PRODUCERS)?;
                    let (partition, limit) = (partition.clone(), self.most_producers);
                    return Err(StoreError::TooManyProducers { partition, found, limit });
                }
                Ok(Reply::NotClaimed(there))
            }
        }
    }

    /// The conditions of a name's first claim. Every append writes the whole item anew, so the number
    /// of records in it is limited, and counted with them.
    fn first_claim(&self, edit: Edit, name: &ProducerName) -> Edit {
        let has_room = match self.most_producers {
            0 => "#producers < :most",
            _ => "attribute_not_exists(#producers) OR #producers < :most",
        };
        edit.name("#record", record_name(name))
            .name("#producers", names::PRODUCERS)
            .value(":most", number(self.most_producers.into()))
            .value(":zero", number(0))
            .value(":one", number(1))
            // S2: of two first claims one is refused.
            .only_if("attribute_not_exists(#record)")
            .only_if(has_room)
            .set("#producers = if_not_exists(#producers, :zero) + :one")
    }

    /// Reads the records in a partition, and the producers' names.
    pub(crate) async fn records(
        &self,
        partition: &PartitionId,
    ) -> Result<Vec<(ProducerName, Record)>, StoreError> {
        let key = Item::from([(names::PARTITION.to_owned(), text(partition.as_str()))]);
        let table = &self.tables.partitions;
        let item = GetItem { client: &self.client, table }.by(key).await?.unwrap_or_default();
        let read = reader(table, &item);
        read.partition_version()?;
        let mut records = Vec::new();
        for attribute in item.keys() {
            let Some(name) = attribute.strip_prefix(names::RECORD) else { continue };
            if let Some(record) = read.record(attribute)? {
                records.push((ProducerName::from(name), record));
            }
        }
        records.sort_unstable_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        Ok(records)
    }
}
