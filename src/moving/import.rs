//! `cloakroom import`: puts what `cloakroom export` wrote into an account, here or in another installation.
//!
//! Everything is checked before the first byte comes in: the manifest, the limits, and each file with its hash. Each file then
//! takes the way that all uploads take. **What the account has says what is done**: a file of the same name with the same bytes is
//! not put there again. So an import that was killed anywhere goes on where it was, and makes no doubles.

use std::{collections::HashMap, path::Path, pin::pin, time::Duration};

use futures_util::TryStreamExt;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    content::hash,
    directory::{Directory, Found},
    manifest::{Entry, Manifest},
};
use crate::{
    access::Destination,
    app::{App, SharedApp},
    auth::Account,
    domain::{
        events, file_name, files, quota,
        uploads::{self, Naming},
    },
    error::{Code, Error, Result},
    hex,
    operator_error::OperatorError,
    storage::Content,
};

/// Files read at a time.
const PAGE: u64 = 1000;
/// More bytes than the manifest has for a file, with a name of the longest, and for itself.
const ENTRY_BYTES: u64 = 8192;

/// How far it has come, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    /// How many of them the account had before.
    pub there: u64,
    /// Of the others: bytes that were checked, files and bytes that were put there.
    pub checked_bytes: u64,
    pub imported: u64,
    pub imported_bytes: u64,
    /// Files that the scanner did not let pass: their names, and why.
    pub refused: Vec<(String, String)>,
}

/// A file that is to come in.
struct Item {
    name: String,
    file: String,
    size: u64,
    sha256: [u8; 32],
}

/// Puts the files of the export at `path` into `account`, and calls `progress` as it goes on.
pub async fn run(
    app: &SharedApp,
    account: &Account,
    path: &Path,
    progress: impl FnMut(&Report),
) -> std::result::Result<Report, OperatorError> {
    let signs = tokio::spawn(give_signs_of_life(SharedApp::clone(app)));
    let (done, stop) = oneshot::channel::<()>();
    let work = async move {
        let report = import(app, account, path, progress).await;
        drop(done);
        report
    };
    // What a scanner refuses goes into the trail by the queue.
    let written = events::run(app, async {
        let _ = stop.await;
    });
    let (report, ()) = tokio::join!(work, written);
    signs.abort();
    report
}

/// Servers would otherwise take a long upload for one that was left behind.
async fn give_signs_of_life(app: SharedApp) {
    let interval = app.config.uploads.upload_ttl / 4;
    let mut ticks = tokio::time::interval(interval.max(Duration::from_secs(1)));
    loop {
        ticks.tick().await;
        if let Err(error) = uploads::touch_live(&app).await {
            tracing::warn!(%error, "the upload under way could not be marked as such");
        }
    }
}

async fn import(
    app: &SharedApp,
    account: &Account,
    path: &Path,
    mut progress: impl FnMut(&Report),
) -> std::result::Result<Report, OperatorError> {
    let refuse = |why: OperatorError| OperatorError::new(format!("nothing was imported: {why}"));
    let mut report = Report::default();
    let prepared = prepare(app, account, path, &mut report, &mut progress).await;
    let (directory, items) = prepared.map_err(refuse)?;

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the operator's command, which no request reaches"
    )]
    let destination = Destination::by_operator(account);
    for item in items {
        let before = report.imported_bytes;
        let mut count = |bytes| {
            report.imported_bytes += bytes;
            progress(&report);
        };
        match put(app, &destination, &directory, &item, &mut count).await {
            Ok(()) => report.imported += 1,
            Err(Fault::Refused(error)) if error.code == Code::FileRefused => {
                report.imported_bytes = before;
                report.refused.push((item.name, error.detail));
            }
            Err(fault) => return Err(broken_off(&item, &report, fault)),
        }
        progress(&report);
    }
    Ok(report)
}

/// Checks everything, and returns the files that the account does not have.
async fn prepare(
    app: &App,
    account: &Account,
    path: &Path,
    report: &mut Report,
    progress: &mut impl FnMut(&Report),
) -> std::result::Result<(Directory, Vec<Item>), OperatorError> {
    if account.disabled {
        return Err(OperatorError::new(format!(
            "the account is disabled; see `cloakroom enable-user {}`",
            account.user.username
        )));
    }
    let directory = Directory::open(path).await?;
    let at_most = u64::from(app.config.users.max_files_per_user).saturating_add(1);
    let text = directory.manifest(at_most.saturating_mul(ENTRY_BYTES));
    let text = text.await?.ok_or_else(|| {
        OperatorError::new(format!(
            "{} has no manifest.json: name the directory that `cloakroom export` wrote",
            path.display()
        ))
    })?;
    let entries = Manifest::parse(&text)?.files.into_iter();
    let items = entries.map(|entry| checked(app, entry));
    let items = items.collect::<std::result::Result<Vec<_>, _>>()?;
    report.files = items.len() as u64;
    report.bytes = items
        .iter()
        .fold(0, |sum, item| item.size.saturating_add(sum));
    let items = missing(app, account, items)
        .await
        .map_err(|error| app.db.unusable(error.cause()))?;
    report.there = report.files - items.len() as u64;
    check_room(app, account, &items).await?;
    for item in &items {
        check_file(&directory, item).await?;
        report.checked_bytes += item.size;
        progress(report);
    }
    Ok((directory, items))
}

/// What the manifest says of one file, where it can be one.
fn checked(app: &App, entry: Entry) -> std::result::Result<Item, OperatorError> {
    let Entry {
        name, file, size, ..
    } = entry;
    let wrong = |what: String| OperatorError::new(format!("the file {file:?} {what}"));
    let name = file_name::check(&name)
        .map_err(|error| wrong(format!("cannot be called {name:?}: {}", error.detail)))?;
    let sha256 = hex::decode(&entry.sha256).ok_or_else(|| {
        wrong("has no SHA-256 in the manifest, which is 64 hexadecimal digits".to_owned())
    })?;
    let limit = app.config.uploads.max_file_size;
    if size > limit {
        return Err(wrong(format!(
            "has {size} bytes, and a file may have {limit} here (CLOAKROOM_MAX_FILE_SIZE)"
        )));
    }
    Ok(Item {
        name,
        file,
        size,
        sha256,
    })
}

/// Those of `items` that the account has no file for, with the same name and bytes.
async fn missing(app: &App, account: &Account, items: Vec<Item>) -> Result<Vec<Item>> {
    // Whoever has two such files gets both.
    let mut there: HashMap<(String, Vec<u8>), u64> = HashMap::new();
    let mut after = Uuid::nil();
    loop {
        let page = files::live_of(app, account.user.id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in page {
            *there.entry((row.name, row.sha256)).or_default() += 1;
        }
    }
    let is_missing = |item: &Item| {
        let number = there.get_mut(&(item.name.clone(), item.sha256.to_vec()));
        match number.filter(|number| **number > 0) {
            Some(number) => {
                *number -= 1;
                false
            }
            None => true,
        }
    };
    Ok(items.into_iter().filter(is_missing).collect())
}

/// Whether the account may keep all of them, and the storage has room.
async fn check_room(
    app: &App,
    account: &Account,
    items: &[Item],
) -> std::result::Result<(), OperatorError> {
    let (username, usage) = (&account.user.username, &account.usage);
    let number = items.len() as u64;
    let bytes = items.iter().map(|item| item.size);
    let bytes = bytes.fold(0_u64, u64::saturating_add);
    let files = u64::try_from(usage.files).unwrap_or_default();
    let limit = app.config.users.max_files_per_user;
    if files.saturating_add(number) > u64::from(limit) {
        return Err(OperatorError::new(format!(
            "{username} has {files} files, and {number} more would be above {limit} (CLOAKROOM_MAX_FILES_PER_USER)"
        )));
    }
    let taken = usage.used_bytes.saturating_add(usage.reserved_bytes);
    let taken = u64::try_from(taken).unwrap_or_default();
    match quota::of(&app.config, usage) {
        Some(quota) if taken.saturating_add(bytes) > quota => Err(OperatorError::new(format!(
            "{username} may keep {quota} bytes and has {taken}; {bytes} more do not fit. `cloakroom set-quota {username}` \
             gives more room"
        ))),
        _ => (app.storage.check_reserve(bytes).await).map_err(|error| {
            let place = app.storage.place(&app.config.storage.data_dir);
            let cause = error.cause();
            OperatorError::new(format!("{bytes} bytes do not fit into {place}: {cause}"))
        }),
    }
}

/// Whether the directory has the bytes that the manifest speaks of.
async fn check_file(directory: &Directory, item: &Item) -> std::result::Result<(), OperatorError> {
    let Item {
        file, size, sha256, ..
    } = item;
    let content = open(directory, item).await?;
    let wrong = |what: String| OperatorError::new(format!("the file {file:?} {what}"));
    if content.len() != *size {
        let has = content.len();
        return Err(wrong(format!(
            "has {has} bytes, and the manifest says {size}"
        )));
    }
    let has = hash(&content).await;
    let has = has.map_err(|error| wrong(format!("cannot be read: {}", error.cause())))?;
    match has == *sha256 {
        true => Ok(()),
        false => Err(wrong(format!(
            "has the SHA-256 {}, and the manifest says {}",
            hex::encode(&has),
            hex::encode(sha256)
        ))),
    }
}

async fn open(directory: &Directory, item: &Item) -> std::result::Result<Content, OperatorError> {
    let file = &item.file;
    match directory.look(file).await? {
        Found::File(content) => Ok(content),
        Found::Missing => Err(OperatorError::new(format!(
            "the file {file:?} of the manifest is missing: run the export again, which goes on where it was"
        ))),
        Found::NoFile => Err(OperatorError::new(format!(
            "{file:?} is a link or something else that is no file"
        ))),
    }
}

/// Why a file could not be put there.
enum Fault {
    Directory(OperatorError),
    Refused(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// One file, by the way of all uploads; `count` hears how many bytes more there are.
async fn put(
    app: &SharedApp,
    destination: &Destination,
    directory: &Directory,
    item: &Item,
    count: &mut impl FnMut(u64),
) -> std::result::Result<(), Fault> {
    let content = open(directory, item).await.map_err(Fault::Directory)?;
    let mut upload = uploads::begin(app, destination, Some(item.size)).await?;
    let mut pieces = pin!(content.range(0..content.len()));
    while let Some(piece) = pieces.try_next().await.map_err(Error::from)? {
        let bytes = piece.len() as u64;
        upload.append(piece).await?;
        count(bytes);
    }
    let naming = Naming {
        upload: upload.complete().await?,
        name: item.name.clone(),
        expected_sha256: Some(item.sha256),
    };
    Ok(uploads::finish_import(app, naming).await?)
}

/// What is said when not all could be imported.
fn broken_off(item: &Item, report: &Report, fault: Fault) -> OperatorError {
    let why = match fault {
        Fault::Directory(error) => error.to_string(),
        Fault::Refused(error) if error.code == Code::ChecksumMismatch => {
            "its bytes have changed since they were checked".to_owned()
        }
        Fault::Refused(error) => format!("{}: {}", error.code.as_str(), error.cause()),
    };
    OperatorError::new(format!(
        "the file {:?} could not be imported: {why}. {} of {} files are there. Run the command again: it goes on where it was",
        item.file,
        report.there + report.imported,
        report.files
    ))
}
