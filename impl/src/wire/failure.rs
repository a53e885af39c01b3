//! What an SDK error says about the request: surely not applied, perhaps applied, or never to be.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::vocabulary::StoreError;

/// Codes of answers that say: not applied, come back later.
const TURNED_AWAY: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
    "LimitExceededException",
];

/// Sorts an SDK error.
pub(crate) fn failure<E>(table: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let table = table.to_owned();
    match &error {
        // It never left this process.
        SdkError::ConstructionFailure(_) => {
            StoreError::Refused { table, why: DisplayErrorContext(&error).to_string() }
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => {
            StoreError::Refused { table, why: DisplayErrorContext(&error).to_string() }
        }
        SdkError::ServiceError(answer) => {
            // An answer that is cut short has no name, and says nothing of what was done.
            let Some(code) = answer.err().code() else {
                let why = DisplayErrorContext(&error).to_string();
                return StoreError::Unknown { table, why: why.into() };
            };
            let said = answer.err().message().unwrap_or_default();
            if TURNED_AWAY.contains(&code) {
                return StoreError::Busy { table, why: format!("{code} {said}") };
            }
            if answer.raw().status().is_server_error() {
                return StoreError::Unknown { table, why: format!("{code} {said}").into() };
            }
            StoreError::Refused { table, why: format!("{code}: {said}") }
        }
        // A timeout, a connection that broke, an answer that is cut short; and
        // whatever the SDK adds: to treat it as unknown is right in every case.
        _ => {
            let why = DisplayErrorContext(&error).to_string();
            StoreError::Unknown { table, why: why.into() }
        }
    }
}
