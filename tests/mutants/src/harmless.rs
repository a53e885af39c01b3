//! Faults that no check can notice, because they change nothing that anybody could see. Each is
//! listed with the reason in a sentence.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::fault::Fault;
use crate::mistake::Mistake;

/// The list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harmless {
    #[serde(default)]
    fault: Vec<Known>,
}

/// A fault, known by where it is and what it does. Its line may change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    file: String,
    function: String,
    was: String,
    becomes: String,
    why: String,
}

impl Harmless {
    /// Reads the list.
    pub fn read(path: &Path) -> Result<Harmless, Mistake> {
        let text =
            fs::read_to_string(path).map_err(|why| Mistake::Read { path: path.to_owned(), why })?;
        toml::from_str(&text)
            .map_err(|why| Mistake::Harmless { path: path.to_owned(), what: why.to_string() })
    }

    /// Why a fault is harmless, if it is known to be.
    pub fn why(&self, fault: &Fault) -> Option<&str> {
        self.fault.iter().find(|known| known.is(fault)).map(|known| known.why.as_str())
    }

    /// Entries of these files that are no fault of theirs: the source has changed.
    pub fn stale(&self, faults: &[Fault]) -> Vec<String> {
        let known = self.fault.iter().filter(|known| faults.iter().any(|f| f.file == known.file));
        let stale = known.filter(|known| !faults.iter().any(|fault| known.is(fault)));
        stale.map(|known| format!("{} {}: {}", known.file, known.function, known.was)).collect()
    }
}

impl Known {
    fn is(&self, fault: &Fault) -> bool {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.file == fault.file
            && self.function == fault.function
            && words(&self.was) == words(&fault.was)
            && words(&self.becomes) == words(&fault.becomes)
    }
}
