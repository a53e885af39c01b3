//! A client, and the tables to which it sends requests.

use aws_sdk_dynamodb::Client;

use super::table_names::TableNames;

/// Sends the protocol's typed requests to DynamoDB.
///
/// Cloning is cheap; clones share the client.
#[derive(Clone, Debug)]
pub struct Wire {
    pub(super) client: Client,
    pub(super) tables: TableNames,
}

impl Wire {
    /// Creates a wire over a client, to these tables. It sends nothing.
    #[must_use]
    pub fn new(client: Client, tables: TableNames) -> Wire {
        Wire { client, tables }
    }

    /// Returns the client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the tables' names.
    #[must_use]
    pub fn tables(&self) -> &TableNames {
        &self.tables
    }
}
