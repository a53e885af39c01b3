//! The three tables: their names, their schemas, how they are made and verified.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription,
    TableStatus,
};

use crate::vocabulary::{Backoff, Clock, SetupError, StoreError};
use crate::wire::{TableNames, failure, names};

/// What one table must look like.
struct Schema<'a> {
    name: &'a str,
    hash: (&'static str, ScalarAttributeType),
    range: Option<(&'static str, ScalarAttributeType)>,
    /// The index of partitions in the order of their ids.
    index: bool,
    /// The table's own stream, keys only: it says that a slot was written.
    stream: bool,
}

fn schemas(tables: &TableNames) -> [Schema<'_>; 3] {
    use ScalarAttributeType::{N, S};
    [
        Schema {
            name: &tables.partitions,
            hash: (names::PARTITION, S),
            range: None,
            index: true,
            stream: false,
        },
        Schema {
            name: &tables.events,
            hash: (names::PARTITION, S),
            range: Some((names::SEQ, N)),
            index: false,
            stream: true,
        },
        Schema {
            name: &tables.consumers,
            hash: (names::GROUP, S),
            range: Some((names::PARTITION, S)),
            index: false,
            stream: false,
        },
    ]
}

/// Makes the tables that are not there, waits until they can be used, and verifies all three.
pub(crate) async fn create(
    client: &Client,
    clock: &Clock,
    tables: &TableNames,
) -> Result<(), SetupError> {
    for schema in schemas(tables) {
        if describe(client, schema.name).await?.is_none() {
            make(client, &schema).await?;
        }
    }
    for schema in schemas(tables) {
        let mut backoff = Backoff::new(std::time::Duration::from_millis(100));
        loop {
            match describe(client, schema.name).await? {
                Some(table) if table.table_status() == Some(&TableStatus::Active) => {
                    check(&schema, &table)?;
                    break;
                }
                Some(_) | None => clock.sleep(backoff.next()).await,
            }
        }
    }
    Ok(())
}

/// Verifies the three tables.
pub(crate) async fn verify(client: &Client, tables: &TableNames) -> Result<(), SetupError> {
    for schema in schemas(tables) {
        let table = describe(client, schema.name).await?;
        let table = table.ok_or_else(|| SetupError::NoTable { table: schema.name.to_owned() })?;
        check(&schema, &table)?;
    }
    Ok(())
}

async fn describe(client: &Client, name: &str) -> Result<Option<TableDescription>, SetupError> {
    match client.describe_table().table_name(name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failure(name, error).into()),
    }
}

async fn make(client: &Client, schema: &Schema<'_>) -> Result<(), SetupError> {
    let impossible = |error: aws_sdk_dynamodb::error::BuildError| {
        let (table, why) = (schema.name.to_owned(), error.to_string());
        SetupError::Store(StoreError::Refused { table, why })
    };
    let attribute = |name: &str, kind: &ScalarAttributeType| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind.clone())
            .build()
            .map_err(impossible)
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(impossible)
    };
    let (hash, kind) = &schema.hash;
    let mut call = client
        .create_table()
        .table_name(schema.name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(hash, kind)?)
        .key_schema(key(hash, KeyType::Hash)?);
    if let Some((range, kind)) = &schema.range {
        call = call
            .attribute_definitions(attribute(range, kind)?)
            .key_schema(key(range, KeyType::Range)?);
    }
    if schema.index {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(names::BY_ID)
            .key_schema(key(names::BUCKET, KeyType::Hash)?)
            .key_schema(key(hash, KeyType::Range)?)
            .projection(projection)
            .build()
            .map_err(impossible)?;
        call = call
            .attribute_definitions(attribute(names::BUCKET, &ScalarAttributeType::S)?)
            .global_secondary_indexes(index);
    }
    if schema.stream {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::KeysOnly)
            .build()
            .map_err(impossible)?;
        call = call.stream_specification(stream);
    }
    match call.send().await {
        Ok(_) => Ok(()),
        // Somebody else is making it at this moment.
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => Err(failure(schema.name, error).into()),
    }
}

fn check(schema: &Schema<'_>, table: &TableDescription) -> Result<(), SetupError> {
    let wrong = |what: String| SetupError::Schema { table: schema.name.to_owned(), what };
    let key = |elements: &[KeySchemaElement], kind: KeyType| {
        let found = elements.iter().find(|element| element.key_type == kind)?;
        let definitions = table.attribute_definitions();
        let named =
            definitions.iter().find(|known| known.attribute_name == found.attribute_name)?;
        Some((found.attribute_name.clone(), named.attribute_type.clone()))
    };
    let said = |key: Option<(String, ScalarAttributeType)>| {
        key.map_or("none".to_owned(), |(name, kind)| format!("{name} ({kind})"))
    };
    let owned = |(name, kind): &(&str, ScalarAttributeType)| ((*name).to_owned(), kind.clone());
    for (what, wanted, kind) in [
        ("HASH", Some(owned(&schema.hash)), KeyType::Hash),
        ("RANGE", schema.range.as_ref().map(owned), KeyType::Range),
    ] {
        let found = key(table.key_schema(), kind);
        if found != wanted {
            let (found, wanted) = (said(found), said(wanted));
            return Err(wrong(format!("its {what} key is {found} and should be {wanted}")));
        }
    }
    if schema.index {
        let indexes = table.global_secondary_indexes();
        let index = indexes.iter().find(|index| index.index_name() == Some(names::BY_ID));
        let Some(index) = index else {
            return Err(wrong(format!("it has no global secondary index `{}`", names::BY_ID)));
        };
        let keys =
            (key(index.key_schema(), KeyType::Hash), key(index.key_schema(), KeyType::Range));
        let wanted = |name: &str| Some((name.to_owned(), ScalarAttributeType::S));
        if keys != (wanted(names::BUCKET), wanted(names::PARTITION)) {
            let (hash, range) = (said(keys.0), said(keys.1));
            return Err(wrong(format!(
                "its index `{}` is over {hash} and {range}, and should be over {} and {}",
                names::BY_ID,
                names::BUCKET,
                names::PARTITION,
            )));
        }
    }
    Ok(())
}
