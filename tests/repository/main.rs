//! What holds for the repository itself: how its parts may lean on each other, and how it is kept.

mod architecture;
mod imports;
mod markdown;
mod source;
mod tidy;
