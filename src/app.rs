//! What a request needs: the database, the storage, the clock, the keys, the configuration.

use std::{
    fs::DirBuilder,
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    access::FileFacts,
    auth::{
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
    pub config: Config,
    pub db: Db,
    pub storage: Storage,
    pub clock: Clock,
    pub keyring: Keyring,
    pub hasher: Hasher,
    pub file_facts: FileFacts,
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

impl App {
    /// Opens everything `config` names: connects and migrates the database, makes the directories, loads the keys.
    pub async fn open(config: Config, clock: Clock) -> Result<SharedApp> {
        make_data_dir(&config.data_dir)?;
        let tasks = Tasks::default();
        let db = Db::connect(config.database_url.expose(), &tasks).await?;
        db.migrate().await?;
        Ok(Arc::new(Self {
            storage: Storage::Local(Local::open_dir(
                &config.data_dir,
                room(&config, &db),
                &tasks,
            )?),
            keyring: Keyring::load(&config.secrets, &config.data_dir)?,
            hasher: hasher(&config),
            file_facts: FileFacts::start(&db, &clock, &tasks),
            live_uploads: LiveUploads::default(),
            aborted_uploads: uploads::Aborted::default(),
            upload_rows: uploads::Rows::start(&db, config.max_files_per_user, &tasks),
            uploads_last_seen: uploads::LastSeen::default(),
            settled_time: SettledTime::load(&db, &clock).await?,
            ticket_guesses: TicketGuesses::default(),
            events: events::Queue::default(),
            changes: Changes::default(),
            tasks,
            db,
            clock,
            config,
        }))
    }
}

fn hasher(config: &Config) -> Hasher {
    let limits = Limits {
        in_line: config.hashing_queue_per_address,
        in_all: config.hashing_queue,
    };
    Hasher::new(config.hashing_threads.get(), limits)
}

/// What uploads leave of the disks that they fill: the content's, and SQLite's.
fn room(config: &Config, db: &Db) -> Room {
    let database = db.sqlite_path().map(|path| match path.parent() {
        // The parent of a bare name is empty, and means here.
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    });
    Room::new(&config.data_dir, database, config.disk_reserve)
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
