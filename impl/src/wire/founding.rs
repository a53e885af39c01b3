//! The item with a stream's founding, and the entries of its partitions in the index.
//!
//! The founding is an item of Partitions, under an id that no partition has.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attributes::{Item, number, text, texts};
use super::connection::Wire;
use super::edit::{Edit, GetItem, reader};
use super::names;
use crate::vocabulary::{StoreError, millis};

/// The founding item, with the layout as text, and what the design chooses on each axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundingItem {
    pub(crate) layout: String,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) skew: Duration,
    pub(crate) design: BTreeMap<String, String>,
}

fn founding_key() -> Item {
    Item::from([(names::PARTITION.to_owned(), text(names::STREAM))])
}

impl Wire {
    /// Reads the founding item, if the stream is founded.
    pub(crate) async fn read_founding(&self) -> Result<Option<FoundingItem>, StoreError> {
        let table = &self.tables.partitions;
        let item = GetItem { client: &self.client, table }.by(founding_key()).await?;
        let Some(item) = item else { return Ok(None) };
        let read = reader(table, &item);
        read.version()?;
        let layout = read.text(names::LAYOUT)?.to_owned();
        let span = |name| read.number(name).map(Duration::from_millis);
        let (lease, grace) = (span(names::LEASE)?, span(names::GRACE)?);
        let (skew, design) = (span(names::SKEW)?, read.texts(names::DESIGN)?);
        Ok(Some(FoundingItem { layout, lease, grace, skew, design }))
    }

    /// Writes the founding item unless the stream is founded. Returns whether it was written.
    pub(crate) async fn write_founding(&self, founding: &FoundingItem) -> Result<bool, StoreError> {
        let edit = Edit::of(&self.tables.partitions, [(names::PARTITION, text(names::STREAM))])
            .name("#layout", names::LAYOUT)
            .name("#lease", names::LEASE)
            .name("#grace", names::GRACE)
            .name("#skew", names::SKEW)
            .name("#design", names::DESIGN)
            .name("#v", names::VERSION)
            .value(":layout", text(&founding.layout))
            .value(":lease", number(millis(founding.lease)))
            .value(":grace", number(millis(founding.grace)))
            .value(":skew", number(millis(founding.skew)))
            .value(":design", texts(&founding.design))
            .value(":v", number(names::THIS_VERSION))
            .set(
                "#layout = :layout, #lease = :lease, #grace = :grace, #skew = :skew, \
                 #design = :design, #v = :v",
            )
            .only_if("attribute_not_exists(#layout)");
        edit.send(&self.client).await.map(|written| written.is_ok())
    }

    /// The error of a founding item that this version cannot read.
    pub(crate) fn malformed_founding(&self, what: impl Into<String>) -> StoreError {
        reader(&self.tables.partitions, &founding_key()).wrong(what)
    }
}
