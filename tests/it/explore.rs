//! `gapless explore` in a real browser. Where there is none, the test says so and passes.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// The names under which Chromium is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A command that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A browser that is installed, if one is.
fn browser() -> Option<&'static str> {
    let runs = |name: &&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    BROWSERS.into_iter().find(runs)
}

/// Explores the first draft, and returns the address once it is served.
fn explore() -> (Running, String) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("gapless"))
        .args(["explore", "seed", "--bounds", "tiny", "--port", &port.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("it says where it listens");
    (Running(child), format!("http://127.0.0.1:{port}/"))
}

/// The page at an address once its scripts have run, and what they wrote on the console.
fn page(browser: &str, address: &str) -> (String, String) {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(address)
        .output()
        .expect("the browser runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console = text(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE"));
    (text(&output.stdout), console.collect::<Vec<_>>().join("\n"))
}

#[test]
fn states_and_actions_can_be_read_in_a_browser() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no Chromium is installed (on Debian: apt-get install chromium)");
        return;
    };
    let (_explored, address) = explore();
    // The first state, and from there always the first step: producer A appends.
    let (page, console) = page(browser, &format!("{address}#/steps/0/0/0/0"));
    for wanted in ["producer A sends what it wants", "head 1 [ A1* ]", "Always S1", "crashes"] {
        assert!(page.contains(wanted), "`{wanted}` is not on the page:\n{page}\n{console}");
    }
    assert!(!console.contains("Uncaught"), "{console}");
    assert!(console.contains("Response received"), "the page's script ran:\n{console}");
}
