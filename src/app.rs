//! What a request needs: the database, the storage, the clock, the keys, the configuration.

use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    ops::Deref,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    access::Access,
    auth::{
        Auth,
        password::{Hasher, Limits},
        signing::Keyring,
        throttle::TicketGuesses,
    },
    clock::Clock,
    config::Config,
    db::Db,
    disk,
    domain::{
        changes::Changes,
        events,
        uploads::{self, LiveUploads},
    },
    installation,
    janitor::SettledTime,
    operator_error::OperatorError,
    private,
    storage::{Local, Room, Storage},
    tasks::Tasks,
};

/// One running Cloakroom. Shared by every request through an [`Arc`].
#[derive(Debug)]
pub struct App {
    pub access: Access,
    pub storage: Storage,
    pub hasher: Hasher,
    pub live_uploads: LiveUploads,
    pub aborted_uploads: uploads::Aborted,
    pub upload_rows: uploads::UploadRows,
    pub uploads_last_seen: uploads::LastSeen,
    pub upload_turns: uploads::Turns,
    pub settled_time: SettledTime,
    pub ticket_guesses: TicketGuesses,
    pub events: events::Queue,
    pub changes: Changes,
    pub tasks: Tasks,
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
        let db = make_database(&config, &tasks).await?;
        installation::check(&db, data_dir).await?;
        db.migrate().await?;
        let id = installation::begin(&db, &clock, data_dir).await?;
        let local = Local::open_dir(data_dir, id, room(&config, &db), &tasks)?;
        installation::note_mark(&db, id).await?;
        let keyring = Keyring::load(&config.tickets.secret, data_dir)?;
        Self::of(config, clock, db, local, keyring, tasks).await
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
        let id = match needs {
            Needs::Content => installation::check_strictly(&db, data_dir).await?,
            Needs::Database => {
                installation::check(&db, data_dir).await?;
                // A command that needs the database alone opens no content, so nothing compares this id with the mark's.
                Uuid::nil()
            }
        };
        let local = Local::at(data_dir, id, room(&config, &db), &tasks);
        if needs == Needs::Content {
            local.check_closed()?;
        }
        let keyring = Keyring::load_existing(&config.tickets.secret, data_dir)?;
        Self::of(config, clock, db, local, keyring, tasks).await
    }

    async fn of(
        config: Config,
        clock: Clock,
        db: Db,
        local: Local,
        keyring: Keyring,
        tasks: Tasks,
    ) -> Result<SharedApp, OperatorError> {
        let settled_time = SettledTime::load(&db, &clock).await;
        Ok(Arc::new(Self {
            storage: Storage::Local(local),
            hasher: hasher(&config),
            live_uploads: LiveUploads::default(),
            aborted_uploads: uploads::Aborted::default(),
            upload_rows: uploads::UploadRows::start(&db, &config, &tasks),
            uploads_last_seen: uploads::LastSeen::default(),
            upload_turns: uploads::Turns::default(),
            settled_time: settled_time.map_err(|error| db.unusable(error.cause()))?,
            ticket_guesses: TicketGuesses::default(),
            events: events::Queue::default(),
            changes: Changes::default(),
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
        }))
    }
}

/// The database, which may have no tables yet. It is made when it is missing, unless there is content that another one knows.
pub async fn make_database(config: &Config, tasks: &Tasks) -> Result<Db, OperatorError> {
    let (url, data_dir) = (
        config.database.database_url.expose(),
        &config.storage.data_dir,
    );
    if let Some(missing) = Db::missing(url) {
        installation::check_before_making(&missing, data_dir)?;
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
    Room::new(
        &config.storage.data_dir,
        database,
        config.storage.disk_reserve,
    )
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
