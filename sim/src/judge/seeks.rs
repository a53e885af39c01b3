//! Refinement of the adapter where an operator moves a checkpoint: it asks for what the machine wants, and
//! tells it the truth.

use std::collections::HashMap;

use gapless::{Live, Owner, Timestamp, Told};
use gapless_model::consume::Seek;
use gapless_model::store::Request;
use gapless_model::{Rules, Time as _};

use super::judgement::{Doubt, doubt};
use super::replies::Replies;
use super::words;
use crate::plan::{Millis, Node};

/// The copy of a seek, and since when it has wanted what it wants.
#[derive(Debug)]
struct SeekCopy {
    machine: Seek<Live>,
    since: Millis,
    /// The request that it has sent last.
    sent: Option<Request<Live>>,
}

/// The copies of all seeks.
#[derive(Debug, Default)]
pub(super) struct Seeks(HashMap<Owner, SeekCopy>);

impl Seeks {
    pub(super) fn judge_start(&mut self, at: Millis, owner: &Owner, now: &Seek<Live>) -> Doubt {
        let copy = SeekCopy { machine: now.clone(), since: at, sent: None };
        match self.0.insert(owner.clone(), copy) {
            Some(_) => doubt(format!("began a second seek under the name {owner}")),
            None => Ok(()),
        }
    }

    /// Judges what a seek is about to be told.
    pub(super) fn judge_news(
        &mut self,
        (at, node): (Millis, Node),
        (owner, now): (&Owner, &Seek<Live>),
        news: Told<'_>,
        replies: &Replies,
    ) -> Doubt {
        let Some(copy) = self.0.get_mut(owner) else {
            return doubt(format!("told the seek {owner} something before it began"));
        };
        if copy.machine != *now {
            return doubt("has a seek in another state than its replies lead to".to_owned());
        }
        let (Told::Answer(reply), Some(sent)) = (news, copy.sent.take()) else {
            return doubt("told a seek what it does not wait for".to_owned());
        };
        replies.judge(copy.since, node, &sent, reply)?;
        copy.machine.tell(reply.clone());
        copy.since = at;
        Ok(())
    }

    /// Judges a request that was sent under a seek's name; `None` if there is no such seek.
    pub(super) fn judge_decision(
        &mut self,
        rules: &Rules<Live>,
        (who, request): (&str, &Request<Live>),
    ) -> Option<Doubt> {
        let copy = self.0.get_mut(&Owner::from(who))?;
        copy.sent = Some(request.clone());
        Some(match copy.wants(rules, request) {
            true => Ok(()),
            false => {
                doubt(format!("asked to {}, which its seek does not want", words::request(request)))
            }
        })
    }
}

impl SeekCopy {
    /// Whether the machine wants this request, at the time that the request tells.
    fn wants(&self, rules: &Rules<Live>, request: &Request<Live>) -> bool {
        let time = match request {
            Request::Acquire { until, .. } => until.minus(rules.lease),
            _ => Timestamp::from_millis(0),
        };
        self.machine.wants(rules, time).as_ref() == Some(request)
    }
}

#[cfg(test)]
mod tests {
    use gapless::Group;
    use gapless_model::design::Design;
    use gapless_model::store::Reply;
    use gapless_model::{Epoch, Seq};

    use super::super::leases::some_lease;
    use super::*;
    use crate::plan::Profile;

    #[test]
    fn a_seek_asks_for_what_it_wants_and_is_told_what_the_store_has_said() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let rules = plan.config().rules().expect("it is valid");
        let (node, owner, clock) = (plan.operator(), Owner::from("o/1"), Timestamp::from_millis(9));
        let partition = "p".parse().expect("an id");
        let seek = Seek::new(Group::from("g"), partition, owner.clone(), Seq::ZERO);
        let take = seek.wants(&rules, clock).expect("it takes the lease");
        let leased = Reply::Leased(some_lease(Seq(4), Epoch(1)));
        let (mut seeks, mut replies) = (Seeks::default(), Replies::default());
        let told = |seeks: &mut Seeks, replies: &Replies, state: &Seek<Live>| {
            let news = Told::Answer(&leased);
            seeks.judge_news((Millis(1), node), (&owner, state), news, replies)
        };
        assert!(told(&mut seeks, &replies, &seek).is_err(), "it has not begun");
        assert_eq!(seeks.judge_start(Millis(1), &owner, &seek), Ok(()));
        assert!(seeks.judge_start(Millis(1), &owner, &seek).is_err(), "a second one");
        assert!(told(&mut seeks, &replies, &seek).is_err(), "nothing was asked");

        let mut later = seek.clone();
        later.tell(leased.clone());
        let look = later.wants(&rules, clock).expect("it looks for what came of the partition");
        let who = owner.as_str();
        assert!(seeks.judge_decision(&rules, (who, &look)).is_some_and(|judged| judged.is_err()));
        assert_eq!(seeks.judge_decision(&rules, (who, &take)), Some(Ok(())));
        assert_eq!(seeks.judge_decision(&rules, ("another", &take)), None);

        assert!(told(&mut seeks, &replies, &seek).is_err(), "the store never said so");
        replies.note(Millis(1), node, &take, &leased);
        assert_eq!(seeks.judge_decision(&rules, (who, &take)), Some(Ok(())));
        assert!(told(&mut seeks, &replies, &later).is_err(), "another state");
        assert_eq!(told(&mut seeks, &replies, &seek), Ok(()));
        assert_eq!(seeks.judge_decision(&rules, (who, &look)), Some(Ok(())));
    }
}
