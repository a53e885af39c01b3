//! A stream: the handle from which everything else is had.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use futures_util::future::{Either, select};
use gapless_model::store::{Reply, Request};
use gapless_model::{PartitionId, Rules};

use super::config::{Config, Founding};
use super::layout::Layout;
use super::tables;
use crate::notices::Notices;
use crate::observe::{Decision, Machine, Observer, Told};
use crate::vocabulary::{Backoff, Clock, Live, SetupError, StoreError, Timestamp};
use crate::wire::{Edit, GetItem, Item, Reader, TableNames, Wire, failure, names, number, text};

/// An ordered event stream in DynamoDB. Cloning it is cheap.
///
/// No task is started and no runtime is called: time and sleep are those of the
/// client's configuration, and everything that takes time is a future to await.
#[derive(Clone, Debug)]
pub struct Stream(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules<Live>,
    pub(crate) layout: Layout,
    pub(crate) patience: Duration,
    pub(crate) attempt: Duration,
    pub(crate) notices: Notices,
    observer: Option<Arc<dyn Observer>>,
}

impl Stream {
    /// Opens a stream that exists, and verifies its tables.
    ///
    /// # Errors
    /// [`SetupError`]: no tables, another schema, no answer.
    pub async fn open(client: Client, config: Config) -> Result<Stream, SetupError> {
        config.check_design()?;
        let clock = Clock::of(&client)?;
        let wire = Wire::new(client, TableNames::prefixed(&config.prefix));
        tables::verify(wire.client(), wire.tables()).await?;
        let founding = read_founding(&wire).await?.ok_or(SetupError::NoStream)?;
        Stream::from_parts(wire, clock, founding, &config)
    }

    /// Creates a stream, or opens the one that was founded alike. What an earlier
    /// attempt left half done is finished.
    ///
    /// # Errors
    /// [`SetupError`]: another schema, another founding, no answer.
    pub async fn create(client: Client, config: Config) -> Result<Stream, SetupError> {
        config.check_design()?;
        config.rules()?;
        let clock = Clock::of(&client)?;
        let wire = Wire::new(client, TableNames::prefixed(&config.prefix));
        tables::create(wire.client(), &clock, wire.tables()).await?;
        let founding = found(&wire, config.founding).await?;
        if founding != config.founding {
            let said = |founding: Founding| {
                let Founding { layout, lease, grace, skew } = founding;
                let layout = match layout {
                    Layout::Fixed { bits: 0 } => "1 partition".to_owned(),
                    Layout::Fixed { .. } => format!("{layout} partitions"),
                    Layout::EachKey => "a partition for each key".to_owned(),
                };
                format!("{layout}, leases of {lease:?}, a grace of {grace:?}, a skew of {skew:?}")
            };
            let (exists, asked) = (said(founding), said(config.founding));
            return Err(SetupError::Founding { exists, asked });
        }
        for partition in founding.layout.all().unwrap_or_default() {
            enter(&wire, &partition).await?;
        }
        Stream::from_parts(wire, clock, founding, &config)
    }

    fn from_parts(
        wire: Wire,
        clock: Clock,
        founding: Founding,
        config: &Config,
    ) -> Result<Stream, SetupError> {
        let (rules, layout) = (founding.rules(config.design)?, founding.layout);
        let (patience, attempt) = (config.patience, config.attempt);
        let (notices, observer) = (Notices::default(), None);
        let shared = Shared { wire, clock, rules, layout, patience, attempt, notices, observer };
        Ok(Stream(Arc::new(shared)))
    }

    /// The same stream, with every decision shown to `observer`.
    #[must_use]
    pub fn observed(&self, observer: Arc<dyn Observer>) -> Stream {
        let Shared { wire, clock, rules, layout, patience, attempt, notices, observer: _ } =
            &*self.0;
        Stream(Arc::new(Shared {
            wire: wire.clone(),
            clock: clock.clone(),
            rules: *rules,
            layout: *layout,
            patience: *patience,
            attempt: *attempt,
            notices: notices.clone(),
            observer: Some(observer),
        }))
    }

    /// How keys are divided among partitions.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.0.layout
    }

    /// Where the events of a key go.
    #[must_use]
    pub fn route(&self, key: &str) -> PartitionId {
        self.0.layout.route(key)
    }

    /// The typed requests that this stream's machines send.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// What this process announces: an append that is done, a worker that hands over.
    /// Whoever subscribes can carry it to other processes, by a queue for instance.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// The time by this process's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Every partition, in order. Where each key has its own they are read from an
    /// index, which may not show the newest yet.
    ///
    /// # Errors
    /// [`StoreError`] if the index cannot be read.
    pub async fn partitions(&self) -> Result<Vec<PartitionId>, StoreError> {
        match self.0.layout.all() {
            Some(all) => Ok(all),
            None => indexed(&self.0.wire).await,
        }
    }
}

impl Shared {
    pub(crate) fn began(&self, machine: Machine<'_>) {
        if let Some(observer) = &self.observer {
            observer.began(machine);
        }
    }

    pub(crate) fn told(&self, machine: Machine<'_>, news: Told<'_>) {
        if let Some(observer) = &self.observer {
            observer.told(machine, news);
        }
    }

    /// One attempt at a request, no longer than `most`.
    pub(crate) async fn attempt(
        &self,
        who: &str,
        request: &Request<Live>,
        most: Duration,
    ) -> Result<Reply<Live>, StoreError> {
        let asked = self.clock.now();
        let sent = std::pin::pin!(self.wire.send(request));
        let limit = std::pin::pin!(self.clock.sleep(most));
        let answer = match select(sent, limit).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(StoreError::Unknown {
                table: String::from("DynamoDB"),
                why: format!("no answer within {most:?}").into(),
            }),
        };
        if let Some(observer) = &self.observer {
            let heard = self.clock.now();
            observer.decided(&Decision { asked, heard, who, request, answer: &answer });
        }
        if let Err(error) = &answer
            && error.is_transient()
        {
            tracing::debug!(who, %error, "the store did not answer; the same request is sent again");
        }
        answer
    }

    /// Sends a request until it is answered, or patience runs out.
    pub(crate) async fn ask(
        &self,
        who: &str,
        request: &Request<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        let began = self.clock.now();
        let mut backoff = Backoff::default();
        loop {
            match self.attempt(who, request, self.attempt).await {
                Err(error)
                    if error.is_transient() && self.clock.now().since(began) < self.patience =>
                {
                    self.clock.sleep(backoff.next()).await;
                }
                answered => return answered,
            }
        }
    }
}

fn stream_key() -> Item {
    Item::from([(names::PARTITION.to_owned(), text(names::STREAM))])
}

async fn read_founding(wire: &Wire) -> Result<Option<Founding>, SetupError> {
    let table = &wire.tables().partitions;
    let item = GetItem { client: wire.client(), table }.by(stream_key()).await?;
    let Some(item) = item else { return Ok(None) };
    let read = Reader { table, item: &item };
    read.version()?;
    let layout = read.text(names::LAYOUT)?;
    let layout = layout.parse().map_err(|error| read.wrong(format!("{error}")))?;
    let millis = |name| read.number(name).map(Duration::from_millis);
    let (lease, grace) = (millis(names::LEASE)?, millis(names::GRACE)?);
    Ok(Some(Founding { layout, lease, grace, skew: millis(names::SKEW)? }))
}

/// Founds the stream, unless it is founded: then what was chosen before is the answer.
async fn found(wire: &Wire, founding: Founding) -> Result<Founding, SetupError> {
    let Founding { layout, lease, grace, skew } = founding;
    let millis = |span: Duration| number(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    let table = &wire.tables().partitions;
    let edit = Edit::of(table, [(names::PARTITION, text(names::STREAM))])
        .name("#layout", names::LAYOUT)
        .name("#lease", names::LEASE)
        .name("#grace", names::GRACE)
        .name("#skew", names::SKEW)
        .name("#v", names::VERSION)
        .value(":layout", text(&layout.to_string()))
        .value(":lease", millis(lease))
        .value(":grace", millis(grace))
        .value(":skew", millis(skew))
        .value(":v", number(names::THIS_VERSION))
        .set("#layout = :layout, #lease = :lease, #grace = :grace, #skew = :skew, #v = :v")
        .only_if("attribute_not_exists(#layout)");
    match edit.send(wire.client()).await? {
        Ok(_) => Ok(founding),
        Err(_) => read_founding(wire).await?.ok_or(SetupError::NoStream),
    }
}

/// Enters a partition into the index.
async fn enter(wire: &Wire, partition: &PartitionId) -> Result<(), SetupError> {
    let table = &wire.tables().partitions;
    let edit = Edit::of(table, [(names::PARTITION, text(partition.as_str()))])
        .name("#bucket", names::BUCKET)
        .name("#status", names::STATUS)
        .value(":bucket", text(names::ONLY_BUCKET))
        .value(":open", text(names::OPEN))
        .set("#bucket = :bucket, #status = :open")
        .only_if("attribute_not_exists(#bucket)");
    edit.send(wire.client()).await.map(drop).map_err(SetupError::from)
}

async fn indexed(wire: &Wire) -> Result<Vec<PartitionId>, StoreError> {
    let table = &wire.tables().partitions;
    let mut partitions = Vec::new();
    let mut from = None;
    loop {
        let answer = wire
            .client()
            .query()
            .table_name(table)
            .index_name(names::BY_ID)
            .key_condition_expression("#bucket = :bucket")
            .expression_attribute_names("#bucket", names::BUCKET)
            .expression_attribute_values(":bucket", text(names::ONLY_BUCKET))
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|error| failure(table, error))?;
        for item in answer.items() {
            let read = Reader { table, item };
            let id = read.text(names::PARTITION)?;
            partitions.push(id.parse().map_err(|error| read.wrong(format!("{error}")))?);
        }
        from = answer.last_evaluated_key;
        if from.is_none() {
            return Ok(partitions);
        }
    }
}
