//! Who reads the table's stream: how often its shards can be asked for, and by how many processes one
//! shard can be read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use crate::moment::{lock, now};
use crate::plan::{Millis, Node};

/// Calls that are less than this apart are at the same time.
const SECOND: Millis = Millis(1_000);

/// What the readers of a stream asked for in the last second.
#[derive(Default)]
pub(super) struct Subscribers {
    described: Mutex<VecDeque<Millis>>,
    /// When each process was last given what a shard has, by the shard's id.
    reads: Mutex<BTreeMap<String, BTreeMap<Node, Millis>>>,
}

impl Subscribers {
    /// Takes note of a call for the shards, and returns whether there were fewer than `most` in the
    /// last second.
    pub(super) fn may_describe(&self, most: usize) -> bool {
        let mut described = lock(&self.described);
        while described.front().is_some_and(|at| at.plus(SECOND) <= now()) {
            described.pop_front();
        }
        let may = described.len() < most;
        if may {
            described.push_back(now());
        }
        may
    }

    /// Takes note of a process's read of a shard, and returns whether it is one of its `most` readers.
    pub(super) fn may_read(&self, shard: String, reader: Node, most: usize) -> bool {
        let mut reads = lock(&self.reads);
        let readers = reads.entry(shard).or_default();
        readers.retain(|_, at| now() < at.plus(SECOND));
        let may = readers.contains_key(&reader) || readers.len() < most;
        if may {
            readers.insert(reader, now());
        }
        may
    }
}
