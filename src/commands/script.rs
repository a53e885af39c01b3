//! The steps of a counterexample as the simulation plays them.

use gapless_model::check::{Action, Decision, Process, Replayed};
use gapless_sim::{Act, Counterexample, Node, Plan, ScriptStep};

/// The plan that plays a counterexample step by step. The error says why it cannot be played so, in a
/// clause.
pub(super) fn plan(counterexample: &Counterexample, replayed: &Replayed) -> Result<Plan, String> {
    let bounds = &replayed.header.bounds;
    if bounds.partitions > 1 {
        return Err("its producers and workers are in several partitions".to_owned());
    }
    if bounds.groups > 1 {
        return Err("its workers consume for several groups each".to_owned());
    }
    let nodes = Nodes(counterexample);
    let steps = replayed.decisions.iter().map(|decision| nodes.step(decision));
    let plan = counterexample.scripted(bounds.skew, steps.collect::<Result<_, String>>()?);
    plan.validate().map_err(|error| error.to_string())?;
    Ok(plan)
}

/// Why the simulation cannot play what an operator does.
const OPERATOR: &str = "is an operator's, and the simulation has none that splits or merges";

/// The nodes that stand for the processes of the checked world.
struct Nodes<'a>(&'a Counterexample);

impl Nodes<'_> {
    /// The node of a process. The error says why there is none.
    fn of(&self, process: Process) -> Result<Node, &'static str> {
        Ok(match process {
            Process::Producer(run) => {
                let (index, second) = (run.first().0, run.is_second());
                self.0.scripted_producer(index, second)
            }
            Process::Worker(worker) => self.0.scripted_worker(worker.0),
            Process::Operator(_) => return Err(OPERATOR),
        })
    }

    fn step(&self, decision: &Decision) -> Result<ScriptStep, String> {
        let says = format!("{}: {}", decision.line.who, decision.line.did);
        let act = self.act(decision).map_err(|why| format!("step {} {why}", decision.line.step))?;
        Ok(ScriptStep { says, act })
    }

    /// What happens in a step. The error says why the simulation cannot play it.
    fn act(&self, decision: &Decision) -> Result<Act, &'static str> {
        let asks = || request(&decision.line.did);
        let worker = |worker| self.of(Process::Worker(worker));
        let producer = |run| self.of(Process::Producer(run));
        let applied = |applied: bool| applied.then(asks);
        Ok(match decision.action {
            Action::Send { process } if decision.line.answer.is_some() => {
                Act::Send { node: self.of(process)?, asks: asks() }
            }
            // A trigger.
            Action::Send { .. }
            | Action::LoseTrigger { .. }
            | Action::DuplicateTrigger { .. }
            | Action::Sweep { .. }
            // The plan has the longer input from the beginning.
            | Action::Lengthen { .. } => Act::Nothing,
            Action::LoseReply { process } => {
                Act::LoseReply { node: self.of(process)?, asks: asks() }
            }
            Action::Delay { process } => Act::Delay { node: self.of(process)?, asks: asks() },
            Action::Arrive { .. } => Act::Arrive { asks: asks() },
            Action::Depart { worker: sender } => {
                Act::Depart { node: worker(sender)?, asks: asks() }
            }
            Action::Land { worker: sender } => Act::Land { node: worker(sender)? },
            Action::Hear { worker: sender } => Act::Hear { node: worker(sender)? },
            Action::Crash { process, applied: last } => {
                Act::Crash { node: self.of(process)?, asks: applied(last) }
            }
            Action::Restart { producer: run } => Act::Restart { node: producer(run)? },
            Action::Twin { producer: run } => Act::Start { node: producer(run)? },
            Action::Take { worker: taker, .. } => Act::Take { node: worker(taker)? },
            Action::Deliver { worker: reader } => Act::Deliver { node: worker(reader)? },
            Action::Fail { worker: reader, .. } => Act::Fail { node: worker(reader)? },
            Action::Drop { worker: dropped, applied: last } => {
                Act::Drop { node: worker(dropped)?, asks: applied(last) }
            }
            Action::Clock { worker: reader } => Act::Clock { node: worker(reader)? },
            Action::Stop { worker: stopped } => Act::Stop { node: worker(stopped)? },
            Action::Tick => Act::Tick,
            Action::SetClock { worker: set, ahead } => {
                Act::SetClock { node: worker(set)?, ahead }
            }
            Action::Begin { .. } => {
                return Err("begins an append, with a batch or an expected position that the producer chose");
            }
            Action::Operate { .. } => return Err(OPERATOR),
            Action::StaleRead { .. } => {
                return Err("is a stale read, and in the simulation reads are stale by a length of time");
            }
        })
    }
}

/// The request in a step's words.
fn request(did: &str) -> String {
    let ends = [" (under way)", " (slow)", ", and crashes", ", and drops its turn"];
    let did = ends.iter().find_map(|end| did.strip_suffix(end)).unwrap_or(did);
    did.strip_prefix("late: ").unwrap_or(did).to_owned()
}

#[cfg(test)]
mod tests {
    use super::request;

    #[test]
    fn a_request_is_told_from_what_befalls_it() {
        for did in [
            "move the checkpoint to 1",
            "move the checkpoint to 1 (under way)",
            "move the checkpoint to 1 (slow)",
            "move the checkpoint to 1, and crashes",
            "move the checkpoint to 1, and drops its turn",
            "late: move the checkpoint to 1",
        ] {
            assert_eq!(request(did), "move the checkpoint to 1");
        }
    }
}
