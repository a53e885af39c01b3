//! The files that searches write: where one cannot be written, the search does not begin.

use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use predicates::str::contains;

/// The command, in a folder of its own. None of these takes long, unless it searches first.
fn gapless(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").timeout(Duration::from_secs(60));
    command
}

/// A folder with a file in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("old"), "older results").expect("a file");
    folder
}

/// What is there, and in what state.
fn left(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let state = |path: &Path| fs::read_to_string(path).unwrap_or_else(|_| "a folder".to_owned());
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), state(&entry.path())))
        .collect()
}

#[test]
fn what_cannot_be_written_is_known_before_a_search() {
    let check = &["check", "recommended", "--bounds", "deep"][..];
    let mut searches = vec![
        (check, "--json", "nowhere/x"),
        (check, "--json", "."),
        (check, "--junit", "nowhere/x"),
        (check, "--trace", "old/x"),
        (check, "--svg", "old"),
    ];
    if cfg!(madsim) {
        let sim = &["sim", "--seeds", "1000000000"][..];
        searches.extend([
            (sim, "--json", "nowhere/x"),
            (sim, "--junit", "old/x"),
            (sim, "--svg", "old/x"),
            (sim, "--out", "old/x"),
            (&["mutants"], "--json", "nowhere/x"),
        ]);
    }
    for (search, option, place) in searches {
        let folder = folder();
        let before = left(folder.path());
        gapless(folder.path(), search)
            .args([option, place])
            .assert()
            .code(2)
            .stderr(contains(format!("cannot write {place}")));
        assert_eq!(left(folder.path()), before, "{search:?} {option} leaves all as it was");
    }
}

/// A quick check that writes its results to a file.
fn write_results(folder: &Path, file: &str) {
    gapless(folder, &["check", "seed", "--bounds", "tiny", "--json", file]).assert().code(1);
}

#[cfg(unix)]
#[test]
fn results_have_the_permissions_of_any_file_and_keep_those_of_the_one_they_replace() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let mode = |file: &str| {
        let found = fs::metadata(folder.path().join(file)).expect("it is there");
        found.permissions().mode() & 0o777
    };
    write_results(folder.path(), "new");
    assert_eq!(mode("new"), mode("old"), "as the umask has it");
    for kept in [0o600, 0o664] {
        let permissions = fs::Permissions::from_mode(kept);
        fs::set_permissions(folder.path().join("old"), permissions).expect("set");
        write_results(folder.path(), "old");
        assert_eq!(mode("old"), kept);
    }
    assert_eq!(left(folder.path()).len(), 2, "nothing else is left behind");
}

#[cfg(unix)]
#[test]
fn results_go_where_a_link_leads_and_to_a_device() {
    let folder = folder();
    let (link, pipe) = (folder.path().join("link"), Path::new("/dev/stderr"));
    std::os::unix::fs::symlink("old", &link).expect("a link");
    write_results(folder.path(), "link");
    assert!(link.is_symlink(), "the link is still one");
    let results = fs::read_to_string(folder.path().join("old")).expect("it is there");
    assert!(results.contains("gapless-check"), "{results}");
    let pipe = pipe.to_str().expect("a name");
    gapless(folder.path(), &["check", "seed", "--bounds", "tiny", "--json", pipe])
        .assert()
        .code(1)
        .stderr(contains("gapless-check"));
}
