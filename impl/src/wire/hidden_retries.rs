//! What the SDK's own retries hide: a try that may have been applied, before the one that is
//! answered.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};

use crate::vocabulary::StoreError;

type Heard = Result<(), Box<dyn Error + Send + Sync>>;

/// Hears of every try of one call.
///
/// The SDK's error is of the last try alone. If that one is refused, and an earlier one had no
/// answer, the call may still have been applied.
#[derive(Clone, Debug, Default)]
pub(super) struct HiddenRetries(Arc<Tries>);

#[derive(Debug, Default)]
struct Tries {
    /// Whether a try before this one had no answer that says it wasn't applied.
    earlier: AtomicBool,
    /// Whether this one was sent, and has no such answer yet.
    this: AtomicBool,
}

impl HiddenRetries {
    /// What the call's error is, given the error of its last try.
    pub(super) fn judge(&self, last: StoreError) -> StoreError {
        match last {
            // S2: a refusal does not tell what an earlier try did.
            StoreError::Busy { table, why } | StoreError::Refused { table, why }
                if self.0.earlier.load(Ordering::SeqCst) =>
            {
                let why = format!("an earlier try had no answer, and the last was refused: {why}");
                StoreError::Unknown { table, why: why.into() }
            }
            last => last,
        }
    }
}

impl Intercept for HiddenRetries {
    fn name(&self) -> &'static str {
        "HiddenRetries"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Heard {
        if self.0.this.swap(true, Ordering::SeqCst) {
            self.0.earlier.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Heard {
        // What the client did wrong was not applied; what the server did wrong may have been.
        if context.response().status().is_client_error() {
            self.0.this.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}
