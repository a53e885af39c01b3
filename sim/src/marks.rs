//! The coverage marks: named situations that some run must reach, or the runs don't test
//! what they seem to test.

/// All marks. `gapless sim` reports those that no run reached, and fails if `--strict` is given.
pub const MARKS: [&str; 25] = [
    // Reached by machines (`judge/machines.rs`).
    "a writer finds its own write",
    "a writer finds its slot voided",
    "a gap is voided",
    "a void comes after the write",
    "a rerun finds its predecessor's slot empty",
    "a rerun finds its predecessor's slot taken",
    "a lease is held by another",
    "a lease is taken over",
    "a lease is renewed",
    "a checkpoint is refused",
    "a lease is released",
    "a release finds the next slot taken",
    "an increment is refused",
    // Reached by the nodes around them (`cluster/`).
    "an expected head was passed",
    "a named producer skips what is in the log",
    "patience runs out, and the append is settled later",
    "a group's outcome stays unknown",
    "a worker stops as it was asked to",
    "a run is dropped, and its worker runs again",
    "a short-lived worker hands over before its deadline",
    "a handler fails for good",
    "a worker's patience runs out",
    "a read shows what has changed since",
    "an iterator of the table's stream expires",
    "a shard of the table's stream is read to its end",
];
