//! Watches a run from outside of its thread: whether it still moves, and whether it may go on.

use std::time::Duration;

use crate::cluster::Progress;

/// How often a run is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// After how many looks a run that takes no step is given up: 20 seconds. They are counted instead of
/// timed, so that a program that was stopped for a while is not taken for one that stands still.
pub(super) const MOST_LOOKS: u32 = 200;
/// After how many looks it is given up if the program grows.
const MOST_LOOKS_WHILE_GROWING: u32 = 10;
/// How much the program may grow while a run takes no step, in bytes.
const MOST_GROWTH: u64 = 1 << 30;

/// What was seen of a run so far.
#[derive(Debug)]
pub(super) struct Watch {
    /// After how many looks at the same place it is given up.
    most: u32,
    last: Option<Progress>,
    /// How often it was seen where it is.
    looks: u32,
    /// The size of the program when it was first seen there.
    size: u64,
}

impl Watch {
    pub(super) fn new(most: u32) -> Watch {
        Watch { most, last: None, looks: 0, size: 0 }
    }

    /// Looks at a run, and at the size of the program. Returns what is wrong with the run, as half a
    /// sentence, if it is to be given up.
    pub(super) fn look(&mut self, seen: Progress, size: u64) -> Option<String> {
        if self.last.map(|last| last.steps) != Some(seen.steps) {
            *self = Watch { last: Some(seen), looks: 0, size, ..*self };
            return None;
        }
        self.looks += 1;
        let spent = LOOK * self.looks;
        let growth = size.saturating_sub(self.size);
        let grows = growth > MOST_GROWTH && self.looks >= MOST_LOOKS_WHILE_GROWING;
        (grows || self.looks >= self.most).then(|| {
            let more = if growth > MOST_GROWTH {
                format!(", while the program grew by {} MB", growth >> 20)
            } else {
                String::new()
            };
            format!(
                "has computed for {} s of real time without waiting, without looking at a clock \
                 and without a call{more}",
                spent.as_secs()
            )
        })
    }
}

/// The size of this program in memory, in bytes; 0 where the system doesn't tell.
pub(super) fn program_size() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|text| text.trim().split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Millis;

    fn at(steps: u64) -> Progress {
        Progress { steps, at: Millis(5), polled: None }
    }

    #[test]
    fn a_run_is_given_up_after_it_has_stood_still_for_long() {
        let mut watch = Watch::new(MOST_LOOKS);
        for look in 0..10_000 {
            assert_eq!(watch.look(at(look / 150), 0), None, "it moves every 15 seconds");
        }
        let mut watch = Watch::new(MOST_LOOKS);
        let looks = (0..).find(|_| watch.look(at(1), 0).is_some());
        assert_eq!(looks, Some(200));
        // The program shrinks, or grows by what other runs need.
        let mut watch = Watch::new(MOST_LOOKS);
        let sizes = [5 << 30, 1 << 30, 2 << 30];
        let looks = (0..).find(|look| watch.look(at(1), sizes[look % 3]).is_some());
        assert_eq!(looks, Some(200));
    }

    #[test]
    fn a_run_that_stands_still_and_grows_is_given_up_sooner() {
        let mut watch = Watch::new(MOST_LOOKS);
        let grown = |look: u64| 1_000_000 + (look << 29);
        let given_up = (0..).find_map(|look| Some((look, watch.look(at(1), grown(look))?)));
        let (look, why) = given_up.expect("it grows without an end");
        assert_eq!(look, 10);
        assert!(why.contains("while the program grew by 5120 MB"), "{why}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_size_of_this_program_is_known() {
        let before = program_size();
        let more = vec![7_u8; 64 << 20];
        let grown = program_size() - before;
        assert!(grown > 32 << 20, "{before} grew by {grown} for {}", more.len());
    }
}
