//! `cloakroom move-content`: copies all content to another place while the server runs, and switches over when it does not.
//!
//! A content never changes, and a place has it as a whole or not at all. So what lies there with the right number of bytes is
//! there, and a copying that was broken off goes on where it was. Nothing is removed where content was.

use std::pin::{Pin, pin};

use entity::file;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::{
    app::{App, Move, open_switched},
    config::Config,
    domain::{
        files::in_order_of_content,
        uploads::{Digest, PartEnd, end_unfinished, unfinished},
    },
    error::{Code, Error, Result},
    hex, installation,
    operator_error::OperatorError,
    storage::{Content, ContentKey, Listed, Storage, Taker, Writer},
};

/// Files read at a time.
const PAGE: u64 = 1000;
/// Files that are copied side by side.
const AT_ONCE: usize = 4;

/// How far it has come, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    /// How many of them were copied now; the others were there.
    pub copied: u64,
    pub copied_bytes: u64,
    /// Files without their exact bytes where they are: their ids, and what is wrong.
    pub damaged: Vec<(Uuid, String)>,
}

/// What became of one file.
enum Copied {
    /// So many bytes.
    Yes(u64),
    /// Its row is gone by now.
    Gone,
    Damaged(String),
}

/// Copies what is missing at `to`, and calls `progress` after each file.
pub async fn copy(app: &App, to: &Storage, mut progress: impl FnMut(&Report)) -> Result<Report> {
    let mut report = Report::default();
    let mut there = There::of(to);
    let mut after = String::new();
    loop {
        let page = in_order_of_content(app, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(report);
        };
        after.clone_from(&last.content_key);
        let mut missing = Vec::new();
        for row in page {
            report.files += 1;
            report.bytes += u64::try_from(row.size).unwrap_or_default();
            if !there.has(&row).await? {
                missing.push(row);
            }
        }
        let copies = stream::iter(missing).map(async |row| (row.id, copy_one(app, to, &row).await));
        let mut copies = pin!(copies.buffer_unordered(AT_ONCE));
        while let Some((id, copied)) = copies.next().await {
            match copied? {
                Copied::Yes(bytes) => {
                    report.copied += 1;
                    report.copied_bytes += bytes;
                }
                Copied::Gone => {}
                Copied::Damaged(what) => report.damaged.push((id, what)),
            }
            progress(&report);
        }
        progress(&report);
    }
}

/// What the destination has.
enum There<'a> {
    /// In the order of the keys, and the next one.
    Listed(
        Pin<Box<dyn Stream<Item = Result<Listed>> + Send>>,
        Option<Listed>,
    ),
    Asked(&'a Storage),
}

impl<'a> There<'a> {
    fn of(storage: &'a Storage) -> Self {
        match storage.listed() {
            Some(listed) => Self::Listed(Box::pin(listed), None),
            None => Self::Asked(storage),
        }
    }

    /// Whether it has the content of `row`, as long as it is to be. Rows come in the order of their keys.
    async fn has(&mut self, row: &file::Model) -> Result<bool> {
        let bytes = match self {
            Self::Asked(storage) => {
                let content = storage.open(&key_of(row)?).await?;
                content.map(|content| content.len())
            }
            Self::Listed(listed, next) => loop {
                match next {
                    Some(here) if here.key.as_str() >= &*row.content_key => {
                        let is_it = here.key.as_str() == row.content_key;
                        break is_it.then_some(here.bytes);
                    }
                    _ => *next = listed.try_next().await?,
                }
                if next.is_none() {
                    break None;
                }
            },
        };
        Ok(bytes.is_some_and(|bytes| i64::try_from(bytes).ok() == Some(row.size)))
    }
}

fn key_of(row: &file::Model) -> Result<ContentKey> {
    ContentKey::parse(&row.content_key)
        .ok_or_else(|| Error::internal("a content key in the database is malformed"))
}

/// Copies one content, and reads the copy.
async fn copy_one(app: &App, to: &Storage, row: &file::Model) -> Result<Copied> {
    let key = key_of(row)?;
    let what = match app.storage.open(&key).await? {
        None => "its content is missing".to_owned(),
        Some(content) if i64::try_from(content.len()).ok() != Some(row.size) => {
            format!("it has {} bytes instead of {}", content.len(), row.size)
        }
        Some(content) => match copy_bytes(to, row, &key, &content).await? {
            None => return Ok(Copied::Yes(content.len())),
            Some(what) => what,
        },
    };
    // Purged meanwhile: then its bytes are gone by right.
    match is_there(app, row).await? {
        true => Ok(Copied::Damaged(what)),
        false => Ok(Copied::Gone),
    }
}

async fn is_there(app: &App, row: &file::Model) -> Result<bool> {
    let mut before = row.content_key.clone();
    // Keys have one length, so nothing is between this and the key.
    before.pop();
    let found = in_order_of_content(app, &before, 1).await?;
    Ok(found.iter().any(|found| found.id == row.id))
}

/// What is wrong with the bytes, if they are not the file's: then nothing was made of them.
async fn copy_bytes(
    to: &Storage,
    row: &file::Model,
    key: &ContentKey,
    content: &Content,
) -> Result<Option<String>> {
    // Of a copying that was broken off.
    to.unstage(key).await?;
    let mut sending = Sending {
        to,
        // A share of the memory of its own: all are bounded together.
        writer: Some(to.begin(key, Taker::Account(row.id), content.len())),
        part_end: None,
        multipart_id: None,
    };
    sending.part_end = sending.writer.as_ref().and_then(PartEnd::of);
    let mut digest = Digest::default();
    let mut pieces = pin!(content.range(0..content.len()));
    let sent = async {
        while let Some(piece) = pieces.try_next().await? {
            digest.update(std::slice::from_ref(&piece));
            sending.send(piece).await?;
        }
        Ok::<_, Error>(digest.sha256())
    };
    let sha256 = match sent.await {
        Ok(sha256) if sha256[..] == row.sha256[..] => sha256,
        Ok(other) => {
            sending.give_up(key).await;
            return Ok(Some(wrong_hash(&other, row)));
        }
        Err(error) => {
            sending.give_up(key).await;
            return Err(error);
        }
    };
    if let Some(writer) = sending.writer.take() {
        to.finish(writer, row.created_at, Vec::new()).await?;
    }
    let copy = to.open(key).await?;
    let copy = copy.ok_or_else(|| Error::internal("what was copied is not there"))?;
    if hash(&copy).await? == sha256 {
        return Ok(None);
    }
    to.delete(key, None).await?;
    let place = "the copy of content reads differently from what was written";
    Err(Error::internal(format!("{place}: {key}")))
}

fn wrong_hash(sha256: &[u8], row: &file::Model) -> String {
    format!(
        "its SHA-256 is {} instead of {}",
        hex::encode(sha256),
        hex::encode(&row.sha256)
    )
}

/// The SHA-256 of all of it.
pub(super) async fn hash(content: &Content) -> Result<[u8; 32]> {
    let mut digest = Digest::default();
    let mut pieces = pin!(content.range(0..content.len()));
    while let Some(piece) = pieces.try_next().await? {
        digest.update(&[piece]);
    }
    Ok(digest.sha256())
}

/// A content on its way.
struct Sending<'a> {
    to: &'a Storage,
    /// Not here while it writes, nor after a failure.
    writer: Option<Writer>,
    part_end: Option<PartEnd>,
    multipart_id: Option<String>,
}

impl Sending<'_> {
    async fn send(&mut self, mut piece: bytes::Bytes) -> Result<()> {
        while let Some(end) = &mut self.part_end
            && let Some(behind) = end.cut(&mut piece)
        {
            self.write(piece).await?;
            piece = behind;
        }
        self.write(piece).await
    }

    async fn write(&mut self, piece: bytes::Bytes) -> Result<()> {
        let writer = self.writer.take();
        let mut writer = writer.ok_or_else(|| Error::internal("a copy went on after a failure"))?;
        if writer.is_to_be_parted(piece.len() as u64) {
            let id = writer.begin_parts().await?;
            self.multipart_id = Some(id.clone());
            writer.goes_by(id);
        }
        let (writer, ()) = writer
            .write(vec![piece], |_| ())
            .await
            .map_err(Error::internal)??;
        self.writer = Some(writer);
        Ok(())
    }

    /// Leaves nothing behind, as far as the destination can be reached; what stays of an upload in parts is ended by a server
    /// that uses the place later.
    async fn give_up(&mut self, key: &ContentKey) {
        drop(self.writer.take());
        let given_up = match &self.multipart_id {
            Some(id) => self.to.abort(key, id).await,
            None => self.to.unstage(key).await,
        };
        if let Err(error) = given_up {
            tracing::warn!(%error, "what was begun to be copied is left behind");
        }
    }
}

/// Has the content be at the other place from now on: copies the rest, and changes the marks of both places. For when no
/// server runs: uploads that are not finished end.
pub async fn switch(
    app: &App,
    target: &Config,
    way: &Move,
    mut progress: impl FnMut(&Report),
) -> std::result::Result<Report, OperatorError> {
    let cannot = |error: Error| failed(app, &way.storage, &error);
    let found = unfinished(app).await.map_err(cannot)?;
    if found.under_way > 0 {
        return Err(OperatorError::new(format!(
            "a server is taking in {} uploads: stop all servers of this installation, and switch then. Nothing was \
             changed",
            found.under_way
        )));
    }
    if found.all > 0 {
        tracing::warn!(
            uploads = found.all,
            "unfinished uploads end; their clients begin anew"
        );
        end_unfinished(app).await.map_err(cannot)?;
    }
    let mut report = copy(app, &way.storage, &mut progress)
        .await
        .map_err(cannot)?;
    if !report.damaged.is_empty() {
        return Ok(report);
    }
    installation::switch(way.from.look(), way.to.look(), way.id).await?;
    // A server that was not stopped may have finished uploads until then, and be about to finish those that it had begun: these
    // end, and what begins from now on meets no mark.
    end_unfinished(app).await.map_err(cannot)?;
    let switched = open_switched(app, target, way).await?;
    let late = copy(app, &switched, progress).await.map_err(cannot)?;
    report.files = late.files;
    report.bytes = late.bytes;
    report.copied += late.copied;
    report.copied_bytes += late.copied_bytes;
    report.damaged = late.damaged;
    Ok(report)
}

/// What an error means to whoever moves content.
pub fn failed(app: &App, to: &Storage, error: &Error) -> OperatorError {
    let data_dir = &app.config.storage.data_dir;
    let way_out = match error.code {
        Code::StorageFull => "Make room there",
        _ => "See whether both can be reached",
    };
    OperatorError::new(format!(
        "cannot copy from {} to {}: {}. {way_out}, and run the command again: it goes on where it was",
        app.storage.place(data_dir),
        to.place(data_dir),
        error.cause()
    ))
}
