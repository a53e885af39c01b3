//! Refinement of the adapter: each node does what its machine wants, and tells it the truth.
//!
//! For every machine at work there is a copy that is told the same. It is a violation if a
//! node sends a request that the copy does not want, reports a reply that the store never
//! gave, or has a machine in another state than the copy.

use std::collections::{BTreeSet, HashMap};

use gapless::{Group, Live, Machine, Owner, Token, Told};
use gapless_model::append::{Append, Want};
use gapless_model::consume::{Consume, News};
use gapless_model::store::{Reply, Request, reply_words};
use gapless_model::{PartitionId, Rules};

use super::words;
use crate::plan::Node;

/// An append's token, and the life of the node that began it.
type AppendKey = (Token, u32);

/// The copy of a turn, and what the turn is for.
struct TurnCopy {
    group: Group,
    partition: PartitionId,
    machine: Consume<Live>,
}

/// The copies of all machines at work.
pub(crate) struct Machines {
    rules: Rules<Live>,
    appends: HashMap<(Node, AppendKey), Append<Live>>,
    turns: HashMap<Owner, TurnCopy>,
    /// The store's replies to each node's requests.
    replies: HashMap<Node, HashMap<Request<Live>, Vec<Reply<Live>>>>,
    marks: BTreeSet<&'static str>,
}

/// What is wrong with what a node did, as what follows its name in a sentence; or nothing.
pub(crate) type Doubt = Result<(), String>;

fn doubt(did: String) -> Doubt {
    Err(did)
}

/// An append by the first digits of its token.
fn append_name(token: &Token) -> String {
    let token = token.to_string();
    format!("append {}", token.get(..8).unwrap_or(&token))
}

fn want_words(want: &Want<Live>) -> String {
    match want {
        Want::Store(request) => format!("wants to {}", words::request(request)),
        Want::Trigger => "wants to send a trigger".to_owned(),
        Want::Nothing => "wants nothing more".to_owned(),
    }
}

fn news_words(news: &News<Live>) -> String {
    match news {
        News::Reply(reply) => format!("the reply \"{}\"", reply_words(reply)),
        News::Handled => "that its delivery is handled".to_owned(),
        News::Triggered => "that its trigger is sent".to_owned(),
        News::Time => "the time".to_owned(),
        News::Stop => "to stop".to_owned(),
    }
}

fn told_words(told: &Told<'_>) -> String {
    match told {
        Told::Answer(reply) => format!("the reply \"{}\"", reply_words(reply)),
        Told::Notified => "that its trigger is sent".to_owned(),
        Told::News(_, news) => news_words(news),
        _ => "something else".to_owned(),
    }
}

impl Machines {
    pub(crate) fn new(rules: Rules<Live>) -> Machines {
        Machines {
            rules,
            appends: HashMap::new(),
            turns: HashMap::new(),
            replies: HashMap::new(),
            marks: BTreeSet::new(),
        }
    }

    /// The coverage marks that machines have reached.
    pub(crate) fn marks(&self) -> &BTreeSet<&'static str> {
        &self.marks
    }

    /// Notes the store's reply to a request of a node, whether it arrives or not.
    pub(crate) fn note_reply(&mut self, node: Node, request: &Request<Live>, reply: &Reply<Live>) {
        let answers = self.replies.entry(node).or_default().entry(request.clone()).or_default();
        if !answers.contains(reply) {
            answers.push(reply.clone());
        }
    }

    /// Judges a machine that begins its work or resumes it.
    pub(crate) fn judge_start(&mut self, node: Node, life: u32, began: Machine<'_>) -> Doubt {
        match began {
            Machine::Append { token, machine: now } => {
                let key = (node, (token.clone(), life));
                match self.appends.get(&key) {
                    Some(copy) if copy != now => doubt(format!(
                        "resumed {} in another state than it was left in",
                        append_name(token)
                    )),
                    Some(_) => Ok(()),
                    None => {
                        self.appends.insert(key, now.clone());
                        Ok(())
                    }
                }
            }
            Machine::Turn { owner, group, partition, machine: now } => {
                let (group, partition) = (group.clone(), partition.clone());
                let copy = TurnCopy { group, partition, machine: now.clone() };
                match self.turns.insert(owner.clone(), copy) {
                    Some(_) => doubt(format!("began a second turn under the name {owner}")),
                    None => Ok(()),
                }
            }
            other => doubt(format!("runs a machine that has no copy: {other:?}")),
        }
    }

    /// Judges what a machine in its present state is about to be told.
    pub(crate) fn judge_news(
        &mut self,
        node: Node,
        life: u32,
        whose: Machine<'_>,
        news: Told<'_>,
    ) -> Doubt {
        match whose {
            Machine::Append { token, machine: now } => {
                self.judge_append_news(node, (token.clone(), life), now, news)
            }
            Machine::Turn { owner, machine: now, .. } => {
                self.judge_turn_news(node, owner, now, news)
            }
            other => doubt(format!("runs a machine that has no copy: {other:?}")),
        }
    }

    fn judge_append_news(
        &mut self,
        node: Node,
        life: AppendKey,
        now: &Append<Live>,
        news: Told<'_>,
    ) -> Doubt {
        let Some(copy) = self.appends.get_mut(&(node, life.clone())) else {
            return doubt(format!("told {} something before it began", append_name(&life.0)));
        };
        if copy != now {
            return doubt(format!(
                "has {} in another state than its replies lead to",
                append_name(&life.0)
            ));
        }
        match (news, copy.wants(&self.rules)) {
            (Told::Answer(reply), Want::Store(request)) => {
                judge_reply(&self.replies, node, &request, reply)?;
                self.marks.extend(mark_of(&request, reply));
                copy.tell(&self.rules, reply.clone());
                Ok(())
            }
            (Told::Notified, Want::Trigger) => {
                copy.notified();
                Ok(())
            }
            (news, wants) => doubt(format!(
                "told {} {}, although it {}",
                append_name(&life.0),
                told_words(&news),
                want_words(&wants)
            )),
        }
    }

    fn judge_turn_news(
        &mut self,
        node: Node,
        owner: &Owner,
        now: &Consume<Live>,
        news: Told<'_>,
    ) -> Doubt {
        let Some(turn) = self.turns.get_mut(owner) else {
            return doubt(format!("told the turn {owner} something before it began"));
        };
        let on = words::partition_name(&turn.partition);
        let whose = format!("its turn for {} on {on}", turn.group);
        let copy = &mut turn.machine;
        if copy != now {
            return doubt(format!("has {whose} in another state than its replies lead to"));
        }
        let Told::News(at, news) = news else {
            return doubt(format!("told {whose} what only an append is told"));
        };
        let wants = copy.wants(&self.rules);
        let wanted = match news {
            News::Reply(reply) => match wants.store {
                Some(request) => {
                    judge_reply(&self.replies, node, &request, reply)?;
                    self.marks.extend(mark_of(&request, reply));
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
            return doubt(format!("told {whose} {}, which it does not wait for", news_words(news)));
        }
        copy.tell(&self.rules, at, news.clone());
        Ok(())
    }

    /// Judges a request that a node has sent: its machine must want it.
    pub(crate) fn judge_decision(
        &self,
        node: Node,
        life: u32,
        who: &str,
        request: &Request<Live>,
    ) -> Doubt {
        if let Some(copy) = self.appends.get(&(node, (Token::from(who), life))) {
            return match copy.wants(&self.rules) {
                Want::Store(wanted) if wanted == *request => Ok(()),
                wanted => doubt(format!(
                    "asked to {} for {}, which {}",
                    words::request(request),
                    append_name(&Token::from(who)),
                    want_words(&wanted)
                )),
            };
        }
        let turn = self.turns.get(&Owner::from(who));
        let Some(turn) = turn.filter(|turn| turn.partition == *request.partition()) else {
            // A claim or an audit has no copy.
            return match request.group() {
                None => Ok(()),
                Some(_) => {
                    doubt(format!("asked to {} outside of any turn", words::request(request)))
                }
            };
        };
        match turn.machine.wants(&self.rules).store {
            Some(wanted) if wanted == *request => Ok(()),
            wanted => {
                let wants = wanted.map_or_else(
                    || "asks for nothing now".to_owned(),
                    |wanted| format!("wants to {}", words::request(&wanted)),
                );
                doubt(format!("asked to {}, but its turn {wants}", words::request(request)))
            }
        }
    }
}

/// Judges whether the store ever gave this reply to the request.
fn judge_reply(
    answers: &HashMap<Node, HashMap<Request<Live>, Vec<Reply<Live>>>>,
    node: Node,
    request: &Request<Live>,
    reply: &Reply<Live>,
) -> Doubt {
    let given = |request: &Request<Live>| {
        let replies = answers.get(&node).and_then(|answers| answers.get(request));
        replies.is_some_and(|replies| replies.contains(reply))
    };
    // A page that was read ahead is consistent even when the design doesn't ask for that.
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
    doubt(format!(
        "told its machine that the store answered its request to {} with \"{}\", which the store \
         never did",
        words::request(request),
        reply_words(reply)
    ))
}

/// The coverage mark that a reply to a request reaches.
fn mark_of(request: &Request<Live>, reply: &Reply<Live>) -> Option<&'static str> {
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
