//! Changes a plan a little, as a hunt does with those that met something rare.

use super::Plan;
use super::dice::Dice;
use super::draw::clock_bound;
use super::fault::FAULTS;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::patience::patience;
use super::units::{Millis, Node};

/// The most incidents of a plan that was changed.
const MOST_INCIDENTS: usize = 24;

impl Plan {
    /// A plan like this one, with one to three things changed: what happens, when and to whom, which
    /// faults strike, how fast producers append. `seed` decides on the changes, and is the new plan's
    /// seed, so latencies, faults and the order of tasks are others in any case.
    pub(crate) fn mutated(&self, seed: u64) -> Plan {
        let mut dice = Dice::at(seed, &[31]);
        let mut plan = Plan { seed, ..self.clone() };
        for _ in 0..dice.between(1, 3) {
            let mut changed = plan.clone();
            changed.mutate(&mut dice);
            changed.incidents.sort_by_key(|incident| incident.at);
            changed.patience = patience(&changed);
            // A change that cannot be run is none.
            if changed.validate().is_ok() {
                plan = changed;
            }
        }
        plan
    }

    fn mutate(&mut self, dice: &mut Dice) {
        let most = self.profile.most_trouble();
        match dice.below(7) {
            0 => self.move_incident(dice),
            1 => self.repeat_incident(dice),
            2 => self.borrow_incident(dice),
            3 => self.wait_for_a_moment(dice),
            // Where there is no trouble, none begins.
            4 | 5 if self.trouble.ppm == 0 => {}
            4 => {
                let kind = dice.below(FAULTS.len() as u64) as usize;
                self.trouble.weights[kind] = if dice.percent(70) { 10 } else { 0 };
            }
            5 => self.trouble.ppm = dice.between(2_000, most.into()) as u32,
            _ => {
                let index = dice.below(self.producers.len() as u64) as usize;
                if let Some(producer) = self.producers.get_mut(index) {
                    producer.pause = Millis(dice.below(producer.pause.0 * 2 + 2));
                }
            }
        }
    }

    fn incident(&self, dice: &mut Dice) -> Option<usize> {
        let count = self.incidents.len() as u64;
        (count > 0).then(|| dice.below(count) as usize)
    }

    fn move_incident(&mut self, dice: &mut Dice) {
        let at = Millis(dice.between(50, self.heals.0));
        if let Some(index) = self.incident(dice) {
            self.incidents[index].at = at;
        }
    }

    /// Lets an incident happen once more, to another process of the same kind where it happens to one.
    fn repeat_incident(&mut self, dice: &mut Dice) {
        let at = Millis(dice.between(50, self.heals.0));
        if let Some(index) = self.incident(dice).filter(|_| self.incidents.len() < MOST_INCIDENTS) {
            let again = self.incidents[index];
            let drawn = dice.draw();
            let happening = again.happening.renumbered(|node| self.another_like(node, drawn));
            self.incidents.push(Incident { at, happening, ..again });
        }
    }

    /// A process of the same kind.
    fn another_like(&self, node: Node, drawn: u64) -> Node {
        let (producers, workers) = (self.producers.len() as u64, self.workers.len() as u64);
        let of = |first: u64, count: u64| Node((first + drawn % count.max(1)) as u16);
        match u64::from(node.0) {
            index if index < producers => of(0, producers),
            index if index < producers + workers => of(producers, workers),
            _ => of(producers + workers, self.readers.len() as u64),
        }
    }

    /// Takes over an incident of another plan that is drawn from the same family.
    fn borrow_incident(&mut self, dice: &mut Dice) {
        let other = self.profile.plan(dice.draw(), self.design);
        let Some(index) = other.incident(dice).filter(|_| self.incidents.len() < MOST_INCIDENTS)
        else {
            return;
        };
        let mut incident = other.incidents[index];
        incident.at = Millis(incident.at.0.min(self.heals.0));
        if let Happening::SetClock { offset, .. } = &mut incident.happening {
            // Clocks keep the bound of this plan, not that of the other one.
            let bound = clock_bound(self.profile, self.skew) as i64;
            *offset = (*offset).clamp(-bound, bound);
        }
        let others = other.producers.len() + other.workers.len();
        let is_readers = |node: Node| usize::from(node.0) >= others;
        if incident.happening.node().is_some_and(is_readers) && self.readers.is_empty() {
            return;
        }
        let happens_to = |node: Node| match usize::from(node.0) {
            index if index < other.producers.len() => self.another_like(Node(0), u64::from(node.0)),
            index if index < others => self.another_like(self.worker(0), u64::from(node.0)),
            _ => self.another_like(self.reader(0), u64::from(node.0)),
        };
        incident.happening = incident.happening.renumbered(happens_to);
        self.incidents.push(incident);
    }

    /// Lets an incident of a producer or a worker wait for a moment of the protocol.
    fn wait_for_a_moment(&mut self, dice: &mut Dice) {
        let Some(index) = self.incident(dice) else { return };
        let Some(node) = self.incidents[index].happening.node() else { return };
        let workers = self.producers.len()..self.producers.len() + self.workers.len();
        let moment = match usize::from(node.0) {
            index if index < workers.start => Moment::Raised,
            index if workers.contains(&index) => {
                let delayed = Moment::CheckpointDelayed;
                let (taken, moved) = (Moment::Acquired, Moment::Checkpointed);
                *dice.pick(&[taken, Moment::Read, Moment::Asked, moved, delayed])
            }
            _ => Moment::Read,
        };
        let after = Millis(if dice.percent(40) { 0 } else { dice.below(60) });
        self.incidents[index].ambush = Some(Ambush { moment, after });
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::super::profile::Profile;
    use super::*;

    #[test]
    fn nearly_every_change_can_be_run_and_keeps_what_the_profile_promises() {
        for profile in Profile::ALL {
            let mut plan = profile.plan(3, Design::RECOMMENDED);
            let mut changes = 0;
            for seed in 0..300 {
                let changed = plan.mutated(seed);
                changes += usize::from(Plan { seed, ..plan } != changed);
                plan = changed;
                assert!(plan.validate().is_ok(), "{profile} {seed}: {:?}", plan.validate());
                assert!(plan.incidents.len() <= MOST_INCIDENTS);
                assert!(plan.incidents.iter().all(|incident| incident.at <= plan.heals));
                assert!(plan.trouble.ppm <= profile.most_trouble());
                assert_eq!(plan.patience, patience(&plan));
                let bound = clock_bound(profile, plan.skew);
                for incident in &plan.incidents {
                    if let Happening::SetClock { offset, .. } = incident.happening {
                        assert!(offset.unsigned_abs() <= bound, "{profile} {seed}: {offset}");
                    }
                }
            }
            // Without faults little can be changed.
            let least = if profile == Profile::Calm { 50 } else { 200 };
            assert!(changes >= least, "{profile}: {changes} of 300 changes could be run");
        }
    }

    #[test]
    fn the_same_seed_changes_a_plan_in_the_same_way() {
        let plan = Profile::Swarm.plan(5, Design::RECOMMENDED);
        assert_eq!(plan.mutated(9), plan.mutated(9));
        assert_ne!(plan.mutated(9), plan.mutated(10));
    }
}
