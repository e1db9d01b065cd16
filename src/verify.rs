//! `cloakroom verify`: does every file have its exact bytes, and do all bytes belong to something?
//!
//! It runs beside a live server. What it finds amiss it looks at twice, since an upload or a purge may have come between
//! the two halves of a look.

use std::{fmt, pin::pin, time::Duration};

use entity::{Timestamp, discarded_content, file, upload};
use futures_util::TryStreamExt;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    clock::before,
    domain::uploads::Digest,
    error::{Code, Result},
    hex,
    storage::{Content, ContentKey},
};

mod ordered;

/// Rows read at a time.
const PAGE: u64 = 1000;

/// What to do besides looking.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Read all bytes and compare their SHA-256, not just their number.
    pub hash: bool,
    /// Remove content that nothing owns.
    pub repair: bool,
    /// How old content must be before it is said to belong to nothing: what is younger may be somebody's whom this database
    /// does not know yet, or is not going to know. Zero judges all content.
    pub settled_after: Duration,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    pub contents: u64,
    /// Files without their exact bytes.
    pub damaged: Vec<Damage>,
    /// Content that no file, upload or note of discarding owns.
    pub orphans: Vec<String>,
    /// How many of the orphans were removed.
    pub removed: u64,
    /// How many contents have no owner and are too young to be orphans. They are left alone.
    pub unsettled: u64,
}

/// A file without its exact bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Damage {
    pub file_id: Uuid,
    pub content_key: String,
    pub what: String,
}

impl Report {
    /// Whether nothing is left that should not be.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.orphans.len() as u64 == self.removed
    }
}

/// For people; a line for each damage and each orphan, and one for all.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for damage in &self.damaged {
            let Damage {
                file_id,
                content_key,
                what,
            } = damage;
            writeln!(f, "file {file_id} ({content_key}): {what}")?;
        }
        for orphan in &self.orphans {
            writeln!(f, "content {orphan}: nothing owns it")?;
        }
        writeln!(
            f,
            "{} files of {} bytes: {} damaged; {} contents: {} without an owner, {} removed; {} without an owner too \
             young to judge",
            self.files,
            self.bytes,
            self.damaged.len(),
            self.contents,
            self.orphans.len(),
            self.removed,
            self.unsettled
        )
    }
}

/// Looks at everything, and calls `progress` now and then with what it has seen so far.
pub async fn run(app: &App, options: Options, mut progress: impl FnMut(&Report)) -> Result<Report> {
    let mut report = Report::default();
    match app.storage.listed() {
        Some(listed) => {
            ordered::check(app, options, listed, &mut report, &mut progress).await?;
        }
        None => {
            check_contents(app, options, &mut report, &mut progress).await?;
            check_files(app, options, &mut report, &mut progress).await?;
        }
    }
    Ok(report)
}

/// Every committed row has its exact bytes.
#[expect(clippy::disallowed_methods, reason = "verify looks at every row")]
async fn check_files(
    app: &App,
    options: Options,
    report: &mut Report,
    progress: &mut impl FnMut(&Report),
) -> Result<()> {
    let mut after = Uuid::nil();
    loop {
        let page = file::Entity::find()
            .filter(file::Column::Id.gt(after))
            .order_by_asc(file::Column::Id)
            .limit(PAGE);
        let rows = app.db.all(page).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        for row in rows {
            report.files += 1;
            report.bytes += u64::try_from(row.size).unwrap_or_default();
            check_file(app, row, options, report).await?;
        }
        progress(report);
    }
}

#[expect(clippy::disallowed_methods, reason = "verify looks at every row")]
async fn check_file(
    app: &App,
    row: file::Model,
    options: Options,
    report: &mut Report,
) -> Result<()> {
    let Some(what) = damage(app, &row, options).await? else {
        return Ok(());
    };
    // Purged meanwhile: then its bytes are gone by right.
    let again = file::Entity::find_by_id(row.id);
    if app.db.one(again).await?.is_some() {
        report.damaged.push(Damage {
            file_id: row.id,
            content_key: row.content_key,
            what,
        });
    }
    Ok(())
}

/// What is wrong with the bytes of `row`; also what the disk says when it cannot read them.
async fn damage(app: &App, row: &file::Model, options: Options) -> Result<Option<String>> {
    match look(app, row, options).await {
        Err(error) if error.code == Code::Internal => {
            Ok(Some(format!("it cannot be read: {}", error.cause())))
        }
        looked => looked,
    }
}

async fn look(app: &App, row: &file::Model, options: Options) -> Result<Option<String>> {
    let Some(key) = ContentKey::parse(&row.content_key) else {
        return Ok(Some("its content key is malformed".to_owned()));
    };
    let Some(content) = app.storage.open(&key).await? else {
        return Ok(Some("its content is missing".to_owned()));
    };
    let found = content.len();
    if i64::try_from(found).ok() != Some(row.size) {
        let size = row.size;
        return Ok(Some(format!("it has {found} bytes instead of {size}")));
    }
    if !options.hash {
        return Ok(None);
    }
    let actual = hash(&content).await?;
    Ok((actual[..] != row.sha256[..]).then(|| {
        format!(
            "its SHA-256 is {} instead of {}",
            hex::encode(&actual),
            hex::encode(&row.sha256)
        )
    }))
}

/// Hashes a piece in less time than it takes to hand it to another thread and back.
async fn hash(content: &Content) -> Result<[u8; 32]> {
    let mut digest = Digest::default();
    let mut pieces = pin!(content.range(0..content.len()));
    while let Some(piece) = pieces.try_next().await? {
        digest.update(&[piece]);
    }
    Ok(digest.sha256())
}

/// Content that was written after this is not judged. A server keeps the time in its database, so that an old copy of a database
/// does not judge what was uploaded after the copy was made.
fn settled(app: &App, options: Options) -> Timestamp {
    let now = app.clock.now();
    match options.settled_after {
        Duration::ZERO => now,
        settled_after => before(now.min(app.settled_time.last()), settled_after),
    }
}

/// Bytes that no row owns are only there until they are swept.
async fn check_contents(
    app: &App,
    options: Options,
    report: &mut Report,
    progress: &mut impl FnMut(&Report),
) -> Result<()> {
    let settled = settled(app, options);
    let mut keys = pin!(app.storage.keys());
    while let Some(key) = keys.try_next().await? {
        report.contents += 1;
        if report.contents.is_multiple_of(PAGE) {
            progress(report);
        }
        check_content(app, &key, settled, options, report).await?;
    }
    Ok(())
}

/// Whether something owns the content that is listed under `key`.
async fn check_content(
    app: &App,
    key: &ContentKey,
    settled: Timestamp,
    options: Options,
    report: &mut Report,
) -> Result<()> {
    if is_owned(app, key).await? {
        return Ok(());
    }
    // The second look is for an upload that finished, or a purge that ended, between listing and asking.
    let Some(written_at) = app.storage.written_at(key).await? else {
        return Ok(());
    };
    if is_owned(app, key).await? {
        return Ok(());
    }
    if written_at > settled {
        report.unsettled += 1;
        return Ok(());
    }
    report.orphans.push(key.to_string());
    if options.repair && app.storage.delete(key, None).await? {
        report.removed += 1;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "verify looks at every row")]
async fn is_owned(app: &App, key: &ContentKey) -> Result<bool> {
    let (key, database) = (key.as_str(), &app.db);
    // In this order: an upload's row becomes a file's, and a file's becomes a note.
    let pending = upload::Entity::find().filter(upload::Column::ContentKey.eq(key));
    if database.one(pending).await?.is_some() {
        return Ok(true);
    }
    let file = file::Entity::find().filter(file::Column::ContentKey.eq(key));
    if database.one(file).await?.is_some() {
        return Ok(true);
    }
    let discarded = discarded_content::Entity::find_by_id(key.to_owned());
    Ok(database.one(discarded).await?.is_some())
}
