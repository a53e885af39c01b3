//! The names of attributes, of the index, and of the founding item.

/// The partition's id: HASH of Partitions and of Events, RANGE of Consumers.
pub const PARTITION: &str = "partitionId";
/// The head in Partitions, the slot in Events, the checkpoint in Consumers.
pub const SEQ: &str = "sequenceNumber";
/// The group: HASH of Consumers.
pub const GROUP: &str = "consumerId";
/// What the group begins with in the item of a lease on a key, which is no group's.
pub const KEY_LEASE: &str = "#lease/";

/// The index over partition ids. It is written when a partition is made, not when its head
/// moves.
pub const BY_ID: &str = "by-id";
/// The HASH key of the index.
pub const BUCKET: &str = "bucket";
/// The only bucket.
pub const ONLY_BUCKET: &str = "0";
/// In Partitions: whether the partition takes events.
pub const STATUS: &str = "status";
/// The status of a partition that takes events.
pub const OPEN: &str = "open";
/// The status of a partition that takes no more events, because it was split or merged.
pub const SEALED: &str = "sealed";
/// In a sealed partition: the partitions that take its place, in order.
pub const CHILDREN: &str = "children";
/// The token of the append that last raised the head on condition of its value.
pub const RAISER_TOKEN: &str = "raiserToken";
/// The number that [`RAISER_TOKEN`]'s append was given.
pub const RAISER_SLOT: &str = "raiserSlot";
/// The prefix of a named producer's record; the producer's name follows.
pub const RECORD: &str = "producer:";
/// How many named producers have a record in the item.
pub const PRODUCERS: &str = "producers";
/// In a record: the producer's epoch. In Consumers: the lease's.
pub const EPOCH: &str = "epoch";
/// In a record: the last event, in the producer's own count.
pub const NUMBER: &str = "number";
/// In a record: how many events went into the slot.
pub const COUNT: &str = "count";
/// In a record: the slot.
pub const SLOT: &str = "slot";

/// The token of the append that wrote the slot.
pub const TOKEN: &str = "token";
/// The slot's events.
pub const EVENTS: &str = "events";
/// Set where the slot was voided.
pub const VOID: &str = "void";
/// When the slot was written, or in Partitions when the partition was sealed, by the writer's clock, in
/// milliseconds since 1970.
pub const AT: &str = "at";

/// Whether the lease is held.
pub const ACTIVE: &str = "active";
/// The worker's turn that holds the lease, or held it last.
pub const OWNER: &str = "owner";
/// When the lease ends unless it is renewed, in milliseconds since 1970.
pub const EXPIRY: &str = "expiry";
/// The counter of the owner's signs of life.
pub const BEAT: &str = "beat";
/// The counter of triggers that found the lease held.
pub const WAKE: &str = "wake";
/// Why a worker stopped at the slot after the checkpoint.
pub const FAILURE: &str = "failure";
/// The version of the format in which the item was written. Slots and partitions have it only if it
/// is not the first.
pub const VERSION: &str = "v";
/// The version of the format in which this crate writes and reads slots, leases and the founding item.
pub const THIS_VERSION: u64 = 1;
/// The newest version of a partition's item that this crate reads and changes, which only a sealed one
/// has. A release that knows of no seal changes an item only if its version is missing or the first: so
/// it refuses that partition alone, where it would go on to give out numbers behind the seal.
pub const SEALED_VERSION: u64 = 2;

/// The version of a lease on a partition that its group has not begun. Releases that know of no reset would
/// take the lease and begin it behind parents that are to be read again.
pub const UNBEGUN_VERSION: u64 = 2;
/// The id of the founding item in Partitions. No partition's id begins like it.
pub const STREAM: &str = "#stream";
/// In the founding item: the layout.
pub const LAYOUT: &str = "layout";
/// In the founding item: how long a lease lasts, in milliseconds.
pub const LEASE: &str = "leaseMs";
/// In the founding item: how long an empty slot may stand, in milliseconds.
pub const GRACE: &str = "graceMs";
/// In the founding item: the most by which clocks may differ, in milliseconds.
pub const SKEW: &str = "skewMs";
/// In the founding item: what the design chooses on each axis.
pub const DESIGN: &str = "design";
