use gapless_model::check::*;
use gapless_model::design::*;
use gapless_model::Invariant;
use stateright::{Checker, Model};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let design = named(&args[1]).unwrap().design;
    let mut bounds = Bounds::DEFAULT;
    let mut clocks = Clocks::Timely;
    let mut bfs = false; let mut full = false;
    for a in &args[2..] {
        if a == "unbounded" { clocks = Clocks::Unbounded; continue; }
        if a == "full" { full = true; continue; }
        if a == "bfs" { bfs = true; continue; }
        if a == "tiny" { bounds = Bounds::TINY; continue; }
        let (k, v) = a.split_once('=').unwrap();
        let b = Bounds::ALL.iter().find(|b| b.name == k).unwrap();
        (b.set)(&mut bounds, v.parse().unwrap());
    }
    println!("size {} ", std::mem::size_of::<World<2,2,1,8,1>>());
    let t = std::time::Instant::now();
    let mut inv = Invariant::ALL.to_vec();
    if clocks == Clocks::Unbounded { inv.retain(|i| *i != Invariant::L2); }
    let mut p = Protocol::<2, 2, 1, 8, 1>::new(design, bounds, clocks, inv); if full { p = p.unreduced(); }
    fn fin(c: impl Checker<Protocol<2,2,1,8,1>>, t: std::time::Instant) {
        let e = t.elapsed().as_secs_f64();
        println!("unique {} generated {} depth {} in {:.2}s = {:.0}/s", c.unique_state_count(), c.state_count(), c.max_depth(), e, c.state_count() as f64/e);
        let s = std::fs::read_to_string("/proc/self/status").unwrap();
        println!("{}", s.lines().find(|l| l.starts_with("VmHWM")).unwrap());
        let m = c.model();
        println!("searches {:?}", m.searches); println!("{:?}", m.coverage.report(&m.rules.design, &m.bounds, m.clocks));
        for (n, p) in c.discoveries() {
            println!("{n}: {}", p.clone().into_actions().len());
            for a in p.into_actions() { println!("   {a:?}"); }
        }
    }
    if bfs { fin(p.checker().threads(1).spawn_bfs().join(), t) } else { fin(p.checker().threads(2).spawn_dfs().join(), t) }
}
