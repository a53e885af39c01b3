//! The files that are committed, and what a rule about them says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of the four crates.
const SOURCES: [&str; 4] = ["model/src/", "impl/src/", "sim/src/", "src/"];
/// What is committed: each file's path, and its text.
pub type Files = [(String, String)];

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is committed or about to be, by its path from the root, and what it holds;
/// without those that are not text.
pub fn committed() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of a checkout");
    assert!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let read = |name: &str| {
        let text = std::fs::read_to_string(root().join(PathBuf::from(name))).ok()?;
        Some((name.to_owned(), text))
    };
    names.lines().filter_map(read).collect()
}

/// What a file holds; nothing if it is not there.
pub fn text_of<'a>(files: &'a Files, path: &str) -> &'a str {
    files.iter().find(|(file, _)| file == path).map_or("", |(_, text)| text)
}

/// Whether a file is a source of one of the four crates.
pub fn is_source(file: &str) -> bool {
    file.ends_with(".rs") && SOURCES.iter().any(|folder| file.starts_with(folder))
}

/// Fails if there are faults, with a line for each.
pub fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

/// Files that a test makes up.
pub fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}
