//! Scanners: other programs, such as ClamAV, that say whether content may be kept.
//!
//! The bytes go to them piece by piece, so that memory does not depend on how many there are. What comes back is not trusted
//! to be well formed.

use std::{io, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::timeout;

use crate::config::Scan;

mod clamd;
mod command;
mod turns;

pub use turns::Line;

/// What is kept of a scanner's answer.
const ANSWER_BYTES: u64 = 4096;
/// How long the name of what was found may be.
const NAME_CHARS: usize = 200;

/// What a scanner says of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    /// The name of what was found.
    Found(String),
}

/// Why there is no verdict.
#[derive(Debug)]
pub enum Fault {
    /// The scanner did not answer, or not in a way that is understood: what came instead.
    Away(String),
    /// Too many others waited before.
    Busy,
    /// There are more bytes than the scanner takes.
    TooLarge,
    /// The bytes could not be read.
    Content(io::Error),
}

/// The bytes of content.
type Pieces<'c> = Pin<&'c mut (dyn Stream<Item = io::Result<Bytes>> + Send)>;

/// What the scanner says of `content`. It has so long to take and judge the bytes, and its turn comes as soon, or not at all.
pub async fn judge(
    scan: &Scan,
    within: Duration,
    line: Line,
    content: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<Verdict, Fault> {
    let turn = timeout(within, turns::turn(line)).await;
    let _turn = turn.map_err(|_| Fault::Busy)?;
    let mut content = std::pin::pin!(content);
    let judged = async {
        match scan {
            Scan::Clamd(address) => clamd::judge(address, content.as_mut()).await,
            Scan::Command(words) => command::judge(words, content.as_mut()).await,
        }
    };
    let judged = timeout(within, judged).await;
    judged.unwrap_or_else(|_| Err(Fault::Away("no answer in time".to_owned())))
}

/// The name of what was found, as it may be shown: a scanner's words come from its database.
fn name(found: &str) -> String {
    let plain = found
        .chars()
        .filter(|it| it.is_ascii_graphic() || *it == ' ');
    let name: String = plain.take(NAME_CHARS).collect();
    match name.trim() {
        "" => "something without a name".to_owned(),
        name => name.to_owned(),
    }
}

fn away(what: &str) -> impl FnOnce(io::Error) -> Fault {
    move |error| Fault::Away(format!("{what}: {error}"))
}
