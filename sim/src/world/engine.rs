//! What stores: dynoxide, with a clock of its own. A lighter engine fits behind the same two calls.

use std::sync::Arc;

use dynoxide::Database;
use dynoxide::storage_backend::Clock;
use gapless::embedded::Engine as Embedded;
use serde_json::Value;

use super::clock::BEGINNING;
use super::now;

/// Which engine stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// dynoxide: a whole DynamoDB over SQLite.
    #[default]
    Dynoxide,
}

/// An engine in memory.
pub(super) struct Engine(Embedded);

/// The engine's clock is true: nothing in the protocol reads it.
struct TrueClock;

impl Clock for TrueClock {
    fn now_unix_secs(&self) -> u64 {
        BEGINNING.as_secs() + now().0 / 1000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        BEGINNING.as_secs_f64() + now().0 as f64 / 1000.0
    }
}

impl Engine {
    pub(super) fn new(kind: EngineKind) -> Engine {
        match kind {
            EngineKind::Dynoxide => {
                let database = Database::memory_with_clock(Arc::new(TrueClock));
                Engine(Embedded::over(database.expect("a database in memory can be had")))
            }
        }
    }

    /// One operation of DynamoDB's API.
    pub(super) fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.0.call(operation, body)
    }

    /// The same, from values.
    pub(super) fn ask(&self, operation: &str, call: &Value) -> (u16, Value) {
        let body = serde_json::to_vec(call).unwrap_or_default();
        let (status, answer) = self.call(operation, &body);
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }
}
