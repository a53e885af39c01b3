//! The addresses of all nodes in the simulated network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::plan::Node;

const DYNAMO: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
const QUEUE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 3);
const PORT: u16 = 1;

/// The names and addresses of the store, the queue, and the network that delivers copies.
pub(crate) fn service_addresses() -> [(&'static str, IpAddr); 3] {
    [("dynamodb", DYNAMO.into()), ("queue", QUEUE.into()), ("network", NETWORK.into())]
}

/// The address of a node.
pub(crate) fn address(node: Node) -> IpAddr {
    let [high, low] = node.0.to_be_bytes();
    Ipv4Addr::new(10, 0, 2 + high, low.wrapping_add(1)).into()
}

pub(super) fn dynamo_address() -> SocketAddr {
    (DYNAMO, PORT).into()
}

pub(super) fn queue_address() -> SocketAddr {
    (QUEUE, PORT).into()
}
