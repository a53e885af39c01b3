use gapless_model::Invariant;
use gapless_model::check::{Bound, Bounds, Clocks, Progress, Task, check};
use gapless_model::design::Design;
use std::num::NonZeroUsize;
fn main() {
    for (c, l, e) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (2,1,1)] {
        for (red, sym) in [(false, false), (true, true)] {
        let mut b = Bounds::DEFAULT;
        for bound in Bounds::ALL {
            let x: &Bound = bound;
            if !["producers","events","batch","workers","groups","partitions","skew"].contains(&x.name) { (x.set)(&mut b, 0); }
        }
        b.crashes = c; b.lost_replies = l; b.expiries = e; b.faults = c + l + e;
        let mut t = Task::new("r", Design::RECOMMENDED, b, Clocks::Timely);
        t.checked.retain(|i| *i != Invariant::P1);
        t.threads = NonZeroUsize::MIN;
        t.reduced = red; t.symmetric = sym;
        let r = check(&t, &mut |_: Progress| true);
        println!("{c} {l} {e} {red} {} {} {:?} {} {}", r.unique, r.generated, r.elapsed, r.depth, r.peak_memory);
        }
    }
}
