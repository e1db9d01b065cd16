//! What a visitor of a link gets to see.

use entity::{Timestamp, event::Kind, file};

use super::downloads::exhausted;
use crate::{
    access::{self, LinkFace, LinkTerms, Readable},
    app::App,
    auth::{
        client::ClientAddress,
        link::{LinkKey, Unlocked, unlock},
    },
    config::Secret,
    domain::{
        events::{self, By, Event, Object},
        tickets::{self, Disposition},
    },
    error::{Code, Error, Result},
};

/// A look at a link.
#[derive(Clone, Debug)]
pub struct Visit {
    pub face: LinkFace,
    /// `None` until a password is given.
    pub opened: Option<Opened>,
}

/// What the visitor of a link may see, who has its password where it has one.
#[derive(Clone, Debug)]
pub struct Opened {
    pub file: Readable<file::Model>,
    pub terms: LinkTerms,
}

/// The link of `token`, opened where it has no password or `password` is right.
///
/// `NOT_FOUND` alike when the token is none of ours, or the link was revoked or has ended, or its file is not live, or its
/// owner is disabled. `FORBIDDEN` for a wrong password, `RATE_LIMITED` after too many.
pub async fn visit(
    app: &App,
    client: &ClientAddress,
    token: &str,
    password: Option<Secret>,
) -> Result<Visit> {
    let key = LinkKey::of_token(&app.keyring, token).ok_or_else(Error::not_found)?;
    match enter(app, client, &key, password.clone()).await {
        // The owner may have changed the link between two reads of it. A second look finds it by its new terms.
        Err(error) if error.code == Code::NotFound => enter(app, client, &key, password).await,
        entered => entered,
    }
}

async fn enter(
    app: &App,
    client: &ClientAddress,
    key: &LinkKey,
    password: Option<Secret>,
) -> Result<Visit> {
    let face = access::link_face(app, key).await?;
    let holder = match unlock(app, &app.hasher, client, key, password).await? {
        Unlocked::Open(holder) => holder,
        Unlocked::NoPassword => return Ok(Visit { face, opened: None }),
        Unlocked::WrongPassword => {
            let by = By::Link(key.share_id());
            events::enqueue(app, None, || {
                let event = Event::new(Kind::LinkRefused).by(by).from(client);
                event.of(Object::File(face.file_id))
            });
            return Err(Error::new(
                Code::Forbidden,
                "This is not the link's password.",
            ));
        }
    };
    let (file, terms) = access::linked_file(app, &holder).await?;
    let opened = Some(Opened { file, terms });
    Ok(Visit { face, opened })
}

impl Opened {
    /// A ticket for the visitor. `LINK_EXHAUSTED` when the link has had all its downloads.
    pub fn ticket(&self, app: &App, disposition: Disposition) -> Result<(Secret, Timestamp)> {
        if self.is_exhausted() {
            return Err(exhausted());
        }
        Ok(tickets::issue(app, &self.file, disposition))
    }

    /// Whether the link has had all its downloads.
    pub fn is_exhausted(&self) -> bool {
        self.terms.downloads_left() == Some(0)
    }
}
