//! Design files: a base, and the choices that differ from it.
//!
//! ```
//! use gapless_model::design::{Design, Gap, parse};
//!
//! let design = parse("base = \"recommended\"\ngap = \"wait\"\n")?;
//! assert_eq!(design, Design { gap: Gap::Wait, ..Design::RECOMMENDED });
//! # Ok::<(), gapless_model::design::DesignError>(())
//! ```

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::axes::{AXES, Axis, Design, Increment, Producer};
use super::known::{all, named};

/// The first mistake in a design file, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {mistake}")]
pub struct DesignError {
    /// The line, counted from 1.
    pub line: usize,
    /// The place in the file, in bytes.
    pub span: Range<usize>,
    /// What is wrong there, and what would be right.
    pub mistake: Mistake,
}

/// What can be wrong with a design file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// The key is neither `base` nor the name of an axis.
    #[error("there is no axis `{key}`; the keys are base, {}", names(AXES.iter().map(|axis| axis.name)))]
    UnknownAxis {
        /// The key in the file.
        key: String,
    },
    /// The axis has no such value, or there is no such base.
    #[error("`{key}` cannot be `{value}`; it is one of {allowed}")]
    UnknownValue {
        /// The axis, or `base`.
        key: String,
        /// The value in the file.
        value: String,
        /// The possible values, with commas.
        allowed: String,
    },
    /// The value is not a string.
    #[error("`{key}` takes a string, and this is of type {found}; it is one of {allowed}")]
    NotAString {
        /// The axis, or `base`.
        key: String,
        /// The TOML type in the file.
        found: &'static str,
        /// The possible values, with commas.
        allowed: String,
    },
    /// The choices contradict one another.
    #[error("{0}")]
    Contradiction(&'static str),
}

fn names(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Reads a design file. Its base is `recommended` unless it names another.
///
/// # Errors
/// The first mistake in the file, with its place.
pub fn parse(text: &str) -> Result<Design, DesignError> {
    let at = |span: Range<usize>, mistake| {
        let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
        DesignError { line, span, mistake }
    };
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        at(span, Mistake::Syntax(error.message().to_owned()))
    })?;
    // A table keeps its keys in the order of their names. Mistakes come in the order of the file.
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);

    let mut design = Design::RECOMMENDED;
    if let Some((_, value)) = entries.iter().find(|(key, _)| key.get_ref() == "base") {
        let bases = || names(all().map(|known| known.name));
        let name = string("base", value.get_ref(), bases).map_err(|m| at(value.span(), m))?;
        design = named(name)
            .map(|known| known.design)
            .ok_or_else(|| at(value.span(), unknown_value("base", name, bases())))?;
    }
    for (key, value) in &entries {
        let (name, span) = (key.get_ref().as_ref(), value.span());
        if name == "base" {
            continue;
        }
        let axis = Axis::named(name)
            .ok_or_else(|| at(key.span(), Mistake::UnknownAxis { key: name.to_owned() }))?;
        let allowed = || names(axis.values.iter().map(|value| value.name));
        let chosen = string(name, value.get_ref(), allowed).map_err(|m| at(span.clone(), m))?;
        if !axis.choose(&mut design, chosen) {
            return Err(at(span, unknown_value(name, chosen, allowed())));
        }
    }
    contradiction(&design)
        .map_or(Ok(design), |why| Err(at(0..text.len(), Mistake::Contradiction(why))))
}

fn unknown_value(key: &str, value: &str, allowed: String) -> Mistake {
    Mistake::UnknownValue { key: key.to_owned(), value: value.to_owned(), allowed }
}

fn string<'a>(
    key: &str,
    value: &'a DeValue<'_>,
    allowed: impl Fn() -> String,
) -> Result<&'a str, Mistake> {
    value.as_str().ok_or_else(|| Mistake::NotAString {
        key: key.to_owned(),
        found: value.type_str(),
        allowed: allowed(),
    })
}

/// Why the choices of a design contradict one another, if they do.
fn contradiction(design: &Design) -> Option<&'static str> {
    match (design.increment, design.producer) {
        (Increment::None, Producer::Named) => Some(
            "`increment = \"none\"` never updates the item in which a named producer keeps its \
             record; choose `producer = \"anonymous\"` with it",
        ),
        _ => None,
    }
}

/// Writes a design as a file: its base, and every axis on which it differs from the base. The
/// other axes are there as comments, so that the file shows the whole design space.
#[must_use]
pub fn to_toml(base: &super::Named, design: &Design) -> String {
    let mut text = format!("base = \"{}\"\n", base.name);
    for axis in AXES {
        let (chosen, value) = (axis.of(design).name, axis.of(&base.design).name);
        let mark = if chosen == value { "# " } else { "" };
        let others =
            names(axis.values.iter().map(|value| value.name).filter(|name| *name != chosen));
        text.push_str(&format!("{mark}{} = \"{chosen}\"  # or {others}\n", axis.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::Gap;

    fn mistake(text: &str) -> (usize, Mistake) {
        let error = parse(text).expect_err("the file is wrong");
        (error.line, error.mistake)
    }

    #[test]
    fn an_empty_file_is_the_recommended_design() {
        assert_eq!(parse(""), Ok(Design::RECOMMENDED));
    }

    #[test]
    fn every_value_of_every_axis_can_be_written() {
        for axis in AXES {
            for value in axis.values {
                // The seed contradicts nothing on any axis.
                let text = format!("base = \"seed\"\n{} = \"{}\"\n", axis.name, value.name);
                let design = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(axis.of(&design).name, value.name);
            }
        }
    }

    #[test]
    fn the_base_may_stand_anywhere() {
        let design = parse("gap = \"wait\"\nbase = \"seed\"\n").expect("a design");
        assert_eq!(design, Design { gap: Gap::Wait, ..Design::SEED });
    }

    #[test]
    fn every_named_design_survives_being_written_and_read() {
        let base = named("recommended").expect("it has a name");
        for known in all() {
            assert_eq!(parse(&to_toml(base, &known.design)), Ok(known.design), "{}", known.name);
        }
    }

    #[test]
    fn an_axis_that_is_as_in_the_base_is_written_as_a_comment() {
        let base = named("recommended").expect("it has a name");
        let other = Design { gap: Gap::Wait, ..base.design };
        let text = to_toml(base, &other);
        let is_set = |line: &&str| !line.starts_with('#');
        let set: Vec<_> = text.lines().filter(is_set).collect();
        assert_eq!(set.len(), 2, "the base and one axis: {set:?}");
        assert!(set[1].starts_with("gap = \"wait\""), "{set:?}");
        assert_eq!(text.lines().count(), 1 + AXES.len());
    }

    #[test]
    fn an_unknown_axis_names_its_line_and_the_axes() {
        let (line, mistake) = mistake("base = \"seed\"\n\ngaps = \"wait\"\n");
        assert_eq!(line, 3);
        assert_eq!(mistake, Mistake::UnknownAxis { key: "gaps".into() });
        assert!(mistake.to_string().contains("slot-write"), "{mistake}");
    }

    #[test]
    fn an_unknown_value_names_its_line_and_the_values() {
        let (line, mistake) = mistake("gap = \"hop\"\n");
        assert_eq!(
            (line, mistake.to_string().as_str()),
            (1, "`gap` cannot be `hop`; it is one of skip, wait, void")
        );
    }

    #[test]
    fn a_value_that_is_no_string_says_what_it_is() {
        let (_, mistake) = mistake("gap = 3\n");
        assert_eq!(
            mistake.to_string(),
            "`gap` takes a string, and this is of type integer; it is one of skip, wait, void"
        );
    }

    #[test]
    fn an_unknown_base_names_the_designs() {
        let (line, mistake) = mistake("# mine\nbase = \"sead\"\n");
        assert_eq!(line, 2);
        assert!(mistake.to_string().contains("seed, recommended"), "{mistake}");
    }

    #[test]
    fn broken_toml_names_its_line() {
        let (line, mistake) = mistake("gap = \"wait\"\nread = \n");
        assert_eq!(line, 2);
        assert!(matches!(mistake, Mistake::Syntax(_)), "{mistake}");
    }

    #[test]
    fn a_named_producer_needs_a_counter() {
        let (_, mistake) = mistake("increment = \"none\"\n");
        assert!(matches!(mistake, Mistake::Contradiction(_)), "{mistake}");
        assert!(parse("increment = \"none\"\nproducer = \"anonymous\"\n").is_ok());
    }
}
