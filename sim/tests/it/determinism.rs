//! A run repeats to the byte: in the same process, in another one, and in another build.
//! Every CI run tests other seeds.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use gapless_model::design::Design;
use gapless_sim::{Profile, run};

/// Seeds that differ in every test run.
fn random_seeds(count: u64) -> Vec<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let first = u64::from(now.subsec_nanos()) * 1_000_003 + now.as_secs();
    (0..count).map(|index| first.wrapping_add(index * 7_919)).collect()
}

fn digest(profile: Profile, seed: u64) -> u64 {
    run(&profile.plan(seed, Design::RECOMMENDED)).digest()
}

#[test]
fn the_same_seed_twice_in_one_process_gives_the_same_log() {
    for seed in random_seeds(10) {
        for profile in Profile::ALL {
            let plan = profile.plan(seed, Design::RECOMMENDED);
            let (first, second) = (run(&plan), run(&plan));
            let differs =
                first.log.lines().zip(second.log.lines()).find(|(one, other)| one != other);
            assert_eq!(differs, None, "seed {seed}, profile {profile}");
            assert_eq!(first.log.len(), second.log.len(), "seed {seed}, profile {profile}");
        }
    }
}

/// Prints digests for the test below, which runs this one in separate processes.
#[test]
#[ignore = "the other half of the test below"]
fn prints_digests() {
    let seeds = std::env::var("GAPLESS_SEEDS").unwrap_or_default();
    for seed in seeds.split(',').filter_map(|seed| seed.parse().ok()) {
        println!("digest {seed} {:016x}", digest(Profile::Swarm, seed));
    }
}

#[test]
fn the_same_seeds_in_two_processes_give_the_same_logs() {
    let seeds: Vec<String> = random_seeds(8).iter().map(u64::to_string).collect();
    let digests = || {
        let this = std::env::current_exe().expect("a test is a program");
        let output = Command::new(this)
            .args(["--ignored", "--exact", "determinism::prints_digests", "--nocapture"])
            .env("GAPLESS_SEEDS", seeds.join(","))
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text
            .lines()
            .filter_map(|line| line.split_once("digest ").map(|(_, line)| line.to_owned()));
        lines.collect::<Vec<_>>()
    };
    let first = digests();
    assert_eq!(first.len(), seeds.len());
    assert_eq!(first, digests());
}

/// The golden hash fixes what regression seeds mean, in debug and in release builds.
#[test]
fn a_seed_means_the_same_in_every_build() {
    let plan = Profile::Swarm.plan(20_260_101, Design::RECOMMENDED);
    let drawn = serde_json::to_string(&plan).expect("a plan is JSON");
    let hash = drawn.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(
        hash, 14_410_055_509_116_784_976,
        "the plan of a seed changed: regression seeds mean something else now"
    );
}

#[test]
fn different_seeds_run_differently() {
    let digests: BTreeSet<u64> = (0..100).map(|seed| digest(Profile::Swarm, seed)).collect();
    assert_eq!(digests.len(), 100);
}
