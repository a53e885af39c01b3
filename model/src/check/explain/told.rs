//! The steps of a path, told: who did what, and what that changed in the tables.

use super::super::action::{Action, Process};
use super::super::describe::Words;
use super::path::Path;
use super::phrase::{asked, does, ticks};
use super::{state, time};
use crate::store::request_words;

/// One step for people. The decision log has its own words, which never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who did it.
    pub who: String,
    /// What was done.
    pub did: String,
    /// What the store answered.
    pub answer: Option<String>,
    /// The fault that struck.
    pub fault: Option<&'static str>,
    /// The lines of the tables that it changed.
    pub changes: Vec<String>,
}

/// Who takes a tick, and what it does.
const TIME: (&str, &str) = ("time", "passes");

impl Told {
    /// Tells a step of a path; `words` are those of the decision log.
    pub(in crate::check) fn new(path: &Path, step: usize, words: &Words) -> Told {
        let Words { did, answer, heard, fault, .. } = words;
        let deed = path.deed(step);
        let who = match deed.action {
            Action::Arrive { .. } | Action::Land { .. } | Action::DuplicateTrigger { .. } => {
                "network".to_owned()
            }
            Action::Tick => TIME.0.to_owned(),
            Action::Sweep { .. } => "sweep".to_owned(),
            _ => deed.who.map_or_else(|| "world".to_owned(), |who: Process| who.to_string()),
        };
        let did = told(path, step, did);
        let (before, after) =
            (state::tables(path, path.before(step)), state::tables(path, path.after(step)));
        let changes = after.into_iter().filter(|line| !before.contains(line)).collect();
        let waited = !matches!(deed.action, Action::Arrive { .. } | Action::Land { .. });
        let answer = answer.as_ref().map(|answer| match heard {
            false if waited => format!("{answer} (unheard)"),
            _ => answer.clone(),
        });
        Told { who, did, answer, fault: *fault, changes }
    }

    /// Whether it is a tick.
    pub(super) fn is_tick(&self) -> bool {
        self.who == TIME.0
    }

    /// Whether it is a tick that ended and changed nothing.
    pub(super) fn is_plain_tick(&self) -> bool {
        let Told { who: _, did, answer: _, fault, changes } = self;
        self.is_tick() && did == TIME.1 && fault.is_none() && changes.is_empty()
    }

    /// What was done, if it is told together with so many ticks before it.
    pub(super) fn after_ticks(&self, waited: usize) -> String {
        match self.did.strip_prefix(TIME.1) {
            Some(more) if waited > 0 => format!("{}: {}{more}", TIME.1, ticks(waited + 1)),
            Some(_) | None => self.did.clone(),
        }
    }
}

/// What was done. `did` are the words of the decision log, where they say enough.
fn told(path: &Path, step: usize, did: &str) -> String {
    let deed = path.deed(step);
    let asked = deed.request.as_ref().map(|request| asked(&request_words(request)));
    let ended = || match time::endings(path, step).as_str() {
        "" => String::new(),
        endings => format!(", and {endings}"),
    };
    match (deed.action, asked) {
        (Action::Delay { .. }, Some(asked)) => {
            format!("asks to {asked}, and the request is delayed")
        }
        (Action::Depart { .. }, Some(asked)) => {
            format!("asks to {asked}, and the request takes its time")
        }
        (Action::Arrive { .. } | Action::Land { .. }, Some(asked)) => match (deed.who, deed.sent) {
            (Some(who), Some(sent)) => format!("{who}'s request of step {sent} arrives: {asked}"),
            _ => format!("a delayed request arrives: {asked}"),
        },
        (Action::Hear { .. }, _) => match deed.sent {
            Some(sent) => format!("hears the reply to its request of step {sent}"),
            None => does(did),
        },
        (Action::Twin { producer }, _) => {
            format!("starts while producer {} is alive", producer.first())
        }
        (Action::Tick, _) => format!("{}{}", TIME.1, ended()),
        (Action::SetClock { .. }, _) => format!("{}{}", does(did), ended()),
        _ => does(did),
    }
}
