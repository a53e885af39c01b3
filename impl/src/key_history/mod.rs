//! The events of one key as a history that is decided on and appended to: event sourcing.

mod history;
mod loading;
mod reading_on;

pub use history::History;
