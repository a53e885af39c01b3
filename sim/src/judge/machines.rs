//! Refinement of the adapter: each node does what its machine wants, and tells it the truth.
//!
//! For every machine at work there is a copy that is told the same. It is a violation if a
//! node sends a request that the copy does not want, reports a reply that the store did not give
//! since the copy wants that request, or has a machine in another state than the copy.

use std::collections::{BTreeSet, HashMap};

use gapless::{Group, Live, Machine, Owner, Timestamp, Token, Told};
use gapless_model::append::{Answer, Append, Want};
use gapless_model::consume::{Consume, News};
use gapless_model::store::{Reply, Request, reply_words};
use gapless_model::{Page as _, PartitionId, Rules, Seen, Seq};

use super::judgement::{Doubt, doubt};
use super::reached::mark_of;
use super::replies::Replies;
use super::seeks::Seeks;
use super::words;
use crate::plan::{Millis, Node};

/// An append's token, its partition, and the life of the node that began it. Where the partition is sealed,
/// the append begins anew in another one.
type AppendKey = (Token, PartitionId, u32);

/// The copy of a turn, and what the turn is for.
struct TurnCopy {
    group: Group,
    partition: PartitionId,
    machine: Consume<Live>,
    began: Millis,
    /// Since when the machine has wanted the request that it wants.
    since: Millis,
    /// Whether that request was sent, and its last attempt failed.
    failed: bool,
}

/// The copy of an append.
struct AppendCopy {
    machine: Append<Live>,
    /// Since when the machine has wanted the request that it wants.
    since: Millis,
}

/// The copies of all machines at work.
pub(crate) struct Machines {
    rules: Rules<Live>,
    appends: HashMap<(Node, AppendKey), AppendCopy>,
    turns: HashMap<Owner, TurnCopy>,
    seeks: Seeks,
    replies: Replies,
    marks: BTreeSet<&'static str>,
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
        News::Unheard => "that its look failed".to_owned(),
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
            seeks: Seeks::default(),
            replies: Replies::default(),
            marks: BTreeSet::new(),
        }
    }

    /// The coverage marks that machines have reached.
    pub(crate) fn marks(&self) -> &BTreeSet<&'static str> {
        &self.marks
    }

    /// Notes the store's reply to a request of a node.
    pub(crate) fn note_reply(
        &mut self,
        at: Millis,
        node: Node,
        request: &Request<Live>,
        reply: &Reply<Live>,
    ) {
        self.replies.note(at, node, request, reply);
    }

    /// Judges a machine that begins its work or resumes it.
    pub(crate) fn judge_start(
        &mut self,
        at: Millis,
        node: Node,
        life: u32,
        began: Machine<'_>,
    ) -> Doubt {
        match began {
            Machine::Append { token, machine: now } => {
                let key = (node, (token.clone(), now.partition().clone(), life));
                match self.appends.get(&key) {
                    Some(copy) if copy.machine != *now => doubt(format!(
                        "resumed {} in another state than it was left in",
                        append_name(token)
                    )),
                    Some(_) => Ok(()),
                    None => {
                        self.appends.insert(key, AppendCopy { machine: now.clone(), since: at });
                        Ok(())
                    }
                }
            }
            Machine::Turn { owner, group, partition, machine: now } => {
                let (group, partition) = (group.clone(), partition.clone());
                let machine = now.clone();
                let (began, since, failed) = (at, at, false);
                let copy = TurnCopy { group, partition, machine, began, since, failed };
                match self.turns.insert(owner.clone(), copy) {
                    Some(_) => doubt(format!("began a second turn under the name {owner}")),
                    None => Ok(()),
                }
            }
            Machine::Seek { owner, machine } => self.seeks.judge_start(at, owner, machine),
            other => doubt(format!("runs a machine that has no copy: {other:?}")),
        }
    }

    /// Judges the time that a machine is about to be told: it is what its node's clock shows.
    pub(crate) fn judge_time(&self, clock: Timestamp, news: Told<'_>) -> Doubt {
        match news {
            Told::News(time, _) if time != clock => doubt(format!(
                "told its turn that it is {}, where its clock shows {}",
                words::seconds(words::simulated(time)),
                words::seconds(words::simulated(clock))
            )),
            _ => Ok(()),
        }
    }

    /// Judges what a machine in its present state is about to be told.
    pub(crate) fn judge_news(
        &mut self,
        at: Millis,
        node: Node,
        life: u32,
        whose: Machine<'_>,
        news: Told<'_>,
    ) -> Doubt {
        match whose {
            Machine::Append { token, machine: now } => {
                let key = (token.clone(), now.partition().clone(), life);
                self.judge_append_news(at, node, key, now, news)
            }
            Machine::Turn { owner, machine: now, .. } => {
                self.judge_turn_news(at, node, owner, now, news)
            }
            Machine::Seek { owner, machine } => {
                self.seeks.judge_news((at, node), (owner, machine), news, &self.replies)
            }
            other => doubt(format!("runs a machine that has no copy: {other:?}")),
        }
    }

    fn judge_append_news(
        &mut self,
        at: Millis,
        node: Node,
        life: AppendKey,
        now: &Append<Live>,
        news: Told<'_>,
    ) -> Doubt {
        let Some(copy) = self.appends.get_mut(&(node, life.clone())) else {
            return doubt(format!("told {} something before it began", append_name(&life.0)));
        };
        let AppendCopy { machine: copy, since } = copy;
        if copy != now {
            return doubt(format!(
                "has {} in another state than its replies lead to",
                append_name(&life.0)
            ));
        }
        match (news, copy.wants(&self.rules)) {
            (Told::Answer(reply), Want::Store(request)) => {
                self.replies.judge(*since, node, &request, reply)?;
                self.marks.extend(mark_of(&self.rules.design, &request, reply));
                copy.tell(&self.rules, reply.clone());
                *since = at;
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
        at: Millis,
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
        let Told::News(time, news) = news else {
            return doubt(format!("told {whose} what only an append is told"));
        };
        let wants = copy.wants(&self.rules);
        let (asked, delivers, triggers) = (wants.store, wants.deliver.is_some(), wants.trigger);
        let wanted = match news {
            News::Reply(reply) => match &asked {
                Some(request) => {
                    let since = if may_be_ahead(request, reply) { turn.began } else { turn.since };
                    let given = self.replies.judge(since, node, request, reply)?;
                    self.marks.extend(mark_of(&self.rules.design, request, reply));
                    if given < turn.since {
                        self.marks.insert("a page that was read ahead is used");
                    }
                    true
                }
                None => false,
            },
            News::Unheard => {
                self.marks.insert("a look behind a delivery fails");
                copy.can_do_without() && turn.failed
            }
            News::Handled => delivers,
            News::Triggered => triggers,
            News::Time => true,
            News::Stop => copy.may_stop(),
        };
        if !wanted {
            return doubt(format!("told {whose} {}, which it does not wait for", news_words(news)));
        }
        copy.tell(&self.rules, time, news.clone());
        if copy.wants(&self.rules).store != asked {
            (turn.since, turn.failed) = (at, false);
        }
        Ok(())
    }

    /// Judges a receipt: an append of that node has come to its end there. Where machines are not
    /// watched, there is none to compare with.
    pub(super) fn judge_receipt(&self, node: Node, partition: &PartitionId, slot: Seq) -> Doubt {
        let own = self.appends.iter().filter(|((whose, _), _)| *whose == node);
        let mut own = own.map(|(_, copy)| &copy.machine).peekable();
        let has_ended = |machine: &Append<Live>| {
            // To ask what it wants copies its batch: that comes last.
            machine.answer(&self.rules) == Some(Answer::Appended(slot))
                && machine.wants(&self.rules) == Want::Nothing
        };
        if own.peek().is_none() || own.any(has_ended) {
            return Ok(());
        }
        let place = words::slot_name(partition, slot);
        doubt(format!("was given a receipt for {place}, where none of its appends has ended"))
    }

    /// Judges a request that a node has sent, and that was answered or has failed: its machine must
    /// want it.
    pub(crate) fn judge_decision(
        &mut self,
        node: Node,
        life: u32,
        (who, request): (&str, &Request<Live>),
        failed: bool,
    ) -> Doubt {
        if let Some(copy) =
            self.appends.get(&(node, (Token::from(who), request.partition().clone(), life)))
        {
            return match copy.machine.wants(&self.rules) {
                Want::Store(wanted) if wanted == *request => Ok(()),
                wanted => doubt(format!(
                    "asked to {} for {}, which {}",
                    words::request(request),
                    append_name(&Token::from(who)),
                    want_words(&wanted)
                )),
            };
        }
        let is_same = |(whose, (token, _, lived)): &(Node, AppendKey)| {
            *whose == node && *lived == life && token.as_str() == who
        };
        if self.appends.keys().any(is_same) {
            return doubt(format!(
                "asked to {} for {}, which has begun nothing there",
                words::request(request),
                append_name(&Token::from(who))
            ));
        }
        if let Some(judged) = self.seeks.judge_decision(&self.rules, (who, request)) {
            return judged;
        }
        let turn = self.turns.get_mut(&Owner::from(who));
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
            Some(wanted) if wanted == *request => {
                turn.failed = failed;
                Ok(())
            }
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

/// Whether a page may have been read ahead, before its machine wanted it: what it shows of the very
/// next slot does not change any more, while a tail or a gap does.
fn may_be_ahead(request: &Request<Live>, reply: &Reply<Live>) -> bool {
    match (request, reply) {
        (Request::ReadEvents { after, .. }, Reply::Page(page)) => {
            page.seen(after.next()) != Seen::Nothing
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use gapless::{Event, EventBatch, Filled, Slots};
    use gapless_model::append::Identity;
    use gapless_model::design::Design;
    use gapless_model::store::Lease;
    use gapless_model::{Epoch, Time as _};

    use super::*;
    use crate::plan::Profile;

    #[test]
    fn a_turn_is_told_the_time_of_its_clock() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let machines = Machines::new(plan.config().rules().expect("it is valid"));
        let [clock, later] = [1, 2].map(Timestamp::from_millis);
        assert_eq!(machines.judge_time(clock, Told::News(clock, &News::Time)), Ok(()));
        assert!(machines.judge_time(clock, Told::News(later, &News::Time)).is_err());
    }

    #[test]
    fn a_look_is_given_up_only_after_it_was_asked_and_failed() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let rules = plan.config().rules().expect("it is valid");
        let mut machines = Machines::new(rules);
        let (at, node, clock) = (Millis(1), plan.worker(0), Timestamp::from_millis(1));
        let (owner, group) = (Owner::from("one/1"), Group::from("g"));
        let partition: PartitionId = "p".parse().expect("an id");
        let mut turn = Consume::new(&rules, group.clone(), partition.clone(), owner.clone(), clock);
        macro_rules! whose {
            () => {
                Machine::Turn {
                    owner: &owner,
                    group: &group,
                    partition: &partition,
                    machine: &turn,
                }
            };
        }
        assert_eq!(machines.judge_start(at, node, 0, whose!()), Ok(()));
        let lease = Lease {
            checkpoint: Seq(0),
            active: true,
            owner: owner.clone(),
            epoch: Epoch(1),
            until: clock.plus(rules.lease),
            beat: 0,
            wake: 0,
            begun: true,
        };
        let batch = EventBatch::new(vec![Event::new("k", "x")]).expect("an event");
        let slot = (Seq(1), Filled::Events { token: Token::from("a"), batch });
        let page = Reply::Page(Slots::new(vec![slot], false));
        for news in [News::Reply(Reply::Leased(lease)), News::Reply(page), News::Handled] {
            if let (News::Reply(reply), Some(request)) = (&news, turn.wants(&rules).store) {
                machines.replies.note(at, node, &request, reply);
            }
            let told = Told::News(clock, &news);
            assert_eq!(machines.judge_news(at, node, 0, whose!(), told), Ok(()));
            turn.tell(&rules, clock, news);
        }
        let look = turn.wants(&rules).store.expect("it looks behind slot 1");
        for failed in [None, Some(false), Some(true)] {
            if let Some(failed) = failed {
                let sent = machines.judge_decision(node, 0, (owner.as_str(), &look), failed);
                assert_eq!(sent, Ok(()));
            }
            let told = Told::News(clock, &News::Unheard);
            let given_up = machines.judge_news(at, node, 0, whose!(), told);
            assert_eq!(given_up.is_ok(), failed == Some(true), "{given_up:?}");
        }
    }

    #[test]
    fn only_a_page_that_shows_the_very_next_slot_may_be_ahead() {
        let partition: PartitionId = "p".parse().expect("an id");
        let request = Request::ReadEvents { partition, after: Seq(4), consistent: true };
        let page = |slots: &[u64]| -> Reply<Live> {
            let slots = slots.iter().map(|slot| (Seq(*slot), Filled::Void));
            Reply::Page(Slots::new(slots.collect(), false))
        };
        assert!(may_be_ahead(&request, &page(&[5, 6])));
        // A gap, and a tail.
        assert!(!may_be_ahead(&request, &page(&[6])));
        assert!(!may_be_ahead(&request, &page(&[])));
    }

    #[test]
    fn a_receipt_is_what_an_append_of_the_node_has_ended_with() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let rules = plan.config().rules().expect("it is valid");
        let mut machines = Machines::new(rules);
        let (node, partition): (_, PartitionId) = (Node(0), "p".parse().expect("an id"));
        let judged = |machines: &Machines, slot| {
            machines.judge_receipt(node, &"p".parse().expect("an id"), Seq(slot))
        };
        assert_eq!(judged(&machines, 1), Ok(()), "nothing to compare with");
        let batch = EventBatch::new(vec![Event::new("k", "x")]).expect("an event");
        let (token, anonymous) = (Token::from("a1"), Identity::Anonymous);
        let mut append = Append::new(&rules, partition, token.clone(), batch, anonymous, None);
        let show = |machines: &mut Machines, append: &Append<Live>| {
            let copy = AppendCopy { machine: append.clone(), since: Millis(0) };
            machines.appends.insert((node, (token.clone(), append.partition().clone(), 1)), copy);
        };
        for reply in [Reply::Raised(Seq(1)), Reply::Written] {
            show(&mut machines, &append);
            assert!(judged(&machines, 1).is_err());
            append.tell(&rules, reply);
        }
        append.notified();
        show(&mut machines, &append);
        assert_eq!(judged(&machines, 1), Ok(()));
        assert!(judged(&machines, 2).is_err());
    }
}
