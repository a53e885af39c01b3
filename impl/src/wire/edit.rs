//! One conditional change of one item, alone or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::attributes::{Item, ItemReader};
use super::failure::{failure, said};
use super::hidden_retries::HiddenRetries;
use crate::vocabulary::{StoreError, random_digits};

/// An update expression and its condition, as they grow.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    table: String,
    key: Item,
    set: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Edit {
    pub(crate) fn of(
        table: &str,
        key: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Edit {
        let key = key.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Edit { table: table.to_owned(), key, ..Edit::default() }
    }

    /// Lets a placeholder such as `#n` stand for an attribute's name, as many names are
    /// reserved words.
    pub(crate) fn name(mut self, placeholder: &str, name: impl Into<String>) -> Edit {
        self.names.insert(placeholder.to_owned(), name.into());
        self
    }

    pub(crate) fn value(mut self, placeholder: &str, value: AttributeValue) -> Edit {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    pub(crate) fn set(mut self, clause: &str) -> Edit {
        self.set.push(clause.to_owned());
        self
    }

    pub(crate) fn remove(mut self, clause: &str) -> Edit {
        self.remove.push(clause.to_owned());
        self
    }

    pub(crate) fn only_if(mut self, condition: &str) -> Edit {
        self.conditions.push(format!("({condition})"));
        self
    }

    fn update(&self) -> String {
        let set = format!("SET {}", self.set.join(", "));
        if self.remove.is_empty() {
            set
        } else {
            format!("{set} REMOVE {}", self.remove.join(", "))
        }
    }

    fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// Sends the change alone. Returns the item as it is now, or the item that refused it.
    pub(crate) async fn send(self, client: &Client) -> Result<Result<Item, Item>, StoreError> {
        let (update, condition, key) = (self.update(), self.condition(), self.key.clone());
        let tries = HiddenRetries::default();
        let sent = client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(self.key))
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(tries.clone())
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(Ok(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item().cloned().unwrap_or_default()))
                }
                // What the item holds cannot be added to: that is the item's own matter.
                Some(refused) if refused.message().is_some_and(|why| why.contains(WRONG_TYPE)) => {
                    Err(reader(&self.table, &key).wrong(refused.message().unwrap_or_default()))
                }
                _ => Err(tries.judge(failure(&self.table, error))),
            },
        }
    }

    pub(crate) fn in_transaction(self) -> Result<TransactWriteItem, StoreError> {
        let (update, condition) = (self.update(), self.condition());
        let built = Update::builder()
            .table_name(&self.table)
            .set_key(Some(self.key))
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| unbuilt(&self.table, error))?;
        Ok(TransactWriteItem::builder().update(built).build())
    }
}

/// In the message of the `ValidationException` that answers an update of an item whose attribute is
/// not a number, where one is added to.
const WRONG_TYPE: &str = "incorrect data type";

fn unbuilt(table: &str, error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Refused { table: table.to_owned(), why: error.to_string() }
}

/// A put in a transaction, on condition that the item does not exist if `absent` names its
/// key.
pub(super) fn put(
    table: &str,
    item: Item,
    absent: Option<&str>,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        // S1: a slot that is not empty never changes.
        .set_condition_expression(absent.map(|key| format!("attribute_not_exists({key})")))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| unbuilt(table, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A check in a transaction that an item does not exist.
pub(super) fn absent(
    table: &str,
    key: Item,
    attribute: &str,
) -> Result<TransactWriteItem, StoreError> {
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key))
        // P1: a lease is released only while the slot after its checkpoint is empty.
        .condition_expression(format!("attribute_not_exists({attribute})"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| unbuilt(table, error))?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Sends a transaction. If it is refused, returns for each of its parts the item that
/// refused it, if one did.
pub(super) async fn transact(
    client: &Client,
    table: &str,
    items: Vec<TransactWriteItem>,
) -> Result<Result<(), Vec<Option<Item>>>, StoreError> {
    // The SDK would draw this one from a generator that it seeds in the process. A transaction
    // under another's token is refused, or taken for done.
    let token = random_digits()?;
    let call = client.transact_write_items().client_request_token(token);
    let call = call.set_transact_items(Some(items));
    let tries = HiddenRetries::default();
    let sent = call.customize().interceptor(tries.clone()).send().await;
    let error = match sent {
        Ok(_) => return Ok(Ok(())),
        Err(error) => error,
    };
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Err(tries.judge(failure(table, error)));
    };
    let reasons = cancelled.cancellation_reasons();
    let other = reasons
        .iter()
        .find(|reason| !matches!(reason.code(), None | Some("None" | "ConditionalCheckFailed")));
    if let Some(reason) = other {
        return Err(tries.judge(cancelled_by(table, reason)));
    }
    let failed = |reason: &CancellationReason| {
        (reason.code() == Some("ConditionalCheckFailed"))
            .then(|| reason.item().cloned().unwrap_or_default())
    };
    Ok(Err(reasons.iter().map(failed).collect()))
}

fn cancelled_by(table: &str, reason: &CancellationReason) -> StoreError {
    let code = reason.code().unwrap_or_default();
    let message = reason.message().unwrap_or_default();
    let (table, why) = (table.to_owned(), said(code, message));
    match code {
        "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" => {
            StoreError::Busy { table, why }
        }
        _ => StoreError::Refused { table, why },
    }
}

/// One strongly consistent `GetItem`.
pub(crate) struct GetItem<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
}

impl GetItem<'_> {
    pub(crate) async fn by(self, key: Item) -> Result<Option<Item>, StoreError> {
        let call = self.client.get_item().table_name(self.table).set_key(Some(key));
        match call.consistent_read(true).send().await {
            Ok(answer) => Ok(answer.item),
            Err(error) => Err(failure(self.table, error)),
        }
    }
}

/// A reader of an item of this table.
pub(super) fn reader<'a>(table: &'a str, item: &'a Item) -> ItemReader<'a> {
    ItemReader { table, item }
}
