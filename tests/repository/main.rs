//! What holds for the repository itself: how its parts may lean on each other, and how it is kept.

mod architecture;
mod committed;
mod imports;
mod invariants;
mod markdown;
mod picture;
mod source;
mod tidy;
mod transcripts;
