//! The engines of object stores that the tests run. `CLOAKROOM_TEST_STORE` is `seaweedfs` (the default) or `garage`; followed
//! by `=` and an address, it is one that runs already, for all tests of a run.
//!
//! Each lets bugs through that the other does not: SeaweedFS refuses short parts, odd numbers and clocks that are off; Garage
//! refuses empty parts and a second completion, and takes the end of an upload that is being completed.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use super::nginx::free_port;

/// What every engine of the tests takes, in the form that Garage wants; scripts/test has the same.
pub const KEY: &str = "GK0c10a10c10a10c10a10c10a1";
pub const SECRET: &str = "0c10a1005ec1e70c10a1005ec1e70c10a1005ec1e70c10a1005ec1e70c10a100";
pub const BUCKET: &str = "cloakroom-tests";
/// What a SeaweedFS of one test takes besides: these keys may read and list, and no more.
pub const READER: [&str; 2] = ["reader", "0n1y-reads"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SeaweedFs,
    Garage,
}

impl Kind {
    /// The one that this run of the tests is about, and where it runs already.
    pub fn chosen() -> (Self, Option<String>) {
        let chosen = std::env::var("CLOAKROOM_TEST_STORE").unwrap_or_default();
        let (kind, endpoint) = match chosen.split_once('=') {
            Some((kind, endpoint)) => (kind, Some(endpoint.to_owned())),
            None => (&*chosen, None),
        };
        let kind = match kind {
            "" | "seaweedfs" => Self::SeaweedFs,
            "garage" => Self::Garage,
            other => panic!("CLOAKROOM_TEST_STORE: no engine is called {other:?}"),
        };
        (kind, endpoint)
    }

    /// Where scripts/test puts its program.
    fn program(self) -> PathBuf {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(match self {
            Self::SeaweedFs => "tests/store/.venv/bin/weed",
            Self::Garage => "target/garage/bin/garage",
        });
        assert!(
            program.exists(),
            "there is no {}: scripts/test installs it, and says how",
            program.display()
        );
        program
    }
}

/// One that ends with this process.
#[derive(Debug)]
pub struct Engine {
    kind: Kind,
    child: Mutex<Child>,
    port: u16,
    directory: TempDir,
}

impl Engine {
    /// Starts one of the chosen kind with no objects, and returns when it answers.
    pub async fn start() -> Self {
        let (kind, _) = Kind::chosen();
        let directory = tempfile::Builder::new()
            .prefix("cloakroom-store.")
            .tempdir_in("/tmp")
            .unwrap();
        let port = free_port();
        let child = Mutex::new(spawn(kind, directory.path(), port));
        let engine = Self {
            kind,
            child,
            port,
            directory,
        };
        engine.wait().await;
        engine
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn wait(&self) {
        for _ in 0..600 {
            if reqwest::get(self.endpoint()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.directory.path().join("log"));
        panic!("the store does not answer: {log:?}");
    }

    /// Ends it.
    pub fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        // The shell that holds it ends with its input, and ends it.
        drop(child.stdin.take());
        let _ = child.wait();
    }

    /// Starts it again over what it had.
    pub async fn resume(&self) {
        *self.child.lock().unwrap() = spawn(self.kind, self.directory.path(), self.port);
        self.wait().await;
    }

    /// Stops it where it is, so that it takes connections and answers nothing; or has it go on.
    pub fn pause(&self, is_paused: bool) {
        let signal = if is_paused { "-STOP" } else { "-CONT" };
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        let sent = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A shell holds the program, and ends it when its own input ends: with this process, however that ends.
const HOLD: &str =
    r#""$@" </dev/null >log 2>&1 & echo $! >pid; cat >/dev/null; kill -KILL $!; wait"#;

fn spawn(kind: Kind, directory: &Path, port: u16) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", HOLD, "sh"]).arg(kind.program());
    match kind {
        Kind::SeaweedFs => seaweedfs(&mut command, directory, port),
        Kind::Garage => garage(&mut command, directory, port),
    }
    command
        .current_dir(directory)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

fn seaweedfs(command: &mut Command, directory: &Path, port: u16) {
    let data = directory.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let identity = |[key, secret]: [&str; 2], actions: &[&str]| {
        json!({
            "name": key,
            "credentials": [{ "accessKey": key, "secretKey": secret }],
            "actions": actions,
        })
    };
    let identities = [
        identity([KEY, SECRET], &["Admin"]),
        identity(READER, &["Read", "List"]),
    ];
    let keys = directory.join("keys.json");
    std::fs::write(&keys, json!({ "identities": identities }).to_string()).unwrap();
    command
        .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
        .arg(format!("-dir={}", data.display()))
        .args([
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=256",
            "-volume.max=200",
        ])
        .args(["-s3", "-s3.iam=false", "-s3.autoCreateBucket=false"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg(format!("-s3.port={port}"))
        .arg(format!("-s3.config={}", keys.display()));
    for name in [
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ] {
        command.arg(format!("-{name}={}", free_port()));
    }
}

/// One node, whose key and bucket the environment names.
fn garage(command: &mut Command, directory: &Path, port: u16) {
    let configuration = directory.join("garage.toml");
    let (rpc, place) = (free_port(), directory.display());
    // The same data is found again at another port of the nodes' own.
    let text = format!(
        "metadata_dir = \"{place}/meta\"\ndata_dir = \"{place}/data\"\ndb_engine = \"lmdb\"\n\
         replication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
         rpc_secret = \"{SECRET}\"\n\
         [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{port}\"\n"
    );
    std::fs::write(&configuration, text).unwrap();
    command
        .arg("-c")
        .arg(configuration)
        .args(["server", "--single-node", "--default-bucket"])
        .env("GARAGE_DEFAULT_ACCESS_KEY", KEY)
        .env("GARAGE_DEFAULT_SECRET_KEY", SECRET)
        .env("GARAGE_DEFAULT_BUCKET", BUCKET);
}
