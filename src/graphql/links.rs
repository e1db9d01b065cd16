//! ShareLink: a link as its owner sees it. SharedLink: a link as its visitors see it.

use async_graphql::{Context, Description, Object};
use uuid::Uuid;

use super::{
    ContextExt,
    scalars::{DateTime, Int64},
    tickets::{Disposition, DownloadTicket},
};
use crate::{
    access::LinkTerms,
    auth::link,
    domain::links::{self, Opened, Visit},
    error::Result,
    hex,
};

/// What a share by link is besides.
#[derive(Description)]
pub struct ShareLink {
    id: Uuid,
    terms: LinkTerms,
}

#[Object(use_type_description)]
impl ShareLink {
    /// Give it to whoever shall have the file: a browser shows a page, and a program (`curl -LOJ`, `wget --content-disposition`)
    /// gets the file. It is a secret, which outlives the token that reads it: `FORBIDDEN` for API tokens that may only read.
    async fn url(&self, context: &Context<'_>) -> Result<String> {
        context.actor().writer()?;
        let app = context.app();
        let token = link::token(&app.keyring, self.id);
        let public_url = &app.config.server.public_url;
        Ok(format!("{public_url}/s/{}", token.expose()))
    }

    /// Whether visitors have to give a password.
    async fn has_password(&self) -> bool {
        self.terms.has_password
    }

    /// How many downloads there may be; null when there is no limit.
    async fn max_downloads(&self) -> Option<i32> {
        self.terms.max_downloads
    }

    /// How many there were: tickets whose bytes were asked for, each once.
    async fn downloads(&self) -> i32 {
        i32::try_from(self.terms.downloads).unwrap_or(i32::MAX)
    }
}

impl ShareLink {
    /// The link that is the share `id`.
    pub fn new(id: Uuid, terms: LinkTerms) -> Self {
        Self { id, terms }
    }
}

/// A link that somebody sent you.
#[derive(Description)]
pub struct SharedLink(Visit);

#[Object(use_type_description)]
impl SharedLink {
    /// Whether it has a password.
    async fn has_password(&self) -> bool {
        self.0.face.has_password
    }

    /// When it ends; null when it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.face.expires_at.map(DateTime)
    }

    /// How many more downloads there may be; null when there is no limit, and until the password is right.
    async fn downloads_left(&self) -> Option<i32> {
        self.0.opened.as_ref()?.terms.downloads_left()
    }

    /// What it leads to; null until the password is right.
    async fn file(&self) -> Option<LinkedFile> {
        self.0.opened.clone().map(LinkedFile)
    }
}

/// A file as the visitors of a link see it.
#[derive(Description)]
pub struct LinkedFile(Opened);

#[Object(use_type_description)]
impl LinkedFile {
    /// What the file is called.
    async fn name(&self) -> &str {
        &self.0.file.name
    }

    /// Bytes.
    async fn size(&self) -> Int64 {
        Int64(self.0.file.size)
    }

    /// The media type, told by the bytes and the name; never what the uploader claimed.
    async fn content_type(&self) -> &str {
        &self.0.file.content_type
    }

    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    async fn sha256(&self) -> String {
        hex::encode(&self.0.file.sha256)
    }

    /// When the upload finished.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.file.created_at)
    }

    /// A short-lived URL to the bytes. Its first GET counts as a download; resuming does not. `LINK_EXHAUSTED` when there
    /// may be no more downloads.
    async fn download_ticket(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "ATTACHMENT to save, INLINE to show in place where the type is harmless.",
            default_with = "Disposition::Attachment"
        )]
        disposition: Disposition,
    ) -> Result<DownloadTicket> {
        let app = context.app();
        let ticket = self.0.ticket(app, disposition.into())?;
        Ok(DownloadTicket::of(app, ticket))
    }
}

#[derive(Default)]
pub struct LinkQueries;

#[Object]
impl LinkQueries {
    /// What a link leads to, for anybody who has it. `NOT_FOUND` when there is no such link, or it has ended; `FORBIDDEN` when the
    /// password is wrong, `RATE_LIMITED` after too many of those.
    async fn shared_link(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The last part of the link's URL.")] token: String,
        #[graphql(
            desc = "The link's password, where it has one; by POST alone, `CSRF_REFUSED` in a URL."
        )]
        password: Option<String>,
    ) -> Result<SharedLink> {
        let (app, client) = (context.app(), context.client());
        let password = context.password(password)?;
        Ok(SharedLink(
            links::visit(app, client, &token, password).await?,
        ))
    }
}
