//! `move-content`, `move-database`, `export` and `import`: moving house.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use cloakroom::{
    app::{self, App, Needs, SharedApp},
    auth::Account,
    clock::Clock,
    config::{Config, Options, Secret, StorageKind},
    db::Transfer,
    domain::accounts,
    moving::{content, database, export, import},
    operator_error::OperatorError,
    tasks::Tasks,
};

use super::{Outcome, accounts::told, print, teller::Teller};

#[derive(Args)]
pub struct MoveContent {
    /// Where content is to be: the settings name both places
    #[arg(long, value_enum)]
    to: Target,
    /// After copying the rest, have the content be there from now on. Stop all servers before; unfinished uploads end
    #[arg(long)]
    switch: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// In the data directory
    Local,
    /// In the object store
    S3,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::S3 => "s3",
        }
    }

    fn kind(self) -> StorageKind {
        match self {
            Self::Local => StorageKind::Local,
            Self::S3 => StorageKind::S3,
        }
    }
}

#[derive(Args)]
pub struct MoveDatabase {
    /// The PostgreSQL database that is to have all rows, which has to be empty: `postgres://user@host/database`. Its password
    /// may be in the variable PGPASSWORD
    #[arg(long, value_name = "URL")]
    to: Secret,
}

#[derive(Args)]
pub struct Export {
    /// Whose files
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The directory to write them to, which is made: all files are in `files` there, and `manifest.json` lists them. To go on
    /// with an export that was broken off, or to bring one up to date, name its directory again
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Args)]
pub struct Import {
    /// Whose files they will be, within the quota and the limits of the account
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The directory that `export` has written. Files that the account has already, by name and bytes, are left out
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Fails when not all of it could be copied, so that a script can tell.
pub async fn content(config: Config, options: &Options, command: &MoveContent) -> Outcome {
    let to = command.to;
    if config.storage.storage == to.kind() {
        return Err(format!(
            "CLOAKROOM_STORAGE is {} already: let it be what it is until the switch is made",
            to.name()
        )
        .into());
    }
    let mut target = options.clone();
    target.storage = to.name().to_owned();
    let target = target.validate()?;
    let app = App::open_existing(config, Clock::System, Needs::Content).await?;
    let way = app::open_destination(&app, &target).await?;
    let mut teller = Teller::default();
    let progress = |report: &content::Report| teller.tell(|| words(report));
    let report = match command.switch {
        true => content::switch(&app, &target, &way, progress).await?,
        false => content::copy(&app, &way.storage, progress)
            .await
            .map_err(|error| content::failed(&app, &way.storage, &error))?,
    };
    teller.end();
    let damaged = report.damaged.iter();
    let damaged: String = damaged
        .map(|(id, what)| format!("file {id}: {what}\n"))
        .collect();
    print(format!("{damaged}{}\n", words(&report)))?;
    match (report.damaged.len(), command.switch) {
        (0, true) => print(format!(
            "The content is in {} now. Set CLOAKROOM_STORAGE={} for all servers, and start them\n",
            way.storage.place(&target.storage.data_dir),
            to.name()
        )),
        (0, false) => print(
            "To move over: stop all servers, and run the same with --switch, which copies what has come since\n",
        ),
        _ => Err("some files do not have their exact bytes: restore these from a backup, or delete the files".into()),
    }
}

fn words(report: &content::Report) -> String {
    format!(
        "{} files of {} bytes: {} copied now, {} bytes; {} damaged",
        report.files,
        report.bytes,
        report.copied,
        report.copied_bytes,
        report.damaged.len()
    )
}

pub async fn database(config: Config, command: &MoveDatabase) -> Outcome {
    let from = config.database.database_url.expose();
    let transfer = Transfer::begin(from, command.to.expose(), &Tasks::default()).await?;
    let to = transfer.to_name().to_owned();
    let rows = database::copy(transfer, |table, rows| {
        let _ = writeln!(io::stderr(), "{table}: {rows} rows");
    })
    .await?;
    print(format!(
        "{rows} rows are in {to}. Set CLOAKROOM_DATABASE_URL to it, and put the SQLite database away: what is written to one \
         of them does not come to the other\n"
    ))
}

async fn open(config: Config, username: &str) -> Result<(SharedApp, Account), OperatorError> {
    let app = App::open_existing(config, Clock::System, Needs::Content).await?;
    let account = accounts::find_account(&app, username).await;
    let account = account.map_err(|error| told(&app, error))?;
    Ok((app, account))
}

/// Fails when not all files could be written, so that a script can tell.
pub async fn export(config: Config, command: &Export) -> Outcome {
    let (app, account) = open(config, &command.user).await?;
    let mut teller = Teller::default();
    let progress = |report: &export::Report| teller.tell(|| exported(report));
    let report = export::run(&app, &account, &command.directory, progress).await;
    teller.end();
    let report = report?;
    let damaged = report.damaged.iter();
    let damaged: String = damaged
        .map(|(id, what)| format!("file {id}: {what}\n"))
        .collect();
    print(format!("{damaged}{}\n", exported(&report)))?;
    match report.damaged.is_empty() {
        true => Ok(()),
        false => Err(
            "some files do not have their exact bytes, and are not in the export: restore these from a backup".into(),
        ),
    }
}

fn exported(report: &export::Report) -> String {
    format!(
        "{} of {} files, {} of {} bytes: {} written now; {} damaged",
        report.done,
        report.files,
        report.done_bytes,
        report.bytes,
        report.written,
        report.damaged.len()
    )
}

/// Fails when not all files could be taken in, so that a script can tell.
pub async fn import(config: Config, command: &Import) -> Outcome {
    let (app, account) = open(config, &command.user).await?;
    let mut teller = Teller::default();
    let progress = |report: &import::Report| teller.tell(|| imported(report));
    let report = import::run(&app, &account, &command.directory, progress).await;
    teller.end();
    let report = report?;
    let refused = report.refused.iter();
    let refused: String = refused
        .map(|(name, why)| format!("{name:?}: {why}\n"))
        .collect();
    print(format!("{refused}{}\n", imported(&report)))?;
    match report.refused.is_empty() {
        true => Ok(()),
        false => Err("the scanner did not let all files pass".into()),
    }
}

fn imported(report: &import::Report) -> String {
    format!(
        "{} files of {} bytes: {} were there, {} bytes checked, {} imported now, {} bytes; {} refused",
        report.files,
        report.bytes,
        report.there,
        report.checked_bytes,
        report.imported,
        report.imported_bytes,
        report.refused.len()
    )
}
