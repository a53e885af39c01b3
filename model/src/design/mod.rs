//! The design space: its axes, the named designs, and design files.

mod axes;
mod file;
mod named;

pub use axes::{
    AXES, Acquire, Axis, Busy, Checkpoint, ConsumersTable, Design, Expiry, Finish, Gap, Handover,
    Increment, OwnToken, Producer, Read, Release, SlotWrite, Trigger, Value,
};
pub use file::{DesignError, Mistake, parse, to_toml};
pub use named::{NAMED, Named, named};
