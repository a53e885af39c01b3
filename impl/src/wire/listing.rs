//! Requests about many items at once: all partitions, their heads, and leases.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use gapless_model::store::Lease;
use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use super::attributes::{Item, text};
use super::connection::Wire;
use super::edit::reader;
use super::every_page::every_item;
use super::failure::failure;
use super::limits::check_group;
use super::names;
use crate::vocabulary::{Backoff, Group, Live, StoreError};

/// What a read may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// Recent writes, at half the price.
    Eventual,
    /// Nothing that was acknowledged before the read began.
    Strong,
}

impl Consistency {
    /// Whether DynamoDB is asked for a strongly consistent read.
    pub(crate) fn is_strong(self) -> bool {
        match self {
            Consistency::Eventual => false,
            Consistency::Strong => true,
        }
    }
}

/// A group's standing in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// The group.
    pub group: Group,
    /// The lease and the checkpoint.
    pub lease: Lease<Live>,
    /// Why a worker stopped at the slot after the checkpoint, if its handler failed there. A
    /// later checkpoint removes it.
    pub failure: Option<String>,
}

/// How far a partition goes, as its item says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The last slot that may hold something.
    pub(crate) last: Seq,
    /// What took its place, if it is sealed.
    pub(crate) children: Vec<PartitionId>,
}

impl Extent {
    /// The slot behind which nothing comes any more, if the partition is sealed.
    pub(crate) fn end(&self) -> Option<Seq> {
        (!self.children.is_empty()).then_some(self.last)
    }
}

/// What a listing shows, partition by partition. An item that cannot be read concerns its own
/// partition, and no other.
#[derive(Debug)]
pub(crate) struct Listing<T> {
    pub(crate) read: BTreeMap<PartitionId, T>,
    /// Partitions with an item that cannot be read.
    pub(crate) unread: BTreeMap<PartitionId, StoreError>,
    /// Items whose partition cannot be read either.
    pub(crate) foreign: Vec<StoreError>,
}

impl<T> Default for Listing<T> {
    fn default() -> Listing<T> {
        Listing { read: BTreeMap::new(), unread: BTreeMap::new(), foreign: Vec::new() }
    }
}

impl<T> Listing<T> {
    /// A listing of these alone.
    pub(crate) fn of(read: impl IntoIterator<Item = (PartitionId, T)>) -> Listing<T> {
        Listing { read: read.into_iter().collect(), ..Listing::default() }
    }

    /// Adds what was read of a partition.
    pub(crate) fn add(
        &mut self,
        partition: Result<PartitionId, StoreError>,
        item: Result<T, StoreError>,
    ) {
        match (partition, item) {
            (Ok(partition), Ok(item)) => drop(self.read.insert(partition, item)),
            (Ok(partition), Err(error)) => drop(self.unread.insert(partition, error)),
            (Err(error), _) => self.foreign.push(error),
        }
    }

    /// Whether it shows a partition, be it as one with an item that cannot be read.
    pub(crate) fn has(&self, partition: &PartitionId) -> bool {
        self.read.contains_key(partition) || self.unread.contains_key(partition)
    }

    /// The partitions, if every item could be read.
    pub(crate) fn whole(self) -> Result<BTreeMap<PartitionId, T>, StoreError> {
        let Listing { read, unread, foreign } = self;
        unread.into_values().chain(foreign).next().map_or(Ok(read), Err)
    }
}

impl Wire {
    /// Lists every partition in the index, in order. The index is eventually consistent.
    pub(crate) async fn partitions(&self) -> Result<Listing<()>, StoreError> {
        let table = &self.tables.partitions;
        let query = self
            .client
            .query()
            .table_name(table)
            .index_name(names::BY_ID)
            .key_condition_expression("#bucket = :bucket")
            .expression_attribute_names("#bucket", names::BUCKET)
            .expression_attribute_values(":bucket", text(names::ONLY_BUCKET));
        let mut partitions = Listing::default();
        every_item(table, query, |item| {
            partitions.add(self.partition_id(table, item), Ok(()));
            Ok(())
        })
        .await?;
        Ok(partitions)
    }

    /// Reads the heads of partitions, up to 100 in a request. A partition without an item is
    /// not in the answer. Keys that DynamoDB leaves out, as it does instead of throttling a batch,
    /// are asked for again after pauses that grow.
    pub(crate) async fn heads(
        &self,
        partitions: &[PartitionId],
        consistency: Consistency,
    ) -> Result<Listing<Extent>, StoreError> {
        let table = &self.tables.partitions;
        let (mut heads, mut backoff) = (Listing::default(), Backoff::default());
        for chunk in partitions.chunks(100) {
            let key =
                |id: &PartitionId| Item::from([(names::PARTITION.to_owned(), text(id.as_str()))]);
            let mut keys: Vec<Item> = chunk.iter().map(key).collect();
            while !keys.is_empty() {
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(consistency.is_strong())
                    .projection_expression("#partition, #head, #v, #children")
                    .expression_attribute_names("#partition", names::PARTITION)
                    .expression_attribute_names("#head", names::SEQ)
                    .expression_attribute_names("#v", names::VERSION)
                    .expression_attribute_names("#children", names::CHILDREN)
                    .build()
                    .map_err(|error| StoreError::Refused {
                        table: table.clone(),
                        why: error.to_string(),
                    })?;
                let call = self.client.batch_get_item().request_items(table, wanted);
                let answer = call.send().await.map_err(|error| failure(table, error))?;
                let items = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
                for item in &items {
                    let read = reader(table, item);
                    let extent = read.partition_version().and_then(|()| {
                        let last = Seq(read.number_or_zero(names::SEQ)?);
                        Ok(Extent { last, children: read.partitions(names::CHILDREN)? })
                    });
                    heads.add(self.partition_id(table, item), extent);
                }
                // The next request asks for what this one left out.
                let left = answer.unprocessed_keys.unwrap_or_default().remove(table);
                keys = left.map(|left| left.keys).unwrap_or_default();
                if !keys.is_empty() {
                    self.pause(backoff.next()).await;
                }
            }
        }
        Ok(heads)
    }

    /// Reads a group's standing in every partition where it ever took the lease.
    pub(crate) async fn standings(&self, group: &Group) -> Result<Listing<Standing>, StoreError> {
        check_group(group)?;
        let table = &self.tables.consumers;
        let query = self
            .client
            .query()
            .table_name(table)
            .key_condition_expression("#group = :group")
            .expression_attribute_names("#group", names::GROUP)
            .expression_attribute_values(":group", text(group.as_str()))
            .consistent_read(true);
        let mut standings = Listing::default();
        every_item(table, query, |item| {
            standings.add(self.partition_id(table, item), self.standing(item));
            Ok(())
        })
        .await?;
        Ok(standings)
    }

    /// Scans every group's standing in every partition where it ever took the lease.
    pub(crate) async fn all_standings(
        &self,
    ) -> Result<BTreeMap<PartitionId, Vec<Standing>>, StoreError> {
        let table = &self.tables.consumers;
        let mut standings: BTreeMap<PartitionId, Vec<Standing>> = BTreeMap::new();
        let mut from = None;
        loop {
            let scan = self.client.scan().table_name(table).consistent_read(true);
            let answer = scan.set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(|error| failure(table, error))?;
            for item in answer.items() {
                if is_key_lease(item) {
                    continue;
                }
                let partition = self.partition_id(table, item)?;
                standings.entry(partition).or_default().push(self.standing(item)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(standings);
            }
        }
    }

    fn standing(&self, item: &Item) -> Result<Standing, StoreError> {
        let failure = item.get(names::FAILURE).and_then(|why| why.as_s().ok()).cloned();
        let group = reader(&self.tables.consumers, item).text(names::GROUP)?;
        Ok(Standing { group: Group::from(group), lease: self.lease(item)?, failure })
    }

    fn partition_id(&self, table: &str, item: &Item) -> Result<PartitionId, StoreError> {
        let read = reader(table, item);
        read.text(names::PARTITION)?.parse().map_err(|error| read.wrong(format!("{error}")))
    }
}

/// Whether an item of Consumers is the lease on a key, and no group's on a partition.
fn is_key_lease(item: &Item) -> bool {
    let group = item.get(names::GROUP).and_then(|group| group.as_s().ok());
    group.is_some_and(|group| group.starts_with(names::KEY_LEASE))
}
