//! The three tables' schemas: how a table is described, created and verified.

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription,
    TableStatus,
};

use super::connection::Wire;
use super::failure::failure;
use super::names;
use crate::vocabulary::{SetupError, StoreError};

/// A key's attribute and its type.
type KeyAttribute = (&'static str, ScalarAttributeType);

/// What one table must look like.
pub(crate) struct Schema<'a> {
    name: &'a str,
    hash: KeyAttribute,
    range: Option<KeyAttribute>,
    /// The index of partitions in the order of their ids.
    index: bool,
    /// Whether it is to have a stream of its own, keys only, which announces that a slot was written.
    stream: bool,
}

/// A table that exists, as DynamoDB describes it.
pub(crate) struct ExistingTable(TableDescription);

impl Wire {
    /// The schemas of the three tables, with a stream of the Events table if that is wanted.
    pub(crate) fn schemas(&self, table_stream: bool) -> [Schema<'_>; 3] {
        use ScalarAttributeType::{N, S};
        [
            Schema {
                name: &self.tables.partitions,
                hash: (names::PARTITION, S),
                range: None,
                index: true,
                stream: false,
            },
            Schema {
                name: &self.tables.events,
                hash: (names::PARTITION, S),
                range: Some((names::SEQ, N)),
                index: false,
                stream: table_stream,
            },
            Schema {
                name: &self.tables.consumers,
                hash: (names::GROUP, S),
                range: Some((names::PARTITION, S)),
                index: false,
                stream: false,
            },
        ]
    }

    /// Describes the table of a schema, if it exists.
    pub(crate) async fn describe_table(
        &self,
        schema: &Schema<'_>,
    ) -> Result<Option<ExistingTable>, SetupError> {
        match self.client.describe_table().table_name(schema.name).send().await {
            Ok(answer) => Ok(answer.table.map(ExistingTable)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failure(schema.name, error).into()),
        }
    }

    /// Begins to give a table that exists its stream. It is no error if another process does so.
    pub(crate) async fn add_stream(&self, schema: &Schema<'_>) -> Result<(), SetupError> {
        let call = self.client.update_table().table_name(schema.name);
        match call
            .stream_specification(keys_only().map_err(|error| schema.refused(&error))?)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            // The table was described from a replica that was behind.
            Err(error) if error.message().is_some_and(|why| why.contains("already has")) => Ok(()),
            Err(error) => Err(failure(schema.name, error).into()),
        }
    }

    /// Begins to create a table. It is no error if another process does so already.
    pub(crate) async fn create_table(&self, schema: &Schema<'_>) -> Result<(), SetupError> {
        let call = self.client.create_table().table_name(schema.name);
        let call = schema.shape(call).map_err(|error| schema.refused(&error))?;
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            Err(error) => Err(failure(schema.name, error).into()),
        }
    }
}

fn keys_only() -> Result<StreamSpecification, BuildError> {
    let stream = StreamSpecification::builder().stream_enabled(true);
    stream.stream_view_type(StreamViewType::KeysOnly).build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

fn definition(name: &str, kind: &ScalarAttributeType) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind.clone()).build()
}

impl Schema<'_> {
    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        self.name
    }

    /// Adds keys, billing, index and stream to a request.
    fn shape(
        &self,
        call: CreateTableFluentBuilder,
    ) -> Result<CreateTableFluentBuilder, BuildError> {
        let (hash, kind) = &self.hash;
        let mut call = call
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(definition(hash, kind)?)
            .key_schema(key(hash, KeyType::Hash)?);
        if let Some((range, kind)) = &self.range {
            call = call
                .attribute_definitions(definition(range, kind)?)
                .key_schema(key(range, KeyType::Range)?);
        }
        if self.index {
            let projection =
                Projection::builder().projection_type(ProjectionType::KeysOnly).build();
            let index = GlobalSecondaryIndex::builder()
                .index_name(names::BY_ID)
                .key_schema(key(names::BUCKET, KeyType::Hash)?)
                .key_schema(key(hash, KeyType::Range)?)
                .projection(projection)
                .build()?;
            call = call
                .attribute_definitions(definition(names::BUCKET, &ScalarAttributeType::S)?)
                .global_secondary_indexes(index);
        }
        if self.stream {
            call = call.stream_specification(keys_only()?);
        }
        Ok(call)
    }

    /// Whether a table that exists is still to be given its stream.
    pub(crate) fn lacks_stream(&self, table: &ExistingTable) -> bool {
        let stream = table.0.stream_specification();
        self.stream && !stream.is_some_and(|stream| stream.stream_enabled)
    }

    fn refused(&self, error: &BuildError) -> SetupError {
        let (table, why) = (self.name.to_owned(), error.to_string());
        SetupError::Store(StoreError::Refused { table, why })
    }

    fn mismatch(&self, what: String) -> SetupError {
        SetupError::Schema { table: self.name.to_owned(), what }
    }
}

impl ExistingTable {
    /// Whether the table can be used.
    pub(crate) fn is_active(&self) -> bool {
        self.0.table_status() == Some(&TableStatus::Active)
    }

    /// Returns an error if the keys or the index differ from the schema.
    pub(crate) fn verify(&self, schema: &Schema<'_>) -> Result<(), SetupError> {
        let owned = |(name, kind): &KeyAttribute| ((*name).to_owned(), kind.clone());
        for (what, wanted, kind) in [
            ("HASH", Some(owned(&schema.hash)), KeyType::Hash),
            ("RANGE", schema.range.as_ref().map(owned), KeyType::Range),
        ] {
            let found = self.key(self.0.key_schema(), kind);
            if found != wanted {
                let (found, wanted) = (key_words(found), key_words(wanted));
                let what = format!("its {what} key is {found}, and {wanted} is expected");
                return Err(schema.mismatch(what));
            }
        }
        if schema.index { self.verify_index(schema) } else { Ok(()) }
    }

    fn verify_index(&self, schema: &Schema<'_>) -> Result<(), SetupError> {
        let (by_id, bucket, partition) = (names::BY_ID, names::BUCKET, names::PARTITION);
        let indexes = self.0.global_secondary_indexes();
        let index = indexes.iter().find(|index| index.index_name() == Some(by_id));
        let Some(index) = index else {
            return Err(schema.mismatch(format!("it has no global secondary index `{by_id}`")));
        };
        let found = [KeyType::Hash, KeyType::Range].map(|kind| self.key(index.key_schema(), kind));
        let wanted =
            [bucket, partition].map(|name| Some((name.to_owned(), ScalarAttributeType::S)));
        if found == wanted {
            return Ok(());
        }
        let [hash, range] = found.map(key_words);
        Err(schema.mismatch(format!(
            "the keys of its index `{by_id}` are {hash} and {range}, and {bucket} and {partition} \
             are expected"
        )))
    }

    /// The attribute that is the HASH or the RANGE key, with its type.
    fn key(
        &self,
        elements: &[KeySchemaElement],
        kind: KeyType,
    ) -> Option<(String, ScalarAttributeType)> {
        let found = elements.iter().find(|element| element.key_type == kind)?;
        let definitions = self.0.attribute_definitions();
        let named =
            definitions.iter().find(|known| known.attribute_name == found.attribute_name)?;
        Some((found.attribute_name.clone(), named.attribute_type.clone()))
    }
}

fn key_words(key: Option<(String, ScalarAttributeType)>) -> String {
    key.map_or("none".to_owned(), |(name, kind)| format!("{name} ({kind})"))
}
