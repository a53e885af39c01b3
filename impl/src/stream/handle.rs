//! The `Stream` handle: creating and opening a stream, and what it is made of.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use gapless_model::PartitionId;

use super::config::Config;
use super::founding::Founding;
use super::layout::Layout;
use super::requests::{Shared, patiently};
use super::routes::Routes;
use super::tables;
use crate::notices::Notices;
use crate::observe::Observer;
use crate::vocabulary::{Clock, SetupError, StoreError, Timestamp};
use crate::wire::{Consistency, Wire};

/// An ordered event stream in DynamoDB: the entry point for everything else.
///
/// Cloning is cheap; clones share the client and the notices.
///
/// A stream starts no task and calls no runtime: time and sleep are those of the SDK
/// client's configuration, and everything that takes time is a future to await.
#[derive(Clone, Debug)]
pub struct Stream(pub(crate) Arc<Shared>);

impl Stream {
    /// Opens a stream that exists, and verifies its tables.
    ///
    /// It sends three `DescribeTable` requests and reads one item (one read unit), again and again
    /// for as long as patience lasts if the store does not answer. Dropping the future changes
    /// nothing.
    ///
    /// # Errors
    /// Returns [`SetupError::NoTable`] or [`SetupError::NoStream`] if there is no stream,
    /// [`SetupError::Schema`] if the tables are others, [`SetupError::Design`] if the stream keeps
    /// to another design than the configuration asks for, [`SetupError::Config`] if the design
    /// is refuted or impossible, [`SetupError::Client`] if the client cannot sleep, and
    /// [`SetupError::Store`] if a request failed.
    pub async fn open(client: Client, config: Config) -> Result<Stream, SetupError> {
        if let Some(design) = &config.design {
            config.check_design(design)?;
        }
        let clock = Clock::of(&client)?;
        let wire = config.wire(&client);
        let founding = patiently(&clock, config.patience, || async {
            tables::verify(&wire).await?;
            Founding::read(&wire).await?.ok_or(SetupError::NoStream)
        });
        let founding = founding.await?;
        // S3, D1, L2: what is proved of a design is proved of processes that all keep to it.
        if let Some(asked) = config.design
            && asked != founding.design
        {
            let exists = founding.design.to_string();
            return Err(SetupError::Design { exists, asked: asked.to_string() });
        }
        config.check_design(&founding.design)?;
        Stream::from_parts(wire, clock, founding, &config)
    }

    /// Creates a stream, or opens the one that was created with the same settings.
    ///
    /// It creates the tables that do not exist (billed on demand) and waits until they are
    /// active, which takes some seconds on AWS. Then it writes one item for the stream and one for
    /// each partition of a fixed layout that the index does not show, one after another: a write
    /// unit each, and another for the index. An Events table that exists is given its stream
    /// ([`Config::table_stream`]) with `UpdateTable`. If the store does not answer, it begins again
    /// for as long as patience lasts. Calling it again is safe, even from several processes at once,
    /// and completes what a dropped future or a crash left half done.
    ///
    /// # Errors
    /// Returns [`SetupError::Founding`] if the stream exists with other settings,
    /// [`SetupError::Schema`] if the tables are others, [`SetupError::Config`] if the
    /// configuration is refuted or impossible, [`SetupError::NotActive`] if a table is not active
    /// after five minutes, [`SetupError::Client`] if the client cannot sleep, and
    /// [`SetupError::Store`] if a request failed.
    pub async fn create(client: Client, config: Config) -> Result<Stream, SetupError> {
        let asked = config.founding();
        config.check_design(&asked.design)?;
        asked.rules()?;
        let clock = Clock::of(&client)?;
        let wire = config.wire(&client);
        let table_stream = config.wants_table_stream();
        // Each step can be taken again.
        let founding = patiently(&clock, config.patience, || async {
            let lacks_stream = tables::create(&wire, &clock, table_stream).await?;
            let founding = found(&wire, asked).await?;
            if lacks_stream {
                tables::add_stream(&wire, &clock).await?;
            }
            Ok::<_, SetupError>(founding)
        });
        let founding = founding.await?;
        Stream::from_parts(wire, clock, founding, &config)
    }

    fn from_parts(
        wire: Wire,
        clock: Clock,
        founding: Founding,
        config: &Config,
    ) -> Result<Stream, SetupError> {
        let (rules, layout) = (founding.rules()?, founding.layout);
        let (patience, attempt) = (config.patience, config.attempt);
        let (notices, observer) = (Notices::default(), None);
        let routes = Routes::default();
        let shared =
            Shared { wire, clock, rules, layout, routes, patience, attempt, notices, observer };
        Ok(Stream(Arc::new(shared)))
    }

    /// Returns the same stream with its requests, and everything its machines are told, shown to
    /// `observer`; [`Observer`] says which. It replaces an observer that was set before.
    #[must_use]
    pub fn observed(&self, observer: Arc<dyn Observer>) -> Stream {
        Stream(Arc::new(Shared { observer: Some(observer), ..(*self.0).clone() }))
    }

    /// The same stream, whose queries ask for so many slots at most.
    pub(crate) fn with_page_limit(&self, slots: usize) -> Stream {
        let wire = self.0.wire.with_page_limit(slots);
        Stream(Arc::new(Shared { wire, ..(*self.0).clone() }))
    }

    /// The same stream, which lets so many named producers have a record in a partition.
    pub(crate) fn with_most_producers(&self, most: u32) -> Stream {
        let wire = self.0.wire.clone().with_most_producers(most);
        Stream(Arc::new(Shared { wire, ..(*self.0).clone() }))
    }

    /// Returns how keys are divided among partitions.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.0.layout
    }

    /// Returns the partition that takes the events of a key, as far as this process knows: where it was
    /// split or merged since, the next append finds out.
    #[must_use]
    pub fn route(&self, key: &str) -> PartitionId {
        self.0.routes.leaf(self.0.layout.route(key), Layout::hash(key))
    }

    /// Returns the wire, for sending typed requests past the protocol. Tests and repairs
    /// need it; anything else can break the stream's promises with it.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// Returns the notices of this process: each partition that an append has written, or
    /// that a worker hands over.
    ///
    /// A subscriber can carry them to other processes, such as by a queue.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// Returns the time of this process's clock, as the SDK client's configuration gives it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Returns whether the Events table has a stream of its own, which
    /// [`TableStream`](crate::trigger::TableStream) reads. It sends `DescribeTable`.
    ///
    /// # Errors
    /// Returns [`SetupError`] if the table cannot be described, for as long as patience lasts if the
    /// error is transient.
    #[cfg(feature = "table-stream")]
    pub async fn has_table_stream(&self) -> Result<bool, SetupError> {
        let Shared { wire, clock, patience, .. } = &*self.0;
        patiently(clock, *patience, || tables::has_stream(wire)).await
    }

    /// Returns every partition, in order: those that the stream began with, and what came of them by
    /// splits and merges. A partition comes behind its parents.
    ///
    /// In a fixed layout it takes one request and 50 read units for each 100 partitions that are open, but
    /// nothing in a design without a counter, whose partitions stay as they are. Where each key has its own
    /// partition it takes half a read unit for each 4 KB of an index. Reads are eventually consistent and
    /// may not show the newest partitions yet; [`Stream::lineage`] does.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is transient,
    /// or if an item cannot be read.
    pub async fn partitions(&self) -> Result<Vec<PartitionId>, StoreError> {
        self.0.patiently(|| self.0.partitions(Consistency::Eventual)).await
    }
}

/// Founds a stream, or returns what it is founded with, and enters the partitions of a fixed layout
/// into the index where they are not.
async fn found(wire: &Wire, asked: Founding) -> Result<Founding, SetupError> {
    let founding = asked.write(wire).await?;
    if founding != asked {
        let (exists, asked) = (founding.to_string(), asked.to_string());
        return Err(SetupError::Founding { exists, asked });
    }
    let Some(all) = founding.layout.all() else { return Ok(founding) };
    // What the index does not show yet is written in vain.
    let entered = wire.partitions().await?.read;
    for partition in all.iter().filter(|id| !entered.contains_key(id)) {
        wire.create(partition).await?;
    }
    Ok(founding)
}
