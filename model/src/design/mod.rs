//! The design space: its axes, the named designs, and design files.

mod axes;
mod file;
mod known;
mod lineage;
mod named;

pub use axes::{
    AXES, Acquire, Axis, Busy, Checkpoint, ConsumersTable, Design, Expiry, Finish, Gap, Handover,
    Increment, Merging, OwnToken, Parents, Producer, Read, Records, Release, SealedTail, SlotWrite,
    Splitting, Trigger, Undrained, Value,
};
pub use file::{DesignError, Mistake, parse, to_toml};
pub use known::{all, named};
pub use lineage::LINEAGE;
pub use named::{NAMED, Named};
