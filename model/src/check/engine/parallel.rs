//! Work that threads share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The items that a thread takes at a time.
const CHUNK: usize = 64;

/// Does something with every item, on a thread for each worker, or on this one where there is
/// little to do. `stop` ends it before all is done, but only between chunks, and not before each
/// thread has done one: so it gets on however often it is stopped. Returns how many items, from the
/// first on, are done.
pub(in crate::check) fn each<W: Send, T: Sync>(
    workers: &mut [W],
    items: &[T],
    stop: &(dyn Fn() -> bool + Sync),
    work: impl Fn(&mut W, &T) + Sync,
) -> usize {
    let next = AtomicUsize::new(0);
    let take = |worker: &mut W| {
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= items.len() {
                return;
            }
            for item in &items[from..items.len().min(from + CHUNK)] {
                work(worker, item);
            }
            if stop() {
                return;
            }
        }
    };
    if items.len() <= CHUNK {
        workers.iter_mut().take(1).for_each(take);
    } else {
        std::thread::scope(|scope| {
            let take = &take;
            for worker in workers {
                scope.spawn(move || take(worker));
            }
        });
    }
    next.into_inner().min(items.len())
}
