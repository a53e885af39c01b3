//! Refinement: every request that reaches the engine is replayed on the abstract
//! store in step, and the answers agree. So what the engine does under a run is what
//! was model-checked.

use std::collections::HashMap;

use gapless::Live;
use gapless_model::store::{MemoryTables, Reply, Request, View, apply};

use super::evidence::AppliedCall;
use super::judgement::Breach;

/// The abstract store beside the engine.
///
/// One thing is DynamoDB's own: a transaction that was done is not done again for the
/// same `ClientRequestToken`, and answered as done. The SDK gives every call such a
/// token, so its own retries of a transaction, and copies that the network makes, change
/// nothing. The checker lets a copy act anew, which is worse, and so covers it.
pub(crate) struct Refinement {
    tables: MemoryTables<Live>,
    transactions: HashMap<String, Reply<Live>>,
}

impl Refinement {
    pub(crate) fn new() -> Refinement {
        Refinement { tables: MemoryTables::default(), transactions: HashMap::new() }
    }

    /// What the specification answers to a read.
    pub(crate) fn read(&mut self, request: &Request<Live>) -> Reply<Live> {
        apply(&mut self.tables, request, View::Latest)
    }

    /// What the specification answers; the engine must have answered the same.
    pub(crate) fn judge_reply(
        &mut self,
        applied: &AppliedCall<'_>,
    ) -> Result<Reply<Live>, (Breach, String)> {
        let AppliedCall { request, view, reply, status, answer, token, .. } = applied;
        let done = token.and_then(|token| self.transactions.get(token)).cloned();
        let specified = done.unwrap_or_else(|| apply(&mut self.tables, request, *view));
        if let (Some(token), 200) = (token, status) {
            self.transactions.insert((*token).to_owned(), specified.clone());
        }
        match reply {
            Some(reply) if **reply == specified => Ok(specified),
            Some(reply) => Err((
                Breach::Refinement,
                format!(
                    "{request:?}: the engine answers {reply:?}, and specified is {specified:?}"
                ),
            )),
            None => Err((
                Breach::Refinement,
                format!(
                    "{request:?}: the engine answers {status} {answer}, and specified is {specified:?}"
                ),
            )),
        }
    }
}
