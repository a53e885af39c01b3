//! Whether a plan can be run.

use super::incident::{Happening, Incident, Moment, OperatorAction};
use super::units::{Millis, Node};
use super::{PLAN_VERSION, Plan, PlanError};

/// The longest time in an incident: far beyond any run.
const LONGEST: Millis = Millis(24 * 3600 * 1000);

impl Plan {
    /// Checks that the plan can be run.
    ///
    /// # Errors
    /// If its parts contradict one another, or the version is another one.
    pub fn validate(&self) -> Result<(), PlanError> {
        let wrong = |what: String| Err(PlanError::Impossible(what));
        if self.version != PLAN_VERSION {
            return wrong(format!(
                "it has version {}, and this program runs version {PLAN_VERSION}",
                self.version
            ));
        }
        if self.clocks.len() != usize::from(self.nodes()) {
            return wrong(format!(
                "it has {} clocks, and needs {}: one for each producer, each worker, each reader and the \
                 operator",
                self.clocks.len(),
                self.nodes()
            ));
        }
        if let Some(what) = self.fault_of_twins() {
            return wrong(what);
        }
        if let Some(worker) = self.workers.iter().find(|worker| worker.group >= self.groups) {
            return wrong(format!(
                "a worker consumes for group {}, but `groups` is {}",
                worker.group, self.groups
            ));
        }
        if self.keys == 0 || self.partition_bits.is_some_and(|bits| bits > 6) {
            return wrong("`keys` must be at least 1, and `partition_bits` at most 6".to_owned());
        }
        if let Err(error) = self.config().rules() {
            return wrong(error.to_string());
        }
        if let Some(mutant) = self.mutant.filter(|mutant| !mutant.is_in_traffic()) {
            return wrong(format!(
                "the mutant {} exists in the checked model alone",
                mutant.name()
            ));
        }
        match self.fault_of_incidents().or_else(|| self.fault_of_script()) {
            Some(what) => wrong(what),
            None => Ok(()),
        }
    }

    /// What keeps a script from being followed, if the plan has one.
    fn fault_of_script(&self) -> Option<String> {
        let script = self.script.as_ref()?;
        let is_alone = self.incidents.is_empty()
            && self.trouble.ppm == 0
            && self.strikes.is_none()
            && self.readers.is_empty();
        if !is_alone {
            return Some(
                "a plan with a script has no incidents, no faults and no readers".to_owned(),
            );
        }
        if script.tick.0 == 0 || script.tick > LONGEST {
            return Some(format!("a tick of the script takes between 1 and {} ms", LONGEST.0));
        }
        let (producers, workers) = (self.producers.len(), self.workers.len());
        let acts = script.steps.iter().enumerate();
        let mut wrong = acts.filter_map(|(index, step)| {
            let (node, is_workers) = step.act.node()?;
            let of_workers = (producers..producers + workers).contains(&usize::from(node.0));
            let of_producers = usize::from(node.0) < producers;
            let can = match is_workers {
                None => of_producers || of_workers,
                Some(true) => of_workers,
                Some(false) => of_producers,
            };
            (!can).then(|| {
                format!("step {} of the script is not one of {}", index + 1, self.name(node))
            })
        });
        wrong.next()
    }

    fn fault_of_incidents(&self) -> Option<String> {
        let last = self.nodes() - 1;
        self.incidents.iter().find_map(|incident| {
            let Incident { at, happening, ambush } = incident;
            let (name, node) = (happening.name(), happening.node());
            let after = ambush.map(|ambush| ambush.after);
            let times = [Some(*at), after, happening.span(), happening.delay()];
            if let Happening::Operate { act: OperatorAction::Reset { keeps, .. } } = happening
                && *keeps > 100
            {
                return Some(format!("a reset keeps {keeps} percent, and 100 are all"));
            }
            if let Some(Millis(time)) = times.into_iter().flatten().find(|time| *time > LONGEST) {
                return Some(format!(
                    "`{name}` has a time of {time} ms, and a day, {LONGEST} ms, is the longest",
                    LONGEST = LONGEST.0,
                ));
            }
            match (node, ambush) {
                (Some(Node(index)), _) if index > last => {
                    Some(format!("an incident names process {index}, but the last one is {last}"))
                }
                (None, Some(_)) => Some(format!(
                    "`{name}` happens to no process, so there is no moment that it can wait for \
                     (`ambush`)"
                )),
                (Some(Node(index)), _) if self.locks_out_the_operator(*happening) => Some(format!(
                    "`{name}` happens to process {index}, and the operator cannot be locked out"
                )),
                (Some(node), Some(ambush)) if !self.comes_to(ambush.moment, node) => Some(format!(
                    "`{name}` waits for a moment that never comes to {} (`ambush`)",
                    self.name(node),
                )),
                _ => None,
            }
        })
    }

    fn locks_out_the_operator(&self, happening: Happening) -> bool {
        matches!(happening, Happening::LockOut { node, .. } if node == self.operator())
    }

    /// Whether a moment of the protocol can be one of this node.
    fn comes_to(&self, moment: Moment, node: Node) -> bool {
        let (producers, workers) = (self.producers.len(), self.workers.len());
        let index = usize::from(node.0);
        let (appends, consumes) =
            (index < producers, (producers..producers + workers).contains(&index));
        match moment {
            Moment::Raised => appends,
            Moment::Acquired | Moment::Asked | Moment::Checkpointed | Moment::CheckpointDelayed => {
                consumes
            }
            Moment::Read => !appends,
        }
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::super::incident::Ambush;
    use super::super::participants::{ReaderPlan, Reading, Scope};
    use super::super::profile::Profile;
    use super::*;

    /// What is said of a plan with an incident of this node, which waits for this moment.
    fn said(node: u16, moment: Option<Moment>, after: u64) -> Option<String> {
        let happening = Happening::Crash { node: Node(node), down: Millis(10) };
        said_of(happening, moment.map(|moment| Ambush { moment, after: Millis(after) }))
    }

    /// What is said of a plan with this incident.
    fn said_of(happening: Happening, ambush: Option<Ambush>) -> Option<String> {
        let mut plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        plan.readers.clear();
        plan.clocks.truncate(usize::from(plan.nodes()));
        plan.incidents = vec![Incident { at: Millis(5), happening, ambush }];
        plan.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn every_plan_that_is_drawn_can_be_run() {
        for profile in [Profile::Swarm, Profile::Calm, Profile::Hostile, Profile::Lambda] {
            for seed in 0..500 {
                let plan = profile.plan(seed, Design::RECOMMENDED);
                assert!(plan.validate().is_ok(), "{seed}: {:?}", plan.validate());
            }
        }
    }

    #[test]
    fn every_process_but_the_operator_is_locked_out() {
        let mut plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let reading = Reading::Again { pause: Millis(100) };
        plan.readers.push(ReaderPlan { scope: Scope::Everything, reading });
        plan.clocks.resize(usize::from(plan.nodes()), plan.clocks[0]);
        let operator = plan.operator();
        let mut said = |node| {
            let happening = Happening::LockOut { node, span: Millis(10) };
            plan.incidents = vec![Incident { at: Millis(5), happening, ambush: None }];
            plan.validate().err().map(|error| error.to_string())
        };
        for process in 0..operator.0 {
            assert_eq!(said(Node(process)), None);
        }
        let refused = said(operator).unwrap_or_default();
        assert!(refused.contains("the operator cannot be locked out"), "{refused}");
    }

    #[test]
    fn an_incident_waits_for_a_moment_of_its_own_process() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let (producer, worker) = (plan.producer(0).0, plan.worker(0).0);
        for (node, moment, comes) in [
            (producer, Moment::Raised, true),
            (producer, Moment::Acquired, false),
            (producer, Moment::Read, false),
            (worker, Moment::Raised, false),
            (worker, Moment::Acquired, true),
            (worker, Moment::Read, true),
            (producer, Moment::Asked, false),
            (worker, Moment::Asked, true),
            (worker, Moment::Checkpointed, true),
            (producer, Moment::CheckpointDelayed, false),
            (worker, Moment::CheckpointDelayed, true),
        ] {
            assert_eq!(said(node, Some(moment), 1).is_none(), comes, "{node} {moment:?}");
        }
        let said_of = |node, after| said(node, Some(Moment::Raised), after).unwrap_or_default();
        assert!(said_of(producer, u64::MAX).contains("a day"));
        assert!(said_of(99, 1).contains("names process 99"));
    }

    #[test]
    fn a_reset_keeps_at_most_all() {
        let said = |keeps| {
            let act = OperatorAction::Reset { group: 0, partition: 0, keeps, dies: None };
            said_of(Happening::Operate { act }, None)
        };
        assert_eq!(said(100), None);
        assert!(said(101).is_some_and(|why| why.contains("keeps 101 percent, and 100 are all")));
    }

    #[test]
    fn a_script_has_steps_of_its_own_processes_and_nothing_else_happens() {
        use super::super::{Act, Script, ScriptStep};
        let said = |act: Act, tick: u64, change: fn(&mut Plan)| {
            let mut plan = Profile::Calm.plan(0, Design::RECOMMENDED);
            plan.readers.clear();
            plan.clocks.truncate(usize::from(plan.nodes()));
            let steps = vec![ScriptStep { says: String::new(), act }];
            plan.script = Some(Script { tick: Millis(tick), steps });
            change(&mut plan);
            plan.validate().err().map(|error| error.to_string()).unwrap_or_default()
        };
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let (producer, worker) = (plan.producer(0), plan.worker(0));
        assert_eq!(said(Act::Take { node: worker }, 1, |_| {}), "");
        assert_eq!(said(Act::Restart { node: producer }, 1, |_| {}), "");
        let wrong = said(Act::Take { node: producer }, 1, |_| {});
        assert!(wrong.contains("step 1 of the script is not one of producer 1"), "{wrong}");
        let wrong = said(Act::Clock { node: Node(99) }, 1, |_| {});
        assert!(wrong.contains("step 1 of the script"), "{wrong}");
        assert!(said(Act::Tick, 0, |_| {}).contains("a tick of the script takes between 1 and"));
        let wrong = said(Act::Tick, 1, |plan| plan.trouble.ppm = 5);
        assert!(wrong.contains("no incidents, no faults and no readers"), "{wrong}");
    }
}
