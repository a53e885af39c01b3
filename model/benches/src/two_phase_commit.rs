//! Two-phase commit, the yardstick that Stateright's own examples use.
//!
//! It is written here anew from the specification by Gray and Lamport. Its number of states (8,832
//! with five participants) says that it is the same model; the comparison looks at that number first.

use std::collections::BTreeSet;

use stateright::{Model, Property};

/// What a participant has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Participant {
    Working,
    Prepared,
    Committed,
    Aborted,
}

/// What was said. Nothing that was said is ever unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    Prepared(usize),
    Commit,
    Abort,
}

/// The participants, the manager of the transaction, and the messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    participants: Vec<Participant>,
    decided: Option<bool>,
    heard: Vec<bool>,
    said: BTreeSet<Said>,
}

/// A step of the manager or of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Hear(usize),
    Decide(bool),
    Prepare(usize),
    GiveUp(usize),
    Follow(usize, bool),
}

/// The protocol with a number of participants.
pub struct System(pub usize);

impl Model for System {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            participants: vec![Participant::Working; self.0],
            decided: None,
            heard: vec![false; self.0],
            said: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let undecided = state.decided.is_none();
        if undecided && state.heard.iter().all(|heard| *heard) {
            steps.push(Step::Decide(true));
        }
        if undecided {
            steps.push(Step::Decide(false));
        }
        for who in 0..self.0 {
            if undecided && state.said.contains(&Said::Prepared(who)) {
                steps.push(Step::Hear(who));
            }
            if state.participants[who] == Participant::Working {
                steps.extend([Step::Prepare(who), Step::GiveUp(who)]);
            }
            if state.said.contains(&Said::Commit) {
                steps.push(Step::Follow(who, true));
            }
            if state.said.contains(&Said::Abort) {
                steps.push(Step::Follow(who, false));
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Hear(who) => state.heard[who] = true,
            Step::Decide(commit) => {
                state.decided = Some(commit);
                state.said.insert(if commit { Said::Commit } else { Said::Abort });
            }
            Step::Prepare(who) => {
                state.participants[who] = Participant::Prepared;
                state.said.insert(Said::Prepared(who));
            }
            Step::GiveUp(who) => state.participants[who] = Participant::Aborted,
            Step::Follow(who, commit) => {
                state.participants[who] =
                    if commit { Participant::Committed } else { Participant::Aborted };
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |_, state: &State| {
            let any = |wanted| state.participants.contains(&wanted);
            !(any(Participant::Aborted) && any(Participant::Committed))
        })]
    }
}
