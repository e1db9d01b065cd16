//! What happened before a power loss: a server that was started and killed a few times on one machine, each call that
//! reached its disk, and the journal of its clients.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use cloakroom::config::Secret;

use super::{
    disk::{Disk, Fate},
    trace::{self, Act, Call},
};
use crate::{
    faults::{
        hold::Scope,
        journal::Journal,
        random::Random,
        site::{enrol, wait_for_backends},
        traffic::Traffic,
    },
    support::{
        Database, Program,
        program::{Serving, signal},
    },
};

const ACCOUNTS: usize = 3;
const LIVES: u64 = 3;
/// SQLite's thread makes fewer while the accounts are made.
const SYNCS_TO_BEGIN: u64 = 30;

pub struct Past {
    pub journal: Arc<Journal>,
    /// The key that tickets are signed with, since before anything was acknowledged.
    pub secret: Vec<u8>,
    pub lives: Vec<Life>,
    /// When all accounts were made.
    began: SystemTime,
    /// When clients had looked at everything after a start.
    looks: Vec<SystemTime>,
}

/// One run of the server. Between two of them the machine stays on: what was not synced is not lost yet.
pub struct Life {
    pub calls: Vec<Call>,
    /// When everything it had done was done.
    pub ended: SystemTime,
    /// A copy of its database at that moment, where that is not on the disk.
    pub database: Option<Secret>,
}

/// A moment at which the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub life: usize,
    /// How many calls of that life had returned.
    pub calls: usize,
}

impl Past {
    /// Lives through it.
    pub async fn new(seed: u64, random: &mut Random) -> Self {
        let program = Program::new()
            .await
            .set("TICKET_TTL", "24h")
            .set("JANITOR_INTERVAL", "1s")
            .set("RESUMABLE_TTL", "1h");
        let mut past = Self {
            journal: Arc::new(Journal::new(seed, Vec::new())),
            secret: Vec::new(),
            lives: Vec::new(),
            began: SystemTime::now(),
            looks: Vec::new(),
        };
        let mut disk = Disk::new();
        for _ in 0..LIVES {
            past.live(&program, random).await;
            let life = past.lives.last().unwrap();
            disk.restart();
            life.calls.iter().for_each(|call| disk.take(call));
            assert_is(&disk, program.directory().path());
        }
        if let Some(url) = program.database_url() {
            Database::remove(url).await;
        }
        past
    }

    async fn live(&mut self, program: &Program, random: &mut Random) {
        let traces = tempfile::tempdir().unwrap();
        let trace = traces.path().join("trace").display().to_string();
        let mut command = trace::command(&trace);
        let sync = match program.database_url() {
            None => SYNCS_TO_BEGIN + random.below(60),
            // The database's are not among them. A start makes one for each directory above, and five more; the server
            // is to get over it.
            Some(_) => {
                let above = program.data_dir().ancestors().count();
                above as u64 + 5 + random.below(20)
            }
        };
        command.extend(trace::stop_at_sync(sync));
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        let server = program.try_serve(&command).unwrap();
        if self.lives.is_empty() {
            let accounts = enrol(&server.base, ACCOUNTS).await;
            self.journal = Arc::new(Journal::new(self.journal.seed, accounts));
            self.began = SystemTime::now();
            self.secret = fs::read(program.data_dir().join("secret")).unwrap();
        }
        self.journal.hold(&server.base, Scope::Fresh).await;
        self.looks.push(SystemTime::now());
        let traffic = Traffic::start(&server.base, &self.journal, random);
        let steps = 15 + random.below(30);
        tokio::select! {
            () = self.journal.has_acknowledged_more(steps) => {
                assert!(signal(server.pid, "-STOP").success());
            }
            () = stops(&server, &trace) => {}
        }
        stops(&server, &trace).await;
        server.kill();
        traffic.ended().await;
        let mut database = None;
        if let Some(url) = program.database_url() {
            wait_for_backends(url).await;
            database = Some(Database::copy(url).await);
        }
        let root = program.directory().path().display().to_string();
        let calls = trace::calls(&fs::read_to_string(trace).unwrap(), &root);
        self.lives.push(Life {
            calls,
            ended: SystemTime::now(),
            database,
        });
    }

    /// Some moments, in order. A database that is not on the disk is known as it was at the end of a life only.
    pub fn moments(&self, random: &mut Random, count: usize) -> Vec<Moment> {
        let lives = 0..self.lives.len();
        let ends: Vec<_> = lives
            .map(|life| Moment {
                life,
                calls: self.lives[life].calls.len(),
            })
            .collect();
        let kinds = match self.lives[0].database {
            Some(_) => vec![ends],
            None => vec![
                self.after(self.journal.acknowledgements()),
                self.after(self.looks.clone()),
                self.boundaries(),
                self.after(self.journal.acknowledgements()),
                self.all(),
            ],
        };
        let pick = |number: usize| *random.pick(&kinds[number % kinds.len()]).unwrap();
        let mut moments: Vec<_> = (0..count).map(pick).collect();
        moments.sort_unstable();
        moments
    }

    /// Whether there were accounts by then.
    pub fn has_begun(&self, moment: Moment) -> bool {
        self.at(moment) >= self.began
    }

    fn at(&self, moment: Moment) -> SystemTime {
        let life = &self.lives[moment.life];
        life.calls
            .get(moment.calls)
            .map_or(life.ended, |call| call.at)
    }

    /// What the clients had been told by then.
    pub fn told(&self, moment: Moment) -> Journal {
        self.journal.until(self.at(moment))
    }

    /// Just after each of these: before the next call returns.
    fn after(&self, moments: Vec<SystemTime>) -> Vec<Moment> {
        let moments = moments.into_iter().filter_map(|at| {
            let life = self.lives.iter().position(|life| at <= life.ended)?;
            let calls = self.lives[life].calls.partition_point(|call| call.at < at);
            Some(Moment { life, calls })
        });
        moments.collect()
    }

    /// Before and after each call that orders things.
    fn boundaries(&self) -> Vec<Moment> {
        let orders = |moment: &Moment| {
            let calls = &self.lives[moment.life].calls;
            let around = [moment.calls.checked_sub(1), Some(moment.calls)];
            around
                .into_iter()
                .flatten()
                .filter_map(|number| calls.get(number))
                .any(|call| {
                    !matches!(
                        call.act,
                        Act::Open { .. } | Act::Write { .. } | Act::Truncate { .. }
                    )
                })
        };
        self.all().into_iter().filter(orders).collect()
    }

    fn all(&self) -> Vec<Moment> {
        let lives = self.lives.iter().enumerate();
        lives
            .flat_map(|(life, Life { calls, .. })| {
                (0..=calls.len()).map(move |calls| Moment { life, calls })
            })
            .collect()
    }
}

/// Waits until every thread has returned from its call and stopped: what a killed one was about would be in doubt.
async fn stops(server: &Serving, trace: &str) {
    loop {
        let stopped = fs::read_to_string(trace).unwrap();
        let stopped = stopped.matches("--- stopped by SIGSTOP ---").count();
        let threads = fs::read_dir(format!("/proc/{}/task", server.pid)).unwrap();
        if stopped == threads.count() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Panics unless a disk that loses nothing is what is in `root`.
fn assert_is(disk: &Disk, root: &Path) {
    let model = tempfile::tempdir().unwrap();
    disk.write_to(model.path(), &mut Fate::Kept);
    let (model, real) = (tree(model.path()), tree(root));
    let differ = |path: &&PathBuf| model.get(*path) != real.get(*path);
    let differing: Vec<_> = model.keys().chain(real.keys()).filter(differ).collect();
    assert!(
        differing.is_empty(),
        "the trace does not tell all of {differing:?}"
    );
}

/// All files below `root`. SQLite writes its index of the log through a map of memory, and makes it anew after a crash.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("cloakroom.sqlite3-shm") {
                let bytes = fs::read(&path).unwrap();
                files.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}
