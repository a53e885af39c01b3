//! Refinement of processes: each does what its machine wants, and tells its machine
//! what is so.
//!
//! Beside every machine at work stands a copy that is told the same. A request that
//! the copy does not want, a reply that the store never gave to it, or a machine whose
//! state is another than the copy's, is a violation.

use std::collections::{BTreeSet, HashMap};

use gapless::{Group, Live, Machine, Owner, Token, Told};
use gapless_model::append::{Append, Want};
use gapless_model::consume::{Consume, News};
use gapless_model::store::{Reply, Request};
use gapless_model::{PartitionId, Rules};

use super::{Breach, Life, Verdict};
use crate::plan::Process;

type Turn = (Owner, Group, PartitionId);

/// The copies.
pub(crate) struct Machines {
    rules: Rules<Live>,
    appends: HashMap<(Process, Life), Append<Live>>,
    turns: HashMap<Turn, Consume<Live>>,
    /// What the store answered to each process's requests.
    answers: HashMap<Process, HashMap<Request<Live>, Vec<Reply<Live>>>>,
    seen: BTreeSet<&'static str>,
}

fn machine(what: String) -> Verdict {
    Err((Breach::Machine, what))
}

impl Machines {
    pub(crate) fn new(rules: Rules<Live>) -> Machines {
        Machines {
            rules,
            appends: HashMap::new(),
            turns: HashMap::new(),
            answers: HashMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// What machines were seen to do, for the coverage marks.
    pub(crate) fn seen(&self) -> &BTreeSet<&'static str> {
        &self.seen
    }

    /// The store answered a request of a process, whether the answer arrives or not.
    pub(crate) fn answered(
        &mut self,
        process: Process,
        request: &Request<Live>,
        reply: &Reply<Live>,
    ) {
        let answers = self.answers.entry(process).or_default().entry(request.clone()).or_default();
        if !answers.contains(reply) {
            answers.push(reply.clone());
        }
    }

    /// A machine takes up its work, or goes on with it.
    pub(crate) fn began(&mut self, process: Process, life: u32, began: Machine<'_>) -> Verdict {
        match began {
            Machine::Append { token, machine: now } => {
                let key = (process, (token.clone(), life));
                match self.appends.get(&key) {
                    Some(copy) if copy != now => machine(format!(
                        "append {token} goes on in another state than it was left in"
                    )),
                    Some(_) => Ok(()),
                    None => {
                        self.appends.insert(key, now.clone());
                        Ok(())
                    }
                }
            }
            Machine::Turn { owner, group, partition, machine: now } => {
                let key = (owner.clone(), group.clone(), partition.clone());
                self.turns.insert(key, now.clone());
                Ok(())
            }
            other => machine(format!("no copy stands beside {other:?}")),
        }
    }

    /// A machine, as it is now, is told this next.
    pub(crate) fn told(
        &mut self,
        process: Process,
        life: u32,
        whose: Machine<'_>,
        news: Told<'_>,
    ) -> Verdict {
        match whose {
            Machine::Append { token, machine: now } => {
                self.append_told(process, (token.clone(), life), now, news)
            }
            Machine::Turn { owner, group, partition, machine: now } => {
                let key = (owner.clone(), group.clone(), partition.clone());
                self.turn_told(process, &key, now, news)
            }
            other => machine(format!("no copy stands beside {other:?}")),
        }
    }

    fn append_told(
        &mut self,
        process: Process,
        life: Life,
        now: &Append<Live>,
        news: Told<'_>,
    ) -> Verdict {
        let Some(copy) = self.appends.get_mut(&(process, life.clone())) else {
            return machine(format!("append {} was never begun", life.0));
        };
        if copy != now {
            return machine(format!("append {} is in another state than it was told into", life.0));
        }
        match (news, copy.wants(&self.rules)) {
            (Told::Answer(reply), Want::Store(request)) => {
                truthful(&self.answers, process, &request, reply)?;
                self.seen.extend(marked(&request, reply));
                copy.tell(&self.rules, reply.clone());
                Ok(())
            }
            (Told::Notified, Want::Trigger) => {
                copy.notified();
                Ok(())
            }
            (news, wants) => {
                machine(format!("append {} wants {wants:?} and is told {news:?}", life.0))
            }
        }
    }

    fn turn_told(
        &mut self,
        process: Process,
        key: &Turn,
        now: &Consume<Live>,
        news: Told<'_>,
    ) -> Verdict {
        let (owner, _, partition) = key;
        let whose = format!("the turn of {owner} on {partition}");
        let Some(copy) = self.turns.get_mut(key) else {
            return machine(format!("{whose} was never begun"));
        };
        if copy != now {
            return machine(format!("{whose} is in another state than it was told into"));
        }
        let Told::News(at, news) = news else {
            return machine(format!("{whose} is told what only an append is told"));
        };
        let wants = copy.wants(&self.rules);
        let wanted = match news {
            News::Reply(reply) => match wants.store {
                Some(request) => {
                    truthful(&self.answers, process, &request, reply)?;
                    self.seen.extend(marked(&request, reply));
                    true
                }
                None => false,
            },
            News::Handled => wants.deliver.is_some(),
            News::Triggered => wants.trigger,
            News::Time => true,
            News::Stop => copy.may_stop(),
        };
        if !wanted {
            return machine(format!("{whose} is told {news:?}, which it does not wait for"));
        }
        copy.tell(&self.rules, at, news.clone());
        Ok(())
    }

    /// A process sent a request and heard of it, or gave up: its machine must want it.
    pub(crate) fn decided(
        &self,
        process: Process,
        life: u32,
        who: &str,
        request: &Request<Live>,
    ) -> Verdict {
        if let Some(copy) = self.appends.get(&(process, (Token::from(who), life))) {
            return match copy.wants(&self.rules) {
                Want::Store(wanted) if wanted == *request => Ok(()),
                wanted => machine(format!("append {who} sent {request:?} and wants {wanted:?}")),
            };
        }
        let owner = Owner::from(who);
        let of_partition = |turn: &Turn| turn.0 == owner && turn.2 == *request.partition();
        let Some((_, copy)) = self.turns.iter().find(|(turn, _)| of_partition(turn)) else {
            // A claim, an audit: nothing that a copy stands beside.
            return match request.group() {
                None => Ok(()),
                Some(_) => machine(format!("{who} sent {request:?} outside of any turn")),
            };
        };
        match copy.wants(&self.rules).store {
            Some(wanted) if wanted == *request => Ok(()),
            wanted => machine(format!("{who} sent {request:?}, and its turn wants {wanted:?}")),
        }
    }
}

/// Whether the store ever gave this answer to that request.
fn truthful(
    answers: &HashMap<Process, HashMap<Request<Live>, Vec<Reply<Live>>>>,
    process: Process,
    request: &Request<Live>,
    reply: &Reply<Live>,
) -> Verdict {
    let given = |request: &Request<Live>| {
        let replies = answers.get(&process).and_then(|answers| answers.get(request));
        replies.is_some_and(|replies| replies.contains(reply))
    };
    // A page that was read ahead is consistent, also where the design does not ask for that.
    let consistent = match request {
        Request::ReadEvents { partition, after, consistent: false } => Some(Request::ReadEvents {
            partition: partition.clone(),
            after: *after,
            consistent: true,
        }),
        _ => None,
    };
    if given(request) || consistent.as_ref().is_some_and(given) {
        return Ok(());
    }
    machine(format!("{request:?} is told to be answered {reply:?}, and the store never said so"))
}

/// Places that some run must reach.
fn marked(request: &Request<Live>, reply: &Reply<Live>) -> Option<&'static str> {
    match (request, reply) {
        (Request::Write(write), Reply::Taken(gapless_model::store::Slot::Events { token, .. }))
            if *token == write.token =>
        {
            Some("a writer finds its own write")
        }
        (Request::Write(_), Reply::Taken(gapless_model::store::Slot::Void)) => {
            Some("a writer finds its slot voided")
        }
        (Request::Void { .. }, Reply::Written) => Some("a gap is voided"),
        (Request::Void { .. }, Reply::Taken(_)) => Some("a void comes after the write"),
        (Request::ReadSlot { .. }, Reply::Slot(gapless_model::store::Slot::Empty)) => {
            Some("a rerun finds its predecessor's slot empty")
        }
        (Request::ReadSlot { .. }, Reply::Slot(_)) => {
            Some("a rerun finds its predecessor's slot taken")
        }
        (Request::Acquire { .. }, Reply::Refused { .. }) => Some("a lease is held by another"),
        (Request::Acquire { .. }, Reply::Leased(lease)) if lease.epoch.0 > 1 => {
            Some("a lease is taken over")
        }
        (Request::Renew { .. }, Reply::Leased(_)) => Some("a lease is renewed"),
        (Request::Checkpoint { .. }, Reply::Refused { .. }) => Some("a checkpoint is refused"),
        (Request::Release { .. }, Reply::Released) => Some("a lease is released"),
        (Request::Release { .. }, Reply::Refused { taken: true, .. }) => {
            Some("a release finds the next slot taken")
        }
        (Request::Raise(_), Reply::NotRaised(_)) => Some("an increment is refused"),
        _ => None,
    }
}
