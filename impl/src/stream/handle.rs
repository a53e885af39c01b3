//! A stream: the handle from which everything else is had.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use gapless_model::PartitionId;

use super::config::Config;
use super::founding::Founding;
use super::layout::Layout;
use super::requests::Shared;
use super::tables;
use crate::notices::Notices;
use crate::observe::Observer;
use crate::vocabulary::{Clock, SetupError, StoreError, Timestamp};
use crate::wire::{TableNames, Wire};

/// An ordered event stream in DynamoDB. Cloning it is cheap.
///
/// No task is started and no runtime is called: time and sleep are those of the
/// client's configuration, and everything that takes time is a future to await.
#[derive(Clone, Debug)]
pub struct Stream(pub(crate) Arc<Shared>);

impl Stream {
    /// Opens a stream that exists, and verifies its tables.
    ///
    /// # Errors
    /// [`SetupError`]: no tables, another schema, no answer.
    pub async fn open(client: Client, config: Config) -> Result<Stream, SetupError> {
        config.check_design()?;
        let clock = Clock::of(&client)?;
        let wire = Wire::new(client, TableNames::prefixed(&config.prefix));
        tables::verify(&wire).await?;
        let founding = Founding::read(&wire).await?.ok_or(SetupError::NoStream)?;
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
        tables::create(&wire, &clock).await?;
        let founding = config.founding.write(&wire).await?;
        if founding != config.founding {
            let (exists, asked) = (founding.to_string(), config.founding.to_string());
            return Err(SetupError::Founding { exists, asked });
        }
        for partition in founding.layout.all().unwrap_or_default() {
            wire.enter_partition(&partition).await?;
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
            None => self.0.wire.partitions().await,
        }
    }
}
