//! The program itself, in a process of its own, as an operator runs it: it can be measured, stopped and killed.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    sync::mpsc,
    time::Duration,
};

use cloakroom::config::Secret;
use tempfile::TempDir;

use super::{Database, TestApp, nginx::free_port};

/// How long a server may take to start, and a command to end.
const PATIENCE: Duration = Duration::from_secs(45);

/// How an operator's machine is set up: a data directory, a database, and nothing else in the environment.
#[derive(Clone)]
pub struct Program {
    directory: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Printed {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Program {
    pub async fn new() -> Self {
        Self::with(Database::chosen().create().await)
    }

    /// A machine with this database; without one, SQLite's is going to be in its data directory.
    pub fn with(database: Option<Secret>) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let data = directory.path().join("data").display().to_string();
        let mut program = Self {
            directory,
            environment: Vec::new(),
        }
        .set("DATA_DIR", &data)
        .set("LISTEN", "127.0.0.1:0");
        if let Some(url) = database {
            program = program.set("DATABASE_URL", url.expose());
        }
        program
    }

    /// The machine of `server`: its data, its database, and otherwise the defaults.
    pub fn of(server: &TestApp) -> Self {
        let config = &server.app.config;
        Self {
            directory: server.directory(),
            environment: Vec::new(),
        }
        .set("DATA_DIR", &config.storage.data_dir.display().to_string())
        .set("DATABASE_URL", config.database.database_url.expose())
        .set("LISTEN", "127.0.0.1:0")
    }

    /// The directory that ends with this machine.
    pub fn directory(&self) -> Arc<TempDir> {
        Arc::clone(&self.directory)
    }

    /// The URL of a database that is not in the data directory.
    pub fn database_url(&self) -> Option<&str> {
        let set = self.environment.iter();
        let mut url = set.filter(|(name, _)| name == "CLOAKROOM_DATABASE_URL");
        url.next().map(|(_, url)| url.as_str())
    }

    /// With one more setting.
    pub fn set(mut self, setting: &str, value: &str) -> Self {
        let setting = format!("CLOAKROOM_{setting}");
        self.environment.retain(|(name, _)| *name != setting);
        self.environment.push((setting, value.to_owned()));
        self
    }

    /// With one setting less.
    pub fn without(mut self, setting: &str) -> Self {
        let setting = format!("CLOAKROOM_{setting}");
        self.environment.retain(|(name, _)| *name != setting);
        self
    }

    /// With a database that has its tables, and no server yet.
    pub fn migrated(self) -> Self {
        let printed = self.run(&["migrate"]);
        assert_eq!(printed.status, Some(0), "{printed:?}");
        self
    }

    /// All settings in a file, as a service has them.
    pub fn settings_file(&self) -> PathBuf {
        let lines = self.environment.iter();
        let lines: String = lines
            .map(|(name, value)| format!("{name}=\"{value}\"\n"))
            .collect();
        let path = self.path("cloakroom.env");
        fs::write(&path, lines).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A file below the directory that ends with this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with `arguments`, run by the command `under` and its arguments if there is one.
    fn command(&self, under: &[&str], arguments: &[&str]) -> Command {
        let line = [under, &[env!("CARGO_BIN_EXE_cloakroom")], arguments].concat();
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(Path::new("/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts a command, for a test that kills it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(&[], arguments).spawn().unwrap()
    }

    /// Runs to the end, with `input` on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Printed {
        let mut child = self.command(&[], arguments).spawn().unwrap();
        let _ended = killed_after_patience(child.id());
        // A program that ends without reading is no mistake of this test's.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Printed {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Printed {
        self.run_with(arguments, "")
    }

    /// Runs to the end, and returns its status and its log, while what it prints goes to `out`.
    pub fn run_to(&self, out: impl Into<Stdio>, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = self.command(&[], arguments);
        let child = command.stdin(Stdio::null()).stdout(out).spawn().unwrap();
        let _ended = killed_after_patience(child.id());
        let output = child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// Starts the server, and waits until it says where it listens.
    pub fn serve(&self) -> Serving {
        self.try_serve(&[])
            .unwrap_or_else(|said| panic!("it ended: {said}"))
    }

    /// The same, run by the command `under` and its arguments, such as `strace`; the log, if it ends before it listens.
    pub fn try_serve(&self, under: &[&str]) -> Result<Serving, String> {
        let mut child = self.command(under, &[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let _started = killed_after_patience(child.id());
        let base = loop {
            let Some(Ok(line)) = lines.next() else {
                child.wait().unwrap();
                return Err(said);
            };
            said += &line;
            said.push('\n');
            // `address=http://…` as text, `"address":"http://…"` as JSON.
            let rest = line.split("address").nth(1).unwrap_or_default();
            let rest = rest.trim_start_matches(['=', '"', ':']);
            if let Some(address) = rest.split([' ', '"']).find(|word| !word.is_empty()) {
                break address.to_owned();
            }
        };
        let pid = match under {
            [] => child.id(),
            _ => only_child(child.id()).unwrap_or(child.id()),
        };
        // Its log must go somewhere, or it would block.
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Ok(Serving {
            base,
            child,
            pid,
            said,
            rest: Some(rest),
            machine: self.directory(),
        })
    }
}

impl Program {
    /// Starts the server with `log` for its standard error, and waits until it answers.
    pub async fn serve_logging_to(self, log: impl Into<Stdio>) -> Serving {
        self.serve_under_logging_to(&[], log).await
    }

    /// The same, run by the command `under` and its arguments, which becomes the server.
    pub async fn serve_under_logging_to(self, under: &[&str], log: impl Into<Stdio>) -> Serving {
        // Nobody may hear where it listens.
        let address = format!("127.0.0.1:{}", free_port());
        let program = self.set("LISTEN", &address);
        let child = program.command(under, &[]).stderr(log).spawn().unwrap();
        let serving = Serving {
            base: format!("http://{address}"),
            pid: child.id(),
            child,
            said: String::new(),
            rest: None,
            machine: program.directory(),
        };
        let began = std::time::Instant::now();
        while reqwest::get(format!("{}/healthz", serving.base))
            .await
            .is_err()
        {
            assert!(began.elapsed() < PATIENCE, "the server does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        serving
    }
}

/// Kills the process `pid`, and the one that it runs, unless what this returns is dropped in time. A process that stands still
/// would have the test wait for good.
fn killed_after_patience(pid: u32) -> mpsc::Sender<()> {
    let (ended, ending) = mpsc::channel();
    std::thread::spawn(move || {
        if ending.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            only_child(pid).map(|server| signal(server, "-KILL"));
            signal(pid, "-KILL");
        }
    });
    ended
}

/// None, when the process became the server instead of starting it.
fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().ok()
}

pub fn signal(pid: u32, signal: &str) -> ExitStatus {
    let mut kill = Command::new("kill");
    kill.args([signal, &pid.to_string()]).stderr(Stdio::null());
    kill.status().unwrap()
}

/// A server of a process of its own; killed when dropped.
pub struct Serving {
    /// `http://127.0.0.1:port`
    pub base: String,
    child: Child,
    /// The server's, where another command runs it.
    pub pid: u32,
    /// Its log until it was ready.
    said: String,
    rest: Option<std::thread::JoinHandle<Vec<String>>>,
    /// Its data must not go before it does.
    machine: Arc<TempDir>,
}

impl Serving {
    /// Sends SIGTERM, and comes back at once.
    pub fn terminate(&self) {
        assert!(signal(self.pid, "-TERM").success());
    }

    /// Ends it as the kernel does when memory runs out, and returns when it is gone.
    pub fn kill(mut self) {
        match self.pid == self.child.id() {
            true => self.child.kill().unwrap(),
            // It may have been killed already.
            false if self.has_ended() => {}
            false => drop(signal(self.pid, "-KILL")),
        }
        self.child.wait().unwrap();
    }

    /// Whether it ends by itself, within a second.
    pub async fn ends(&mut self) -> bool {
        for _ in 0..200 {
            if self.has_ended() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Stops it, and returns all that it wrote to its log.
    pub async fn log(self) -> String {
        self.terminate();
        let said = self.said.clone();
        said + &self.ended().await.1
    }

    /// The most memory that it has had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Waits until it computes nothing for a while. A process that a busy machine keeps waiting does not either: then a test sees
    /// less than there is to see, and fails no more often for it.
    pub async fn is_idle(&self) {
        let ticks = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
            let after_name = stat.rsplit_once(')').unwrap().1.to_owned();
            let fields: Vec<_> = after_name.split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let mut before = ticks();
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = ticks();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Whether it has ended yet.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// How it ended, within ten seconds, and the rest of its log.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = self.rest.take().map(|rest| rest.join().unwrap());
                return (status, log.unwrap_or_default().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it did not end within ten seconds");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // What runs it would otherwise leave it running.
        if self.pid != self.child.id() && !self.has_ended() {
            signal(self.pid, "-KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
