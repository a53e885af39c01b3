//! The tables that a stream is created with.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, StreamViewType, TableDescription,
};
use gapless::embedded::Engine;
use gapless::{Config, Layout, Stream};
use gapless_model::design::{Design, Trigger};

async fn created(table: &str) -> TableDescription {
    created_with(table, &[Config::new("t-")]).await
}

/// A table after a stream was created with one configuration after the other.
async fn created_with(table: &str, configs: &[Config]) -> TableDescription {
    let client = Engine::memory().expect("an engine").client();
    for config in configs {
        Stream::create(client.clone(), config.clone()).await.expect("a stream");
    }
    let described = client.describe_table().table_name(table).send().await;
    described.expect("it is there").table.expect("it is described")
}

fn key(table: &TableDescription) -> Vec<String> {
    let schema = table.key_schema().iter();
    schema.map(|key| format!("{} {}", key.attribute_name(), key.key_type().as_str())).collect()
}

fn indexes(table: &TableDescription) -> Vec<&str> {
    table.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect()
}

fn view(table: &TableDescription) -> Option<&StreamViewType> {
    table.stream_specification().and_then(|stream| stream.stream_view_type())
}

fn billing(table: &TableDescription) -> Option<&BillingMode> {
    table.billing_mode_summary().and_then(|summary| summary.billing_mode())
}

#[tokio::test]
async fn partitions_are_found_by_an_index_and_have_no_stream() {
    let table = created("t-partitions").await;
    assert_eq!(key(&table), ["partitionId HASH"]);
    assert_eq!(indexes(&table).len(), 1);
    assert_eq!(view(&table), None);
    assert_eq!(billing(&table), Some(&BillingMode::PayPerRequest));
}

#[tokio::test]
async fn events_are_in_the_order_of_their_slots_and_have_no_stream_either() {
    let table = created("t-events").await;
    assert_eq!(key(&table), ["partitionId HASH", "sequenceNumber RANGE"]);
    assert_eq!(indexes(&table), [""; 0]);
    assert_eq!(view(&table), None);
    assert_eq!(billing(&table), Some(&BillingMode::PayPerRequest));
}

#[tokio::test]
async fn events_have_a_stream_of_keys_once_somebody_asks_for_it() {
    let (plain, streamed) = (Config::new("t-"), Config::new("t-").table_stream(true));
    for configs in [&[streamed.clone()][..], &[plain.clone(), streamed.clone()], &[streamed, plain]]
    {
        let table = created_with("t-events", configs).await;
        assert_eq!(view(&table), Some(&StreamViewType::KeysOnly));
    }
    assert_eq!(
        view(&created_with("t-partitions", &[Config::new("t-").table_stream(true)]).await),
        None
    );
}

#[tokio::test]
async fn a_stream_that_exists_with_other_settings_is_not_changed() {
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client.clone(), Config::new("t-")).await.expect("a stream");
    let other = Config::new("t-").layout(Layout::Fixed { bits: 1 }).table_stream(true);
    Stream::create(client.clone(), other).await.expect_err("it has another layout");
    let described = client.describe_table().table_name("t-events").send().await;
    assert_eq!(view(&described.expect("it is there").table.expect("it is described")), None);
}

/// DynamoDB invokes the workers of such a design.
#[tokio::test]
async fn events_have_a_stream_where_it_is_the_trigger_of_the_design() {
    let design = Design { trigger: Trigger::Stream, ..Design::RECOMMENDED };
    let table = created_with("t-events", &[Config::new("t-").design(design)]).await;
    assert_eq!(view(&table), Some(&StreamViewType::KeysOnly));
}

#[tokio::test]
async fn consumers_are_found_by_their_group_and_have_neither() {
    let table = created("t-consumers").await;
    assert_eq!(key(&table), ["consumerId HASH", "partitionId RANGE"]);
    assert_eq!(indexes(&table), [""; 0]);
    assert_eq!(view(&table), None);
    assert_eq!(billing(&table), Some(&BillingMode::PayPerRequest));
}

/// What is said of a table of partitions that somebody else has made, with this range key and these
/// keys of its index.
async fn refused(range: Option<&str>, index: Option<[&str; 2]>) -> String {
    let client = Engine::memory().expect("an engine").client();
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("whole")
    };
    let keys = |[hash, range]: [&str; 2]| [key(hash, KeyType::Hash), key(range, KeyType::Range)];
    let mut table = client.create_table().table_name("t-partitions");
    let names = range.into_iter().chain(index.into_iter().flatten());
    for name in BTreeSet::from_iter(names.chain(["partitionId"])) {
        let kind = ScalarAttributeType::S;
        let named = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        table = table.attribute_definitions(named.build().expect("whole"));
    }
    table = table.key_schema(key("partitionId", KeyType::Hash));
    if let Some(name) = range {
        table = table.key_schema(key(name, KeyType::Range));
    }
    if let Some(names) = index {
        let all = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let by_id = GlobalSecondaryIndex::builder().index_name("by-id").projection(all);
        let by_id = by_id.set_key_schema(Some(keys(names).to_vec())).build().expect("whole");
        table = table.global_secondary_indexes(by_id);
    }
    table.billing_mode(BillingMode::PayPerRequest).send().await.expect("a table");
    let refused = Stream::create(client, Config::new("t-")).await;
    refused.expect_err("it is another's").to_string()
}

#[tokio::test]
async fn a_table_that_is_not_as_it_must_be_is_refused() {
    let why = refused(Some("other"), None).await;
    assert!(why.contains("RANGE key is other (S)"), "{why}");
    let why = refused(None, None).await;
    assert!(why.contains("no global secondary index `by-id`"), "{why}");
    let why = refused(None, Some(["other", "partitionId"])).await;
    assert!(why.contains("the keys of its index `by-id` are other (S) and"), "{why}");
}

/// The layout, the lease, the grace and the skew in the founding item, in milliseconds.
async fn founded(config: Config) -> [String; 4] {
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client.clone(), config).await.expect("a stream");
    let key = AttributeValue::S("#stream".to_owned());
    let got = client.get_item().table_name("t-partitions").key("partitionId", key).send().await;
    let item = got.expect("it can be read").item.expect("it is there");
    ["layout", "leaseMs", "graceMs", "skewMs"].map(|name| match &item[name] {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    })
}

#[tokio::test]
async fn the_stream_keeps_what_it_was_founded_with() {
    let config = Config::new("t-")
        .layout(Layout::Fixed { bits: 3 })
        .lease(Duration::from_millis(7_001))
        .grace(Duration::from_millis(702))
        .skew(Duration::from_millis(73));
    assert_eq!(founded(config).await, ["8", "7001", "702", "73"]);
}

#[tokio::test]
async fn a_stream_has_the_defaults_that_are_documented() {
    assert_eq!(founded(Config::new("t-")).await[1..], ["10000", "1000", "500"]);
}
