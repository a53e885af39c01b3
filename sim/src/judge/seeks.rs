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
}

/// The copies of all seeks.
#[derive(Debug, Default)]
pub(super) struct Seeks(HashMap<Owner, SeekCopy>);

impl Seeks {
    pub(super) fn judge_start(&mut self, at: Millis, owner: &Owner, now: &Seek<Live>) -> Doubt {
        let copy = SeekCopy { machine: now.clone(), since: at };
        match self.0.insert(owner.clone(), copy) {
            Some(_) => doubt(format!("began a second seek under the name {owner}")),
            None => Ok(()),
        }
    }

    /// Judges what a seek is about to be told.
    pub(super) fn judge_news(
        &mut self,
        (at, node): (Millis, Node),
        rules: &Rules<Live>,
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
        let Told::Answer(reply) = news else {
            return doubt("told a seek what only a turn is told".to_owned());
        };
        replies.judge_any(copy.since, node, reply, |sent| copy.wants(rules, sent))?;
        copy.machine.tell(reply.clone());
        copy.since = at;
        Ok(())
    }

    /// Judges a request that was sent under a seek's name; `None` if there is no such seek.
    pub(super) fn judge_decision(
        &self,
        rules: &Rules<Live>,
        (who, request): (&str, &Request<Live>),
    ) -> Option<Doubt> {
        let copy = self.0.get(&Owner::from(who))?;
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
