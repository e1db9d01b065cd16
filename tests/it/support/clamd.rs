//! ClamAV's daemon, with a database of one signature: that of the EICAR test file.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

/// What every scanner takes for a virus. In two parts, so that no scanner takes this file for one.
pub fn eicar() -> Vec<u8> {
    let parts = [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    parts.concat().into_bytes()
}

/// What it is called.
pub const FOUND: &str = "Eicar-Test.UNOFFICIAL";

/// A clamd of its own; killed when dropped.
pub struct Clamd {
    directory: TempDir,
    child: Child,
}

impl Clamd {
    /// One that takes files of up to `largest` bytes.
    pub async fn start(largest: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("database")).unwrap();
        let digits: String = eicar().iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(at("database/own.ndb"), format!("Eicar-Test:0:*:{digits}\n")).unwrap();
        let settings = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nStreamMaxLength {largest}\n",
            at("clamd.socket").display(),
            at("database").display(),
            directory.path().display(),
        );
        fs::write(at("clamd.conf"), settings).unwrap();
        let child = Command::new("clamd")
            .arg(format!("--config-file={}", at("clamd.conf").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let clamd = Self { directory, child };
        for _ in 0..400 {
            if UnixStream::connect(clamd.socket()).is_ok() {
                return clamd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("clamd does not start");
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("clamd.socket")
    }

    /// What `SCAN` is for it.
    pub fn setting(&self) -> String {
        format!("clamd:{}", self.socket().display())
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
