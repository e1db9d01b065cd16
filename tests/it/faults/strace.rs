//! The server under strace, which tells its system calls, ends it at a chosen one, or has that one fail.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::site::Site;
use crate::support::program::Serving;

/// What changes the disk, or tells somebody that it has changed.
const CALLS: &str =
    "trace=write,pwrite64,writev,fsync,fdatasync,/^rename,/^link,/^unlink,/^mkdir,ftruncate,sendto";

/// One system call.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// Descriptors with their paths: `12</…/cloakroom.sqlite3-wal>, …`
    pub arguments: String,
    /// How many calls of this name its thread has made, this one included: strace counts the same way.
    pub count: usize,
    /// Microseconds since the epoch.
    pub began: u64,
    /// None when the process was killed first.
    pub ended: Option<u64>,
}

impl Call {
    /// Whether its arguments name something below `path`, or `path` itself.
    pub fn is_on(&self, path: &str) -> bool {
        self.arguments.contains(path)
    }
}

/// Where strace writes, and what it is told.
pub struct Strace {
    log: PathBuf,
    arguments: Vec<String>,
}

impl Strace {
    /// Tells the calls.
    pub fn watching(site: &Site) -> Self {
        let log = site.program.path("strace.log");
        let path = log.display().to_string();
        // Not with --seccomp-bpf, which is faster, and loses the signals.
        let arguments = ["strace", "-f", "-q", "-y", "-ttt", "-T"];
        let arguments = arguments.map(str::to_owned).into_iter();
        let more = ["-s", "64", "-o", &path, "-e", CALLS].map(str::to_owned);
        Self {
            log,
            arguments: arguments.chain(more).collect(),
        }
    }

    /// Does `what` at the `count`th call of `name` that one thread makes, `signal=KILL` or `error=EIO`, and tells the calls
    /// of that name alone.
    pub fn inject(self, name: &str, what: &str, count: usize) -> Self {
        self.with(["-e", &format!("trace={name}")])
            .with(["-e", &format!("inject={name}:{what}:when={count}")])
    }

    /// Sees, and counts, only calls on these files.
    pub fn only_on(self, paths: &[PathBuf]) -> Self {
        paths.iter().fold(self, |strace, path| {
            strace.with(["-P", &path.display().to_string()])
        })
    }

    /// With one more option and its argument.
    pub fn with(mut self, arguments: [&str; 2]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }

    /// Starts the server; the log, if it ends before it listens.
    pub async fn serve(&self, site: &Site) -> Result<Serving, String> {
        site.is_quiet().await;
        let _ = fs::remove_file(&self.log);
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        site.program.try_serve(&arguments)
    }

    /// What happened so far.
    pub fn calls(&self) -> Vec<Call> {
        read(&self.log)
    }
}

/// Microseconds since the epoch, as strace has them.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

fn read(log: &Path) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut counts: HashMap<(u32, String), usize> = HashMap::new();
    let mut unfinished: HashMap<u32, usize> = HashMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let (at, rest) = line.trim_start().split_once(' ').unwrap();
        let thread = thread.parse().unwrap();
        let at: u64 = at.replace('.', "").parse().unwrap();
        if rest.starts_with("<... ") {
            if let Some(index) = unfinished.remove(&thread) {
                calls[index].ended = took(rest).map(|took| calls[index].began + took);
                calls[index].arguments += rest;
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else {
            continue;
        };
        let count = counts.entry((thread, name.to_owned())).or_default();
        *count += 1;
        if arguments.ends_with("<unfinished ...>") {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            count: *count,
            began: at,
            ended: took(rest).map(|took| at + took),
        });
    }
    calls
}

/// How long a call took, from the end of its line: `… = 0 <0.000123>`.
fn took(line: &str) -> Option<u64> {
    let (_, took) = line.strip_suffix('>')?.rsplit_once('<')?;
    took.replace('.', "").parse().ok()
}
