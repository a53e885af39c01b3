//! Which design has which name.

use std::fmt;

use super::axes::{AXES, Axis, Design};
use super::lineage::LINEAGE;
use super::named::{NAMED, Named};

/// The design's name; without one, in what it differs from the recommended design.
impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(known) = all().find(|known| known.design == *self) {
            return f.write_str(known.name);
        }
        f.write_str("recommended, but")?;
        let differs = |axis: &&Axis| axis.of(self).name != axis.of(&Design::RECOMMENDED).name;
        let differing = AXES.iter().filter(differs);
        for (index, axis) in differing.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {} = {}", axis.name, axis.of(self).name)?;
        }
        Ok(())
    }
}

/// Returns the design of that name, if there is one.
#[must_use]
pub fn named(name: &str) -> Option<&'static Named> {
    all().find(|known| known.name == name)
}

/// Returns every named design.
pub fn all() -> impl Iterator<Item = &'static Named> {
    NAMED.iter().chain(LINEAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::{Expiry, Gap};

    const R: Design = Design::RECOMMENDED;

    #[test]
    fn a_design_without_a_name_is_shown_by_what_it_does_otherwise() {
        let named = |name| named(name).expect("it has a name").design;
        assert_eq!(Design::RECOMMENDED.to_string(), "recommended");
        assert_eq!(named("sweep-trigger").to_string(), "sweep-trigger");
        let other = Design { gap: Gap::Wait, expiry: Expiry::Observer, ..R };
        assert_eq!(other.to_string(), "recommended, but gap = wait, expiry = observer");
    }
}
