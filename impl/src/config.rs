//! How a stream is used: which tables, which protocol, and how long things take.

use std::time::Duration;

use gapless_model::Rules;
use gapless_model::design::{Design, NAMED, Trigger};

use crate::error::SetupError;
use crate::live::Live;
use crate::router::Layout;

/// What to know of a stream before it is opened or created.
///
/// Everybody who uses a stream must give the same lengths of time: a lease that
/// one worker takes for ten seconds is not to be taken away by another after five.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) prefix: String,
    pub(crate) layout: Layout,
    pub(crate) design: Design,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) skew: Duration,
    pub(crate) patience: Duration,
    pub(crate) attempt: Duration,
}

impl Config {
    /// A stream in the tables with this prefix, in one partition until told otherwise.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Config {
        Config {
            prefix: prefix.into(),
            layout: Layout::Fixed { bits: 0 },
            // Outside Lambda nobody brings a trigger back, so the tables themselves
            // are the durable one: a sweep over what lags. Notices make it fast.
            design: Design { trigger: Trigger::Sweep, ..Design::RECOMMENDED },
            lease: Duration::from_secs(10),
            grace: Duration::from_secs(1),
            skew: Duration::from_millis(500),
            patience: Duration::from_secs(30),
            attempt: Duration::from_secs(3),
        }
    }

    /// How keys are divided among partitions, for [`Stream::create`](crate::Stream::create). Opening takes what is there.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Config {
        self.layout = layout;
        self
    }

    /// How long a worker may be silent before another takes over; it renews after a
    /// third of that. Ten seconds unless told otherwise.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Config {
        self.lease = lease;
        self
    }

    /// How long an empty slot may stand before a reader voids it: longer than a
    /// writer usually takes from its number to its write. One second unless told otherwise.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Config {
        self.grace = grace;
        self
    }

    /// The most by which two workers' clocks may differ; L2 is promised within it.
    /// Half a second unless told otherwise.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Config {
        self.skew = skew;
        self
    }

    /// How long to go on trying when the store does not answer. Half a minute unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Config {
        self.patience = patience;
        self
    }

    /// How long to wait for one answer, the SDK's own retries included, before the
    /// outcome counts as unknown. Three seconds unless told otherwise.
    #[must_use]
    pub fn attempt(mut self, attempt: Duration) -> Config {
        self.attempt = attempt;
        self
    }

    /// Another protocol. Only designs whose declared verdict is that everything
    /// holds can be opened; `gapless designs` lists them.
    #[must_use]
    pub fn design(mut self, design: Design) -> Config {
        self.design = design;
        self
    }

    pub(crate) fn rules(&self) -> Result<Rules<Live>, SetupError> {
        let holds = |design: &Design| {
            NAMED.iter().any(|named| named.breaks.is_empty() && named.design == *design)
        };
        if !holds(&self.design) {
            return Err(SetupError::Config(
                "the design is refuted, or was never declared to hold: `gapless check` says how it breaks"
                    .to_owned(),
            ));
        }
        let least = Duration::from_millis(100);
        if self.lease < least || self.lease <= self.skew {
            return Err(SetupError::Config(format!(
                "a lease of {:?} is too short: it must be at least {least:?}, and longer than the skew of {:?}",
                self.lease, self.skew
            )));
        }
        Ok(Rules {
            design: self.design,
            lease: self.lease,
            renew: self.lease / 3,
            grace: self.grace,
            skew: self.skew,
        })
    }
}
