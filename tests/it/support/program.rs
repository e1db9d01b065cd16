//! The program itself, as an operator runs it.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::server::Database;

/// How an operator's machine is set up: a data directory, a database, and nothing else in the environment.
pub struct Program {
    directory: TempDir,
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
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data").display().to_string();
        let mut program = Self {
            directory,
            environment: Vec::new(),
        }
        .set("DATA_DIR", &data)
        .set("LISTEN", "127.0.0.1:0");
        if let Some(url) = Database::chosen().create().await {
            program = program.set("DATABASE_URL", url.expose());
        }
        program
    }

    /// With one more setting.
    pub fn set(mut self, setting: &str, value: &str) -> Self {
        let setting = format!("CLOAKROOM_{setting}");
        self.environment.retain(|(name, _)| *name != setting);
        self.environment.push((setting, value.to_owned()));
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A file below the directory that ends with this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(Path::new("/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end, with `input` on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Printed {
        let mut child = self.command(arguments).spawn().unwrap();
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

    /// Starts the server, and waits until it says where it listens.
    pub fn serve(&self) -> Serving {
        let mut child = self.command(&[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let base = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}"));
            said += &line.unwrap();
            said.push('\n');
            // `address=http://…` as text, `"address":"http://…"` as JSON.
            let rest = said.split("address").nth(1).unwrap_or_default();
            let rest = rest.trim_start_matches(['=', '"', ':']);
            if let Some(address) = rest.split([' ', '\n', '"']).find(|word| !word.is_empty()) {
                break address.to_owned();
            }
        };
        // Its log must go somewhere, or it would block.
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        Serving {
            base,
            child,
            said,
            rest: Some(rest),
        }
    }
}

/// A server of a process of its own; killed when dropped.
pub struct Serving {
    /// `http://127.0.0.1:port`
    pub base: String,
    child: Child,
    /// Its log until it was ready.
    said: String,
    rest: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Serving {
    /// Sends SIGTERM, and comes back at once.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it, and returns all that it wrote to its log.
    pub async fn log(self) -> String {
        self.terminate();
        let said = self.said.clone();
        said + &self.ended().await.1
    }

    /// The most memory that it has had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        super::process::peak_memory(self.child.id())
    }

    /// Whether it has ended yet.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// How it ended, within ten seconds, and the rest of its log.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = self.rest.take().unwrap().join().unwrap();
                return (status, log.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it did not end within ten seconds");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
