//! How a stream is used: its tables, its protocol, and how long things take.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use gapless_model::Rules;
use gapless_model::design::{Design, NAMED, Trigger};

use super::founding::Founding;
use super::layout::Layout;
use crate::vocabulary::{Live, SetupError, millis};
use crate::wire::{MOST_PRODUCERS, TableNames, Wire};

/// What to know of a stream before it is created or opened.
///
/// The layout, the lease, the grace, the skew and the design are chosen when the stream is
/// created, and stored with it. Opening the stream takes what is stored. It ignores the first
/// four here, and refuses another design.
#[derive(Clone, Debug)]
pub struct Config {
    prefix: String,
    layout: Layout,
    lease: Duration,
    grace: Duration,
    skew: Duration,
    /// Whether the Events table gets a stream of its own, if that was said.
    table_stream: Option<bool>,
    /// The design that was asked for, if one was.
    pub(super) design: Option<Design>,
    pub(super) patience: Duration,
    pub(super) attempt: Duration,
    pub(super) most_producers: u32,
    #[cfg(feature = "refuted-designs")]
    refuted: bool,
}

impl Config {
    /// The design of a stream that is created without a choice.
    ///
    /// P1: outside Lambda no queue brings a trigger back, so the sweep over the tables is the
    /// durable trigger. Notices make it fast.
    const DESIGN: Design = Design { trigger: Trigger::Sweep, ..Design::RECOMMENDED };

    /// Configures a stream in the tables `{prefix}partitions`, `{prefix}events` and
    /// `{prefix}consumers`, with the defaults of the methods below.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Config {
        Config {
            prefix: prefix.into(),
            layout: Layout::Fixed { bits: 0 },
            lease: Duration::from_secs(10),
            grace: Duration::from_secs(1),
            skew: Duration::from_millis(500),
            table_stream: None,
            design: None,
            patience: Duration::from_secs(30),
            attempt: Duration::from_secs(3),
            most_producers: MOST_PRODUCERS,
            #[cfg(feature = "refuted-designs")]
            refuted: false,
        }
    }

    /// Sets how keys are divided among partitions. Default: one partition for all keys.
    /// Stored with the stream.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Config {
        self.layout = layout;
        self
    }

    /// Sets how long a worker may be silent before another takes over. Default: 10 s. At
    /// least 100 ms, at most a day, and longer than the skew. Stored with the stream, in whole
    /// milliseconds.
    ///
    /// A worker renews its lease after a third of this time. After a crash the next worker
    /// waits for the lease's end and the skew.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Config {
        self.lease = lease;
        self
    }

    /// Sets how long an empty slot may stand before a consumer voids it. Default: 1 s. At most a
    /// day. Stored with the stream.
    ///
    /// Choose a time that is longer than a producer usually takes from its number to its
    /// write. A producer that is slower finds its slot voided and takes a new number.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Config {
        self.grace = grace;
        self
    }

    /// Sets the most by which two workers' clocks may differ. Default: 500 ms. Stored
    /// with the stream.
    ///
    /// Within it at most one worker is active. Beyond it two may deliver at once, but a
    /// checkpoint still moves only forward and only by the current epoch.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Config {
        self.skew = skew;
        self
    }

    /// Sets whether [`Stream::create`](super::Stream::create) gives the Events table a stream of its
    /// own (DynamoDB Streams, keys only), for `TableStream` or a function that DynamoDB invokes.
    /// Default: only for a design whose trigger is that stream.
    ///
    /// On AWS it costs nothing until it is read. The embedded engine pays for it at each write. A
    /// stream that the table has already stays.
    #[must_use]
    pub fn table_stream(mut self, wanted: bool) -> Config {
        self.table_stream = Some(wanted);
        self
    }

    /// Sets how long an append, a read or a worker goes on trying while the store does not
    /// answer. Default: 30 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Config {
        self.patience = patience;
        self
    }

    /// Sets how long to wait for one answer, the SDK's own retries included, before the
    /// outcome counts as unknown and the request is sent again. Default: 3 s. A page of a reader or
    /// an audit has up to 1 MB, which a slow link must bring within this time.
    #[must_use]
    pub fn attempt(mut self, attempt: Duration) -> Config {
        self.attempt = attempt;
        self
    }

    /// Sets how many named producers may have a record in a partition before this process refuses to
    /// add one ([`StoreError::TooManyProducers`](crate::StoreError::TooManyProducers)). Default: 16.
    ///
    /// A record has some fifty bytes and the name, and each append to the partition, by any producer,
    /// writes all of them anew: another write unit for each KB. Names that have a record are never
    /// refused, nor are they in a partition that came of theirs by splits and merges: so a merge can lead to
    /// more than that. None is ever removed: a stream that forgets what a name has appended would append it
    /// again. [`Stream::producers`](super::Stream::producers) shows them.
    #[must_use]
    pub fn most_producers(mut self, most: u32) -> Config {
        self.most_producers = most;
        self
    }

    /// Sets the protocol. Default: the recommended design, triggered by sweeps; for a stream that
    /// exists, the one that is stored with it.
    ///
    /// Only designs whose declared verdict is that everything holds can be created or
    /// opened; `gapless designs` lists them.
    #[must_use]
    pub fn design(mut self, design: Design) -> Config {
        self.design = Some(design);
        self
    }

    /// Returns the rules that machines obey in a stream that is created with this
    /// configuration.
    ///
    /// # Errors
    /// Returns [`SetupError::Config`] if there can be no such stream.
    pub fn rules(&self) -> Result<Rules<Live>, SetupError> {
        self.founding().rules()
    }

    /// Whether the Events table gets a stream of its own.
    pub(super) fn wants_table_stream(&self) -> bool {
        let of_design = self.design.unwrap_or(Config::DESIGN).trigger == Trigger::Stream;
        self.table_stream.unwrap_or(of_design)
    }

    /// What sends the requests of a stream that is used like this.
    pub(super) fn wire(&self, client: &Client) -> Wire {
        let client = answering_within(client, self.attempt);
        Wire::new(client, TableNames::prefixed(&self.prefix))
            .with_most_producers(self.most_producers)
    }

    /// What a stream that is created with this configuration is founded with. Times are stored in
    /// milliseconds.
    pub(super) fn founding(&self) -> Founding {
        let times = [self.lease, self.grace, self.skew];
        let [lease, grace, skew] = times.map(|span| Duration::from_millis(millis(span)));
        let design = self.design.unwrap_or(Config::DESIGN);
        Founding { layout: self.layout, lease, grace, skew, design }
    }

    /// Sets any protocol, even one that is known to lose events. For simulations alone.
    #[cfg(feature = "refuted-designs")]
    #[must_use]
    pub fn refuted_design(mut self, design: Design) -> Config {
        self.design = Some(design);
        self.refuted = true;
        self
    }

    /// Refuses designs that are refuted, or that were never declared to hold.
    pub(super) fn check_design(&self, design: &Design) -> Result<(), SetupError> {
        #[cfg(feature = "refuted-designs")]
        if self.refuted {
            return Ok(());
        }
        let mut known = NAMED.iter().filter(|named| named.breaks.is_empty());
        if known.any(|named| named.design == *design) {
            return Ok(());
        }
        Err(SetupError::Config(format!(
            "the design `{design}` is refuted, or was never declared to hold: `gapless check` says \
             how it breaks"
        )))
    }
}

/// The same client, which gives each call up after so long, retries included. A limit of its own
/// stays if it is shorter.
fn answering_within(client: &Client, limit: Duration) -> Client {
    let config = client.config();
    let timeouts =
        config.timeout_config().cloned().unwrap_or_else(|| TimeoutConfig::builder().build());
    let own = timeouts.operation_timeout().unwrap_or(Duration::MAX);
    let timeouts = timeouts.to_builder().operation_timeout(own.min(limit)).build();
    Client::from_conf(config.to_builder().timeout_config(timeouts).build())
}
