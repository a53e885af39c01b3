//! The decision log that a checker's counterexample, a simulated run and a production
//! trace have in common: NDJSON, a header with this format and version, then a line for
//! each decision.

/// The format's name in a header.
pub const FORMAT: &str = "gapless-decisions";
/// The version that these crates write and read.
pub const VERSION: u32 = 1;
