//! Draws live twins: a second instance of a named producer, started while the first is at work.

use gapless_model::design::{Increment, Producer as ProducerAxis};

use super::Plan;
use super::dice::Dice;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::participants::{Appending, ProducerPlan, Twin};
use super::units::{Millis, Node};

/// Gives one named producer in four a twin. It has dice of its own, so that plans without one are as
/// they were before there were twins.
pub(super) fn add_twin(plan: &mut Plan, works: Millis) {
    let mut dice = Dice::at(plan.seed, &[16, plan.profile as u64]);
    let mut named = plan.producers.iter().map(|plan| plan.appending == Appending::Named);
    let Some(of) = named.position(|named| named) else { return };
    if !plan.has_names() || !dice.percent(25) {
        return;
    }
    let starts = Millis(works.0 * dice.between(10, 60) / 100);
    if dice.percent(40) {
        pause_older(plan, of, starts, &mut dice);
    }
    insert_twin(plan, Twin { of: of as u8, starts }, &mut dice);
}

/// Pauses the older instance between its number and its write while the other one starts: what it has
/// begun is settled by then, and it goes on.
fn pause_older(plan: &mut Plan, of: usize, starts: Millis, dice: &mut Dice) {
    let span = Millis(dice.between(200, 2_000 + plan.grace.0));
    let happening = Happening::Freeze { node: plan.producer(of), span };
    let ambush = Some(Ambush { moment: Moment::Raised, after: Millis(dice.below(40)) });
    plan.incidents.push(Incident { at: starts.minus(Millis(dice.below(600))), happening, ambush });
}

/// Inserts the process behind the other producers. The nodes behind it move up.
fn insert_twin(plan: &mut Plan, twin: Twin, dice: &mut Dice) {
    let ProducerPlan { appending, events, batch, pause, .. } = plan.producers[usize::from(twin.of)];
    // It catches up, and another build cuts its batches otherwise.
    let batch = if dice.percent(50) { batch } else { dice.between(1, 5) as u8 };
    let pause = Millis(pause.0 * dice.between(0, 60) / 100);
    let index = plan.producers.len();
    let moved = |node: Node| Node(node.0 + u16::from(usize::from(node.0) >= index));
    for incident in &mut plan.incidents {
        incident.happening = incident.happening.renumbered(moved);
    }
    plan.clocks.insert(index, plan.clocks[usize::from(twin.of)]);
    plan.producers.push(ProducerPlan { appending, events, batch, pause, twin: Some(twin) });
    if dice.percent(40) {
        let node = plan.producer(index);
        let down = Millis(dice.between(20, plan.lease.0));
        let at = Millis(twin.starts.0 + dice.below(2_000));
        plan.incidents.push(Incident {
            at,
            happening: Happening::Crash { node, down },
            ambush: dice.percent(50).then_some(Ambush { moment: Moment::Raised, after: Millis(0) }),
        });
    }
}

impl Plan {
    /// Whether producers append under names: whether the design has records of them.
    pub(crate) fn has_names(&self) -> bool {
        self.design.producer == ProducerAxis::Named && self.design.increment != Increment::None
    }

    /// The index of the producer whose input this one appends: its own, or that of which it is a twin.
    /// Without a name each instance has an input of its own.
    pub(crate) fn input_of(&self, index: usize) -> usize {
        let twin = self.producers[index].twin.filter(|_| self.has_names());
        twin.map_or(index, |twin| usize::from(twin.of))
    }

    /// Gives a producer and its twins so many events.
    pub(crate) fn set_events(&mut self, index: usize, events: u16) {
        let of = |index: usize, plan: &ProducerPlan| {
            plan.twin.map_or(index, |twin| usize::from(twin.of))
        };
        let input = of(index, &self.producers[index]);
        let all = self.producers.iter_mut().enumerate();
        for (_, plan) in all.filter(|(index, plan)| of(*index, plan) == input) {
            plan.events = events;
        }
    }

    /// What is wrong with its twins, if anything is.
    pub(super) fn fault_of_twins(&self) -> Option<String> {
        let mut twins = self.producers.iter().filter_map(|plan| Some((plan, plan.twin?)));
        let wrong = twins.find(|(plan, twin)| {
            let other = self.producers.get(usize::from(twin.of));
            let like = |other: &ProducerPlan| {
                let named = [plan, other].iter().all(|plan| plan.appending == Appending::Named);
                named && other.twin.is_none() && other.events == plan.events
            };
            !other.is_some_and(like)
        });
        let (_, Twin { of, .. }) = wrong?;
        Some(format!(
            "a producer is the `twin` of producer {of}, which is no named producer of as many events, \
             or a twin itself"
        ))
    }
}
