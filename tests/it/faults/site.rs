//! An installation that things happen to, and the journal of what its clients were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cloakroom::storage::Storage;
use futures_util::TryStreamExt;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};

use super::{
    hold::Scope,
    journal::{Account, Journal},
};
use crate::support::{Person, Program, Store, TestApp, program::Serving, rows::pairs};

/// After this, an upload that nobody goes on with counts as abandoned.
pub const HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// How many kills the long form is to have; none in the short one.
pub fn long() -> Option<u64> {
    let kills = std::env::var("CLOAKROOM_FAULTS_KILLS").ok()?;
    Some(kills.parse().expect("CLOAKROOM_FAULTS_KILLS is a number"))
}

pub struct Site {
    pub program: Program,
    pub journal: Arc<Journal>,
    /// Where content is, if it is not in the data directory.
    store: Option<Store>,
}

impl Site {
    /// With this many accounts, and no server running yet.
    pub async fn new(seed: u64, accounts: usize) -> Self {
        Self::on(Program::new().await, seed, accounts).await
    }

    /// The same with its content in `store`, to which the program goes by the address `way`.
    pub async fn in_store(store: &Store, way: &str, seed: u64, accounts: usize) -> Self {
        let by_way = Store {
            endpoint: way.to_owned(),
            ..store.clone()
        };
        let program = by_way.configure_program(Program::new().await);
        let site = Self::on(program, seed, accounts).await;
        Self {
            store: Some(store.clone()),
            ..site
        }
    }

    /// The same on a machine that the test has set up.
    pub async fn on(program: Program, seed: u64, accounts: usize) -> Self {
        let program = program
            .set("TICKET_TTL", "24h")
            .set("JANITOR_INTERVAL", "1s")
            // What a client was cut off from is gone when everything has been silent for hours.
            .set("RESUMABLE_TTL", "1h")
            // A client here does in seconds what people do in days.
            .set("CHANGES_PER_HOUR", "1000000000");
        let server = program.serve();
        let enrolled = enrol(&server.base, accounts).await;
        server.terminate();
        server.ended().await;
        Self::of(program, Journal::new(seed, enrolled))
    }

    /// A machine whose clients have this journal.
    pub fn of(program: Program, journal: Journal) -> Self {
        Self {
            program,
            journal: Arc::new(journal),
            store: None,
        }
    }

    /// With one more setting.
    pub fn set(mut self, setting: &str, value: &str) -> Self {
        self.program = self.program.set(setting, value);
        self
    }

    /// Waits until nothing is left of any upload under way.
    pub async fn eventually_is_idle(&self) {
        let beside = TestApp::beside(&self.program, Duration::ZERO).await;
        beside
            .eventually("what is broken off goes", async |server| {
                server.rows("upload").await == 0 && server.rows("discarded_content").await == 0
            })
            .await;
        beside.stop().await;
        let staged = self
            .program
            .data_dir()
            .join("staging")
            .read_dir()
            .unwrap()
            .count();
        assert_eq!(staged, 0, "seed {}", self.journal.seed);
    }

    /// Starts the server, once nothing of one that was killed goes on.
    pub async fn serve(&self) -> Serving {
        self.is_quiet().await;
        self.program.serve()
    }

    /// Waits until nothing of a server that was killed goes on.
    pub async fn is_quiet(&self) {
        if let Some(url) = self
            .program
            .database_url()
            .filter(|url| url.starts_with("postgres"))
        {
            wait_for_backends(url).await;
        }
    }

    /// The content keys of all files, by name.
    pub async fn content_keys(&self) -> BTreeMap<String, String> {
        let beside = TestApp::beside(&self.program, Duration::ZERO).await;
        let keys = content_keys(&beside).await;
        beside.stop().await;
        keys
    }

    /// Panics unless the clients that are at work get ahead again in time.
    pub async fn recovers_within(&self, time: Duration) {
        tokio::time::timeout(time, self.journal.has_acknowledged_more(20))
            .await
            .expect("the server does not recover");
    }

    /// Panics unless everything is as the journal has it, and sound.
    pub async fn holds_everything(&self, base: &str) {
        self.journal.hold(base, Scope::Everything).await;
        self.is_sound().await;
    }

    /// Panics unless, after the janitor's sweeps, every row has its exact bytes and there are no others, and nothing is
    /// kept of unfinished uploads. No client may be at work meanwhile; a server may run.
    pub async fn is_sound(&self) {
        let seed = self.journal.seed;
        // Another instance, for which everything that was under way is then silent for hours.
        let later = match &self.store {
            None => TestApp::beside(&self.program, HOURS).await,
            Some(store) => TestApp::beside_on(&self.program, store, HOURS).await,
        };
        let keys = is_swept(&later, seed).await;
        match &self.store {
            None => {
                let owned = keys
                    .iter()
                    .map(|key| format!("content/{}/{}/{key}", &key[..2], &key[2..4]));
                let root = self.program.data_dir();
                let stored = later.stored().into_iter();
                let stored =
                    stored.map(|path| path.strip_prefix(&root).unwrap().display().to_string());
                let stored: BTreeSet<_> = stored.collect();
                assert_eq!(stored, owned.collect(), "seed {seed}");
            }
            Some(_) => {
                // What nobody noted is looked for once a day.
                later.advance(24 * HOURS);
                later.sweep().await;
                let stored = later.app.storage.keys().map_ok(|key| key.to_string());
                let stored: BTreeSet<_> = stored.try_collect().await.unwrap();
                assert_eq!(stored, keys, "seed {seed}");
                // Nothing is begun, either.
                assert_eq!(later.contents().await, keys.len(), "seed {seed}");
            }
        }
        later.stop().await;
        let verified = self
            .program
            .run(&["verify", "--deep", "--older-than", "0s"]);
        assert_eq!(verified.status, Some(0), "seed {seed}: {verified:?}");
    }
}

/// New accounts at the server at `base`.
pub async fn enrol(base: &str, accounts: usize) -> Vec<Account> {
    let mut enrolled = Vec::new();
    for number in 0..accounts {
        let username = format!("user{number}");
        let person = Person::anonymous(base);
        person.sign_up(&username).await;
        let secret = person.token("[READ, WRITE]").await;
        enrolled.push(Account { username, secret });
    }
    enrolled
}

/// PostgreSQL learns late that a client was killed, and ends the statement under way.
pub async fn wait_for_backends(url: &str) {
    // One connection, and no pool of them: a second one would be taken for another's, and waited for without end.
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    let connection = Database::connect(options).await.unwrap();
    let others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let statement = Statement::from_string(DbBackend::Postgres, others);
    while connection
        .query_one_raw(statement.clone())
        .await
        .unwrap()
        .is_some()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connection.close().await.unwrap();
}

/// Has `server` sweep, and panics unless nothing is kept of unfinished uploads then, and usage is what the files add up
/// to. Returns the content keys of all files.
pub async fn is_swept(server: &TestApp, seed: u64) -> BTreeSet<String> {
    server.sweep().await;
    server.advance(HOURS);
    server.sweep().await;
    if let Storage::S3(_) = server.app.storage {
        // What was removed is removed once more when nothing can write it any more.
        server.advance(HOURS);
        server.sweep().await;
    }
    assert_eq!(server.rows("upload").await, 0, "seed {seed}");
    assert_eq!(server.rows("discarded_content").await, 0, "seed {seed}");
    let miscounted = "SELECT COUNT(*) AS number FROM \"user\" u WHERE reserved_bytes <> 0 OR used_bytes <> \
        (SELECT COALESCE(SUM(size), 0) FROM file WHERE owner_id = u.id) OR trashed_bytes <> \
        (SELECT COALESCE(SUM(size), 0) FROM file WHERE owner_id = u.id AND trashed_at IS NOT NULL) OR file_count <> \
        (SELECT COUNT(*) FROM file WHERE owner_id = u.id)";
    assert_eq!(server.number(miscounted).await, 0, "quota; seed {seed}");
    content_keys(server).await.into_values().collect()
}

/// The content keys of all files, by name.
async fn content_keys(server: &TestApp) -> BTreeMap<String, String> {
    let query = "SELECT name, content_key FROM file";
    let pairs = pairs(&server.app.db, query).await;
    pairs.into_iter().collect()
}
