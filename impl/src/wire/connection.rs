//! A client, and the tables to which it sends requests.

use std::time::Duration;

use aws_sdk_dynamodb::Client;

use super::limits::MOST_PRODUCERS;
use super::table_names::TableNames;
use crate::vocabulary::Clock;

/// Sends the protocol's typed requests to DynamoDB.
///
/// Cloning is cheap; clones share the client.
#[derive(Clone, Debug)]
pub struct Wire {
    pub(super) client: Client,
    pub(super) tables: TableNames,
    /// How many slots a query asks for at most.
    pub(super) page_limit: Option<i32>,
    /// How many named producers may have a record in a partition.
    pub(super) most_producers: u32,
}

impl Wire {
    /// Creates a wire over a client, to these tables. It sends nothing.
    #[must_use]
    pub fn new(client: Client, tables: TableNames) -> Wire {
        Wire { client, tables, page_limit: None, most_producers: MOST_PRODUCERS }
    }

    /// The same wire, whose queries ask for so many slots at most.
    pub(crate) fn with_page_limit(&self, slots: usize) -> Wire {
        let page_limit = Some(i32::try_from(slots.max(1)).unwrap_or(i32::MAX));
        Wire { page_limit, ..self.clone() }
    }

    /// The same wire, which lets so many named producers have a record in a partition.
    pub(crate) fn with_most_producers(self, most_producers: u32) -> Wire {
        Wire { most_producers, ..self }
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

    /// Pauses between two requests. A client that cannot sleep, which no stream accepts, does not.
    pub(super) async fn pause(&self, length: Duration) {
        if let Ok(clock) = Clock::of(&self.client) {
            clock.sleep(length).await;
        }
    }
}
