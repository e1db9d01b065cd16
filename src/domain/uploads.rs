//! Uploads: the one way in, whatever the protocol.
//!
//! An upload is two things: a durable record, [`pending`], which is a row, and what a request holds while bytes arrive,
//! [`incoming`]. Its states:
//!
//! ```text
//!   begin           append …           complete            finish
//!  ───────► Incoming ───────► Incoming ────────► Complete ─────────► file
//!              │                  │                  │
//!              └──────────────────┴──────────────────┘
//!                                 │ dropped, refused or swept
//!                                 ▼
//!                         discarded content ───────► nothing
//!                                         bytes removed
//!
//!  the record   ├── pending row: the bytes can be found, quota is reserved ──┤── file's row, or note of discarded content
//!  the bytes    ├── staged ──────────────────────────────────────────────────┤── content, or removed
//! ```
//!
//! The order of commitment: a pending row, the bytes, fsync, rename to the content key, fsync of the directory, the
//! file's row, the answer. So every committed row has its exact bytes, and bytes without a row can be found by the
//! pending row and swept.

use super::quota;
use crate::{access::Destination, app::SharedApp, error::Result};

mod aborted;
mod digest;
mod finish;
mod incoming;
mod live;
mod pending;
mod pieces;
mod rows;

pub use aborted::{Aborted, TASK, run};
pub use digest::Digest;
pub use finish::{Naming, finish};
pub use incoming::{Complete, Incoming};
use incoming::{RESERVE_AHEAD, SMALL_BYTES};
pub use live::LiveUploads;
use pieces::Pieces;
pub use rows::Rows;
pub(crate) use rows::abort;

/// Opens an upload into `destination`. `expected` is how many bytes may come, where the client has said so.
///
/// `QUOTA_EXCEEDED` when the payer may keep nothing more; `STORAGE_FULL` when so much would take of the disk's reserve.
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
    let mut upload = Incoming::new(app, destination);
    upload.record.insert(app).await?;
    let wanted = expected.unwrap_or(RESERVE_AHEAD[0]);
    upload.record.reserve(app, 0, wanted).await?;
    Ok(upload)
}
