//! Shrinks a failing plan: fewer faults, nodes and events that still break the same
//! invariant.

use crate::judge::{Breach, Violation};
use crate::plan::{ClockPlan, HintSource, Millis, Node, Plan, Strike};
use crate::play::{RunReport, run};

/// The result of shrinking a plan.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest plan found that breaks the same invariant.
    pub plan: Plan,
    /// The report on its run.
    pub report: RunReport,
    /// How many runs it took.
    pub runs: usize,
}

/// Shrinks a failing plan in at most `most` runs. `go_on` is called before each pass with
/// the number of runs so far, and ends the search by returning false. Returns nothing if
/// the plan doesn't fail, or if its run was given up.
pub fn shrink(
    plan: &Plan,
    failed: &RunReport,
    most: usize,
    mut go_on: impl FnMut(usize) -> bool,
) -> Option<Shrunk> {
    // A script is followed step by step, so none of it can be left out.
    if plan.script.is_some() {
        return None;
    }
    // A run that stood still would have to be waited for each time, and would leave a thread behind.
    let breach = failed.violation.as_ref().filter(|_| !failed.given_up)?.breach;
    // From here on the faults that struck are listed, and none is drawn.
    let listed = Plan { strikes: Some(failed.strikes.clone()), ..plan.clone() };
    let best = (plan.clone(), failed.clone());
    let mut shrinking = Shrinker { breach, most, runs: 0, best };
    shrinking.keep_if_it_breaks(&listed);
    loop {
        let before = size(&shrinking.best.0);
        for pass in [
            cut_after_violation,
            // What makes a run long goes first: the runs after that are shorter, and fewer faults
            // are left to try one by one.
            remove_nodes,
            reduce_events,
            remove_incidents,
            remove_strikes,
            pull_forward,
            simplify_rest,
        ] {
            if !go_on(shrinking.runs) || shrinking.is_exhausted() {
                break;
            }
            pass(&mut shrinking);
        }
        let after = size(&shrinking.best.0);
        if after == before || shrinking.is_exhausted() || !go_on(shrinking.runs) {
            break;
        }
    }
    let Shrinker { runs, best: (plan, report), .. } = shrinking;
    Some(Shrunk { plan, report, runs })
}

/// The size of a plan, for comparison.
fn size(plan: &Plan) -> (usize, usize, usize, u64) {
    let faults = plan.incidents.len() + plan.strikes.as_ref().map_or(0, Vec::len);
    let nodes = usize::from(plan.nodes());
    let events = plan.producers.iter().map(|producer| usize::from(producer.events)).sum();
    (faults, nodes, events, plan.heals.0)
}

struct Shrinker {
    breach: Breach,
    most: usize,
    runs: usize,
    best: (Plan, RunReport),
}

impl Shrinker {
    fn is_exhausted(&self) -> bool {
        self.runs >= self.most
    }

    fn plan(&self) -> Plan {
        self.best.0.clone()
    }

    fn violation(&self) -> Option<Violation> {
        self.best.1.violation.clone()
    }

    /// Keeps a candidate if it breaks the same invariant, with its own seed or with one of the
    /// next few: whatever is removed shifts everything after it, so a smaller plan may need
    /// other latencies to fail in the same way.
    fn keep_if_it_breaks(&mut self, candidate: &Plan) -> bool {
        const SEEDS: u64 = 8;
        (0..SEEDS).any(|other| {
            let seed = candidate.seed.wrapping_add(other);
            !self.is_exhausted() && self.breaks_the_same(&Plan { seed, ..candidate.clone() })
        })
    }

    fn breaks_the_same(&mut self, candidate: &Plan) -> bool {
        if candidate.validate().is_err() {
            return false;
        }
        self.runs += 1;
        let report = run(candidate);
        let same = report.violation.as_ref().is_some_and(|found| found.breach == self.breach);
        if same {
            self.best = (candidate.clone(), report);
        }
        same
    }

    /// Removes chunks of a list, large ones first, as long as the rest breaks the same
    /// invariant.
    fn remove_chunks<T: Clone>(
        &mut self,
        list: impl Fn(&Plan) -> Vec<T>,
        with: impl Fn(&mut Plan, Vec<T>),
    ) {
        let mut chunk = list(&self.plan()).len().max(1);
        while chunk > 0 && !self.is_exhausted() {
            let mut from = 0;
            while from < list(&self.plan()).len() && !self.is_exhausted() {
                let mut plan = self.plan();
                let mut rest = list(&plan);
                let until = (from + chunk).min(rest.len());
                rest.drain(from..until);
                with(&mut plan, rest);
                if !self.keep_if_it_breaks(&plan) {
                    from += chunk;
                }
            }
            chunk /= 2;
        }
    }
}

/// Ends the plan at its violation: nothing after it matters.
fn cut_after_violation(shrinking: &mut Shrinker) {
    let Some(violation) = shrinking.violation() else { return };
    let mut plan = shrinking.plan();
    if plan.heals <= violation.at {
        return;
    }
    plan.heals = Millis(violation.at.0 + 1);
    plan.incidents.retain(|incident| incident.at <= violation.at);
    shrinking.keep_if_it_breaks(&plan);
}

fn remove_incidents(shrinking: &mut Shrinker) {
    shrinking.remove_chunks(|plan| plan.incidents.clone(), |plan, rest| plan.incidents = rest);
}

fn remove_strikes(shrinking: &mut Shrinker) {
    let listed = |plan: &Plan| plan.strikes.clone().unwrap_or_default();
    shrinking.remove_chunks(listed, |plan, rest| plan.strikes = Some(rest));
}

/// Removes producers, workers and readers. The nodes after a removed one move up, and their
/// incidents and faults with them.
fn remove_nodes(shrinking: &mut Shrinker) {
    let count = |plan: &Plan| usize::from(plan.nodes() - 1);
    let mut index = count(&shrinking.plan());
    while index > 0 && !shrinking.is_exhausted() {
        index -= 1;
        let plan = shrinking.plan();
        if index < count(&plan)
            && let Some(fewer) = without_node(&plan, Node(index as u16))
        {
            shrinking.keep_if_it_breaks(&fewer);
        }
    }
}

fn without_node(plan: &Plan, gone: Node) -> Option<Plan> {
    let mut plan = plan.clone();
    let index = usize::from(gone.0);
    if index < plan.producers.len() {
        plan.producers.remove(index);
        plan.producers.iter_mut().for_each(|producer| producer.lose(index));
    } else {
        let index = index - plan.producers.len();
        match index.checked_sub(plan.workers.len()) {
            Some(reader) => drop(plan.readers.remove(reader)),
            None => drop(plan.workers.remove(index)),
        }
    }
    if plan.workers.is_empty() {
        return None;
    }
    // A group without workers goes as well: nothing would ever be delivered to it.
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
    let moved = |node: Node| Node(node.0 - u16::from(node > gone));
    plan.incidents.retain(|incident| incident.happening.node() != Some(gone));
    for incident in &mut plan.incidents {
        incident.happening = incident.happening.renumbered(moved);
    }
    if let Some(strikes) = &mut plan.strikes {
        strikes.retain(|strike| strike.node != gone);
        for strike in strikes {
            *strike = Strike { node: moved(strike.node), ..*strike };
        }
    }
    Some(plan)
}

/// Reduces the events of each producer: to one, to a quarter, by half or by one. Where all of them at
/// once no longer do it, they are spread over the run, up to the end of trouble.
fn reduce_events(shrinking: &mut Shrinker) {
    for index in 0..shrinking.plan().producers.len() {
        loop {
            let (plan, violation) = (shrinking.plan(), shrinking.violation());
            // A violation of P1 comes long after trouble has ended. Producers that take until then would
            // be one by themselves.
            let ends = violation.map_or(plan.heals, |violation| violation.at.min(plan.heals));
            let events = plan.producers[index].events;
            let spread = |fewer: u16| Some(Millis(ends.0 / u64::from(fewer)));
            let at_once = fewer_events(events).map(|fewer| (fewer, None));
            let over_the_run = fewer_events(events).map(|fewer| (fewer, spread(fewer)));
            let found = at_once.chain(over_the_run).any(|(fewer, pause)| {
                let mut plan = plan.clone();
                plan.set_events(index, fewer);
                plan.producers[index].pause = pause.unwrap_or(plan.producers[index].pause);
                shrinking.keep_if_it_breaks(&plan)
            });
            if !found {
                break;
            }
        }
    }
}

fn fewer_events(events: u16) -> impl Iterator<Item = u16> + Clone {
    let fewer = [1, events / 4, events / 2, events.saturating_sub(1)];
    fewer.into_iter().filter(move |fewer| *fewer > 0 && *fewer < events)
}

/// Leaves out a producer's first events, and lets the faults that strike it come as much earlier.
/// They are bound to attempts by number, so that without this the events before them would stay.
fn pull_forward(shrinking: &mut Shrinker) {
    /// With more faults than these, every candidate would miss some of them.
    const FEW: usize = 4;
    for index in 0..shrinking.plan().producers.len() {
        loop {
            let plan = shrinking.plan();
            let node = plan.producer(index);
            let own = plan.strikes.iter().flatten().filter(|strike| strike.node == node);
            let (count, first) = (own.clone().count(), own.map(|strike| strike.attempt).min());
            let Some(first) = first.filter(|first| *first > 0 && count <= FEW) else { break };
            let fewer = fewer_events(plan.producers[index].events);
            let found = [first, first - first / 4, first / 2, first / 4]
                .into_iter()
                .filter(|by| *by > 0)
                .flat_map(|by| fewer.clone().map(move |fewer| (by, fewer)))
                .any(|(by, fewer)| shrinking.keep_if_it_breaks(&sooner(&plan, index, by, fewer)));
            if !found {
                break;
            }
        }
    }
}

/// A plan with fewer events of a producer, and with its faults so many attempts sooner.
fn sooner(plan: &Plan, index: usize, by: u32, fewer: u16) -> Plan {
    let (mut plan, node) = (plan.clone(), plan.producer(index));
    plan.set_events(index, fewer);
    let own = plan.strikes.iter_mut().flatten().filter(|strike| strike.node == node);
    own.for_each(|strike| strike.attempt -= by);
    plan
}

/// Simplifies everything else where it makes no difference.
fn simplify_rest(shrinking: &mut Shrinker) {
    let changes: [fn(&mut Plan); 10] = [
        |plan| plan.producers.iter_mut().for_each(|producer| producer.batch = 1),
        |plan| plan.keys = 1,
        |plan| plan.partition_bits = Some(0),
        |plan| plan.sdk_retries = false,
        |plan| plan.workers.iter_mut().for_each(|worker| worker.fails = 0),
        |plan| plan.workers.iter_mut().for_each(|worker| worker.hints = HintSource::None),
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
            shrinking.keep_if_it_breaks(&plan);
        }
    }
}
