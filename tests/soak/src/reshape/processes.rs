//! The processes: started, killed, started again under the same name, and stopped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a process may take to end by itself. A producer that was just started again goes through its
/// input first.
const STOPPING: Duration = Duration::from_secs(120);
/// How long the server may take to listen.
const LISTENING: Duration = Duration::from_secs(20);

/// What a process does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Prober,
    Producer(u16),
    Worker(u16),
}

impl Role {
    /// Its name, which it keeps when it is started again.
    pub fn name(&self) -> String {
        match self {
            Role::Prober => "prober".to_owned(),
            Role::Producer(number) => format!("producer-{number}"),
            Role::Worker(number) => format!("worker-{number}"),
        }
    }
}

/// A run of a process that has ended, or is at work.
#[derive(Clone, Debug)]
pub struct PastRun {
    pub role: Role,
    /// What it wrote down.
    pub out: PathBuf,
    pub killed: bool,
}

struct Process {
    child: Child,
    errors: PathBuf,
    /// Its place among the runs.
    run: usize,
}

/// The processes of a cluster. They end with it.
pub struct Processes {
    folder: PathBuf,
    endpoint: String,
    running: BTreeMap<Role, Process>,
    runs: Vec<PastRun>,
}

/// `gapless serve` as a process.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub endpoint: String,
}

impl Server {
    /// Serves a file on a free port.
    pub async fn start(gapless: &Path, folder: &Path) -> anyhow::Result<Server> {
        let errors = File::create(folder.join("server.err"))?;
        let mut child = Command::new(gapless)
            .args(["serve", "soak.db", "--port", "0"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", gapless.display()))?;
        let out = child.stdout.take().context("its output")?;
        let mut lines = BufReader::new(out).lines();
        let line =
            timeout(LISTENING, lines.next_line()).await.context("the server is silent")??;
        let line = line.unwrap_or_default();
        let endpoint = line.strip_prefix("listening on ").map(str::to_owned);
        let said = || format!("`gapless serve` said `{line}`, and not where it listens");
        Ok(Server { child, endpoint: endpoint.with_context(said)? })
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended by itself: {status}"),
        }
    }
}

/// The command that plays a part of this program, for the endpoint.
pub fn part(endpoint: &str, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["part", "--endpoint", endpoint]).args(args).kill_on_drop(true);
    Ok(command)
}

impl Processes {
    pub fn new(folder: &Path, endpoint: &str) -> Processes {
        let (folder, endpoint) = (folder.to_owned(), endpoint.to_owned());
        Processes { folder, endpoint, running: BTreeMap::new(), runs: Vec::new() }
    }

    /// Where a producer notes how far it has come.
    pub fn reached(&self, producer: u16) -> PathBuf {
        self.folder.join(format!("{}.reached", Role::Producer(producer).name()))
    }

    /// Starts a process, or its next run.
    pub fn start(&mut self, role: &Role) -> anyhow::Result<()> {
        let run = self.runs.iter().filter(|run| run.role == *role).count() + 1;
        let name = format!("{}.{run}", role.name());
        let (out, errors) = (self.folder.join(&name), self.folder.join(format!("{name}.err")));
        let text = out.to_string_lossy();
        let mut command = match role {
            Role::Prober => part(&self.endpoint, &["prober", &text])?,
            Role::Worker(_) => part(&self.endpoint, &["worker", &text])?,
            Role::Producer(number) => {
                let reached = self.reached(*number);
                let args = ["producer", &number.to_string(), &reached.to_string_lossy()];
                part(&self.endpoint, &args)?
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let process = Process { child, errors, run: self.runs.len() };
        self.running.insert(role.clone(), process);
        self.runs.push(PastRun { role: role.clone(), out, killed: false });
        Ok(())
    }

    /// Kills a process (SIGKILL), and starts it again.
    pub async fn kill(&mut self, role: &Role) -> anyhow::Result<()> {
        if let Some(mut process) = self.running.remove(role) {
            self.runs[process.run].killed = true;
            process.child.kill().await?;
        }
        self.start(role)
    }

    /// The roles that are played at the moment.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.running.keys()
    }

    /// Fails if a process has ended by itself.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for (role, process) in &mut self.running {
            if let Some(status) = process.child.try_wait()? {
                let said = said(&process.errors);
                bail!("{} ended by itself: {status}{said}", role.name());
            }
        }
        Ok(())
    }

    /// Asks the processes of these roles to stop, and waits until they have.
    pub async fn stop(&mut self, is_meant: impl Fn(&Role) -> bool) -> anyhow::Result<()> {
        let meant: Vec<Role> = self.running.keys().filter(|role| is_meant(role)).cloned().collect();
        let mut stopping = Vec::new();
        for role in meant {
            if let Some(mut process) = self.running.remove(&role) {
                drop(process.child.stdin.take());
                stopping.push((role, process));
            }
        }
        for (role, mut process) in stopping {
            let name = role.name();
            let ended = timeout(STOPPING, process.child.wait()).await;
            let status = ended.with_context(|| format!("{name} does not stop"))??;
            ensure!(status.success(), "{name} ended with {status}{}", said(&process.errors));
        }
        Ok(())
    }

    /// All runs, those that were killed among them.
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }
}

/// What a process wrote on its standard error.
fn said(errors: &Path) -> String {
    let text = fs::read_to_string(errors).unwrap_or_default();
    if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
}
