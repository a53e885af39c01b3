//! What an SDK error says about its request: not applied, perhaps applied, or refused for
//! good.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::vocabulary::StoreError;

/// The codes of answers that mean: not applied, try again later.
const BUSY: [&str; 7] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
    "LimitExceededException",
];

/// The store error that an SDK error amounts to.
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
            // An answer that is cut short has no code, and says nothing about what was done.
            let Some(code) = answer.err().code() else {
                let why = DisplayErrorContext(&error).to_string();
                return StoreError::Unknown { table, why: why.into() };
            };
            let message = answer.err().message().unwrap_or_default();
            if BUSY.contains(&code) {
                return StoreError::Busy { table, why: said(code, message) };
            }
            // An earlier attempt with the same token is under way, and may be applied yet.
            let goes_on = code == "TransactionInProgressException";
            if goes_on || answer.raw().status().is_server_error() {
                return StoreError::Unknown { table, why: said(code, message).into() };
            }
            StoreError::Refused { table, why: said(code, message) }
        }
        // A timeout, a broken connection, an answer that is cut short, and whatever the SDK adds
        // later: unknown is right in every case.
        _ => {
            let why = DisplayErrorContext(&error).to_string();
            StoreError::Unknown { table, why: why.into() }
        }
    }
}

/// A code, with its message if there is one.
pub(super) fn said(code: &str, message: &str) -> String {
    if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") }
}
