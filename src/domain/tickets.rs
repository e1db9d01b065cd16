//! Tickets: stateless, signed, short-lived; each opens one file for one user or visitor, and is checked anew at every redemption.

use entity::{Timestamp, event::Kind, file};
use uuid::Uuid;

use super::{
    events::{self, By, Event, Object},
    links::Download,
};
use crate::{
    access::{self, Readable, Refusal},
    app::App,
    auth::{Identity, Subject, client::ClientAddress},
    clock,
    config::Secret,
    error::{Code, Error, Result},
    random,
};

mod codec;

pub use codec::read;

/// How a browser should treat the download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Attachment,
    Inline,
}

/// What a ticket says. Only [`read`] and [`issue`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    file_id: Uuid,
    subject: Subject,
    disposition: Disposition,
    expires_at: Timestamp,
    /// Tells one ticket from another for the same thing.
    nonce: [u8; 8],
}

/// A ticket to `file` for whoever may see it, and when it ends: after the configured life, and never past the share's expiry.
pub fn issue(
    app: &App,
    file: &Readable<file::Model>,
    disposition: Disposition,
) -> (Secret, Timestamp) {
    let end_of_life = app.clock.after(app.config.tickets.ticket_ttl);
    let expires_at = file
        .until()
        .map_or(end_of_life, |until| until.min(end_of_life));
    let claims = Claims {
        file_id: file.id,
        subject: file.subject(),
        disposition,
        expires_at,
        nonce: random::bytes(),
    };
    (codec::write(&app.keyring.tickets, &claims), expires_at)
}

/// What a ticket is presented for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The bytes, or a part of them: a download.
    Download,
    /// What would come with the bytes. The trail has nothing of it, or the download after it would be the second.
    Look,
}

/// The file that `ticket` opens at this moment.
///
/// `TICKET_INVALID` when we did not sign it (at a measured pace: guessing is slow, good tickets never wait), or
/// `RATE_LIMITED` when `client` sends very many of those; `TICKET_EXPIRED`, `FILE_GONE`, or `ACCESS_REVOKED` when its holder may
/// no longer see the file; `LINK_EXHAUSTED` when its link has had all its downloads. For a download, a ticket of a link counts,
/// once.
pub async fn redeem(
    app: &App,
    client: &ClientAddress,
    ticket: &str,
    purpose: Purpose,
) -> Result<(Readable<file::Model>, Disposition)> {
    let Some(claims) = read(&app.keyring.tickets, ticket) else {
        app.ticket_guesses.wait(client).await?;
        return Err(Error::new(
            Code::TicketInvalid,
            "This ticket is malformed or was not issued here.",
        ));
    };
    let opened = open(app, &claims).await;
    let event = |kind| {
        let event = Event::new(kind).by(By::from(claims.subject.identity()));
        event.of(Object::File(claims.file_id)).from(client)
    };
    let opened = match (opened, claims.subject.identity()) {
        (Ok(file), Identity::User { .. }) => {
            if purpose == Purpose::Download {
                let once = Some(claims.once(0));
                events::enqueue(app, once, || event(Kind::Downloaded));
            }
            Ok(file)
        }
        (Ok(file), Identity::Link { id, epoch }) => {
            let download = Download {
                share_id: id,
                epoch,
                ticket: claims.once(0),
                expires_at: claims.expires_at,
            };
            let admitted = download
                .admit(app, purpose, || event(Kind::Downloaded))
                .await;
            admitted.map(|()| file)
        }
        (Err(error), _) => Err(error),
    };
    if let Err(error) = &opened {
        let once = Some(claims.once(1));
        events::enqueue(app, once, || {
            event(Kind::DownloadRefused).detail(error.code.as_str())
        });
    }
    Ok((opened?, claims.disposition))
}

/// The file that a ticket of ours opens.
async fn open(app: &App, claims: &Claims) -> Result<Readable<file::Model>> {
    // One that ends later than any issued now was issued by a clock that was ahead, or while tickets lived longer.
    let latest = app.clock.after(app.config.tickets.ticket_ttl + clock::SKEW);
    if claims.expires_at <= app.clock.now() || claims.expires_at > latest {
        return Err(Error::new(
            Code::TicketExpired,
            "This ticket has expired; ask for a new one.",
        ));
    }
    let file = access::file_of_ticket(app, claims.subject, claims.file_id).await?;
    file.map_err(|refusal| match refusal {
        Refusal::FileGone => Error::new(Code::FileGone, "This file has been deleted."),
        Refusal::UserInactive | Refusal::NotGranted => Error::new(
            Code::AccessRevoked,
            "Whoever this ticket was issued to may no longer see the file.",
        ),
    })
}

impl Claims {
    /// What stands for this ticket in the audit trail, and does not help to forge it.
    fn once(&self, mark: u8) -> events::Once {
        let mut once = [0; 16];
        once[..8].copy_from_slice(&self.nonce);
        once[8..].copy_from_slice(&self.file_id.as_bytes()[8..]);
        once[8] ^= mark;
        once
    }
}
