//! The protocol as Stateright sees it: the reference for the engine, and the model of the Explorer.

use stateright::{Model, Property};

use super::action::Action;
use super::protocol::Protocol;
use super::steps::Steps;
use super::world::World;
use crate::invariant::Invariant;

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        if !self.is_ruined(state) {
            self.steps(state, Steps::All, &mut |action| actions.push(action));
        }
    }

    fn next_state(&self, last: &Self::State, action: Self::Action) -> Option<Self::State> {
        self.step(last, action)
    }

    fn format_action(&self, action: &Self::Action) -> String {
        action.to_string()
    }

    fn format_step(&self, last: &Self::State, action: Self::Action) -> Option<String> {
        let next = self.step(last, action)?;
        let words = self.words(last, action);
        let answer = words.answer.map_or(String::new(), |answer| format!("\n  -> {answer}"));
        Some(format!("{}: {}{answer}\n\n{}", words.who, words.did, self.summary(&next)))
    }

    /// Every invariant but P1, which no predicate of a single state can judge.
    fn properties(&self) -> Vec<Property<Self>> {
        let safety = self.checked.iter().filter(|invariant| **invariant != Invariant::P1);
        safety.map(|&invariant| property(invariant)).collect()
    }
}

/// The property of an invariant. Stateright takes only plain functions, hence the macro.
fn property(invariant: Invariant) -> Property<Protocol> {
    macro_rules! always {
        ($($name:ident),+) => {
            match invariant {
                $(Invariant::$name => Property::always(
                    Invariant::$name.name(),
                    |protocol, world| protocol.judge(Invariant::$name, world),
                )),+
            }
        };
    }
    always!(S1, S2, S3, S4, D1, D2, D3, D4, L1, L2, L3, P1, P2)
}
