use gapless_model::design::named;
use gapless_sim::{Profile, run};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let design = named(&args[1]).unwrap().design;
    let profile: Profile = args[2].parse().unwrap();
    let (from, count): (u64, u64) = (args[3].parse().unwrap(), args[4].parse().unwrap());
    let began = std::time::Instant::now();
    let (mut requests, mut simulated) = (0, 0);
    for seed in from..from + count {
        let plan = profile.plan(seed, design);
        let outcome = run(&plan);
        requests += outcome.requests;
        simulated += outcome.simulated.0;
        if count == 1 {
            println!("{}", outcome.log);
        }
        if let Some(v) = &outcome.violation {
            println!("seed {seed}: {} {} {}", v.at, v.breach, &v.what[..v.what.len().min(600)]);
        }
        if std::env::var("TWICE").is_ok() {
            let again = run(&plan);
            if again.log != outcome.log {
                println!("seed {seed}: differs");
                std::fs::write("/tmp/a.log", &outcome.log).unwrap();
                std::fs::write("/tmp/b.log", &again.log).unwrap();
            }
        }
    }
    let s = began.elapsed().as_secs_f64();
    println!(
        "{count} seeds in {s:.2}s: {:.0} requests/s, {:.0} simulated s/s, {requests} requests",
        requests as f64 / s,
        simulated as f64 / 1000.0 / s
    );
}
