//! The settings that are chosen when a stream is created, and stored with it.

use std::fmt;
use std::time::Duration;

use gapless_model::Rules;
use gapless_model::design::{Design, Increment};

use super::layout::Layout;
use crate::vocabulary::{Live, SetupError};
use crate::wire::{FoundingItem, Wire};

/// The settings that are chosen when a stream is created, and stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Founding {
    pub(crate) layout: Layout,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) skew: Duration,
}

impl Founding {
    /// Reads the founding of the stream in these tables, if there is one.
    pub(crate) async fn read(wire: &Wire) -> Result<Option<Founding>, SetupError> {
        let Some(item) = wire.read_founding().await? else { return Ok(None) };
        let FoundingItem { layout, lease, grace, skew } = item;
        let layout = layout.parse().map_err(|error| wire.malformed_founding(format!("{error}")))?;
        Ok(Some(Founding { layout, lease, grace, skew }))
    }

    /// Founds the stream unless it is founded. Returns what it is founded with.
    pub(crate) async fn write(self, wire: &Wire) -> Result<Founding, SetupError> {
        let Founding { layout, lease, grace, skew } = self;
        let item = FoundingItem { layout: layout.to_string(), lease, grace, skew };
        if wire.write_founding(&item).await? {
            return Ok(self);
        }
        Founding::read(wire).await?.ok_or(SetupError::NoStream)
    }

    /// The rules that machines obey in a stream with this founding.
    pub(crate) fn rules(&self, design: Design) -> Result<Rules<Live>, SetupError> {
        let Founding { layout, lease, grace, skew } = *self;
        let least = Duration::from_millis(100);
        if lease < least || lease <= skew {
            return Err(SetupError::Config(format!(
                "a lease of {lease:?} is too short: choose at least {least:?}, and longer than the \
                 skew of {skew:?}"
            )));
        }
        if layout == Layout::EachKey && design.increment == Increment::None {
            return Err(SetupError::Config(
                "a partition for each key needs a counter, whose first increment enters the partition \
                 into the index: choose a fixed layout, or a design with a counter"
                    .to_owned(),
            ));
        }
        Ok(Rules { design, lease, renew: lease / 3, grace, skew })
    }
}

impl fmt::Display for Founding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Founding { layout, lease, grace, skew } = self;
        match layout {
            Layout::Fixed { bits: 0 } => f.write_str("1 partition")?,
            Layout::Fixed { .. } => write!(f, "{layout} partitions")?,
            Layout::EachKey => f.write_str("a partition for each key")?,
        }
        write!(f, ", leases of {lease:?}, a grace of {grace:?}, a skew of {skew:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_no_shorter_than_a_tenth_of_a_second_and_longer_than_the_skew() {
        let allowed = |lease, skew| {
            let [lease, skew] = [lease, skew].map(Duration::from_millis);
            let (layout, grace) = (Layout::Fixed { bits: 0 }, Duration::ZERO);
            Founding { layout, lease, grace, skew }.rules(Design::RECOMMENDED).is_ok()
        };
        assert_eq!([99, 100].map(|lease| allowed(lease, 0)), [false, true]);
        assert_eq!([400, 401].map(|lease| allowed(lease, 400)), [false, true]);
    }
}
