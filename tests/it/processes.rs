//! Real processes and real kills: a served engine on a file, producers and
//! consumers, each killed at random, the server included. In the end every
//! acknowledged event was consumed by every group, in order, and the tables are clean.
//!
//! `GAPLESS_KILLS=60 cargo test --test it processes -- --nocapture` goes on for a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PRODUCERS: u64 = 3;
const GROUPS: [&str; 2] = ["billing", "audit-trail"];
const WORKERS: usize = 2;

/// A cluster of processes in a folder.
struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
    runs: BTreeMap<String, usize>,
    children: BTreeMap<String, Child>,
    kills: BTreeMap<String, usize>,
    seed: u64,
}

impl Cluster {
    fn new(events: u64) -> Cluster {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr());
        let port = port.expect("a free port").port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        for producer in 1..=PRODUCERS {
            let line = |n| format!(r#"{{"k":"k{}","producer":{producer},"n":{n}}}"#, n % 5);
            let input: Vec<String> = (1..=events).map(line).collect();
            let path = folder.path().join(format!("input-{producer}.ndjson"));
            fs::write(path, input.join("\n")).expect("an input");
        }
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64)
            | 1;
        let (runs, children, kills) = Default::default();
        Cluster { folder, port, runs, children, kills, seed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn gapless(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
        command.args(args).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    fn on_stream(&self, args: &[&str]) -> Command {
        let mut command = self.gapless(args);
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        command.args(["--endpoint-url", &endpoint, "--patience", "60s"]);
        command
    }

    /// Starts a process, or its next run; what it prints goes to a file of that run.
    fn start(&mut self, name: &str) {
        let run = self.runs.entry(name.to_owned()).or_default();
        *run += 1;
        let out = File::create(self.folder.path().join(format!("{name}.{run}.out")));
        let errors = File::create(self.folder.path().join(format!("{name}.{run}.err")));
        let kind = name.split('-').next().unwrap_or_default();
        let decisions = format!("{name}.{run}.ndjson");
        let mut command = match kind {
            "server" => self.gapless(&["serve", "stream.db", "--port", &self.port.to_string()]),
            "producer" => {
                let input = format!("input-{}.ndjson", &name["producer-".len()..]);
                self.on_stream(&[
                    "append",
                    &input,
                    "--key",
                    "k",
                    "--producer",
                    name,
                    "--batch",
                    "1",
                    "--decisions",
                    &decisions,
                ])
            }
            _ => {
                let group = name.rsplit_once('@').expect("a worker's name ends with its group").1;
                let follow = ["consume", "--group", group, "--follow", "--sweep-every", "100ms"];
                self.on_stream(&[&follow[..], &["--decisions", &decisions]].concat())
            }
        };
        command.stdin(Stdio::null()).stdout(out.expect("a file")).stderr(errors.expect("a file"));
        let child = command.spawn().expect("the command starts");
        self.children.insert(name.to_owned(), child);
    }

    fn wait_for_server(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A random number below `n`: any will do, a kill is not to be repeated anyway.
    fn random(&mut self, n: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % n as u64) as usize
    }

    /// Kills a process (SIGKILL) and starts it again.
    fn kill(&mut self, name: &str) {
        let Some(mut child) = self.children.remove(name) else { return };
        child.kill().expect("it can be killed");
        child.wait().expect("it is gone");
        *self.kills.entry(name.split('-').next().unwrap_or_default().to_owned()).or_default() += 1;
        self.start(name);
        if name == "server" {
            self.wait_for_server();
        }
    }

    /// Whether a producer has appended all of its input.
    fn is_done(&mut self, name: &str) -> bool {
        let Some(child) = self.children.get_mut(name) else { return true };
        match child.try_wait().expect("it can be asked") {
            None => false,
            Some(status) if status.success() => {
                self.children.remove(name);
                true
            }
            Some(status) => {
                let run = self.runs[name];
                let said = fs::read_to_string(self.path(&format!("{name}.{run}.err")));
                panic!("{name} ended with {status}: {}", said.unwrap_or_default());
            }
        }
    }

    /// Ends a process as one should (SIGTERM).
    fn stop(&mut self, name: &str) {
        let Some(mut child) = self.children.remove(name) else { return };
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        let began = Instant::now();
        while child.try_wait().expect("it can be asked").is_none() {
            assert!(began.elapsed() < Duration::from_secs(30), "{name} does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn run(&mut self, kills: usize) {
        self.start("server");
        self.wait_for_server();
        let mut init = self.on_stream(&["init", "--partitions", "4", "--lease", "2s"]);
        let init = init.args(["--grace", "300ms", "--skew", "100ms"]).output().expect("it runs");
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let producers: Vec<_> = (1..=PRODUCERS).map(|p| format!("producer-{p}")).collect();
        let workers: Vec<String> = GROUPS
            .iter()
            .flat_map(|group| (0..WORKERS).map(move |worker| format!("worker-{worker}@{group}")))
            .collect();
        producers.iter().chain(&workers).for_each(|name| self.start(name));
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(600 + self.random(800) as u64));
            let names: Vec<_> = self.children.keys().cloned().collect();
            let victim = names[self.random(names.len())].clone();
            // One that has just finished its input stays finished.
            if !(victim.starts_with("producer") && self.is_done(&victim)) {
                self.kill(&victim);
            }
        }
        let began = Instant::now();
        while !producers.iter().all(|name| self.is_done(name)) {
            assert!(began.elapsed() < Duration::from_secs(120), "the producers do not finish");
            std::thread::sleep(Duration::from_millis(50));
        }
        workers.iter().for_each(|name| self.stop(name));
        for group in GROUPS {
            let out = self.path(&format!("last-0@{group}.1.out"));
            let decisions = format!("last-0@{group}.1.ndjson");
            let mut last =
                self.on_stream(&["consume", "--group", group, "--decisions", &decisions]);
            let status = last.stdout(File::create(out).expect("a file")).status().expect("it runs");
            assert!(status.success(), "{group}: {status}");
        }
        let audit = self.on_stream(&["audit"]).output().expect("it runs");
        assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
        println!("audit: {}", String::from_utf8_lossy(&audit.stdout).trim());
        self.stop("server");
    }

    /// What each process asked, and what it heard, fits together. An event takes two calls or more.
    fn validate(&self, events: u64) {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let is_log = |name: &String| name.ends_with(".ndjson") && !name.starts_with("input-");
        let logs: Vec<String> = names.filter(is_log).collect();
        let mut command = self.gapless(&["validate", "--json", "validated.json"]);
        let output = command.args(&logs).output().expect("it runs");
        let (said, failed) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{failed}");
        println!("validated: {}", said.trim().replace('\n', "; "));
        let found = fs::read_to_string(self.path("validated.json")).expect("results");
        let found: Value = serde_json::from_str(&found).expect("JSON");
        assert_eq!(found["verdict"], "explained");
        assert!(found["calls"].as_u64().is_some_and(|calls| calls >= 2 * events), "{found}");
    }

    /// What each run of each worker of a group printed. A line that a kill cut short is none.
    fn deliveries(&self, group: &str) -> Vec<Vec<Delivered>> {
        let suffix = format!("@{group}.");
        let mut runs = Vec::new();
        for entry in fs::read_dir(self.folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.contains(&suffix) && name.ends_with(".out") {
                runs.push(delivered(&path));
            }
        }
        runs
    }
}

/// An event as a worker printed it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Delivered {
    partition: String,
    position: (u64, u64),
    key: String,
    producer: u64,
    n: u64,
}

fn delivered(path: &Path) -> Vec<Delivered> {
    let text = fs::read_to_string(path).expect("what it printed");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("NDJSON");
        let position = line["position"].as_str().expect("a position");
        let (slot, index) = position.split_once('.').expect("a slot and a place");
        let number = |text: &str| text.parse().expect("a number");
        Delivered {
            partition: line["partition"].as_str().expect("a partition").to_owned(),
            position: (number(slot), number(index)),
            key: line["key"].as_str().expect("a key").to_owned(),
            producer: line["data"]["producer"].as_u64().expect("a producer"),
            n: line["data"]["n"].as_u64().expect("a number"),
        }
    };
    whole.lines().filter(|line| !line.is_empty()).map(parse).collect()
}

/// Runs a cluster; how many deliveries came again.
fn survive(events: u64, kills: usize) -> usize {
    let mut cluster = Cluster::new(events);
    let began = Instant::now();
    cluster.run(kills);
    cluster.validate(events * PRODUCERS);
    let mut again = 0;
    for group in GROUPS {
        let runs = cluster.deliveries(group);
        let mut seen: BTreeMap<(String, (u64, u64)), Delivered> = BTreeMap::new();
        for run in &runs {
            let mut last: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
            for delivered in run {
                let place = (delivered.partition.clone(), delivered.position);
                let before = last.insert(&delivered.partition, delivered.position);
                // D2: forward, or again from what was delivered before.
                let forward = before.is_none_or(|before| before < delivered.position);
                assert!(forward || seen.contains_key(&place), "{group}: {delivered:?}");
                if let Some(first) = seen.insert(place, delivered.clone()) {
                    assert_eq!(first, *delivered, "S1: a slot never changes");
                    again += 1;
                }
            }
        }
        let mut unique = BTreeSet::new();
        let mut last: BTreeMap<(u64, &str), u64> = BTreeMap::new();
        // In the order of positions, partition by partition.
        for delivered in seen.values() {
            assert!(unique.insert((delivered.producer, delivered.n)), "S2: {delivered:?} twice");
            let before = last.insert((delivered.producer, &delivered.key), delivered.n);
            assert!(before.is_none_or(|before| before < delivered.n), "S3: {delivered:?}");
        }
        let all = PRODUCERS * events;
        assert_eq!(unique.len() as u64, all, "{group} should see every acknowledged event");
    }
    let total: usize = cluster.kills.values().sum();
    println!(
        "{} events for {} groups in {:.0} s, {total} kills {:?}, {again} deliveries came again",
        PRODUCERS * events,
        GROUPS.len(),
        began.elapsed().as_secs_f64(),
        cluster.kills
    );
    again
}

#[test]
fn kills_lose_nothing_and_repeat_little() {
    let kills = std::env::var("GAPLESS_KILLS").ok().and_then(|text| text.parse().ok());
    let kills = kills.unwrap_or(8);
    // As long as the kills go on, the producers should have something to do.
    survive(60 + 50 * kills as u64, kills);
}

#[test]
fn without_a_kill_nothing_is_delivered_again() {
    assert_eq!(survive(100, 0), 0);
}
