//! The progress line of a search, on a terminal only.

use std::time::Duration;

use gapless_model::check::{Progress, Watch};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::interrupt;

/// A spinner with the time and a message. It is drawn on standard error if that is a terminal.
pub fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Shows the progress of a search, and ends it on Ctrl-C.
pub struct Bar {
    bar: ProgressBar,
    name: String,
    last: (Duration, usize),
    rate: f64,
}

impl Bar {
    /// A bar for the check of a design. It is drawn on standard error if that is a terminal.
    pub fn new(name: &str) -> Self {
        Bar { bar: spinner(), name: name.to_owned(), last: (Duration::ZERO, 0), rate: 0.0 }
    }

    /// Removes it from the screen.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn proceed(&mut self, progress: Progress) -> bool {
        let elapsed = self.bar.elapsed();
        let (since, count) = self.last;
        let seconds = elapsed.saturating_sub(since).as_secs_f64();
        if seconds > 0.5 || progress.generated < count {
            self.rate = progress.generated.saturating_sub(count) as f64 / seconds.max(0.001);
            self.last = (elapsed, progress.generated);
        }
        let doing = if progress.shortening { "shortest counterexample" } else { "checking" };
        self.bar.set_message(format!(
            "{}: {doing} · {} states · {} generated/s · depth {} · {}",
            self.name,
            HumanCount(progress.unique as u64),
            HumanCount(self.rate as u64),
            progress.depth,
            HumanBytes(progress.memory as u64),
        ));
        self.bar.tick();
        !interrupt::is_requested()
    }
}
