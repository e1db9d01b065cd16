//! What a request needs: the database, the storage, the clock, the keys, the configuration.

use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    ops::Deref,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    access::Access,
    auth::{
        Auth, oidc,
        password::{Hasher, Limits},
        signing::Keyring,
        throttle::TicketGuesses,
    },
    clock::Clock,
    config::{Config, StorageKind},
    db::Db,
    disk,
    domain::{
        changes::Changes,
        events,
        uploads::{self, LiveUploads},
        webhooks,
    },
    installation,
    janitor::SettledTime,
    operator_error::OperatorError,
    outbound::Outbound,
    private,
    storage::{Local, MarkKind, Room, S3, Storage},
    tasks::Tasks,
};

/// One running Cloakroom. Shared by every request through an [`Arc`].
#[derive(Debug)]
pub struct App {
    pub access: Access,
    pub storage: Storage,
    pub hasher: Hasher,
    /// By which people sign in, where there is one.
    pub provider: Option<oidc::Provider>,
    pub live_uploads: LiveUploads,
    pub aborted_uploads: uploads::Aborted,
    pub upload_rows: uploads::UploadRows,
    pub uploads_last_seen: uploads::LastSeen,
    /// The same of resumable uploads that a request of another process has not let go of.
    pub held_uploads_last_seen: uploads::LastSeen,
    pub uploads_last_look: uploads::LastLook,
    pub upload_turns: uploads::Turns,
    pub settled_time: SettledTime,
    pub ticket_guesses: TicketGuesses,
    pub events: events::Queue,
    /// Those who wait for events, and what tells that there are some.
    pub live: events::Live,
    pub live_news: Notify,
    pub changes: Changes,
    pub webhooks: webhooks::Courier,
    pub outbound: Outbound,
    pub tasks: Tasks,
    /// Whether others are to answer from now on: see [`serve`](crate::server::serve).
    pub is_draining: AtomicBool,
}

pub type SharedApp = Arc<App>;

/// What a command works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Accounts and the like. There need not be a data directory.
    Database,
    /// The content directory has to be there, and of the same installation as the database.
    Content,
}

/// Each layer below takes its own part of this: [`Auth`], [`Access`].
impl Deref for App {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl App {
    /// Opens everything `config` names for the server: makes what is missing, migrates the database, loads the keys.
    pub async fn open(config: Config, clock: Clock) -> Result<SharedApp, OperatorError> {
        let data_dir = &config.storage.data_dir;
        make_data_dir(data_dir)?;
        let tasks = Tasks::default();
        let content = ContentPlace::of(&config)?;
        if let ContentPlace::S3(s3) = &content {
            s3.try_out().await?;
        }
        let db = make_database(&config, content.look(), &tasks).await?;
        installation::check(&db, content.look()).await?;
        db.migrate().await?;
        let id = installation::begin(&db, &clock, content.look()).await?;
        let (room, mark) = (room(&config, &db), (MarkKind::InUse, id));
        let storage = match content {
            ContentPlace::Local(data_dir) => {
                Storage::Local(Local::open_dir(&data_dir, mark, room, &tasks)?)
            }
            ContentPlace::S3(s3) => {
                s3.write_mark(mark).await?;
                Storage::S3(s3.of(mark, room))
            }
        };
        installation::note_mark(&db, id).await?;
        let keyring = Keyring::load(&config.tickets.secret, data_dir)?;
        Self::of(config, clock, db, storage, keyring, tasks).await
    }

    /// Opens what is there, for a command beside the server: nothing is made, and nothing migrated.
    pub async fn open_existing(
        config: Config,
        clock: Clock,
        needs: Needs,
    ) -> Result<SharedApp, OperatorError> {
        let data_dir = &config.storage.data_dir;
        check_data_dir(data_dir)?;
        let tasks = Tasks::default();
        let db = Db::connect(config.database.database_url.expose(), &tasks).await?;
        db.check_schema().await?;
        let content = ContentPlace::of(&config)?;
        let id = match needs {
            Needs::Content => installation::check_strictly(&db, content.look()).await?,
            // An account is made without the store, which may be away.
            Needs::Database if matches!(content, ContentPlace::S3(_)) => Uuid::nil(),
            Needs::Database => {
                installation::check(&db, content.look()).await?;
                // A command that needs the database alone opens no content, so nothing compares this id with the mark's.
                Uuid::nil()
            }
        };
        let (room, mark) = (room(&config, &db), (MarkKind::InUse, id));
        let storage = match content {
            ContentPlace::Local(data_dir) => {
                let local = Local::at(&data_dir, mark, room, &tasks);
                if needs == Needs::Content {
                    local.check_closed()?;
                }
                Storage::Local(local)
            }
            ContentPlace::S3(s3) => Storage::S3(s3.of(mark, room)),
        };
        let keyring = Keyring::load_existing(&config.tickets.secret, data_dir)?;
        Self::of(config, clock, db, storage, keyring, tasks).await
    }

    async fn of(
        config: Config,
        clock: Clock,
        db: Db,
        storage: Storage,
        keyring: Keyring,
        tasks: Tasks,
    ) -> Result<SharedApp, OperatorError> {
        let settled_time = SettledTime::load(&db, &clock).await;
        Ok(Arc::new(Self {
            storage,
            hasher: hasher(&config),
            provider: oidc::Provider::new(&config.oidc)?,
            live_uploads: LiveUploads::default(),
            aborted_uploads: uploads::Aborted::default(),
            upload_rows: uploads::UploadRows::start(&db, &config, &tasks),
            uploads_last_seen: uploads::LastSeen::default(),
            held_uploads_last_seen: uploads::LastSeen::default(),
            uploads_last_look: uploads::LastLook::default(),
            upload_turns: uploads::Turns::default(),
            settled_time: settled_time.map_err(|error| db.unusable(error.cause()))?,
            ticket_guesses: TicketGuesses::default(),
            events: events::Queue::default(),
            live: events::Live::default(),
            live_news: Notify::new(),
            changes: Changes::default(),
            webhooks: webhooks::Courier::new(clock.now()),
            outbound: Outbound::new(&config.webhooks)?,
            access: Access::start(
                Auth {
                    keyring,
                    config: Arc::new(config),
                    clock,
                    db,
                },
                &tasks,
            ),
            tasks,
            is_draining: AtomicBool::new(false),
        }))
    }
}

/// What it takes to move all content.
#[derive(Debug)]
pub struct Move {
    pub from: ContentPlace,
    pub to: ContentPlace,
    /// Of the installation.
    pub id: Uuid,
    /// The place that content is moved to.
    pub storage: Storage,
}

/// The place that the content of `app` is to be moved to, as `target` says, made and set aside for that.
pub async fn open_destination(app: &App, target: &Config) -> Result<Move, OperatorError> {
    let (from, to) = (ContentPlace::of(&app.config)?, ContentPlace::of(target)?);
    let id = installation::check_strictly(&app.db, from.look()).await?;
    if let ContentPlace::S3(s3) = &to {
        s3.try_out().await?;
    }
    installation::check_destination(to.look(), id).await?;
    let storage = storage(app, target, (MarkKind::SetAside, id)).await?;
    Ok(Move {
        from,
        to,
        id,
        storage,
    })
}

/// The same place once the switch is made.
pub async fn open_switched(
    app: &App,
    target: &Config,
    way: &Move,
) -> Result<Storage, OperatorError> {
    storage(app, target, (MarkKind::InUse, way.id)).await
}

async fn storage(
    app: &App,
    target: &Config,
    mark: (MarkKind, Uuid),
) -> Result<Storage, OperatorError> {
    let room = room(target, &app.db);
    Ok(match ContentPlace::of(target)? {
        ContentPlace::Local(data_dir) => {
            make_data_dir(&data_dir)?;
            Storage::Local(Local::open_dir(&data_dir, mark, room, &app.tasks)?)
        }
        ContentPlace::S3(s3) => {
            s3.write_mark(mark).await?;
            Storage::S3(s3.of(mark, room))
        }
    })
}

/// Where content is to be, as the configuration says; not looked at yet.
#[derive(Debug)]
pub enum ContentPlace {
    /// In the data directory.
    Local(PathBuf),
    S3(Box<S3>),
}

impl ContentPlace {
    pub fn of(config: &Config) -> Result<Self, OperatorError> {
        match config.storage.storage {
            StorageKind::Local => Ok(Self::Local(config.storage.data_dir.clone())),
            StorageKind::S3 => Ok(Self::S3(Box::new(S3::new(&config.s3)?))),
        }
    }

    /// The same, to look at its mark.
    pub fn look(&self) -> installation::Place<'_> {
        match self {
            Self::Local(data_dir) => installation::Place::Local(data_dir),
            Self::S3(s3) => installation::Place::S3(s3),
        }
    }
}

/// The database, which may have no tables yet. It is made when it is missing, unless there is content that another one knows.
pub async fn make_database(
    config: &Config,
    content: installation::Place<'_>,
    tasks: &Tasks,
) -> Result<Db, OperatorError> {
    let url = config.database.database_url.expose();
    if let Some(missing) = Db::missing(url) {
        installation::check_before_making(&missing, content).await?;
    }
    Db::connect_or_create(url, tasks).await
}

fn hasher(config: &Config) -> Hasher {
    let limits = Limits {
        in_line: config.accounts.hashing_queue_per_address,
        in_all: config.accounts.hashing_queue,
    };
    Hasher::new(config.accounts.hashing_threads, limits)
}

/// What uploads leave of the disks that they fill: the content's, and SQLite's.
fn room(config: &Config, db: &Db) -> Room {
    let database = db.sqlite_path().map(|path| match path.parent() {
        // The parent of a bare name is empty, and means here.
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    });
    let content = match config.storage.storage {
        StorageKind::Local => Some(&*config.storage.data_dir),
        StorageKind::S3 => None,
    };
    Room::new(content, database, config.storage.disk_reserve)
}

const SETTING: &str = "CLOAKROOM_DATA_DIR";

/// nginx's group passes through to the content; nobody else does.
pub fn make_data_dir(path: &Path) -> Result<(), OperatorError> {
    let cannot = |error| OperatorError::at("use the data directory", path, SETTING, &error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(path)
        .map_err(|error| OperatorError::at("make the data directory", path, SETTING, &error))?;
    private::check_directory(path).map_err(cannot)?;
    sync_way_to(path).map_err(cannot)
}

/// Its name, and those of the directories that were made on the way to it, are to survive a power loss as well.
fn sync_way_to(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    let device = path.metadata()?.dev();
    for directory in path.ancestors().skip(1) {
        // What another disk is mounted on was there before.
        if directory.metadata()?.dev() != device {
            break;
        }
        match disk::sync_dir(directory) {
            // Nothing in there is this process's work.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Fails when others may write in the data directory. No matter if it is missing.
fn check_data_dir(path: &Path) -> Result<(), OperatorError> {
    match private::check_directory(path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(())
        }
        checked => checked
            .map_err(|error| OperatorError::at("use the data directory", path, SETTING, &error)),
    }
}
