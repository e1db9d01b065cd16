//! `cloakroom export`: one user's live files, written to a directory with their names and a manifest.
//!
//! The manifest comes first, with all files that are going to be there: so names stay the same when an export goes on that was
//! broken off. What lies there with the right size and hash is not written again.

use std::{collections::HashMap, path::Path, pin::pin, slice};

use entity::file;
use futures_util::TryStreamExt;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{
    content::hash,
    directory::{Directory, Found},
    file_names::FileNames,
    manifest::{Entry, Manifest},
};
use crate::{
    app::App,
    auth::Account,
    clock,
    domain::{files, uploads::Digest},
    error::Error,
    hex,
    operator_error::OperatorError,
    storage::{Content, ContentKey},
};

/// Files read at a time.
const PAGE: u64 = 1000;

/// How far it has come, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    /// How many of them are there, and the bytes of those.
    pub done: u64,
    pub done_bytes: u64,
    /// How many were written now; the others were there.
    pub written: u64,
    /// Files without their exact bytes in the storage: their ids, and what is wrong.
    pub damaged: Vec<(Uuid, String)>,
}

/// A file on its way out.
struct Item {
    id: Uuid,
    entry: Entry,
    key: ContentKey,
    sha256: Vec<u8>,
}

/// What became of one file.
enum Written {
    Yes,
    /// It was deleted meanwhile.
    Gone,
    Damaged(String),
}

/// Writes the live files of `account` to the directory at `path`, and calls `progress` as it goes on. What was there of an
/// earlier export and is in the account no more is removed.
pub async fn run(
    app: &App,
    account: &Account,
    path: &Path,
    mut progress: impl FnMut(&Report),
) -> Result<Report, OperatorError> {
    let directory = Directory::make(path).await?;
    let earlier = earlier(&directory, account, path).await?;
    let rows = rows(app, account).await?;
    let (items, stale) = named(rows, earlier)?;
    for file in stale {
        directory.remove(&file).await?;
    }
    let entries = items.iter().map(|item| item.entry.clone()).collect();
    write_manifest(&directory, account, entries).await?;

    let mut report = Report {
        files: items.len() as u64,
        bytes: items.iter().map(|item| item.entry.size).sum(),
        ..Report::default()
    };
    let mut missing = false;
    let mut there = Vec::with_capacity(items.len());
    for item in items {
        let before = report.done_bytes;
        let size = item.entry.size;
        let written = match is_there(&directory, &item).await? {
            true => Written::Yes,
            false => {
                let mut count = |bytes| {
                    report.done_bytes += bytes;
                    progress(&report);
                };
                let written = write(app, &directory, &item, &mut count).await?;
                if matches!(written, Written::Yes) {
                    report.written += 1;
                }
                not_gone(app, account, &item, written).await?
            }
        };
        report.done_bytes = before;
        match written {
            Written::Yes => {
                report.done += 1;
                report.done_bytes += size;
                there.push(item.entry);
            }
            Written::Gone => missing = true,
            Written::Damaged(what) => {
                missing = true;
                report.damaged.push((item.id, what));
            }
        }
        progress(&report);
    }
    if missing {
        write_manifest(&directory, account, there).await?;
    }
    directory.end().await?;
    Ok(report)
}

/// The files of the export that was begun here, by their ids.
async fn earlier(
    directory: &Directory,
    account: &Account,
    path: &Path,
) -> Result<HashMap<String, Entry>, OperatorError> {
    let Some(text) = directory.manifest(u64::MAX).await? else {
        return Ok(HashMap::new());
    };
    let manifest = Manifest::parse(&text)?;
    if manifest.user_id != account.user.id.to_string() {
        return Err(OperatorError::new(format!(
            "{} has an export of another account, {:?}: name another directory",
            path.display(),
            manifest.username
        )));
    }
    let files = manifest.files.into_iter();
    Ok(files.map(|entry| (entry.id.clone(), entry)).collect())
}

async fn write_manifest(
    directory: &Directory,
    account: &Account,
    entries: Vec<Entry>,
) -> Result<(), OperatorError> {
    let user = &account.user;
    let manifest = Manifest::new(user.id.to_string(), user.username.clone(), entries);
    directory.write_manifest(manifest.text()?).await
}

async fn rows(app: &App, account: &Account) -> Result<Vec<file::Model>, OperatorError> {
    let (mut rows, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let page = files::live_of(app, account.user.id, after, PAGE).await;
        let page = page.map_err(|error| app.db.unusable(error.cause()))?;
        let Some(last) = page.last() else {
            return Ok(rows);
        };
        after = last.id;
        rows.extend(page);
    }
}

/// The files with their names in the directory, which are those of the earlier export where they have been in that; and the names
/// there that nothing has any more.
fn named(
    rows: Vec<file::Model>,
    mut earlier: HashMap<String, Entry>,
) -> Result<(Vec<Item>, Vec<String>), OperatorError> {
    let mut names = FileNames::default();
    let mut chosen = HashMap::new();
    for row in &rows {
        let id = row.id.to_string();
        // Renamed, it gets another name here as well.
        let is_same = |before: &Entry| before.name == row.name;
        if earlier.get(&id).is_some_and(is_same)
            && let Some(before) = earlier.remove(&id)
        {
            names.take(&before.file);
            chosen.insert(row.id, before.file);
        }
    }
    let items = rows.into_iter().map(|row| {
        let file = chosen.remove(&row.id);
        let file = file.unwrap_or_else(|| names.choose(&row.name));
        item(row, file)
    });
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let stale = earlier.into_values().map(|entry| entry.file).collect();
    Ok((items, stale))
}

fn item(row: file::Model, file: String) -> Result<Item, OperatorError> {
    let key = ContentKey::parse(&row.content_key);
    let key = key.ok_or_else(|| {
        OperatorError::new(format!("the content key of file {} is malformed", row.id))
    })?;
    let created_at = clock::to_date(row.created_at).format(&Rfc3339);
    Ok(Item {
        id: row.id,
        entry: Entry {
            id: row.id.to_string(),
            name: row.name,
            file,
            size: u64::try_from(row.size).unwrap_or_default(),
            content_type: row.content_type,
            sha256: hex::encode(&row.sha256),
            created_at: created_at.unwrap_or_default(),
        },
        key,
        sha256: row.sha256,
    })
}

/// Whether the directory has all of the file.
async fn is_there(directory: &Directory, item: &Item) -> Result<bool, OperatorError> {
    match directory.look(&item.entry.file).await? {
        Found::File(content) if content.len() == item.entry.size => {
            let sha256 = hash(&content).await;
            Ok(sha256.is_ok_and(|sha256| sha256[..] == item.sha256[..]))
        }
        _ => Ok(false),
    }
}

/// Writes one file, and tells `count` how many bytes more there are.
async fn write(
    app: &App,
    directory: &Directory,
    item: &Item,
    count: &mut impl FnMut(u64),
) -> Result<Written, OperatorError> {
    let unreadable = |error: Error| unreadable(app, &error);
    let content = match app.storage.open(&item.key).await.map_err(unreadable)? {
        None => return Ok(Written::Damaged("its content is missing".to_owned())),
        Some(content) if content.len() != item.entry.size => {
            let (has, size) = (content.len(), item.entry.size);
            let what = format!("it has {has} bytes instead of {size}");
            return Ok(Written::Damaged(what));
        }
        Some(content) => content,
    };
    let sha256 = write_bytes(app, directory, &item.entry, &content, count).await?;
    match sha256 == item.entry.sha256 {
        true => Ok(Written::Yes),
        false => Ok(Written::Damaged(format!(
            "its SHA-256 is {sha256} instead of {}",
            item.entry.sha256
        ))),
    }
}

/// The SHA-256 of what was read; it has its name in the directory if it is the right one.
async fn write_bytes(
    app: &App,
    directory: &Directory,
    entry: &Entry,
    content: &Content,
    count: &mut impl FnMut(u64),
) -> Result<String, OperatorError> {
    let mut part = directory.begin().await?;
    let mut digest = Digest::default();
    let mut pieces = pin!(content.range(0..content.len()));
    loop {
        let piece = pieces.try_next().await;
        let piece = piece.map_err(|error| unreadable(app, &error.into()))?;
        let Some(piece) = piece else { break };
        digest.update(slice::from_ref(&piece));
        let bytes = piece.len() as u64;
        part = directory.write(part, piece).await?;
        count(bytes);
    }
    let sha256 = hex::encode(&digest.sha256());
    if sha256 == entry.sha256 {
        directory.keep(part, &entry.file).await?;
    }
    Ok(sha256)
}

/// `written`; a file that was deleted meanwhile misses its bytes by right.
async fn not_gone(
    app: &App,
    account: &Account,
    item: &Item,
    written: Written,
) -> Result<Written, OperatorError> {
    if matches!(written, Written::Yes) {
        return Ok(written);
    }
    // Nothing is between this and the id.
    let before = Uuid::from_u128(item.id.as_u128().saturating_sub(1));
    let found = files::live_of(app, account.user.id, before, 1).await;
    let found = found.map_err(|error| app.db.unusable(error.cause()))?;
    match found.iter().any(|found| found.id == item.id) {
        true => Ok(written),
        false => Ok(Written::Gone),
    }
}

fn unreadable(app: &App, error: &Error) -> OperatorError {
    let place = app.storage.place(&app.config.storage.data_dir);
    OperatorError::new(format!(
        "cannot read from {place}: {}. See whether it can be reached, and run the command again: it goes on where it was",
        error.cause()
    ))
}
