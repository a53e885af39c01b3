//! The states that can be reached, by number, and what their steps come to.

use std::collections::HashMap;

use super::super::components::components;

/// States by number, and the steps between them.
#[derive(Default)]
pub(super) struct Graph {
    /// For each state, the states that its steps lead to, and the numbers of their labels.
    edges: Vec<Vec<(usize, usize)>>,
    labels: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Graph {
    /// How many states have their steps.
    pub(super) fn states(&self) -> usize {
        self.edges.len()
    }

    /// Adds the steps of the next state.
    pub(super) fn push(&mut self, edges: Vec<(usize, usize)>) {
        self.edges.push(edges);
    }

    /// The number of a label.
    pub(super) fn label(&mut self, label: String) -> usize {
        if let Some(&number) = self.numbers.get(&label) {
            return number;
        }
        self.numbers.insert(label.clone(), self.labels.len());
        self.labels.push(label);
        self.labels.len() - 1
    }

    /// For each state, whether no step leads to a state from which there is no way back to it.
    pub(super) fn ends(&self) -> Vec<bool> {
        let component = components(self.edges.len(), |state, edge| {
            self.edges[state].get(edge).map(|&(target, _)| target)
        });
        let mut leaves = vec![false; self.edges.len()];
        for (state, edges) in self.edges.iter().enumerate() {
            let outside = |&(target, _): &(usize, usize)| component[target] != component[state];
            leaves[component[state] as usize] |= edges.iter().any(outside);
        }
        component.into_iter().map(|component| !leaves[component as usize]).collect()
    }

    /// How many states have no step, the steps that are repeated for ever, and the others.
    pub(super) fn steps(&self, ends: &[bool]) -> (usize, Vec<String>, Vec<String>) {
        let (mut repeated, mut passing) =
            (vec![false; self.labels.len()], vec![false; self.labels.len()]);
        for (state, edges) in self.edges.iter().enumerate() {
            let kept = if ends[state] { &mut repeated } else { &mut passing };
            edges.iter().for_each(|&(_, label)| kept[label] = true);
        }
        let chosen = |kept: &dyn Fn(usize) -> bool| -> Vec<String> {
            let labels = self.labels.iter().enumerate().filter(|(index, _)| kept(*index));
            labels.map(|(_, label)| label.clone()).collect()
        };
        let dead_ends = self.edges.iter().filter(|edges| edges.is_empty()).count();
        (
            dead_ends,
            chosen(&|label| repeated[label]),
            chosen(&|label| passing[label] && !repeated[label]),
        )
    }
}
