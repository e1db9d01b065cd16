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
    domain::accounts::{self, Overseer},
    janitor, patience,
    server::{self, Background, Listener},
};
use entity::user::Role;
use sea_orm::{ConnectionTrait, DbBackend};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    Database, Person, Program, Store,
    nginx::{Nginx, Site, free_port},
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
        if let Some(store) = Store::chosen().await {
            store.configure(&mut options);
        }
        change(&mut options);
        Self::run(options, directory, present()).await
    }

    /// A server that keeps content in `store`.
    pub async fn on(store: &Store, change: impl FnOnce(&mut Options)) -> Self {
        Self::start_with(|options| {
            store.configure(options);
            change(options);
        })
        .await
    }

    /// The same, whose janitor trusts the clock from the start.
    pub async fn without_grace(store: &Store) -> Self {
        Self::on(store, |options| options.clock_grace = "0s".to_owned()).await
    }

    /// A server on a unix socket, behind a real nginx that sends the bytes: clients reach it at nginx's base.
    pub async fn behind_nginx(change: impl FnOnce(&mut Options)) -> Self {
        match Store::chosen().await {
            Some(store) => Self::behind_nginx_on(&store, change).await,
            None => Self::behind_site(&Site::default(), change).await,
        }
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

    /// The same, with content in `store`.
    pub async fn behind_nginx_on(store: &Store, change: impl FnOnce(&mut Options)) -> Self {
        let site = Site {
            store: Some(store.clone()),
            ..Site::default()
        };
        Self::behind_site(&site, |options| {
            store.configure(options);
            change(options);
        })
        .await
    }

    /// A server over the data of `program`, whose clock is `ahead` of it.
    pub async fn beside(program: &Program, ahead: Duration) -> Self {
        Self::beside_with(program, ahead, |_| {}).await
    }

    /// The same, where the program's content is in `store`.
    pub async fn beside_on(program: &Program, store: &Store, ahead: Duration) -> Self {
        Self::beside_with(program, ahead, |options| {
            store.configure(options);
            options.clock_grace = "0s".to_owned();
        })
        .await
    }

    async fn beside_with(
        program: &Program,
        ahead: Duration,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let options = with(|options| {
            options.data_dir = program.data_dir().display().to_string();
            options.database_url = program.database_url().map(|url| url.to_owned().into());
            // Tickets of the program's may live as long as tickets can.
            options.ticket_ttl = "24h".to_owned();
            change(options);
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

    /// Somebody signed up, who looks after accounts.
    pub async fn administrator(&self, username: &str) -> Person {
        let person = self.person(username).await;
        let id = person.ask("{ me { id } }").await.text("/me/id");
        let id = id.parse().unwrap();
        accounts::set_role(&self.app, Overseer::Operator, id, Role::Admin)
            .await
            .unwrap();
        person
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
