//! The coverage marks: named situations that runs must reach, or they don't test what they seem
//! to test.

/// A situation, and how rare it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: &'static str,
    /// The smallest share of swarm seeds that must reach it, in percent, where there are enough seeds
    /// to tell. With fewer, one seed is enough.
    pub floor: u8,
}

const fn mark(name: &'static str, floor: u8) -> Mark {
    Mark { name, floor }
}

/// The number of seeds from which on shares are told apart from chance.
pub const ENOUGH_SEEDS: u64 = 2_000;

/// All marks. `gapless sim` reports those that no run reached, or too few; and fails if `--strict`
/// is given.
pub const MARKS: [Mark; 70] = [
    // Reached by what machines are told, or what the store answers (`judge/`, `cluster/store.rs`).
    mark("a writer finds its own write", 20),
    mark("a writer finds its slot voided", 5),
    mark("a gap is voided", 20),
    mark("a void comes after the write", 10),
    mark("a rerun finds its predecessor's slot empty", 5),
    mark("a rerun finds its predecessor's slot taken", 5),
    mark("a lease is held by another", 50),
    mark("a lease is taken over", 80),
    mark("a lease is renewed", 50),
    mark("a renewal is refused", 5),
    mark("a checkpoint is refused", 10),
    mark("a lease is released", 90),
    mark("a release moves the checkpoint", 80),
    mark("a release is refused", 1),
    mark("a look behind a delivery finds more", 5),
    mark("a look behind a delivery fails", 5),
    mark("an increment is refused", 20),
    mark("a producer finds its partition sealed", 5),
    mark("a worker asks what comes before a partition", 5),
    mark("a page is full", 5),
    mark("a page of large slots is cut", 5),
    mark("a page that was read ahead is used", 5),
    // Reached by the nodes around them (`cluster/`, `play/`, `judge/activity.rs`, `judge/fences.rs`,
    // `judge/reader.rs`).
    mark("a worker has nothing to do", 2),
    mark("two handlers are at work at once", 5),
    mark("a crash while there is work", 25),
    mark("an incident while there is work", 80),
    mark("an expected head was passed", 10),
    mark("a history has got events in between", 4),
    mark("an append to a history comes behind what others appended", 2),
    mark("a named producer skips what is in the log", 10),
    mark("a live twin fences its other", 5),
    mark("a fenced producer is told", 5),
    mark("a reader passes a void", 5),
    mark("a reader stops before an empty slot", 8),
    mark("a follower reads on from a position", 5),
    mark("a receipt's slot is settled", 10),
    mark("patience runs out, and the append is settled later", 3),
    mark("a group is settled later", 2),
    mark("a group is found sealed when it is settled", 0),
    mark("an append that was refused is made anew", 1),
    mark("an append is dropped", 3),
    mark("all appends of a group are dropped", 1),
    mark("a process with another design is refused", 3),
    mark("a partition is split", 20),
    mark("partitions are merged", 10),
    mark("two operators change the same partition", 1),
    mark("a checkpoint is moved back", 10),
    mark("what came of a partition is delivered again", 3),
    mark("a turn holds a lease that a reset needs", 1),
    mark("a worker stops as it was asked to", 10),
    mark("a run is dropped, and its worker runs again", 10),
    mark("a short-lived worker hands over before its deadline", 25),
    mark("a handler fails for good", 1),
    mark("a worker comes back to a partition that failed", 1),
    mark("a turn makes room for others", 1),
    mark("a worker's patience runs out", 8),
    mark("a read shows what has changed since", 15),
    mark("an iterator of the table's stream expires", 10),
    mark("a shard of the table's stream is read to its end", 15),
    mark("the list of a stream's shards has another page", 1),
    mark("a record of the table's stream is trimmed before it is read", 1),
    mark("a receipt of the queue is older than the last one", 1),
    mark("a write is held back for a hot index", 1),
    mark("a message goes to the dead-letter queue", 1),
    mark("the table's stream is asked for its shards too often", 1),
    mark("a shard of the table's stream has too many readers", 1),
    mark("a function is ended at its limit", 1),
    mark("a process is locked out behind a write of the SDK's", 1),
    mark("a worker is refused for good, and starts again", 1),
    mark("a reader is refused for good, and reads again", 1),
];
