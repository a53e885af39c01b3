//! Where everything stands, as the tables show it.

use std::collections::BTreeMap;

use gapless_model::store::Lease;
use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::stream::Stream;
use crate::vocabulary::{Group, Live, StoreError};
use crate::wire::{Item, Reader, failure, names, text};

/// A group's standing in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The group.
    pub group: Group,
    /// The lease and the checkpoint.
    pub lease: Lease<Live>,
    /// Why a worker stopped behind the checkpoint, if one did.
    pub failure: Option<String>,
}

/// A partition and everybody's standing in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: PartitionId,
    /// The highest sequence number given out.
    pub head: Seq,
    /// The groups that ever took a lease there.
    pub groups: Vec<Standing>,
}

impl Stream {
    /// The heads of partitions, in batches of a hundred; eventually consistent, at half the price.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn heads(
        &self,
        partitions: &[PartitionId],
    ) -> Result<BTreeMap<PartitionId, Seq>, StoreError> {
        self.heads_as(partitions, false).await
    }

    /// The heads, consistently where it matters that none is behind.
    pub(crate) async fn heads_as(
        &self,
        partitions: &[PartitionId],
        consistent: bool,
    ) -> Result<BTreeMap<PartitionId, Seq>, StoreError> {
        use aws_sdk_dynamodb::types::KeysAndAttributes;
        let wire = &self.0.wire;
        let table = &wire.tables().partitions;
        let mut heads = BTreeMap::new();
        for chunk in partitions.chunks(100) {
            let key =
                |id: &PartitionId| Item::from([(names::PARTITION.to_owned(), text(id.as_str()))]);
            let mut keys: Vec<Item> = chunk.iter().map(key).collect();
            while !keys.is_empty() {
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(consistent)
                    .projection_expression("#partition, #head")
                    .expression_attribute_names("#partition", names::PARTITION)
                    .expression_attribute_names("#head", names::SEQ)
                    .build()
                    .map_err(|error| StoreError::Refused {
                        table: table.clone(),
                        why: error.to_string(),
                    })?;
                let call = wire.client().batch_get_item().request_items(table, wanted);
                let answer = call.send().await.map_err(|error| failure(table, error))?;
                let items = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
                for item in &items {
                    let read = Reader { table, item };
                    let id = read.text(names::PARTITION)?.parse();
                    let id: PartitionId = id.map_err(|error| read.wrong(format!("{error}")))?;
                    heads.insert(id, Seq(read.number_or_zero(names::SEQ)?));
                }
                // What was left out comes in the next call.
                let left = answer.unprocessed_keys.unwrap_or_default().remove(table);
                keys = left.map(|left| left.keys).unwrap_or_default();
            }
        }
        Ok(heads)
    }

    /// A group's standing in every partition where it ever took the lease.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn standings(
        &self,
        group: &Group,
    ) -> Result<BTreeMap<PartitionId, Standing>, StoreError> {
        let wire = &self.0.wire;
        let table = &wire.tables().consumers;
        let mut standings = BTreeMap::new();
        let mut from = None;
        loop {
            let answer = wire
                .client()
                .query()
                .table_name(table)
                .key_condition_expression("#group = :group")
                .expression_attribute_names("#group", names::GROUP)
                .expression_attribute_values(":group", text(group.as_str()))
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| failure(table, error))?;
            for item in answer.items() {
                let (partition, standing) = self.standing(item)?;
                standings.insert(partition, standing);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(standings);
            }
        }
    }

    fn standing(&self, item: &Item) -> Result<(PartitionId, Standing), StoreError> {
        let wire = &self.0.wire;
        let read = Reader { table: &wire.tables().consumers, item };
        let partition = read.text(names::PARTITION)?.parse();
        let partition = partition.map_err(|error| read.wrong(format!("{error}")))?;
        let failure = item.get(names::FAILURE).and_then(|why| why.as_s().ok()).cloned();
        let group = Group::from(read.text(names::GROUP)?);
        Ok((partition, Standing { group, lease: wire.lease(item)?, failure }))
    }

    /// Every partition, its head, and every group's standing there. It scans
    /// Consumers, so it is for people and not for programs that ask often.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn status(&self) -> Result<Vec<PartitionStatus>, StoreError> {
        let partitions = self.partitions().await?;
        let heads = self.heads(&partitions).await?;
        let mut groups: BTreeMap<PartitionId, Vec<Standing>> = BTreeMap::new();
        let wire = &self.0.wire;
        let table = &wire.tables().consumers;
        let mut from = None;
        loop {
            let scan = wire.client().scan().table_name(table).consistent_read(true);
            let answer = scan.set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(|error| failure(table, error))?;
            for item in answer.items() {
                let (partition, standing) = self.standing(item)?;
                groups.entry(partition).or_default().push(standing);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        let known = partitions.into_iter().map(|partition| PartitionStatus {
            head: heads.get(&partition).copied().unwrap_or(Seq::ZERO),
            groups: groups.remove(&partition).unwrap_or_default(),
            partition,
        });
        let mut status: Vec<_> = known.collect();
        // Leases on partitions that the layout does not have: somebody should know.
        status.extend(groups.into_iter().map(|(partition, groups)| PartitionStatus {
            partition,
            head: Seq::ZERO,
            groups,
        }));
        Ok(status)
    }
}
