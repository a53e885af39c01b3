//! Ctrl-C ends a search cleanly, with what was found so far.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens. A second Ctrl-C ends the process at once.
pub fn listen() {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    // Without a handler Ctrl-C still ends the process, only less kindly.
    drop(ctrlc::set_handler(handler));
}

/// Whether somebody pressed it.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
