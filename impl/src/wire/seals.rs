//! Requests to Partitions about what takes a partition's place.

use gapless_model::PartitionId;
use gapless_model::store::Reply;

use super::attributes::{self, Item, text};
use super::connection::Wire;
use super::edit::{self, Edit, GetItem};
use super::names;
use crate::vocabulary::{Live, StoreError, Timestamp};

/// The most items of a transaction, which is one of DynamoDB's limits.
const MOST_PARENTS: usize = 100;

impl Wire {
    /// Enters a partition into the index, as open, unless it is there.
    pub(crate) async fn create(&self, partition: &PartitionId) -> Result<Reply<Live>, StoreError> {
        let key = [(names::PARTITION, text(partition.as_str()))];
        let edit = Edit::of(&self.tables.partitions, key)
            .name("#bucket", names::BUCKET)
            .name("#status", names::STATUS)
            .value(":bucket", text(names::ONLY_BUCKET))
            .value(":open", text(names::OPEN))
            .set("#bucket = :bucket, #status = :open")
            .only_if("attribute_not_exists(#bucket)");
        edit.send(&self.client).await.map(|_| Reply::Created)
    }

    /// The change that seals a partition, which may have no item yet, and leaves its head as it is.
    fn sealing(
        &self,
        partition: &PartitionId,
        children: &[PartitionId],
    ) -> Result<Edit, StoreError> {
        if children.is_empty() {
            let why = format!("a seal of {partition} must name what takes its place");
            return Err(StoreError::Refused { table: self.tables.partitions.clone(), why });
        }
        let edit = Wire::with_index_entry(self.head_edit(partition));
        Ok(Wire::while_open(edit)
            .value(":sealed", text(names::SEALED))
            .value(":children", attributes::partitions(children))
            // S3: an older release, which knows of no children, gives out no number behind the seal.
            .set("#status = :sealed, #children = :children, #v = :v")
            .name("#at", names::AT)
            .value(":at", self.at())
            .set("#at = :at"))
    }

    /// Reads when a partition was sealed, by the clock of the process that did it; `None` if it is open, or its
    /// seal does not say. No machine asks for it.
    pub(crate) async fn sealed_at(
        &self,
        partition: &PartitionId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let key = Item::from([(names::PARTITION.to_owned(), text(partition.as_str()))]);
        let table = &self.tables.partitions;
        let item = GetItem { client: &self.client, table }.by(key).await?.unwrap_or_default();
        // A time that cannot be read is as good as none.
        let at = edit::reader(table, &item).number(names::AT).ok();
        Ok(at.map(Timestamp::from_millis))
    }

    pub(super) async fn seal(
        &self,
        partition: &PartitionId,
        children: &[PartitionId],
    ) -> Result<Reply<Live>, StoreError> {
        match self.sealing(partition, children)?.send(&self.client).await? {
            Ok(_) => Ok(Reply::Sealed),
            Err(old) => Ok(Reply::NotSealed(vec![self.head(&old, None)?.children])),
        }
    }

    pub(super) async fn merge(
        &self,
        parents: &[PartitionId],
        child: &PartitionId,
    ) -> Result<Reply<Live>, StoreError> {
        if parents.is_empty() || parents.len() > MOST_PARENTS {
            let why =
                format!("a merge takes 1 to {MOST_PARENTS} partitions, not {}", parents.len());
            return Err(StoreError::Refused { table: self.tables.partitions.clone(), why });
        }
        let children = std::slice::from_ref(child);
        let seal = |parent| self.sealing(parent, children)?.in_transaction();
        let items = parents.iter().map(seal).collect::<Result<_, StoreError>>()?;
        // P2: all are sealed or none, so that no rival splits one of them meanwhile.
        match edit::transact(&self.client, &self.tables.partitions, items).await? {
            Ok(()) => Ok(Reply::Sealed),
            Err(failed) => {
                // What had no part in the refusal is open.
                let children = |old: Option<Item>| match old {
                    Some(old) => Ok(self.head(&old, None)?.children),
                    None => Ok(Vec::new()),
                };
                failed.into_iter().map(children).collect::<Result<_, _>>().map(Reply::NotSealed)
            }
        }
    }
}
