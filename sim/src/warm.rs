//! One run whose outcome nobody looks at: what a process makes lazily, once, it makes
//! here, or the first seed would run unlike all others.

use std::sync::Once;

use gapless_model::design::Design;

use crate::engine::EngineKind;
use crate::profile::Profile;

static WARM: Once = Once::new();

/// Warms up, once in a process.
pub(crate) fn up() {
    WARM.call_once(|| {
        let mut plan = Profile::Lambda.plan(0, Design::RECOMMENDED);
        plan.heals = crate::Millis(500);
        let thread = std::thread::spawn(move || {
            crate::run::simulate(&plan, EngineKind::default());
        });
        // What it met will be met again, where somebody looks.
        let _ = thread.join();
    });
}
