//! A server in this process, on a port, a database and a directory of its own.

use std::{
    num::NonZeroU8,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use cloakroom::{
    app::{App, SharedApp},
    clock::{Clock, Manual, millis},
    config::{Listen, Options},
    janitor, patience,
    server::{self, Background, Listener},
};
use sea_orm::{ConnectionTrait, DbBackend};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    Database, Person, Program,
    nginx::{Nginx, Site, free_port},
    rows,
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// The settings every test begins with, changed by `change`.
pub fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Cli::parse_from(["cloakroom"]).options;
    options.listen = "127.0.0.1:0".to_owned();
    options.log = "warn".to_owned();
    // All that a test's people do comes from one address.
    options.sign_ups_per_address = "1000".to_owned();
    change(&mut options);
    options
}

/// A running server.
pub struct TestApp {
    pub app: SharedApp,
    /// `http://127.0.0.1:port`
    pub base: String,
    clock: Arc<Manual>,
    options: Options,
    nginx: Option<Nginx>,
    directory: Arc<TempDir>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl TestApp {
    /// A server with the default settings.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with settings changed by `change`.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let mut options = with(|_| {});
        options.data_dir = directory.path().join("data").display().to_string();
        options.database_url = Database::chosen().create().await;
        change(&mut options);
        Self::run(options, directory, present()).await
    }

    /// A server on a unix socket, behind a real nginx that sends the bytes: clients reach it at nginx's base.
    pub async fn behind_nginx(change: impl FnOnce(&mut Options)) -> Self {
        Self::behind_site(&Site::default(), change).await
    }

    /// The same, with a site that has more than the one that users deploy.
    pub async fn behind_site(site: &Site, change: impl FnOnce(&mut Options)) -> Self {
        let port = free_port();
        let mut server = Self::start_with(|options| {
            let data_dir = options.data_dir.clone();
            options.listen = format!("unix:{data_dir}.sock");
            options.delivery = "x-accel".to_owned();
            options.public_url = Some(format!("http://127.0.0.1:{port}"));
            change(options);
        })
        .await;
        let data_dir = &server.app.config.storage.data_dir;
        let directory = server.directory.path();
        let nginx = Nginx::start(port, &server.base, data_dir, directory, site).await;
        server.base.clone_from(&nginx.base);
        server.nginx = Some(nginx);
        server
    }

    /// A server over the data of `program`, whose clock is `ahead` of it.
    pub async fn beside(program: &Program, ahead: Duration) -> Self {
        let options = with(|options| {
            options.data_dir = program.data_dir().display().to_string();
            options.database_url = program.database_url().map(|url| url.to_owned().into());
            // Tickets of the program's may live as long as tickets can.
            options.ticket_ttl = "24h".to_owned();
        });
        let ahead = i64::try_from(ahead.as_millis()).unwrap();
        Self::run(options, program.directory(), present() + ahead).await
    }

    /// The directory that all of it is in.
    pub fn directory(&self) -> Arc<TempDir> {
        Arc::clone(&self.directory)
    }

    /// The nginx in front of this server.
    pub fn nginx(&self) -> &Nginx {
        self.nginx
            .as_ref()
            .expect("this server was not started behind nginx")
    }

    /// Stops this server, and starts it again over the same data, with settings changed by `change`.
    pub async fn restart_with(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.options.clone();
        let (directory, now) = (Arc::clone(&self.directory), self.now());
        self.stop().await;
        change(&mut options);
        Self::run(options, directory, now).await
    }

    /// A second server over the same data: another instance.
    pub async fn another(&self) -> Self {
        Self::run(
            self.options.clone(),
            Arc::clone(&self.directory),
            self.now(),
        )
        .await
    }

    /// The same with a port of its own, sending the bytes itself.
    pub async fn another_direct(&self) -> Self {
        let mut options = self.options.clone();
        options.listen = "127.0.0.1:0".to_owned();
        options.delivery = "direct".to_owned();
        options.public_url = None;
        Self::run(options, Arc::clone(&self.directory), self.now()).await
    }

    async fn run(mut options: Options, directory: Arc<TempDir>, now: i64) -> Self {
        let listener = Listener::bind(&options.validate().unwrap().server.listen)
            .await
            .unwrap();
        let address = listener.address().unwrap();
        let configured = options.clone();
        if let (Listen::Tcp(_), None) = (&address, &options.public_url) {
            options.public_url = Some(address.to_string());
        }
        let clock = Arc::new(Manual::at(entity::Timestamp(now)));
        let time = Clock::Manual(Arc::clone(&clock));
        let app = App::open(options.validate().unwrap(), time).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let background = Background::without_janitor(&app);
        let serving = server::serve(SharedApp::clone(&app), listener, background, async {
            let _ = stopped.await;
        });
        Self {
            base: address.to_string(),
            clock,
            options: configured,
            nginx: None,
            directory,
            stop: Some(stop),
            served: tokio::spawn(serving),
            app,
        }
    }

    /// Stops as on SIGTERM.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.served).await.unwrap();
    }

    /// Lets time pass for the server.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets the server's clock ahead, in no time.
    pub fn set_ahead(&self, by: Duration) {
        self.clock.set(millis(by));
    }

    /// Sets the server's clock back, in no time.
    pub fn set_back(&self, by: Duration) {
        self.clock.set(-millis(by));
    }

    fn now(&self) -> i64 {
        self.app.clock.now().0
    }

    /// The moment `ahead` of the server's present, as a GraphQL `DateTime`.
    pub fn date_in(&self, ahead: Duration) -> String {
        use time::format_description::well_known::{
            Iso8601,
            iso8601::{Config, EncodedConfig, TimePrecision},
        };
        const MILLISECONDS: EncodedConfig = Config::DEFAULT
            .set_time_precision(TimePrecision::Second {
                decimal_digits: NonZeroU8::new(3),
            })
            .encode();
        let date = cloakroom::clock::to_date(self.app.clock.after(ahead));
        date.format(&Iso8601::<MILLISECONDS>).unwrap()
    }

    /// All of the janitor's sweeps, now.
    pub async fn sweep(&self) {
        janitor::sweep(&self.app).await;
    }

    /// Somebody who is not signed in.
    pub fn anonymous(&self) -> Person {
        Person::anonymous(&self.base)
    }

    /// A new user, signed in by a session.
    pub async fn person(&self, username: &str) -> Person {
        let person = self.anonymous();
        person.sign_up(username).await;
        person
    }

    /// The files below the data directory's `content` and `staging`: what is on disk of people's bytes. The content
    /// directory's mark is not among them.
    pub fn stored(&self) -> Vec<std::path::PathBuf> {
        let data = &self.app.config.storage.data_dir;
        let mut found = Vec::new();
        let mut open = vec![data.join("content"), data.join("staging")];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path)
                } else if path != data.join("content/installation") {
                    found.push(path)
                }
            }
        }
        found
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) AS number FROM {table}"))
            .await
    }

    /// What a query says is `number`.
    pub async fn number(&self, query: &str) -> i64 {
        rows::number(&self.app.db, query).await
    }

    /// Has nobody's try counted until it is told to let go.
    #[expect(clippy::disallowed_methods, reason = "a lock reads no row")]
    pub async fn hold_the_throttle(&self) -> (oneshot::Sender<()>, JoinHandle<()>) {
        let (holding, held) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let app = self.app.clone();
        let writer = tokio::spawn(async move {
            let hold = app.db.write(move |transaction| {
                Box::pin(async move {
                    if transaction.get_database_backend() == DbBackend::Postgres {
                        transaction
                            .execute_unprepared("LOCK TABLE throttle")
                            .await?;
                    }
                    holding.send(()).unwrap();
                    let _ = released.await;
                    Ok(())
                })
            });
            // Longer than those whom it keeps waiting.
            let patience = 2 * patience::PATIENCE;
            patience::within(patience, hold).await.unwrap();
        });
        held.await.unwrap();
        (release, writer)
    }

    /// Waits until nothing is left of any upload but `files` files.
    pub async fn only_files_stay(&self, files: usize) {
        let rows = i64::try_from(files).unwrap();
        self.eventually("what an upload left behind goes", async |server| {
            server.rows("upload").await == 0
                && server.rows("discarded_content").await == 0
                && server.rows("file").await == rows
                && server.stored().len() == files
        })
        .await;
        let reserved =
            "SELECT CAST(COALESCE(SUM(reserved_bytes), 0) AS BIGINT) AS number FROM \"user\"";
        assert_eq!(self.number(reserved).await, 0, "quota is held back");
    }

    /// Waits until nothing is left of any upload.
    pub async fn nothing_stays(&self) {
        self.only_files_stay(0).await;
    }

    /// Waits until `done`, for what the server does behind an answer's back; panics after ten seconds.
    pub async fn eventually(&self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        for _ in 0..200 {
            if done(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: not within ten seconds");
    }
}

fn present() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's clock starts at the present"
    )]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since_epoch.as_millis()).unwrap()
}
