//! The protocol as Stateright sees it.

use std::sync::atomic::Ordering;

use stateright::{Model, Property};

use super::action::Action;
use super::protocol::{Protocol, Steps};
use super::world::World;
use crate::invariant::Invariant;

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize> Model
    for Protocol<P, W, G, S, L>
{
    type State = World<P, W, G, S, L>;
    type Action = Action;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.initial()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        if !self.stop.load(Ordering::Relaxed) && !self.was_judged_ruined(state) {
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

    fn properties(&self) -> Vec<Property<Self>> {
        self.checked.iter().map(|&invariant| property(invariant)).collect()
    }
}

/// The property of an invariant. Stateright takes only plain functions, hence the macro.
fn property<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    invariant: Invariant,
) -> Property<Protocol<P, W, G, S, L>> {
    macro_rules! always {
        ($($name:ident),+) => {
            match invariant {
                $(Invariant::$name => Property::always(
                    Invariant::$name.name(),
                    |protocol, world| protocol.holds(Invariant::$name, world),
                )),+
            }
        };
    }
    always!(S1, S2, S3, D1, D2, D3, L1, L2, L3, P1)
}
