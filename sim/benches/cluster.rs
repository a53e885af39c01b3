//! The speed of the simulation: `cargo bench -p gapless-sim`. Elements are SDK calls in the
//! first group, and milliseconds of simulated time in the second.

mod alone;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gapless_model::design::Design;
use gapless_sim::{
    Appending, ClockPlan, EngineKind, HintSource, Lifetime, Millis, Plan, ProducerPlan, Profile,
    Trouble, WorkerPlan, run_on,
};

/// Three producers with two appends a second in total, three workers, calls of 5 ms, no
/// faults.
fn cluster() -> Plan {
    let producer = ProducerPlan {
        appending: Appending::Single,
        events: 80,
        batch: 1,
        pause: Millis(1_480),
        twin: None,
    };
    let worker = WorkerPlan {
        group: 0,
        life: Lifetime::Standing,
        sweep: Millis(1_000),
        handling: Millis(5),
        fails: 0,
        hints: HintSource::None,
    };
    Plan {
        partition_bits: Some(0),
        keys: 8,
        lease: Millis(10_000),
        grace: Millis(1_000),
        skew: Millis(500),
        latency: Millis(5),
        read_timeout: Millis(1_000),
        sdk_retries: true,
        groups: 1,
        producers: vec![producer; 3],
        workers: vec![worker; 3],
        clocks: vec![ClockPlan::default(); 7],
        trouble: Trouble::default(),
        incidents: Vec::new(),
        heals: Millis(1_000_000),
        ..Profile::Calm.plan(1, Design::RECOMMENDED)
    }
}

fn bench(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts");
    let client = alone::client();
    let mut group = criterion.benchmark_group("sdk-alone");
    group.throughput(Throughput::Elements(2));
    group.bench_function("answered-at-once", |b| {
        b.iter(|| runtime.block_on(alone::two_calls(black_box(&client))));
    });
    group.finish();
    let plan = cluster();
    let measured = run_on(&plan, EngineKind::Light);
    assert_eq!(measured.violation, None);
    println!(
        "{} calls in {} of simulated time: {:.1} a second",
        measured.requests,
        measured.simulated,
        measured.requests as f64 / measured.simulated.duration().as_secs_f64()
    );
    for (name, elements) in
        [("sdk-calls", measured.requests), ("simulated-milliseconds", measured.simulated.0)]
    {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(elements));
        group.sample_size(10).measurement_time(Duration::from_secs(5));
        for engine in [EngineKind::Light, EngineKind::Dynoxide] {
            group.bench_function(format!("{engine:?}"), |bencher| {
                bencher.iter(|| black_box(run_on(&plan, engine)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
