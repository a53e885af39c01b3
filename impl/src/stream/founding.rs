//! The settings that are chosen when a stream is created, and stored with it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use gapless_model::Rules;
use gapless_model::design::{AXES, Axis, Design, Increment};

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
    pub(crate) design: Design,
}

impl Founding {
    /// Reads the founding of the stream in these tables, if there is one.
    pub(crate) async fn read(wire: &Wire) -> Result<Option<Founding>, SetupError> {
        let Some(item) = wire.read_founding().await? else { return Ok(None) };
        let FoundingItem { layout, lease, grace, skew, design } = item;
        let layout = layout.parse().map_err(|error| wire.malformed_founding(format!("{error}")))?;
        let design = parse_design(design).map_err(|wrong| wire.malformed_founding(wrong))?;
        Ok(Some(Founding { layout, lease, grace, skew, design }))
    }

    /// Founds the stream unless it is founded. Returns what it is founded with.
    pub(crate) async fn write(self, wire: &Wire) -> Result<Founding, SetupError> {
        let Founding { layout, lease, grace, skew, design } = self;
        let (layout, design) = (layout.to_string(), choices(&design));
        let item = FoundingItem { layout, lease, grace, skew, design };
        if wire.write_founding(&item).await? {
            return Ok(self);
        }
        Founding::read(wire).await?.ok_or(SetupError::NoStream)
    }

    /// The rules that machines obey in a stream with this founding.
    pub(crate) fn rules(&self) -> Result<Rules<Live>, SetupError> {
        let Founding { layout, lease, grace, skew, design } = *self;
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(24 * 3600));
        for (what, span) in [("lease", lease), ("grace", grace)] {
            if span > most {
                return Err(SetupError::Config(format!(
                    "a {what} of {span:?} is too long: choose at most {most:?}"
                )));
            }
        }
        if let Layout::Fixed { bits } = layout
            && bits > Layout::MOST_BITS
        {
            return Err(SetupError::Config(format!(
                "a layout of {bits} bits has too many partitions: choose at most {} bits",
                Layout::MOST_BITS
            )));
        }
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
        let Founding { layout, lease, grace, skew, design } = self;
        match layout {
            Layout::Fixed { bits: 0 } => f.write_str("1 partition")?,
            Layout::Fixed { .. } => write!(f, "{layout} partitions")?,
            Layout::EachKey => f.write_str("a partition for each key")?,
        }
        write!(
            f,
            ", leases of {lease:?}, a grace of {grace:?}, a skew of {skew:?}, the design `{design}`"
        )
    }
}

/// What a design chooses on each axis, but for what a stream without the axis has: so a release that is
/// older than an axis opens a stream that has nothing new on it.
fn choices(design: &Design) -> BTreeMap<String, String> {
    let chosen = AXES.iter().map(|axis| (axis, axis.of(design).name));
    let written = chosen.filter(|(axis, choice)| before(axis) != Some(*choice));
    written.map(|(axis, choice)| (axis.name.to_owned(), choice.to_owned())).collect()
}

/// What a stream has on an axis that was founded before the axis came.
fn before(axis: &Axis) -> Option<&'static str> {
    match axis.name {
        "finish" => Some("two-writes"),
        _ => axis.unless_mentioned(),
    }
}

/// The design with these choices. Any other axis that is missing, or a choice that this release does
/// not know, is an error: the stream's processes would not keep to one protocol.
fn parse_design(mut choices: BTreeMap<String, String>) -> Result<Design, String> {
    let newer = "use the release that created the stream";
    let mut design = Design::RECOMMENDED;
    for axis in AXES {
        let chosen = choices.remove(axis.name);
        let Some(chosen) = chosen.or_else(|| before(axis).map(str::to_owned)) else {
            return Err(format!("its design has no choice for `{}`: {newer}", axis.name));
        };
        if !axis.choose(&mut design, &chosen) {
            let name = axis.name;
            return Err(format!("this release knows no `{name} = {chosen}` of a design: {newer}"));
        }
    }
    match choices.first_key_value() {
        None => Ok(design),
        Some((name, _)) => Err(format!("this release knows no axis `{name}` of a design: {newer}")),
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::{Finish, all};

    use super::*;

    #[test]
    fn a_lease_is_no_shorter_than_a_tenth_of_a_second_and_longer_than_the_skew() {
        let allowed = |lease, skew| {
            let [lease, skew] = [lease, skew].map(Duration::from_millis);
            let (layout, grace) = (Layout::Fixed { bits: 0 }, Duration::ZERO);
            let design = Design::RECOMMENDED;
            Founding { layout, lease, grace, skew, design }.rules().is_ok()
        };
        assert_eq!([99, 100].map(|lease| allowed(lease, 0)), [false, true]);
        assert_eq!([400, 401].map(|lease| allowed(lease, 400)), [false, true]);
    }

    #[test]
    fn every_design_is_read_back_as_it_was_founded() {
        for named in all() {
            assert_eq!(parse_design(choices(&named.design)), Ok(named.design), "{}", named.name);
        }
    }

    #[test]
    fn a_stream_that_was_founded_before_an_axis_came_goes_on_as_before() {
        let checked = Design { finish: Finish::TwoWrites, ..Design::RECOMMENDED };
        let mut mentioned = choices(&checked);
        mentioned.retain(|name, _| Axis::named(name).is_some_and(|axis| before(axis).is_none()));
        assert_eq!(parse_design(mentioned), Ok(checked));
    }

    #[test]
    fn a_design_that_this_release_does_not_know_is_refused() {
        let mut missing = choices(&Design::RECOMMENDED);
        missing.remove("gap");
        let with = |axis: &str, choice: &str| {
            let mut choices = choices(&Design::RECOMMENDED);
            choices.insert(axis.to_owned(), choice.to_owned());
            choices
        };
        for (choices, words) in [
            (missing, "no choice for `gap`"),
            (with("gap", "guess"), "no `gap = guess`"),
            (with("zeal", "much"), "no axis `zeal`"),
        ] {
            let said = parse_design(choices).expect_err("it is not known");
            assert!(said.contains(words) && said.contains("use the release"), "{said}");
        }
    }
}
