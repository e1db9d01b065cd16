//! What a scanner says of uploads before they are files.

use entity::event::Kind;

use super::Complete;
use crate::{
    app::App,
    auth::client::ClientAddress,
    config::ScanAway,
    domain::events::{self, By, Event, Object},
    error::{Code, Error, Result},
    log_limit::LogLimit,
    metrics,
    scanner::{self, Fault, Line, Verdict},
};

/// Has the content of `uploads`, which is durable and nobody's yet, looked at, where there is a scanner.
///
/// `FILE_REFUSED` when it has found something in one of them, or one is larger than it takes; `UNAVAILABLE` when it does not
/// answer, or is busy. Where `SCAN_AWAY` says so, what it does not answer for passes.
pub(super) async fn check(app: &App, client: &ClientAddress, uploads: &[Complete]) -> Result<()> {
    for upload in uploads {
        check_one(app, client, upload).await?;
    }
    Ok(())
}

async fn check_one(app: &App, client: &ClientAddress, upload: &Complete) -> Result<()> {
    let settings = &app.config.scanning;
    let Some(scan) = &settings.scan else {
        return Ok(());
    };
    let record = &upload.upload.record;
    let content = app.storage.open(&record.key).await?;
    let content =
        content.ok_or_else(|| Error::internal("content is gone before it was scanned"))?;
    let pieces = content.range(0..content.len());
    let destination = &record.destination;
    let line = match destination.drop_id() {
        Some(id) => Line::Drop(id),
        None => Line::Account(destination.owner_id()),
    };
    let fault = match scanner::judge(scan, settings.scan_timeout, line, pieces).await {
        Ok(Verdict::Clean) => {
            metrics::scanned("clean");
            return Ok(());
        }
        Ok(Verdict::Found(name)) => {
            metrics::scanned("found");
            note(app, client, upload, &name);
            let detail = format!("The file was found to be harmful ({name}), and is not kept.");
            return Err(Error::new(Code::FileRefused, detail).with("found", name));
        }
        Err(Fault::Content(error)) => return Err(error.into()),
        // Whatever SCAN_AWAY says, or whoever keeps the scanner busy could have anything kept.
        Err(Fault::Busy) => {
            metrics::scanned("busy");
            return Err(not_now());
        }
        Err(fault @ (Fault::Away(_) | Fault::TooLarge)) => fault,
    };
    metrics::scanned("away");
    tell(&fault);
    match (settings.scan_away, fault) {
        (ScanAway::Pass, _) => Ok(()),
        (ScanAway::Refuse, Fault::TooLarge) => Err(Error::new(
            Code::FileRefused,
            "The file is larger than the scanner of this server takes, and is not kept.",
        )),
        (ScanAway::Refuse, _) => Err(not_now()),
    }
}

fn not_now() -> Error {
    Error::new(
        Code::Unavailable,
        "Files cannot be scanned at present, and are not taken; try again in a moment.",
    )
}

/// The trail has what was found, and whose the file would have been; there is no file that it could name.
fn note(app: &App, client: &ClientAddress, upload: &Complete, found: &str) {
    events::enqueue(app, None, || {
        let destination = &upload.upload.record.destination;
        let event = Event::new(Kind::UploadRefused)
            .by(By::from(destination.uploader()))
            .from(client)
            .detail(found);
        let object = match destination.drop_id() {
            Some(id) => Object::Drop(id),
            None => Object::User(destination.owner_id()),
        };
        Event {
            owner_id: Some(destination.owner_id()),
            ..event.of(object)
        }
    });
}

/// Everybody who uploads comes by here for as long as the scanner is away.
fn tell(fault: &Fault) {
    static TOLD: LogLimit = LogLimit::new();
    if let Some(left_out) = TOLD.turn() {
        tracing::warn!(
            ?fault,
            left_out,
            "a file could not be scanned (CLOAKROOM_SCAN)"
        );
    }
}
