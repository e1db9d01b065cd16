//! Several instances on one machine, as docs/scale.md has people try them: its commands, word for word.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::support::{
    Program,
    nginx::{Nginx, Site, free_port, free_ports},
    program::signal,
};

/// PostgreSQL, the store and three instances start in a fraction of this.
const PATIENCE: Duration = Duration::from_secs(120);

/// `scripts/up --scale`, stopped when dropped.
struct Up {
    child: Child,
    port: u16,
    /// What it has said, in its words and those of its instances.
    said: Arc<Mutex<String>>,
}

impl Up {
    fn command(data: &Path, port: u16) -> Command {
        let mut command = Command::new("scripts/up");
        command
            .args(["--scale", "3"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("BINARY", env!("CARGO_BIN_EXE_cloakroom"))
            .env("PORT", port.to_string())
            .env("CLOAKROOM_DATA_DIR", data)
            .stdin(Stdio::null());
        command
    }

    fn start(data: &Path, port: u16) -> Self {
        let mut child = Self::command(data, port)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        let said = Arc::<Mutex<String>>::default();
        let words = Arc::clone(&said);
        std::thread::spawn(move || {
            // It goes on saying things, and would block where nobody reads them.
            while let Some(Ok(line)) = lines.next() {
                *words.lock().unwrap() += &format!("{line}\n");
                let _ = tell.send(line);
            }
        });
        let up = Self { child, port, said };
        let began = std::time::Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let line = told.recv_timeout(left).expect("it says that it is ready");
            if line.starts_with("Cloakroom is at ") {
                return up;
            }
        }
    }

    /// What it has said, and the ends of the logs that it names.
    fn words(&self) -> String {
        let said = self.said.lock().unwrap().clone();
        let log = said
            .split_whitespace()
            .find(|word| word.contains("/cloakroom-1.log"));
        let logs = log.map(|log| Path::new(log.trim_end_matches(',')).parent().unwrap());
        let tails = logs.map(|logs| {
            let tail = Command::new("sh")
                .args(["-c", "tail -n 5 *.log"])
                .current_dir(logs)
                .output();
            String::from_utf8_lossy(&tail.unwrap().stdout).into_owned()
        });
        format!("{said}\n{}", tails.unwrap_or_default())
    }

    /// As by Ctrl-C.
    fn stop(&mut self) {
        signal(self.child.id(), "-INT");
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The commands of the section `title` of a page.
fn commands(page: &str, title: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let (_, section) = text.split_once(&format!("## {title}\n")).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").unwrap().0);
    blocks.collect()
}

/// Runs the walk of the page where it is, and returns what it prints.
fn walk(directory: &TempDir, data: &Path, up: &Up) -> String {
    let port = up.port;
    let all = commands("docs/scale.md", "Try it out");
    let (start, walk) = all.split_once('\n').unwrap();
    assert!(start.starts_with("scripts/up --scale 3"), "{start}");
    let walk = walk.replace("data-scale", &data.display().to_string());
    // nginx's port, and those of the instances.
    let walk = (0..4).fold(walk, |walk, number| {
        walk.replace(&(8080 + number).to_string(), &(port + number).to_string())
    });
    let walked = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &walk])
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout).into_owned();
    assert!(
        walked.status.success(),
        "{said} {}\n{}",
        String::from_utf8_lossy(&walked.stderr),
        up.words()
    );
    said
}

#[test]
fn a_new_user_runs_three_instances_by_the_documentation_alone() {
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    // PostgreSQL passes through as a user of its own.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&directory, open).unwrap();
    let data = directory.path().join("data-scale");
    let mut up = Up::start(&data, free_ports(4));
    let said = walk(&directory, &data, &up);
    assert!(said.contains("byte for byte"), "{said}");
    // At nginx, and at both instances that are left.
    assert_eq!(said.matches("ACCESS_REVOKED").count(), 3, "{said}");
    up.stop();

    // What was there is found again.
    let up = Up::start(&data, free_ports(4));
    let directory = directory.path();
    // Two at once would have one PostgreSQL and one store between them.
    let second = Up::command(&data, free_ports(4)).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success() && said.contains("is in use by another scripts/up --scale"),
        "{said}"
    );
    // At one of its ports is somebody else.
    let other = TempDir::new_in("/tmp").unwrap();
    let second = Up::command(other.path(), up.port + 3).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    let taken = format!("port {} is in use", up.port + 3);
    assert!(said.contains(&taken), "{said}");
    let list = format!(
        "curl -sS http://localhost:{}/graphql -b alice.cookies -H 'Content-Type: application/json' \
         -d '{{\"query\": \"{{ files(first: 1) {{ nodes {{ name downloadTicket {{ url }} }} }} }}\"}}' | tee /dev/stderr \
         | jq -r .data.files.nodes[0].downloadTicket.url | xargs curl -sS -o again.jpg && cmp photo.jpg again.jpg",
        up.port
    );
    let again = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &list])
        .current_dir(directory)
        .status();
    assert!(again.unwrap().success(), "{}", up.words());
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_turns_to_the_others_when_an_instance_drains_and_stops() {
    let program = Program::new().await.set("DRAIN_TIME", "2s");
    let instances = [program.serve(), program.serve()];
    let addresses = instances.each_ref().map(|serving| {
        let (_, address) = serving.base.split_once("://").unwrap();
        address.to_owned()
    });
    let (data, directory) = (program.data_dir(), program.directory());
    // As nginx/render repeats the line.
    let upstream = addresses.join("\";\n    server \"");
    let site = Site::default();
    let nginx = Nginx::start(free_port(), &upstream, &data, directory.path(), &site).await;
    let [first, second] = instances;

    let url = format!("{}/graphql?query=%7B__typename%7D", nginx.base);
    let client = reqwest::Client::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let askers = (0..8).map(|_| {
        let (client, url, stopped) = (client.clone(), url.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !*stopped.borrow() {
                answers.push(client.get(&url).send().await.unwrap().status().as_u16());
            }
            answers
        })
    });
    let askers: Vec<_> = askers.collect();
    first.terminate();
    let (status, log) = first.ended().await;
    assert!(status.success() && log.contains("draining"), "{log}");
    // With the other one alone.
    for _ in 0..50 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    }
    stop.send(true).unwrap();
    let answers: Vec<_> = join_all(askers).await.into_iter().flatten().collect();
    let answers = answers.concat();
    assert!(answers.len() > 100, "{}", answers.len());
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    drop(second);
}
