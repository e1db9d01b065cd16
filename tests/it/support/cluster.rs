//! A PostgreSQL of the test's own, which it may stop.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use cloakroom::config::Secret;
use tempfile::TempDir;

use super::{Database, nginx::free_port};

pub struct Cluster {
    directory: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes one, and starts it. Unlike those for whole runs of the tests, it keeps what it committed.
    pub fn start() -> Self {
        let cluster = Self {
            directory: tempfile::Builder::new()
                .prefix("cloakroom-postgres.")
                .tempdir_in("/tmp")
                .unwrap(),
            port: free_port(),
        };
        if is_root() {
            let path = cluster.directory.path();
            let owned = Command::new("chown").arg("postgres").arg(path).status();
            assert!(owned.unwrap().success());
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["--pgdata", &data, "--username=postgres", "--auth=trust"],
        );
        cluster.resume();
        cluster
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    /// The URL of its database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The URL of a new, empty database.
    pub async fn create(&self) -> Secret {
        let created = Database::Postgres(self.url()).create().await;
        created.unwrap()
    }

    /// Starts it again, and returns when it answers.
    pub fn resume(&self) {
        let run = self.directory.path().display();
        let options = format!("-c listen_addresses=127.0.0.1 -p {} -k {run}", self.port);
        let log = self.directory.path().join("log").display().to_string();
        let options = format!("--options={options}");
        let arguments = ["start", "--wait", "--silent", "--log", &log, &options];
        self.run(
            "pg_ctl",
            &[&["--pgdata", &self.data()][..], &arguments].concat(),
        );
    }

    /// Ends it as a crash would.
    pub fn stop(&self) {
        let arguments = ["stop", "--silent", "--mode=immediate"];
        self.run(
            "pg_ctl",
            &[&["--pgdata", &self.data()][..], &arguments].concat(),
        );
    }

    /// Runs one of PostgreSQL's programs, and returns what it prints. PostgreSQL refuses to run as root.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let program = postgres_directory().join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(&program);
                command
            }
            false => Command::new(&program),
        };
        let log = self.directory.path().join("log");
        let output = command.args(arguments).current_dir("/").output().unwrap();
        assert!(
            output.status.success(),
            "{program:?}: {output:?} {:?}",
            fs::read_to_string(log)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already.
        let _ = std::panic::catch_unwind(|| self.stop());
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Where initdb and pg_ctl are. Debian keeps them out of PATH, by version.
fn postgres_directory() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let programs = versions.map(|version| version.unwrap().path().join("bin"));
    programs
        .filter(|programs| programs.join("initdb").exists())
        .max()
        .unwrap_or_else(|| Path::new("").to_owned())
}
