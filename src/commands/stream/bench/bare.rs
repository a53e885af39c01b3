//! The two calls of an append without a protocol around them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use gapless::Stream;

use super::scratch::failure;
use crate::failure::Failure;

/// Appends by bare calls of the SDK.
pub struct Bare<'a> {
    client: &'a Client,
    stream: &'a Stream,
    data: &'a str,
}

impl<'a> Bare<'a> {
    /// Events of `data`, into the tables of `stream`.
    pub fn new(stream: &'a Stream, data: &'a str) -> Bare<'a> {
        Bare { client: stream.wire().client(), stream, data }
    }

    /// Raises a counter, and puts an item under its value.
    pub async fn append(&self) -> Result<(), Failure> {
        let head = self.raise().await?;
        self.put(head).await
    }

    /// On an item of its own, as similar to a partition's item as possible.
    async fn raise(&self) -> Result<AttributeValue, Failure> {
        const UPDATE: &str = "SET #bucket = if_not_exists(#bucket, :bucket), \
                              #status = if_not_exists(#status, :open), \
                              #head = if_not_exists(#head, :zero) + :one";
        let raised = self
            .client
            .update_item()
            .table_name(&self.stream.wire().tables().partitions)
            .key("partitionId", text("p:bare"))
            .update_expression(UPDATE)
            .expression_attribute_names("#bucket", "bucket")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#head", "sequenceNumber")
            .expression_attribute_values(":bucket", text("0"))
            .expression_attribute_values(":open", text("open"))
            .expression_attribute_values(":zero", number("0"))
            .expression_attribute_values(":one", number("1"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let raised = raised.map_err(|error| failure("a bare call failed", &error))?;
        let head = raised.attributes().and_then(|item| item.get("sequenceNumber")).cloned();
        head.ok_or_else(|| {
            let missing = std::io::Error::other("the answer does not show the counter");
            failure("a bare call failed", &missing)
        })
    }

    async fn put(&self, head: AttributeValue) -> Result<(), Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.stream.wire().tables().events)
            .item("partitionId", text("p:bare"))
            .item("sequenceNumber", head)
            .item("token", text("0123456789abcdef0123456789abcdef"))
            .item("events", AttributeValue::L(vec![text("key"), text(self.data)]))
            .item("at", number("1700000000000"))
            .condition_expression("attribute_not_exists(partitionId)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        put.map(drop).map_err(|error| failure("a bare call failed", &error))
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}
