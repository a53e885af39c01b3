//! A copy of the checkout whose sources have all the faults, and what is built from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::mistake::Mistake;
use crate::weave::{Place, SWITCH, weave};

/// A build and its faults.
pub struct Workshop {
    checkout: PathBuf,
    build: PathBuf,
    /// The sources that can have faults, by their paths from the root.
    sources: BTreeMap<String, String>,
}

/// Why a fault is in no build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Absent {
    /// The compiler refuses it.
    Refused,
    /// The choice between it and what stood there can't be compiled.
    NotWoven,
}

/// What was built.
pub struct Built {
    /// The faults that are in it, by their numbers.
    pub woven: BTreeSet<u32>,
    /// Those that are not.
    pub absent: BTreeMap<u32, Absent>,
    /// The programs.
    pub programs: Vec<Program>,
}

/// A program of the build.
#[derive(Clone, Debug)]
pub struct Program {
    /// The folder of its package in the copy.
    pub package: PathBuf,
    /// Its name.
    pub name: String,
    /// Whether it runs tests.
    pub tests: bool,
    /// Where it is.
    pub path: PathBuf,
}

/// More rounds than this are no progress.
const MOST_ROUNDS: u32 = 60;

impl Workshop {
    /// Copies the checkout at `root` to below `folder`; the sources of `krate` can have faults. What has not changed since the last time
    /// is not written again, so that it is not built again.
    pub fn copy(root: &Path, folder: &Path, krate: &str) -> Result<Workshop, Mistake> {
        let checkout = folder.join("checkout");
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|why| Mistake::Run { program: "git".to_owned(), why })?;
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        if !listed.status.success() || names.is_empty() {
            return Err(Mistake::NoCheckout { folder: root.to_owned() });
        }
        let mut sources = BTreeMap::new();
        for name in names.lines() {
            let Ok(bytes) = fs::read(root.join(name)) else { continue };
            let is_source = name.ends_with(".rs") && name.starts_with(&format!("{krate}/src/"));
            match String::from_utf8(bytes) {
                Ok(text) if is_source => drop(sources.insert(name.to_owned(), text)),
                Ok(text) => write(&checkout.join(name), text.as_bytes())?,
                Err(other) => write(&checkout.join(name), other.as_bytes())?,
            }
        }
        let build = folder.join("build");
        Ok(Workshop { checkout, build, sources })
    }

    /// The sources that can have faults.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Builds the packages with these faults, without those that the compiler refuses. `say` is
    /// told what each round comes to.
    pub fn build(
        &self,
        faults: &[Fault],
        packages: &[&str],
        mut say: impl FnMut(&str),
    ) -> Result<Built, Mistake> {
        let mut absent = self.remembered(faults);
        let ids = faults.iter().map(|fault| fault.id);
        let mut woven: BTreeSet<u32> = ids.filter(|id| !absent.contains_key(id)).collect();
        for round in 1..=MOST_ROUNDS {
            let places = self.weave_all(faults, &woven)?;
            say(&format!("round {round}: {} faults", woven.len()));
            let (programs, errors) = self.cargo(packages)?;
            if errors.is_empty() {
                self.remember(faults, &absent)?;
                return Ok(Built { woven, absent, programs });
            }
            let before = woven.len();
            for error in &errors {
                for (id, why) in blamed(error, &places, faults) {
                    if woven.remove(&id) {
                        absent.insert(id, why);
                    }
                }
            }
            if woven.len() == before {
                let first = errors[0].rendered.clone().unwrap_or_default();
                return Err(Mistake::Build { what: first });
            }
        }
        Err(Mistake::Build { what: format!("still refused after {MOST_ROUNDS} rounds") })
    }

    fn weave_all(
        &self,
        faults: &[Fault],
        woven: &BTreeSet<u32>,
    ) -> Result<BTreeMap<String, Vec<Place>>, Mistake> {
        let mut places = BTreeMap::new();
        for (name, text) in &self.sources {
            let here =
                faults.iter().filter(|fault| fault.file == *name && woven.contains(&fault.id));
            let mut done = weave(text, &here.collect::<Vec<_>>());
            if name.ends_with("src/lib.rs") {
                done.text.push_str(SWITCH);
            }
            write(&self.checkout.join(name), done.text.as_bytes())?;
            places.insert(name.clone(), done.places);
        }
        Ok(places)
    }

    fn cargo(&self, packages: &[&str]) -> Result<(Vec<Program>, Vec<Message>), Mistake> {
        let packages = packages.iter().flat_map(|package| ["--package", package]);
        let done = Command::new("cargo")
            .args(["test", "--release", "--no-run", "--message-format", "json", "--quiet"])
            .args(packages)
            .current_dir(&self.checkout)
            .env("CARGO_TARGET_DIR", &self.build)
            .stderr(Stdio::piped())
            .output()
            .map_err(|why| Mistake::Run { program: "cargo".to_owned(), why })?;
        let (mut programs, mut errors) = (Vec::new(), Vec::new());
        for line in String::from_utf8_lossy(&done.stdout).lines() {
            match serde_json::from_str(line) {
                Ok(Line::CompilerMessage { message }) if message.level == "error" => {
                    errors.push(message);
                }
                Ok(Line::CompilerArtifact { manifest_path, target, profile, executable }) => {
                    let Some(path) = executable else { continue };
                    let package = manifest_path.parent().map(Path::to_owned).unwrap_or_default();
                    programs.push(Program {
                        package,
                        name: target.name,
                        tests: profile.test,
                        path,
                    });
                }
                Ok(Line::CompilerMessage { .. } | Line::Other) | Err(_) => {}
            }
        }
        if errors.is_empty() && !done.status.success() {
            let what = String::from_utf8_lossy(&done.stderr).into_owned();
            return Err(Mistake::Build { what });
        }
        Ok((programs, errors))
    }

    /// What an earlier run learnt of these very faults, if it was about them.
    fn remembered(&self, faults: &[Fault]) -> BTreeMap<u32, Absent> {
        let text = fs::read_to_string(self.memory()).unwrap_or_default();
        let known: Option<Memory> = serde_json::from_str(&text).ok();
        known
            .filter(|known| known.of == digest(faults))
            .map(|known| known.absent)
            .unwrap_or_default()
    }

    fn remember(&self, faults: &[Fault], absent: &BTreeMap<u32, Absent>) -> Result<(), Mistake> {
        let memory = Memory { of: digest(faults), absent: absent.clone() };
        let text = serde_json::to_string(&memory).unwrap_or_default();
        write(&self.memory(), text.as_bytes())
    }

    fn memory(&self) -> PathBuf {
        self.build.with_file_name("absent.json")
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Mistake> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(());
    }
    let done =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    done.map_err(|why: io::Error| Mistake::Write { path: path.to_owned(), why })
}

/// The faults that an error is laid to.
fn blamed(
    error: &Message,
    places: &BTreeMap<String, Vec<Place>>,
    faults: &[Fault],
) -> Vec<(u32, Absent)> {
    let mut spans: Vec<_> = error.spans.iter().collect();
    spans.sort_by_key(|span| !span.is_primary);
    let here = |span: &&Span| places.get(&span.file_name).map_or(&[][..], Vec::as_slice);
    // What a fault puts there is wrong in itself.
    for span in &spans {
        let inside = here(span)
            .iter()
            .filter(|place| place.own.start <= span.byte_start && span.byte_end <= place.own.end);
        if let Some(place) = inside.min_by_key(|place| place.own.len()) {
            return vec![(place.id, Absent::Refused)];
        }
    }
    // The choice is: the innermost one, with all its faults.
    for span in &spans {
        let around = here(span).iter().filter(|place| {
            place.whole.start <= span.byte_start && span.byte_end <= place.whole.end
        });
        if let Some(inner) = around.min_by_key(|place| place.whole.len()) {
            let whole = inner.whole.clone();
            let all = here(span).iter().filter(|place| place.whole == whole);
            return all.map(|place| (place.id, Absent::NotWoven)).collect();
        }
    }
    // Something near it is: every fault of that function.
    for span in &spans {
        let before = here(span).iter().filter(|place| place.whole.start <= span.byte_start);
        let Some(near) = before.max_by_key(|place| place.whole.start) else { continue };
        let Some(near) = faults.iter().find(|fault| fault.id == near.id) else { continue };
        let same = |fault: &&Fault| fault.file == near.file && fault.function == near.function;
        return faults.iter().filter(same).map(|fault| (fault.id, Absent::NotWoven)).collect();
    }
    Vec::new()
}

/// What is known of the faults of some sources.
#[derive(Serialize, Deserialize)]
struct Memory {
    of: u64,
    absent: BTreeMap<u32, Absent>,
}

/// Tells some faults from others.
fn digest(faults: &[Fault]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for fault in faults {
        (fault.id, &fault.file, fault.range.start, &fault.was, &fault.becomes).hash(&mut hasher);
    }
    hasher.finish()
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Message,
    },
    CompilerArtifact {
        manifest_path: PathBuf,
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}
