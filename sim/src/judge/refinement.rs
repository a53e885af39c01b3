//! Refinement of the store: every request that reaches the engine is applied to the abstract
//! store as well, and the replies must agree. So the engine does in a run what was
//! model-checked.

use std::collections::{BTreeSet, HashMap};

use gapless::{Live, Slots};
use gapless_model::store::{MemoryTables, Reply, Request, View, apply, reply_words};
use gapless_model::{Page, Seq};

use super::chronicle::Chronicle;
use super::evidence::AppliedCall;
use super::judgement::{Breach, Finding, Judgement};
use super::words;
use crate::engine::error_kind;

/// The abstract store, kept in step with the engine.
///
/// DynamoDB applies a transaction once for each `ClientRequestToken` and answers repetitions
/// as if they had been applied. The SDK gives every call such a token, so its own retries of
/// a transaction and the copies that the network makes change nothing. The model checker
/// applies copies again, which is worse and so covers this.
pub(crate) struct Refinement {
    tables: MemoryTables<Live>,
    transactions: HashMap<String, Reply<Live>>,
}

impl Refinement {
    pub(crate) fn new() -> Refinement {
        Refinement { tables: MemoryTables::default(), transactions: HashMap::new() }
    }

    /// The specified reply to a read.
    pub(crate) fn read(&mut self, request: &Request<Live>) -> Reply<Live> {
        apply(&mut self.tables, request, View::Latest)
    }

    /// Judges the engine's reply, and returns the specified one.
    pub(crate) fn judge_reply(
        &mut self,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement<Reply<Live>> {
        let AppliedCall { request, missed, reply, status, answer, token, .. } = applied;
        let done = token.and_then(|token| self.transactions.get(token)).cloned();
        let specified = done.unwrap_or_else(|| {
            let latest = apply(&mut self.tables, request, View::Latest);
            cut_like(without(latest, missed), *reply)
        });
        if let (Some(token), 200) = (token, status) {
            self.transactions.insert((*token).to_owned(), specified.clone());
        }
        let answered = match reply {
            Some(reply) if **reply == specified => return Ok(specified),
            Some(reply) => format!("\"{}\"", reply_words(reply)),
            None => {
                format!("status {status}, {}", error_kind(answer).unwrap_or("and no typed reply"))
            }
        };
        let expected = reply_words(&specified);
        // Where the words are the same, the difference is in what they leave out.
        let also = if answered == format!("\"{expected}\"") { ", in other attributes" } else { "" };
        let sentence = format!(
            "the store answered {}'s request to {} at {} with {answered}, where the specification \
             says \"{expected}\"{also}.",
            chronicle.name(applied.node),
            words::request(request),
            words::seconds(applied.at),
        );
        let finding = Finding::new(sentence).at(request.partition(), request.slot());
        Err((Breach::Refinement, finding))
    }
}

/// The reply to a read that misses slots: its page without them. Any other reply is as it is.
fn without(reply: Reply<Live>, missed: &BTreeSet<Seq>) -> Reply<Live> {
    match reply {
        Reply::Page(page) if !missed.is_empty() => {
            let shown = page.shown().iter().filter(|(slot, _)| !missed.contains(slot));
            Reply::Page(Slots::new(shown.cloned().collect(), page.is_full()))
        }
        other => other,
    }
}

/// The reply to a read, its page cut where the engine's is: a query may end anywhere, if it says so.
fn cut_like(reply: Reply<Live>, engine: Option<&Reply<Live>>) -> Reply<Live> {
    match (reply, engine) {
        (Reply::Page(page), Some(Reply::Page(cut))) if cut.is_full() => {
            let shown = page.shown().iter().take(cut.shown().len());
            Reply::Page(Slots::new(shown.cloned().collect(), true))
        }
        (other, _) => other,
    }
}
