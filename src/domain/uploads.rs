//! Uploads: the one way in, whatever the protocol.
//!
//! An upload is two things: a durable record, in `pending`, and what a request holds of it while bytes arrive, in
//! `incoming`. Its states, and where its record and its bytes are in each:
//!
//! ```text
//!                  begin              complete              finish
//!      nothing ───────────► Incoming ───────────► Complete ──────────► a file
//!                           │      ▲ │                │
//!                           └append┘ │                │
//!                                    └────────┬───────┘
//!                                             │ refused, dropped, or swept
//!                                             ▼
//!                                     discarded content ──────────► nothing
//!                                                     bytes removed
//!
//!   its record   a pending row, which reserves quota │ the file's row, or the note of discarded content
//!   its bytes    staged                              │ content, or removed
//! ```
//!
//! The order of commitment: a pending row, the bytes, fsync, rename to the content key, fsync of the directory, the
//! file's row, the answer. So every committed row has its exact bytes, and bytes without a row can be found by the
//! pending row and swept.

use super::quota;
use crate::{
    access::Destination,
    app::SharedApp,
    error::{Code, Error, Result},
};

mod aborted;
mod digest;
mod finish;
mod incoming;
mod live;
mod parted;
mod pending;
mod pieces;
mod resumable;
mod rows;
mod scanning;
mod sweep;
mod unfinished;
mod unrecorded;

pub use aborted::{Aborted, TASK, run};
pub use digest::{Algorithm, Checksum, Digest};
pub use finish::{Dropped, Naming, finish, finish_dropped, finish_import};
pub use incoming::{Complete, Incoming};
use incoming::{RESERVE_AHEAD, SMALL_BYTES};
pub use live::LiveUploads;
pub use pieces::PartEnd;
use pieces::Pieces;
pub use resumable::{
    Appended, Beginning, Part, Purpose, Standing, Turn, Turns, begin as begin_resumable,
    begin_and_finish, begin_with, sweep_expired, turn,
};
pub use rows::UploadRows;
pub use sweep::{LastSeen, sweep_abandoned, touch_live};
pub use unfinished::{Unfinished, end_unfinished, unfinished};
pub use unrecorded::{LastLook, sweep_unrecorded};

/// Opens an upload into `destination`. `expected` is how many bytes may come, where the client has said so.
///
/// `QUOTA_EXCEEDED` when the payer may keep nothing more; `RATE_LIMITED` when the drop that it comes by has too many under way;
/// `STORAGE_FULL` when so much would take of the disk's reserve.
pub async fn begin(
    app: &SharedApp,
    destination: &Destination,
    expected: Option<u64>,
) -> Result<Incoming> {
    quota::check_ahead(app, destination.payer(), 0)?;
    // Small content is looked at when it is written, which is soon.
    if expected.is_none_or(|expected| expected > SMALL_BYTES) {
        app.storage.check_reserve(expected.unwrap_or(0)).await?;
    }
    let mut upload = Incoming::new(app, destination, expected);
    upload.record.insert(app).await?;
    let wanted = expected.unwrap_or(RESERVE_AHEAD[0]);
    let wanted = wanted.min(upload.size_limit());
    upload.record.reserve(app, 0, wanted).await?;
    Ok(upload)
}

/// The refusal of a file of more than `limit` bytes.
fn too_large(limit: u64) -> Error {
    Error::new(
        Code::FileTooLarge,
        format!("A file may have {limit} bytes at most."),
    )
    .with("limitBytes", limit)
}
