//! The real binary in a process of its own, which can be measured and killed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::TestApp;

pub struct Process {
    child: Child,
    /// `http://127.0.0.1:port`
    pub base: String,
}

impl Process {
    /// Another server over the data and the database of `server`.
    pub fn over(server: &TestApp) -> Self {
        let config = &server.app.config;
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command
            .env_clear()
            .env("CLOAKROOM_LISTEN", "127.0.0.1:0")
            .env("CLOAKROOM_DATA_DIR", &config.data_dir)
            .env("CLOAKROOM_DATABASE_URL", config.database_url.expose())
            .env("CLOAKROOM_LOG", "info")
            .env("CLOAKROOM_LOG_FORMAT", "json")
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let base = loop {
            let line = log.next().expect("the server did not start").unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = line.pointer("/fields/address") {
                break address.as_str().unwrap().to_owned();
            }
        };
        // Whoever stops reading a log stops the one who writes it.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, base }
    }

    /// The most memory that it has had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.child.id())
    }

    /// As the kernel does it when memory runs out.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The most memory that a process has had resident, in bytes.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kibibytes * 1024
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
