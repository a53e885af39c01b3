//! How turns ended: what excuses that another turn delivers again what one had in hand (D2).

use std::collections::BTreeMap;

use gapless::{Live, Machine, Owner, Timestamp, Told};
use gapless_model::consume::{Consume, News, Outcome};
use gapless_model::store::Lease;
use gapless_model::{Epoch, Invariant, Rules};

use super::evidence::LeaseKey;
use super::judgement::{Finding, Judgement, broken};
use crate::plan::Node;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its process crashed, its run was dropped, or its handler failed for good.
    Interrupted,
    /// Its lease ended by its own clock, or was no longer its own.
    Lost,
    /// It took its lease for lost while it had it.
    TakenForLost,
    /// It gave up its lease.
    GaveUp,
    /// Its worker went on without it.
    Abandoned,
}

/// A turn that may still be at work, as it is since it was told something last.
struct OpenTurn {
    node: Node,
    key: LeaseKey,
    machine: Consume<Live>,
}

/// The turns of all workers.
pub(crate) struct Turns {
    rules: Rules<Live>,
    open: BTreeMap<Owner, OpenTurn>,
    /// How the turn of each epoch ended.
    ended: BTreeMap<(LeaseKey, Epoch), End>,
    /// What is broken if a turn that was overtaken turns out to have been abandoned before: its
    /// slots were delivered again before anything was seen of its end.
    suspected: BTreeMap<(LeaseKey, Epoch), Finding>,
}

impl Turns {
    pub(crate) fn new(rules: Rules<Live>) -> Turns {
        Turns { rules, open: BTreeMap::new(), ended: BTreeMap::new(), suspected: BTreeMap::new() }
    }

    /// Judges whether a machine may begin its work. A worker has one turn on a partition at a time,
    /// so one that has not ended was abandoned.
    pub(crate) fn judge_start(&mut self, node: Node, began: Machine<'_>) -> Judgement {
        let Machine::Turn { owner, group, partition, machine } = began else { return Ok(()) };
        let key = (group.clone(), partition.clone());
        let same = |turn: &OpenTurn| turn.node == node && turn.key == key;
        let judgement = self.end_all(|turn| same(turn).then_some(End::Abandoned));
        self.open.insert(owner.clone(), OpenTurn { node, key, machine: machine.clone() });
        judgement
    }

    /// Notes what a machine is about to be told. `lease` is the one in the table now.
    pub(crate) fn note_news(
        &mut self,
        whose: Machine<'_>,
        news: Told<'_>,
        lease: impl FnOnce(&LeaseKey) -> Option<Lease<Live>>,
    ) {
        let (Machine::Turn { owner, machine, .. }, Told::News(time, news)) = (whose, news) else {
            return;
        };
        let Some(turn) = self.open.get_mut(owner) else { return };
        // It is still at work, so it had its lease when that was taken.
        self.suspected.remove(&(turn.key.clone(), machine.epoch()));
        let (epoch, had_ended) = (machine.epoch(), is_lost_at(machine, &self.rules, time));
        turn.machine = machine.clone();
        turn.machine.tell(&self.rules, time, news.clone());
        let Some(outcome) = turn.machine.wants(&self.rules).done else {
            // Once it has released its lease, it may take another one.
            if turn.machine.epoch() != epoch {
                self.ended.insert((turn.key.clone(), epoch), End::GaveUp);
            }
            return;
        };
        let end = match outcome {
            Outcome::Lost if had_ended => End::Lost,
            Outcome::Lost => {
                let lease = lease(&turn.key);
                let has_it = lease.is_some_and(|lease| lease.active && lease.epoch == epoch);
                if has_it { End::TakenForLost } else { End::Lost }
            }
            Outcome::CaughtUp
            | Outcome::Busy
            | Outcome::Blocked
            | Outcome::GivenBack
            | Outcome::HandedOver => End::GaveUp,
        };
        self.ended.insert((turn.key.clone(), epoch), end);
        self.open.remove(owner);
    }

    /// Notes that a handler failed as often as it may: its turn is over, and what it had in hand is
    /// delivered again.
    pub(crate) fn note_failure(&mut self, node: Node, key: &LeaseKey) {
        let fails = |turn: &OpenTurn| turn.node == node && turn.key == *key;
        // Nothing is suspected of a turn that could not go on.
        let _ = self.end_all(|turn| fails(turn).then_some(End::Interrupted));
    }

    /// Notes that a node's process crashed, or that its worker's run was dropped.
    pub(crate) fn note_interruption(&mut self, node: Node) {
        // Nothing is suspected of a turn that could not go on.
        let _ = self.end_all(|turn| (turn.node == node).then_some(End::Interrupted));
    }

    /// Judges that the run of a node's worker came to its end, at this time of its clock. A run that
    /// fails, because the store did not answer for long or a handler failed for good, takes its turns
    /// with it wherever they are. Of one that ends well, every turn has ended, or has lost its lease
    /// without a look at its clock.
    pub(crate) fn judge_run_end(&mut self, node: Node, time: Timestamp, failed: bool) -> Judgement {
        let rules = self.rules;
        let how = |turn: &OpenTurn| match failed {
            true => End::Interrupted,
            false if is_lost_at(&turn.machine, &rules, time) => End::Lost,
            false => End::Abandoned,
        };
        self.end_all(|turn| (turn.node == node).then(|| how(turn)))
    }

    /// Whether the lease of one of a node's turns has ended by this time of its clock, and the turn has
    /// not looked since.
    pub(crate) fn has_outlived_lease(&self, node: Node, time: Timestamp) -> bool {
        let mut own = self.open.values().filter(|turn| turn.node == node);
        own.any(|turn| is_lost_at(&turn.machine, &self.rules, time))
    }

    /// Ends the turns for which `how` says how they ended. What was suspected of one is judged: it
    /// was abandoned after all, or not.
    fn end_all(&mut self, how: impl Fn(&OpenTurn) -> Option<End>) -> Judgement {
        let Turns { open, suspected, ended, .. } = self;
        let mut judgement = Ok(());
        open.retain(|_, turn| {
            let Some(end) = how(turn) else { return true };
            let which = (turn.key.clone(), turn.machine.epoch());
            if let (Some(finding), End::Abandoned) = (suspected.remove(&which), end) {
                judgement = broken(Invariant::D2, finding);
            }
            ended.insert(which, end);
            false
        });
        judgement
    }

    /// Judges that something was delivered again that the turn of an earlier epoch was given.
    /// `finding` says what that is, with how that turn ended. As long as nothing is known of its end,
    /// it is only suspected: it may stand still, or wait for an answer while its lease ends.
    pub(super) fn judge_overtaking(
        &mut self,
        key: &LeaseKey,
        epoch: Epoch,
        finding: impl FnOnce(&str) -> Finding,
    ) -> Judgement {
        let which = (key.clone(), epoch);
        let how = match self.ended.get(&which) {
            Some(End::Interrupted | End::Lost) => return Ok(()),
            Some(End::TakenForLost) => "took its lease for lost while it had it",
            Some(End::GaveUp) => "gave up its lease",
            Some(End::Abandoned) => Turns::ABANDONED,
            None => {
                self.suspected.insert(which, finding(Turns::ABANDONED));
                return Ok(());
            }
        };
        broken(Invariant::D2, finding(how))
    }

    /// Whether a turn that was overtaken has shown neither its end nor that it is at work.
    pub(crate) fn is_any_suspected(&self) -> bool {
        self.suspicion().is_some()
    }

    /// Judges that nothing more is to be seen of any turn, although everybody could have gone on
    /// for long: one that was overtaken and has not shown its end stands still for good.
    pub(crate) fn judge_silence(&self) -> Judgement {
        match self.suspicion() {
            Some(finding) => broken(Invariant::D2, finding.clone()),
            None => Ok(()),
        }
    }

    fn suspicion(&self) -> Option<&Finding> {
        let of = |turn: &OpenTurn| (turn.key.clone(), turn.machine.epoch());
        self.open.values().find_map(|turn| self.suspected.get(&of(turn)))
    }

    const ABANDONED: &str = "was left in the middle";
}

/// Whether a turn's lease has ended by its own clock.
fn is_lost_at(machine: &Consume<Live>, rules: &Rules<Live>, time: Timestamp) -> bool {
    let mut machine = machine.clone();
    let held = machine.holds_lease();
    machine.tell(rules, time, News::Time);
    held && machine.wants(rules).done == Some(Outcome::Lost)
}
