//! What everything else is said in: events, names, times, pages of slots, errors and a clock.

mod clock;
mod error;
mod event;
mod hint;
mod live;
mod lock;
mod names;
mod page;
mod time;

pub(crate) use clock::{Backoff, Clock, Timer, shortened, shuffle};
pub use error::{NoRandomness, SetupError, StoreError};
pub use event::{Event, EventBatch, NoPosition, Position, Recorded};
pub use hint::Hint;
pub(crate) use hint::Waiting;
pub use live::Live;
pub(crate) use lock::lock;
pub(crate) use names::random_digits;
pub use names::{Group, Owner, ProducerName, Token, WorkerId};
pub use page::{Filled, Slots};
pub use time::Timestamp;
pub(crate) use time::millis;
