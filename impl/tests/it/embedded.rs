//! The embedded engine as any client of DynamoDB sees it: each operation that it offers is that one.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, Get, KeySchemaElement, KeyType, PutRequest,
    ScalarAttributeType, TransactGetItem, WriteRequest,
};
use gapless::embedded::Engine;
use gapless::{Config, Event, Stream};

fn name(value: &str) -> (String, AttributeValue) {
    ("name".to_owned(), AttributeValue::S(value.to_owned()))
}

/// A client with a table `names`.
async fn with_table() -> Client {
    let client = Engine::memory().expect("an engine").client();
    let kind = ScalarAttributeType::S;
    let named = AttributeDefinition::builder().attribute_name("name").attribute_type(kind);
    let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash);
    let create = client.create_table().table_name("names").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(named.build().expect("whole"));
    create.key_schema(key.build().expect("whole")).send().await.expect("a table");
    client
}

async fn names(client: &Client) -> Vec<String> {
    let scan = client.scan().table_name("names").send().await.expect("scanned");
    let names = scan.items().iter().map(|item| item["name"].as_s().expect("a string").clone());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn items_are_written_read_and_removed_in_batches_and_alone() {
    let client = with_table().await;
    let put = |value: &str| {
        let (key, value) = name(value);
        let put = PutRequest::builder().item(key, value).build().expect("whole");
        WriteRequest::builder().put_request(put).build()
    };
    let batch = client.batch_write_item().request_items("names", vec![put("a"), put("b")]);
    batch.send().await.expect("written");
    assert_eq!(names(&client).await, ["a", "b"]);

    let get = |value: &str| {
        let (key, value) = name(value);
        let get = Get::builder().table_name("names").key(key, value).build().expect("whole");
        TransactGetItem::builder().get(get).build()
    };
    let read = client.transact_get_items().transact_items(get("a")).transact_items(get("c"));
    let read = read.send().await.expect("read");
    let found: Vec<_> = read.responses().iter().map(|answer| answer.item().is_some()).collect();
    assert_eq!(found, [true, false]);

    let (key, value) = name("a");
    client.delete_item().table_name("names").key(key, value).send().await.expect("removed");
    assert_eq!(names(&client).await, ["b"]);
}

#[tokio::test]
async fn tables_are_listed_changed_and_removed() {
    let client = with_table().await;
    let listed = client.list_tables().send().await.expect("listed");
    assert_eq!(listed.table_names(), ["names"]);
    let update = client.update_table().table_name("names").deletion_protection_enabled(false);
    update.send().await.expect("changed");
    client.delete_table().table_name("names").send().await.expect("removed");
    assert_eq!(client.list_tables().send().await.expect("listed").table_names(), [""; 0]);
}

#[tokio::test]
async fn an_operation_that_it_does_not_offer_is_refused_by_its_name() {
    let client = with_table().await;
    let refused = client.describe_time_to_live().table_name("names").send().await;
    let why = format!("{:?}", refused.expect_err("it is not offered"));
    assert!(why.contains("does not offer"), "{why}");
}

/// The SDK's own way to sleep is used where the configuration names none.
#[tokio::test]
async fn a_client_needs_no_way_to_sleep_of_its_own() {
    let engine = Engine::memory().expect("an engine");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .http_client(engine.http_client())
        .build();
    assert!(config.sleep_impl().is_none(), "the test would show nothing");
    let stream = Stream::create(Client::from_conf(config), Config::new("t-")).await;
    stream.expect("a stream").append(Event::new("k", "x")).await.expect("appended");
}
