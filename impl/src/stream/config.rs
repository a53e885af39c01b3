//! How a stream is used: which tables, which protocol, and how long things take.

use std::time::Duration;

use gapless_model::Rules;
use gapless_model::design::{Design, NAMED, Trigger};

use super::founding::Founding;
use super::layout::Layout;
use crate::vocabulary::{Live, SetupError};

/// What to know of a stream before it is opened or created.
///
/// How keys are divided and how long a lease lasts are chosen when the stream is
/// created, and kept with it: everybody who opens it takes what is there.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) prefix: String,
    pub(crate) founding: Founding,
    pub(crate) design: Design,
    pub(crate) patience: Duration,
    pub(crate) attempt: Duration,
    #[cfg(feature = "refuted-designs")]
    refuted: bool,
}

impl Config {
    /// A stream in the tables with this prefix, in one partition until told otherwise.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Config {
        Config {
            prefix: prefix.into(),
            founding: Founding {
                layout: Layout::Fixed { bits: 0 },
                lease: Duration::from_secs(10),
                grace: Duration::from_secs(1),
                skew: Duration::from_millis(500),
            },
            // Outside Lambda nobody brings a trigger back, so the tables themselves
            // are the durable one: a sweep over what lags. Notices make it fast.
            design: Design { trigger: Trigger::Sweep, ..Design::RECOMMENDED },
            patience: Duration::from_secs(30),
            attempt: Duration::from_secs(3),
            #[cfg(feature = "refuted-designs")]
            refuted: false,
        }
    }

    /// How keys are divided among partitions. One partition for all unless told otherwise.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Config {
        self.founding.layout = layout;
        self
    }

    /// How long a worker may be silent before another takes over; it renews after a
    /// third of that. Ten seconds unless told otherwise.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Config {
        self.founding.lease = lease;
        self
    }

    /// How long an empty slot may stand before a reader voids it: longer than a
    /// writer usually takes from its number to its write. One second unless told otherwise.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Config {
        self.founding.grace = grace;
        self
    }

    /// The most by which two workers' clocks may differ; L2 is promised within it.
    /// Half a second unless told otherwise.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Config {
        self.founding.skew = skew;
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

    /// The rules that a stream founded with this obeys.
    ///
    /// # Errors
    /// [`SetupError::Config`] if there can be no such stream.
    pub fn rules(&self) -> Result<Rules<Live>, SetupError> {
        self.founding.rules(self.design)
    }

    /// Any protocol, also one that is known to lose events: for simulations alone.
    #[cfg(feature = "refuted-designs")]
    #[must_use]
    pub fn refuted_design(mut self, design: Design) -> Config {
        self.design = design;
        self.refuted = true;
        self
    }

    /// Production runs no design that is refuted.
    pub(crate) fn check_design(&self) -> Result<(), SetupError> {
        #[cfg(feature = "refuted-designs")]
        if self.refuted {
            return Ok(());
        }
        let mut known = NAMED.iter().filter(|named| named.breaks.is_empty());
        if known.any(|named| named.design == self.design) {
            return Ok(());
        }
        Err(SetupError::Config(
            "the design is refuted, or was never declared to hold: `gapless check` says how it breaks"
                .to_owned(),
        ))
    }
}
