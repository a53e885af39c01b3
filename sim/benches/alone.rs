//! What a call costs without the simulation: the SDK with a connector that answers at once, and
//! with the settings that a simulated node gives its client. No simulation over it can be faster.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use gapless::embedded::{http_response, operation_and_body};

/// What a query for two slots finds.
const SLOTS: &str = r#"{"Count":2,"ScannedCount":2,"Items":[
    {"pk":{"S":"orders#p0"},"sk":{"N":"41"},"id":{"S":"p1.40"},"key":{"S":"key-7"},"data":{"B":"aGVsbG8="}},
    {"pk":{"S":"orders#p0"},"sk":{"N":"42"},"id":{"S":"p1.41"},"key":{"S":"key-3"},"data":{"B":"aGVsbG8="}}]}"#;

#[derive(Debug)]
struct AtOnce;

impl HttpConnector for AtOnce {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = match operation_and_body(&request).0 {
            "Query" => SLOTS,
            _ => "{}",
        };
        HttpConnectorFuture::ready(Ok(http_response(200, body.as_bytes().to_vec())))
    }
}

/// A client whose calls are answered at once.
pub fn client() -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("sim"))
        .allow_no_auth()
        .http_client(http_client_fn(|_, _| SharedHttpConnector::new(AtOnce)))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// One read of two slots, and one write of a slot.
pub async fn two_calls(client: &Client) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let slots = client
        .query()
        .table_name("orders-events")
        .key_condition_expression("#p = :p AND #s > :s")
        .expression_attribute_names("#p", "pk")
        .expression_attribute_names("#s", "sk")
        .expression_attribute_values(":p", text("orders#p0"))
        .expression_attribute_values(":s", number(40))
        .consistent_read(true)
        .send()
        .await;
    assert_eq!(slots.expect("it is answered").items().len(), 2);
    let put = client
        .put_item()
        .table_name("orders-events")
        .item("pk", text("orders#p0"))
        .item("sk", number(43))
        .item("id", text("p1.42"))
        .item("key", text("key-7"))
        .condition_expression("attribute_not_exists(#p)")
        .expression_attribute_names("#p", "pk")
        .send()
        .await;
    put.expect("it is answered");
}
