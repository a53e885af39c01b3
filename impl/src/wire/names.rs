//! The attributes' names, as they stand in the tables.

/// A partition's id: HASH of Partitions and of Events, RANGE of Consumers.
pub const PARTITION: &str = "partitionId";
/// The head in Partitions, the slot in Events, the checkpoint in Consumers.
pub const SEQ: &str = "sequenceNumber";
/// A group: HASH of Consumers.
pub const GROUP: &str = "consumerId";

/// The index over partition ids: written when a partition is made, not when its head moves.
pub const BY_ID: &str = "by-id";
/// HASH of the index over partition ids.
pub const BUCKET: &str = "bucket";
/// The only bucket, until there are too many partitions for one.
pub const ONLY_BUCKET: &str = "0";
/// Whether a partition takes events.
pub const STATUS: &str = "status";
/// It does.
pub const OPEN: &str = "open";
/// The append that last raised a head which it demanded, and the number it was given.
pub const RAISER_TOKEN: &str = "raiserToken";
/// See [`RAISER_TOKEN`].
pub const RAISER_SLOT: &str = "raiserSlot";
/// A named producer's record: this, and the name.
pub const RECORD: &str = "producer:";
/// In a record: the producer's generation. In Consumers: the lease's.
pub const EPOCH: &str = "epoch";
/// In a record: the last event, in the producer's own count.
pub const NUMBER: &str = "number";
/// In a record: how many events went into the slot.
pub const COUNT: &str = "count";
/// In a record: the slot.
pub const SLOT: &str = "slot";

/// The append that wrote a slot.
pub const TOKEN: &str = "token";
/// What it wrote.
pub const EVENTS: &str = "events";
/// The slot was voided.
pub const VOID: &str = "void";
/// When a slot was written, by its writer's clock, in milliseconds since 1970.
pub const AT: &str = "at";

/// Whether somebody holds the lease.
pub const ACTIVE: &str = "active";
/// Who holds it, or held it last.
pub const OWNER: &str = "owner";
/// When it ends, in milliseconds since 1970.
pub const EXPIRY: &str = "expiry";
/// Signs of life.
pub const BEAT: &str = "beat";
/// Triggers that met it held.
pub const WAKE: &str = "wake";
/// Why a worker stopped at the slot behind the checkpoint.
pub const FAILURE: &str = "failure";
/// The version that wrote an item.
pub const VERSION: &str = "v";
/// The version that this crate writes and reads.
pub const THIS_VERSION: u64 = 1;
/// In Partitions: the item that says how the stream is laid out. No partition's id begins with it.
pub const STREAM: &str = "#stream";
/// How the stream is laid out.
pub const LAYOUT: &str = "layout";
/// How long a lease lasts, in milliseconds.
pub const LEASE: &str = "leaseMs";
/// How long an empty slot may stand, in milliseconds.
pub const GRACE: &str = "graceMs";
/// The most by which clocks may differ, in milliseconds.
pub const SKEW: &str = "skewMs";
