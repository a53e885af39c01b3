//! The header of a checkpoint file: whose search it is, and how far it has come.
//!
//! The first line is the format's name, its number and the checksum of the second line, which is
//! the header as JSON. A person can read both.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufRead, Read as _};

use serde::{Deserialize, Serialize};

use super::super::bounds::{Bounds, Clocks};
use super::super::task::Task;
use super::file::{CheckpointError, FORMAT};
use crate::design::{AXES, Design};
use crate::invariant::Invariant;
use crate::mutant::Mutant;

/// The name at the beginning of a checkpoint file.
const NAME: &str = "gapless-checkpoint";

/// The most bytes in the first line, and in the second.
const LINES: [u64; 2] = [64, 1 << 16];

/// A task, as far as it decides which states there are and how they are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Search {
    design: Design,
    bounds: Bounds,
    clocks: Clocks,
    invariants: Vec<Invariant>,
    mutant: Option<Mutant>,
    reduced: bool,
    symmetric: bool,
}

/// Which program writes and reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Program {
    /// The version of this crate.
    version: String,
    /// What tells the program's builds apart.
    build: String,
    /// The hash of a constant. Requests under way are sorted by such hashes, which differ between
    /// processors.
    hash: u64,
}

/// The header of a checkpoint file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Header {
    pub(super) program: Program,
    pub(super) search: Search,
    pub(super) unique: usize,
    pub(super) generated: usize,
    pub(super) depth: usize,
    pub(super) milliseconds: u64,
    /// Whether there were more components than a key has room for.
    pub(super) crowded: bool,
    /// Whether a number outgrew the world.
    pub(super) outgrown: bool,
    /// The violated invariants, and for each the parts of a state that violates it.
    pub(super) violated: BTreeMap<Invariant, [u32; 3]>,
    /// The kinds of step and outcome that were exercised.
    pub(super) exercised: Vec<String>,
}

impl Program {
    pub(super) fn this(build: &str) -> Program {
        let seeds = ahash::RandomState::with_seeds(0x67_61, 0x70_6c, 0x65_73, 0x73);
        Program {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build.to_owned(),
            hash: seeds.hash_one("requests under way"),
        }
    }

    fn name(&self) -> String {
        format!("{} (build {})", self.version, self.build)
    }
}

impl Search {
    pub(super) fn of(task: &Task) -> Search {
        let mut invariants = task.checked.clone();
        invariants.sort_unstable();
        Search {
            design: task.design,
            bounds: task.bounds,
            clocks: task.clocks,
            invariants,
            mutant: task.mutant,
            reduced: task.reduced,
            symmetric: task.symmetric,
        }
    }

    /// What differs from another search, with the values of each.
    fn differences(&self, here: &Search) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, there: &dyn Display, here: &dyn Display| {
            let (there, here) = (there.to_string(), here.to_string());
            if there != here {
                differences.push(format!("{what} is {there} there and {here} here"));
            }
        };
        for axis in AXES {
            let [there, here] = [self, here].map(|search| axis.of(&search.design).name);
            compare(&format!("the design's {}", axis.name), &there, &here);
        }
        for bound in Bounds::ALL {
            compare(bound.name, &(bound.get)(&self.bounds), &(bound.get)(&here.bounds));
        }
        compare("clocks", &self.clocks.name(), &here.clocks.name());
        let [there, yes] = [self, here].map(|search| {
            let names = search.invariants.iter().map(|invariant| invariant.name());
            names.collect::<Vec<_>>().join(" ")
        });
        compare("the list of invariants", &there, &yes);
        let [there, yes] =
            [self, here].map(|search| search.mutant.map_or("none", |mutant| mutant.name()));
        compare("the mutant", &there, &yes);
        compare("reduction", &self.reduced, &here.reduced);
        compare("symmetry", &self.symmetric, &here.symmetric);
        differences
    }
}

impl Header {
    /// The header as the two lines at the beginning of a file.
    pub(super) fn lines(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_string(self)?;
        let sum = crc32fast::hash(json.as_bytes());
        Ok(format!("{NAME} {FORMAT} {sum:08x}\n{json}\n").into_bytes())
    }

    /// Reads the header of a search that this program can go on with. Returns its lines as well.
    pub(super) fn read(
        from: &mut dyn BufRead,
        program: &Program,
        search: &Search,
    ) -> Result<(Header, Vec<u8>), CheckpointError> {
        let first = line(from, LINES[0], CheckpointError::Alien)?;
        let sum = checksum(&first)?;
        let damaged = |what: &str| CheckpointError::Damaged { what: what.to_owned() };
        let second = line(from, LINES[1], damaged("it ends within its header"))?;
        if crc32fast::hash(&second) != sum {
            return Err(damaged("the checksum of its header does not match"));
        }
        // Another version may have other fields.
        let there: OfProgram =
            serde_json::from_slice(&second).map_err(|_| damaged("its header names no program"))?;
        if (&there.program.version, &there.program.build) != (&program.version, &program.build) {
            let (found, here) = (there.program.name(), program.name());
            return Err(CheckpointError::Build { found, here });
        }
        if there.program.hash != program.hash {
            return Err(CheckpointError::Processor);
        }
        let header: Header =
            serde_json::from_slice(&second).map_err(|_| damaged("its header is none"))?;
        if header.search != *search {
            let differences = header.search.differences(search);
            return Err(CheckpointError::Search { differences });
        }
        Ok((header, [first, b"\n".to_vec(), second, b"\n".to_vec()].concat()))
    }
}

/// The header as far as every version writes it.
#[derive(Deserialize)]
struct OfProgram {
    program: Program,
}

/// The checksum of the second line, from the first one.
fn checksum(first: &[u8]) -> Result<u32, CheckpointError> {
    let text = std::str::from_utf8(first).map_err(|_| CheckpointError::Alien)?;
    let mut words = text.split(' ');
    if words.next() != Some(NAME) {
        return Err(CheckpointError::Alien);
    }
    let damaged = || CheckpointError::Damaged { what: "its first line is none".to_owned() };
    let found = words.next().and_then(|word| word.parse().ok()).ok_or_else(damaged)?;
    if found != FORMAT {
        return Err(CheckpointError::Format { found });
    }
    let sum = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
    sum.filter(|_| words.next().is_none()).ok_or_else(damaged)
}

/// Reads a line, without its end. `otherwise` is the error for one that does not end.
fn line(
    from: &mut dyn BufRead,
    most: u64,
    otherwise: CheckpointError,
) -> Result<Vec<u8>, CheckpointError> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line).map_err(CheckpointError::Read)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) | None => Err(otherwise),
    }
}
