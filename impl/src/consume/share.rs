//! How many of the partitions that a sweep found a worker takes on at once.

/// A sweep shows the same work to every worker of a group. Each begins with a few partitions, takes
/// on more while it has them for itself, and fewer once it meets others.
#[derive(Debug)]
pub(super) struct Share {
    now: usize,
    most: usize,
}

impl Share {
    const FIRST: usize = 4;

    /// The share of a worker with so many places.
    pub(super) fn of(places: usize) -> Share {
        Share { now: Share::FIRST.min(places), most: places }
    }

    /// Whether another turn can begin while so many are under way.
    pub(super) fn has_room(&self, running: usize) -> bool {
        running < self.now
    }

    /// A turn had something to do.
    pub(super) fn grow(&mut self) {
        self.now = (self.now + 1).min(self.most);
    }

    /// Another worker had been faster.
    pub(super) fn shrink(&mut self) {
        self.now = (self.now / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_larger_than_the_places_and_halves_from_there() {
        let mut share = Share::of(8);
        assert!(share.has_room(3) && !share.has_room(4), "it begins with four");
        (0..20).for_each(|_| share.grow());
        assert!(share.has_room(7) && !share.has_room(8));
        share.shrink();
        assert!(share.has_room(3) && !share.has_room(4));
        (0..20).for_each(|_| share.shrink());
        assert!(share.has_room(0) && !share.has_room(1), "one is always taken on");
    }
}
