//! Ctrl-C ends a search early, and its results so far are printed.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler of Ctrl-C. A second Ctrl-C ends the process at once.
pub fn install_handler() {
    let handler = || {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // Where this fails, Ctrl-C still ends the process, without results.
    drop(ctrlc::set_handler(handler));
}

/// Whether Ctrl-C was pressed.
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
