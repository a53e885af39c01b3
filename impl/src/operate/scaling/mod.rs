//! Automatic scaling: what is measured, and what is made of the decisions.

mod reading;
mod scaler;
mod sounding;

pub use scaler::{Carried, Look, ScaleError, Scaler};
