//! A client, and the tables that it is pointed at.

use aws_sdk_dynamodb::Client;

use super::table_names::TableNames;

/// Sends typed requests.
#[derive(Clone, Debug)]
pub struct Wire {
    pub(super) client: Client,
    pub(super) tables: TableNames,
}

impl Wire {
    /// Over this client, to these tables.
    #[must_use]
    pub fn new(client: Client, tables: TableNames) -> Wire {
        Wire { client, tables }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The tables' names.
    #[must_use]
    pub fn tables(&self) -> &TableNames {
        &self.tables
    }
}
