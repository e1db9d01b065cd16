//! What a request needs: the database, the storage, the clock, the keys, the configuration.

use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    ops::Deref,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

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
    error::Result,
    janitor::SettledTime,
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
    pub upload_rows: uploads::Rows,
    pub uploads_last_seen: uploads::LastSeen,
    pub settled_time: SettledTime,
    pub ticket_guesses: TicketGuesses,
    pub events: events::Queue,
    pub changes: Changes,
    pub tasks: Tasks,
}

pub type SharedApp = Arc<App>;

/// Each layer below takes its own part of this: [`Auth`], [`Access`].
impl Deref for App {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl App {
    /// Opens everything `config` names: connects and migrates the database, makes the directories, loads the keys.
    pub async fn open(config: Config, clock: Clock) -> Result<SharedApp> {
        make_data_dir(&config.storage.data_dir)?;
        let tasks = Tasks::default();
        let db = Db::connect(config.database.database_url.expose(), &tasks).await?;
        db.migrate().await?;
        Ok(Arc::new(Self {
            storage: Storage::Local(Local::open_dir(
                &config.storage.data_dir,
                room(&config, &db),
                &tasks,
            )?),
            hasher: hasher(&config),
            live_uploads: LiveUploads::default(),
            aborted_uploads: uploads::Aborted::default(),
            upload_rows: uploads::Rows::start(&db, config.users.max_files_per_user, &tasks),
            uploads_last_seen: uploads::LastSeen::default(),
            settled_time: SettledTime::load(&db, &clock).await?,
            ticket_guesses: TicketGuesses::default(),
            events: events::Queue::default(),
            changes: Changes::default(),
            access: Access::start(
                Auth {
                    keyring: Keyring::load(&config.tickets.secret, &config.storage.data_dir)?,
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

/// nginx's group passes through to the content; nobody else does.
fn make_data_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(path)?;
    // Its name, and those of the directories that were made on the way to it, are to survive a power loss as well.
    let path = path.canonicalize()?;
    private::check_directory(&path)?;
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
