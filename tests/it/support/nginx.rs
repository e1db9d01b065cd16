//! A real nginx, with the configuration that users deploy.

use std::{
    fs::File,
    net::TcpListener,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Store;

/// An nginx that passes on to one server.
pub struct Nginx {
    child: Mutex<Child>,
    pub base: String,
    /// Where its logs are.
    pub logs: PathBuf,
}

/// What a test's site has besides.
#[derive(Default)]
pub struct Site {
    /// Further directives of the server block, each after a `;`.
    pub directives: String,
    /// Words of the site, and what stands there instead: a limit that a test can reach.
    pub instead: Vec<(&'static str, &'static str)>,
    /// Where content is, if it is not in the data directory.
    pub store: Option<Store>,
}

impl Site {
    /// What includes the files for an object store; they are made in `run`.
    fn store_files(&self, run: &Path) -> [String; 2] {
        let Some(store) = &self.store else {
            return [String::new(), String::new()];
        };
        let (_, host) = store.endpoint.split_once("://").unwrap();
        let url = format!(
            "http://cloakroom_store/{}/{}content/",
            store.bucket, store.prefix
        );
        let files = [
            (
                "store.conf.template",
                &[
                    ("STORE_URL", &*url),
                    ("STORE_HOST", host),
                    ("STORE_NAME", "127.0.0.1"),
                    ("STORE_CA", "/etc/ssl/certs/ca-certificates.crt"),
                ][..],
            ),
            (
                "store-upstream.conf.template",
                &[("STORE_SERVERS", &*format!("server {host};"))],
            ),
        ];
        files.map(|(template, values)| {
            let path = run.join(template);
            render(template, &path, values);
            format!("include \"{}\";", path.display())
        })
    }

    fn change(&self, path: &Path) {
        let mut text = std::fs::read_to_string(path).unwrap();
        for (words, instead) in &self.instead {
            assert!(text.contains(words), "the site does not say {words:?}");
            text = text.replace(words, instead);
        }
        std::fs::write(path, text).unwrap();
    }
}

/// Below those that the system gives to whoever asks for any port, so that no connection and no other listener takes one.
const PORTS: Range<u16> = 10_000..32_000;
/// The ports of this process, each an open file that is locked until the process ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port that no other test has, in this process or another, before this process ends.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of `number` such ports in a row.
pub fn free_ports(number: u16) -> u16 {
    let [high, low] = cloakroom::random::bytes();
    let start = usize::from(u16::from_be_bytes([high, low])) % PORTS.len();
    let (before, after) = (PORTS.take(start), PORTS.skip(start));
    let mut firsts = after.chain(before);
    let first = firsts.find(|first| {
        let locks: Option<Vec<_>> = (*first..first + number).map(lock).collect();
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        locks.map(|locks| taken.extend(locks)).is_some()
    });
    first.expect("every port is taken")
}

/// `None` where another test has it, or somebody else's program listens there.
fn lock(port: u16) -> Option<File> {
    let locks = std::env::temp_dir().join("cloakroom-test-ports");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = File::create(locks.join(port.to_string())).unwrap();
    let is_free = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
    is_free.then_some(lock)
}

impl Nginx {
    /// Starts one on `port`, for the server that listens at `upstream` and keeps its data in `data_dir`. `site` is what its
    /// site has besides.
    pub async fn start(
        port: u16,
        upstream: &str,
        data_dir: &Path,
        directory: &Path,
        site: &Site,
    ) -> Self {
        let besides = site;
        let run = directory.join(format!("nginx-{port}"));
        std::fs::create_dir_all(&run).unwrap();
        let (run_dir, site) = (run.display().to_string(), run.join("site.conf"));
        let content = format!("{}/", data_dir.join("content").display());
        let [store, upstream_store] = besides.store_files(&run);
        render(
            "cloakroom.conf.template",
            &site,
            &[
                ("LISTEN", &format!("127.0.0.1:{port}{}", besides.directives)),
                ("SERVER_NAME", "_"),
                ("TLS", ""),
                ("UPSTREAM", upstream),
                ("STORE", &store),
                ("STORE_UPSTREAM", &upstream_store),
                ("CONTENT_DIR", &content),
                ("MAX_BODY_SIZE", "0"),
                ("LOG_DIR", &run_dir),
            ],
        );
        besides.change(&site);
        // Started by root, its workers would be somebody who may not read the test's directory.
        let is_root = std::fs::metadata("/proc/self")
            .is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        let main = run.join("nginx.conf");
        render(
            "nginx.conf.template",
            &main,
            &[
                ("RUN_AS", if is_root { "user root root;" } else { "" }),
                ("RUN_DIR", &run_dir),
                ("LOG_DIR", &run_dir),
                ("SITE", &site.display().to_string()),
            ],
        );
        let nginx = Self {
            child: Mutex::new(spawn(&run)),
            base: format!("http://127.0.0.1:{port}"),
            logs: run,
        };
        nginx.wait().await;
        nginx
    }

    fn signal(&self, signal: &str) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = child.id().to_string();
        let _ = Command::new("kill").args([signal, &pid]).status();
    }

    /// Has new workers take over; the old ones end what they have begun.
    pub fn reload(&self) {
        self.signal("-HUP");
    }

    /// Ends it at once, whatever is under way, and returns when it is gone.
    pub fn stop(&self) {
        // Not KILL, which would leave its workers behind.
        self.signal("-TERM");
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.wait();
    }

    /// Starts it again after [`Self::stop`].
    pub async fn resume(&self) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = spawn(&self.logs);
        self.wait().await;
    }

    async fn wait(&self) {
        for _ in 0..200 {
            if reqwest::get(format!("{}/healthz", self.base)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nginx does not answer at {}", self.base);
    }

    /// All that its logs say.
    pub fn log(&self) -> String {
        let files = std::fs::read_dir(&self.logs)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let logs =
            files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An nginx whose directory has all that it needs.
fn spawn(run: &Path) -> Child {
    Command::new("nginx")
        .arg("-p")
        .arg(run)
        .arg("-c")
        .arg(run.join("nginx.conf"))
        .stderr(Stdio::inherit())
        .spawn()
        .expect("nginx is not installed")
}

/// Fills in a template of `nginx/`, the one copy of the configuration.
fn render(template: &str, to: &Path, values: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("nginx")
        .join(template);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (name, value) in values {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    std::fs::write(to, text).unwrap();
}
