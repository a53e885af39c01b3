//! Refinement of the store: every request that reaches the engine is applied to the abstract
//! store as well, and the replies must agree. So the engine does in a run what was
//! model-checked.

use std::collections::HashMap;

use gapless::Live;
use gapless_model::store::{MemoryTables, Reply, Request, View, apply};

use super::evidence::AppliedCall;
use super::judgement::Breach;

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
