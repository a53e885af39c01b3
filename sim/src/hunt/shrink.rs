//! Making a failing plan small: fewer faults, fewer processes, fewer events, still the same violation.

use crate::judge::{Breach, Violation};
use crate::plan::{ClockPlan, Hints, Millis, Plan, Process, Strike};
use crate::play::{Outcome, run};

/// A plan that was made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan that was found to break the same.
    pub plan: Plan,
    /// What came of it.
    pub outcome: Outcome,
    /// How many runs it took.
    pub runs: usize,
}

/// Shrinks a failing plan, within so many runs. `go_on` is asked before each.
pub fn shrink(
    plan: &Plan,
    failed: &Outcome,
    most: usize,
    mut go_on: impl FnMut(usize) -> bool,
) -> Option<Shrunk> {
    let breach = failed.violation.as_ref()?.breach;
    // What struck by chance is written down: from here on nothing is left to chance.
    let listed = Plan { strikes: Some(failed.strikes.clone()), ..plan.clone() };
    let best = (plan.clone(), failed.clone());
    let mut shrinking = Shrinking { breach, most, runs: 0, best };
    shrinking.tries(&listed);
    loop {
        let before = size(&shrinking.best.0);
        for pass in [
            ends_early,
            without_incidents,
            without_strikes,
            with_fewer,
            with_fewer_events,
            with_less,
        ] {
            if !go_on(shrinking.runs) || shrinking.is_over() {
                break;
            }
            pass(&mut shrinking);
        }
        let after = size(&shrinking.best.0);
        if after == before || shrinking.is_over() || !go_on(shrinking.runs) {
            break;
        }
    }
    let Shrinking { runs, best: (plan, outcome), .. } = shrinking;
    Some(Shrunk { plan, outcome, runs })
}

/// How much there is to a plan.
fn size(plan: &Plan) -> (usize, usize, usize, u64) {
    let faults = plan.incidents.len() + plan.strikes.as_ref().map_or(0, Vec::len);
    let processes = plan.producers.len() + plan.workers.len();
    let events = plan.producers.iter().map(|producer| usize::from(producer.events)).sum();
    (faults, processes, events, plan.heals.0)
}

struct Shrinking {
    breach: Breach,
    most: usize,
    runs: usize,
    best: (Plan, Outcome),
}

impl Shrinking {
    fn is_over(&self) -> bool {
        self.runs >= self.most
    }

    fn plan(&self) -> Plan {
        self.best.0.clone()
    }

    fn violation(&self) -> Option<Violation> {
        self.best.1.violation.clone()
    }

    /// Keeps a candidate if it breaks the same: with its own seed, or with another. What
    /// is taken away shifts everything behind it, and so a smaller plan may need other
    /// latencies to go wrong the same way.
    fn tries(&mut self, candidate: &Plan) -> bool {
        const SEEDS: u64 = 8;
        (0..SEEDS).any(|other| {
            let seed = candidate.seed.wrapping_add(other);
            !self.is_over() && self.breaks(&Plan { seed, ..candidate.clone() })
        })
    }

    fn breaks(&mut self, candidate: &Plan) -> bool {
        if candidate.validate().is_err() {
            return false;
        }
        self.runs += 1;
        let outcome = run(candidate);
        let same = outcome.violation.as_ref().is_some_and(|found| found.breach == self.breach);
        if same {
            self.best = (candidate.clone(), outcome);
        }
        same
    }

    /// Takes parts of a list away, large ones first, as long as the rest breaks the same.
    fn thin<T: Clone>(&mut self, list: impl Fn(&Plan) -> Vec<T>, with: impl Fn(&mut Plan, Vec<T>)) {
        let mut chunk = list(&self.plan()).len().max(1);
        while chunk > 0 && !self.is_over() {
            let mut from = 0;
            while from < list(&self.plan()).len() && !self.is_over() {
                let mut plan = self.plan();
                let mut rest = list(&plan);
                let until = (from + chunk).min(rest.len());
                rest.drain(from..until);
                with(&mut plan, rest);
                if !self.tries(&plan) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }
}

/// Nothing after the violation matters.
fn ends_early(shrinking: &mut Shrinking) {
    let Some(violation) = shrinking.violation() else { return };
    let mut plan = shrinking.plan();
    if plan.heals <= violation.at {
        return;
    }
    plan.heals = Millis(violation.at.0 + 1);
    plan.incidents.retain(|incident| incident.at <= violation.at);
    shrinking.tries(&plan);
}

fn without_incidents(shrinking: &mut Shrinking) {
    shrinking.thin(|plan| plan.incidents.clone(), |plan, rest| plan.incidents = rest);
}

fn without_strikes(shrinking: &mut Shrinking) {
    let listed = |plan: &Plan| plan.strikes.clone().unwrap_or_default();
    shrinking.thin(listed, |plan, rest| plan.strikes = Some(rest));
}

/// Fewer processes: those behind the one that goes move up, and what befell them with them.
fn with_fewer(shrinking: &mut Shrinking) {
    let count = |plan: &Plan| plan.producers.len() + plan.workers.len();
    let mut index = count(&shrinking.plan());
    while index > 0 && !shrinking.is_over() {
        index -= 1;
        let plan = shrinking.plan();
        if index < count(&plan)
            && let Some(fewer) = without(&plan, Process(index as u16))
        {
            shrinking.tries(&fewer);
        }
    }
}

fn without(plan: &Plan, gone: Process) -> Option<Plan> {
    let mut plan = plan.clone();
    let index = usize::from(gone.0);
    if index < plan.producers.len() {
        plan.producers.remove(index);
    } else {
        plan.workers.remove(index - plan.producers.len());
    }
    if plan.workers.is_empty() {
        return None;
    }
    // A group that nobody works for any more goes too: it would lack everything.
    let mut group = 0;
    while group < plan.groups {
        if plan.workers.iter().any(|worker| worker.group == group) {
            group += 1;
            continue;
        }
        plan.groups -= 1;
        let behind = plan.workers.iter_mut().filter(|worker| worker.group > group);
        behind.for_each(|worker| worker.group -= 1);
    }
    plan.clocks.remove(index);
    let moved = |process: Process| Process(process.0 - u16::from(process > gone));
    plan.incidents.retain(|incident| incident.happening.process() != Some(gone));
    for incident in &mut plan.incidents {
        incident.happening = incident.happening.of(moved);
    }
    if let Some(strikes) = &mut plan.strikes {
        strikes.retain(|strike| strike.process != gone);
        for strike in strikes {
            *strike = Strike { process: moved(strike.process), ..*strike };
        }
    }
    Some(plan)
}

/// Fewer events of each producer: half of them, or one.
fn with_fewer_events(shrinking: &mut Shrinking) {
    for index in 0..shrinking.plan().producers.len() {
        loop {
            let plan = shrinking.plan();
            let events = plan.producers[index].events;
            let fewer = [events / 2, events.saturating_sub(1)]
                .into_iter()
                .filter(|fewer| *fewer > 0 && *fewer < events);
            let found = fewer.into_iter().any(|fewer| {
                let mut plan = plan.clone();
                plan.producers[index].events = fewer;
                shrinking.tries(&plan)
            });
            if !found {
                break;
            }
        }
    }
}

/// Less of everything else, where it makes no difference.
fn with_less(shrinking: &mut Shrinking) {
    let changes: [fn(&mut Plan); 10] = [
        |plan| plan.producers.iter_mut().for_each(|producer| producer.batch = 1),
        |plan| plan.keys = 1,
        |plan| plan.partition_bits = Some(0),
        |plan| plan.sdk_retries = false,
        |plan| plan.workers.iter_mut().for_each(|worker| worker.fails = 0),
        |plan| plan.workers.iter_mut().for_each(|worker| worker.hints = Hints::None),
        |plan| plan.workers.iter_mut().for_each(|worker| worker.handling = Millis(0)),
        |plan| plan.producers.iter_mut().for_each(|producer| producer.pause = Millis(0)),
        |plan| plan.clocks.iter_mut().for_each(|clock| *clock = ClockPlan::default()),
        |plan| plan.trouble.ppm = 0,
    ];
    for change in changes {
        let mut plan = shrinking.plan();
        let before = plan.clone();
        change(&mut plan);
        if plan != before {
            shrinking.tries(&plan);
        }
    }
}
