//! Work that threads share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The items that a thread takes at a time.
const CHUNK: usize = 64;

/// Does something with every item, on a thread for each worker, or on this one where there is
/// little to do. `stop` ends it before all is done.
pub(in crate::check) fn each<W: Send, T: Sync>(
    workers: &mut [W],
    items: &[T],
    stop: &(dyn Fn() -> bool + Sync),
    work: impl Fn(&mut W, &T) + Sync,
) {
    let next = AtomicUsize::new(0);
    let take = |worker: &mut W| {
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= items.len() || stop() {
                return;
            }
            for item in &items[from..items.len().min(from + CHUNK)] {
                work(worker, item);
            }
        }
    };
    if items.len() <= CHUNK {
        workers.iter_mut().take(1).for_each(take);
        return;
    }
    std::thread::scope(|scope| {
        let take = &take;
        for worker in workers {
            scope.spawn(move || take(worker));
        }
    });
}
