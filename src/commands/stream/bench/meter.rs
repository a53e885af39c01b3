//! What requests consume, by the engine's own figures.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, UpdateItemInput, UpdateItemOutput,
};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// What was consumed since it was last asked.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    /// In thousandths of a unit.
    written: AtomicU64,
    read: AtomicU64,
}

/// An amount of requests and units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Units {
    /// Calls of the API.
    pub requests: u64,
    /// Write units.
    pub written: f64,
    /// Read units.
    pub read: f64,
}

impl Add for Units {
    type Output = Units;

    fn add(self, other: Units) -> Units {
        Units {
            requests: self.requests + other.requests,
            written: self.written + other.written,
            read: self.read + other.read,
        }
    }
}

impl Meter {
    /// What was consumed, and from now on nothing was.
    pub fn take(&self) -> Units {
        let units = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed) as f64 / 1000.0;
        Units {
            requests: self.requests.swap(0, Ordering::Relaxed),
            written: units(&self.written),
            read: units(&self.read),
        }
    }

    fn add(&self, counter: &AtomicU64, consumed: Option<&ConsumedCapacity>) {
        let units = consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
        counter.fetch_add((units * 1000.0) as u64, Ordering::Relaxed);
    }
}

/// Asks for the figures with each request, and adds them up.
#[derive(Debug)]
pub struct Counting(pub Arc<Meter>);

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "consumed capacity"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let input = context.input_mut();
        let total = Some(ReturnConsumedCapacity::Total);
        if let Some(input) = input.downcast_mut::<PutItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<TransactWriteItemsInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<GetItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<BatchGetItemInput>() {
            input.return_consumed_capacity = total;
        } else if let Some(input) = input.downcast_mut::<QueryInput>() {
            input.return_consumed_capacity = total;
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let meter = &self.0;
        let output = match context.output_or_error() {
            Ok(output) => output,
            Err(error) => {
                // The answer does not say it, but a write that its condition refuses costs what the item
                // does that is there: a unit up to 1 KB, which partitions and their slots have here.
                let update = error.as_operation_error().and_then(|it| it.downcast_ref());
                let put = error.as_operation_error().and_then(|it| it.downcast_ref());
                if update.is_some_and(UpdateItemError::is_conditional_check_failed_exception)
                    || put.is_some_and(PutItemError::is_conditional_check_failed_exception)
                {
                    meter.written.fetch_add(1000, Ordering::Relaxed);
                }
                return Ok(());
            }
        };
        if let Some(output) = output.downcast_ref::<PutItemOutput>() {
            meter.add(&meter.written, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
            meter.add(&meter.written, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
            for consumed in output.consumed_capacity() {
                meter.add(&meter.written, Some(consumed));
            }
        } else if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            meter.add(&meter.read, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
            for consumed in output.consumed_capacity() {
                meter.add(&meter.read, Some(consumed));
            }
        } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
            meter.add(&meter.read, output.consumed_capacity());
        }
        Ok(())
    }
}
