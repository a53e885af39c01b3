//! The steps of a path, told: who did what, and what that changed in the tables.

use super::super::action::{Action, Process};
use super::super::describe::Words;
use super::path::Path;
use super::phrase::{asked, does};
use super::state;
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

impl Told {
    /// Tells a step of a path; `words` are those of the decision log.
    pub(in crate::check) fn new(path: &Path, step: usize, words: &Words) -> Told {
        let Words { who: _, did, answer, heard, fault } = words;
        let deed = path.deed(step);
        let who = match deed.action {
            Action::Arrive { .. } | Action::DuplicateTrigger { .. } => "network".to_owned(),
            Action::Lapse { .. } => "time".to_owned(),
            Action::Sweep { .. } => "sweep".to_owned(),
            _ => deed.who.map_or_else(|| "world".to_owned(), |who: Process| who.to_string()),
        };
        let asked = deed.request.as_ref().map(|request| asked(&request_words(request)));
        let did = match (deed.action, asked) {
            (Action::Delay { .. }, Some(asked)) => {
                format!("asks to {asked}, and the request is delayed")
            }
            (Action::Arrive { .. }, Some(asked)) => match (deed.who, deed.sent) {
                (Some(who), Some(sent)) => {
                    format!("{who}'s request of step {sent} arrives: {asked}")
                }
                _ => format!("a delayed request arrives: {asked}"),
            },
            (Action::Lapse { aware: true, .. }, _) => {
                did.replace("and knows", "and will see so before it acts")
            }
            _ => does(did),
        };
        let (before, after) =
            (state::tables(path, path.before(step)), state::tables(path, path.after(step)));
        let changes = after.into_iter().filter(|line| !before.contains(line)).collect();
        let waited = !matches!(deed.action, Action::Arrive { .. });
        let answer = answer.as_ref().map(|answer| match heard {
            false if waited => format!("{answer} (unheard)"),
            _ => answer.clone(),
        });
        Told { who, did, answer, fault: *fault, changes }
    }
}
