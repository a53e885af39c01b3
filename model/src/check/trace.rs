//! A counterexample as a decision log: one format for everything that happened.
//!
//! NDJSON. The first line is a [`Header`]: format, version, design, bounds, and the
//! invariant that the end breaks. Every other line is a [`Decision`]: who did
//! what, what the store answered, which fault struck. The `action` alone is
//! enough to replay it; the rest is for people and for other readers.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::bounds::{Bounds, Clocks};
use super::describe::Words;
use super::engine::{Cache, Space};
use super::explain::{Path, Told, story};
use super::progress::{Fate, Outlooks};
use super::protocol::Protocol;
use super::task::{self, Task};
use super::world::World;
use crate::design::{AXES, Axis, Design};
use crate::explanation::Explanation;
use crate::invariant::Invariant;
use crate::log::Line;
use crate::mutant::Mutant;

use crate::log::CALLS_VERSION;
pub use crate::log::{FORMAT, VERSION};

/// A path from the initial state, and the invariant that does not hold at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The invariant.
    pub invariant: Invariant,
    /// The path.
    pub actions: Vec<Action>,
    /// Whether no path with fewer faults, or as many and fewer steps, breaks the invariant.
    pub minimal: bool,
    /// The path in words.
    pub decisions: Vec<Decision>,
    /// The same for people: what each step changed.
    pub told: Vec<Told>,
    /// What went wrong, and the state that shows it.
    pub explanation: Explanation,
    header: Header,
}

/// The first line of a log.
// A field that this version does not know could be a protection taken out: the log is refused,
// not replayed without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Where the log comes from.
    pub source: String,
    /// The design's name.
    pub name: String,
    /// The design: a value for each axis.
    pub design: std::collections::BTreeMap<String, String>,
    /// The bounds under which it was found.
    pub bounds: Bounds,
    /// What clocks could do.
    pub clocks: Clocks,
    /// What was broken on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<Mutant>,
    /// The invariant that does not hold at the end.
    pub violates: Invariant,
}

/// The fields of a header that every version has.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

/// Every other line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who did what, and what came of it.
    #[serde(flatten)]
    pub line: Line,
    /// The state afterwards, as far as it matters.
    pub state: String,
    /// The step itself.
    pub action: Action,
}

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log has no line.
    #[error("the log is empty; its first line should be a header")]
    Empty,
    /// A line is no JSON, or lacks a field of a header or a decision.
    #[error("line {line}: {source}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The header names another format.
    #[error("line 1: the format is `{found}`; this reads `{FORMAT}`")]
    Format {
        /// The format that it names.
        found: String,
    },
    /// The log is one of production.
    #[error(
        "line 1: the log is one of production, and no counterexample: `gapless validate` judges it"
    )]
    Production,
    /// The log has another version of the format.
    #[error(
        "line 1: the log has version {found} of the format, and this reads version {VERSION}; \
         check the design again for a new log"
    )]
    Version {
        /// The version it has.
        found: u32,
    },
    /// The header's design has an axis or a value that is unknown.
    #[error("line 1: the design's `{axis}` cannot be `{value}`")]
    Design {
        /// The axis.
        axis: String,
        /// The value.
        value: String,
    },
    /// The header's design makes no choice on an axis.
    #[error("line 1: the design makes no choice on the axis `{axis}`")]
    NoChoice {
        /// The axis.
        axis: &'static str,
    },
    /// The mutant in it concerns a protection that the checked model does not have.
    #[error(
        "line 1: the mutant `{0}` exists in the traffic alone, so the checker cannot replay it"
    )]
    Mutant(&'static str),
    /// The checker does not accept the header's bounds.
    #[error("line 1: {0}")]
    Bounds(#[from] super::bounds::BoundsError),
    /// A step is not possible in the state that the steps before it lead to.
    #[error(
        "line {line}: this step is not possible here; the log was written for another design, \
         or by another version of the protocol"
    )]
    Impossible {
        /// The line.
        line: usize,
    },
    /// A step is possible, but its outcome is not the one that the log states.
    #[error("line {line}: the log says `{logged}`, and what happens is `{happens}`")]
    Differs {
        /// The line.
        line: usize,
        /// What the log says.
        logged: String,
        /// What happens.
        happens: String,
    },
}

/// A log that was replayed.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Its header.
    pub header: Header,
    /// The steps, as they happened now.
    pub decisions: Vec<Decision>,
    /// The same for people: what each step changed.
    pub told: Vec<Told>,
    /// What went wrong; `None` if the invariant of the header holds at the end.
    pub explanation: Option<Explanation>,
    /// Whether the invariant of the header does not hold at the end.
    pub violated: bool,
}

impl Trace {
    pub(super) fn new(
        task: &Task,
        bounds: Bounds,
        invariant: Invariant,
        actions: Vec<Action>,
        minimal: bool,
    ) -> Trace {
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            source: "check".to_owned(),
            name: task.name.clone(),
            design: AXES
                .iter()
                .map(|axis| (axis.name.to_owned(), axis.of(&task.design).name.to_owned()))
                .collect(),
            bounds,
            clocks: task.clocks,
            mutant: task.mutant,
            violates: invariant,
        };
        let walked = walk(task, bounds, invariant, &actions);
        let Walked { decisions, told, explanation } = walked;
        // The search calls states alike that are not, or its steps are not the protocol's.
        let explanation = explanation.unwrap_or_else(|| Explanation::contradicted(invariant));
        Trace { invariant, actions, minimal, decisions, told, explanation, header }
    }

    /// The header of its log.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Which design breaks what, and in how many steps.
    #[must_use]
    pub fn title(&self) -> String {
        let (name, invariant) = (&self.header.name, self.invariant);
        let (steps, says) = (self.actions.len(), invariant.says());
        let faults = match self.faults() {
            0 => "no fault".to_owned(),
            1 => "1 fault".to_owned(),
            faults => format!("{faults} faults"),
        };
        let minimal = if self.minimal { "" } else { ", not minimal" };
        format!("{name} breaks {invariant}, \"{says}\"\n({steps} steps, {faults}{minimal})")
    }

    /// The whole counterexample for people, without a title: what went wrong, each step, and the end.
    #[must_use]
    pub fn story(&self) -> String {
        story(&self.told, Some(&self.explanation))
    }

    /// How many faults struck.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.decisions.iter().filter(|decision| decision.line.fault.is_some()).count()
    }

    /// The log, line by line.
    ///
    /// # Panics
    /// Never: everything in a log can be written as JSON.
    #[must_use]
    pub fn to_ndjson(&self) -> String {
        let line = |value: serde_json::Result<String>| value.expect("plain data is JSON");
        let mut text = line(serde_json::to_string(&self.header));
        for decision in &self.decisions {
            let _ = write!(text, "\n{}", line(serde_json::to_string(decision)));
        }
        text.push('\n');
        text
    }
}

/// Replays a log, step by step.
///
/// # Errors
/// Returns a [`ReplayError`] for the first line that cannot be read, or whose step is not possible
/// or has another outcome.
pub fn replay(text: &str) -> Result<Replayed, ReplayError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, first) = lines.next().ok_or(ReplayError::Empty)?;
    // Before anything else: the header of another version has other fields.
    let Kind { format, version } = parse(1, first)?;
    if format != FORMAT {
        return Err(ReplayError::Format { found: format });
    }
    if version == CALLS_VERSION {
        return Err(ReplayError::Production);
    }
    if version != VERSION {
        return Err(ReplayError::Version { found: version });
    }
    let header: Header = parse(1, first)?;
    header.bounds.validate()?;
    if let Some(mutant) = header.mutant.filter(|mutant| !mutant.is_in_model()) {
        return Err(ReplayError::Mutant(mutant.name()));
    }
    if let Some(axis) = AXES.iter().find(|axis| !header.design.contains_key(axis.name)) {
        return Err(ReplayError::NoChoice { axis: axis.name });
    }
    let mut design = Design::RECOMMENDED;
    for (name, value) in &header.design {
        let chosen = Axis::named(name).is_some_and(|axis| axis.choose(&mut design, value));
        if !chosen {
            return Err(ReplayError::Design { axis: name.clone(), value: value.clone() });
        }
    }
    let logged: Vec<(usize, Decision)> = lines
        .map(|(index, line)| Ok((index + 1, parse(index + 1, line)?)))
        .collect::<Result<_, ReplayError>>()?;

    let mut task = Task::new(&header.name, design, header.bounds, header.clocks);
    task.mutant = header.mutant;
    let actions: Vec<Action> = logged.iter().map(|(_, decision)| decision.action).collect();
    let (bounds, violates) = (header.bounds, header.violates);
    let walked = walk(&task, bounds, violates, &actions);
    let Walked { decisions, told, explanation } = walked;
    for ((line, logged), happened) in logged.iter().zip(&decisions) {
        if logged != happened {
            let says = |decision: &Decision| {
                let Line { who, did, answer, .. } = &decision.line;
                let answer = answer.as_deref().unwrap_or("");
                format!("{who} {did} {answer} [{}]", decision.state)
            };
            let (logged, happens) = (says(logged), says(happened));
            return Err(ReplayError::Differs { line: *line, logged, happens });
        }
    }
    match logged.get(decisions.len()) {
        Some((line, _)) => Err(ReplayError::Impossible { line: *line }),
        None => {
            let violated = explanation.is_some();
            Ok(Replayed { header, decisions, told, explanation, violated })
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(line: usize, text: &str) -> Result<T, ReplayError> {
    serde_json::from_str(text).map_err(|source| ReplayError::Line { line, source })
}

/// A path that was followed as far as it can be followed.
struct Walked {
    decisions: Vec<Decision>,
    told: Vec<Told>,
    /// Present if the invariant is violated at its end.
    explanation: Option<Explanation>,
}

fn walk(task: &Task, bounds: Bounds, invariant: Invariant, actions: &[Action]) -> Walked {
    let protocol = task::protocol(task, bounds, vec![invariant]);
    let mut world = protocol.untouched();
    let mut walked = Walked { decisions: Vec::new(), told: Vec::new(), explanation: None };
    let mut path = Path::new(&protocol, &world);
    for &action in actions {
        if !protocol.is_possible(&world, action) {
            return walked;
        }
        let words = protocol.words(&world, action);
        let Some(next) = protocol.raw_step(&world, action) else { return walked };
        path.push(&protocol, &world, action, &next);
        world = next;
        let step = walked.decisions.len() + 1;
        walked.told.push(Told::new(&path, step, &words));
        let Words { who, did, answer, heard, fault } = words;
        let (who, fault) = (who.to_string(), fault.map(str::to_owned));
        walked.decisions.push(Decision {
            line: Line { step, who, did, answer, heard, fault },
            state: protocol.summary(&world),
            action,
        });
    }
    walked.explanation = explanation(task, bounds, &protocol, &path, invariant, &world);
    walked
}

/// What went wrong at the end of a path; `None` if the invariant holds there.
fn explanation(
    task: &Task,
    bounds: Bounds,
    protocol: &Protocol,
    path: &Path,
    invariant: Invariant,
    world: &World,
) -> Option<Explanation> {
    let is_safe = protocol.judge(invariant, &protocol.normal(world));
    if invariant != Invariant::P1 {
        return (!is_safe).then(|| Explanation::new(path, invariant, None, &[]));
    }
    let unreduced = task::protocol(task, bounds, Vec::new()).unreduced();
    let (space, mut cache) = (Space::new(&unreduced), Cache::default());
    let end = unreduced.normal(world);
    let key = space.key(&end, false, &mut cache)?;
    let (from, caches) = (&mut std::iter::once(vec![key]), std::slice::from_mut(&mut cache));
    let outlooks = Outlooks::of(&space, false, false, from, caches, &|| false)?;
    let circle = match outlooks.fate(key, &mut cache) {
        Fate::Circles => outlooks.circle_words(key, &mut cache),
        Fate::Certain | Fate::Evaded if is_safe => return None,
        Fate::Certain | Fate::Evaded | Fate::Lost => Vec::new(),
    };
    let outlook = unreduced.outlook(world);
    Some(Explanation::new(path, invariant, Some(&outlook), &circle))
}
