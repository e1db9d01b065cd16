//! DownloadTicket: the way to the bytes.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entity::{Timestamp, file};

use super::{
    ContextExt,
    scalars::{DateTime, parse_id},
};
use crate::{
    access::{self, Readable},
    app::App,
    config::Secret,
    domain::tickets,
    error::Result,
};

/// How a browser should treat a download.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "tickets::Disposition")]
pub enum Disposition {
    /// Save it.
    Attachment,
    /// Show it in place. Honoured for png, jpeg, gif, webp, avif, mp4, webm, mp3, ogg and plain text.
    Inline,
}

/// A short-lived URL that downloads one file, for whoever asked for it.
#[derive(SimpleObject)]
#[graphql(crate = "crate::graphql::object::library")]
pub struct DownloadTicket {
    /// Give it to GET or HEAD, Range requests included, as often as you like until it expires. It is a secret: whoever
    /// has it has the file. Each request checks anew that you may still see the file.
    url: String,
    /// From this moment on the link starts no more downloads.
    expires_at: DateTime,
}

impl DownloadTicket {
    pub fn issue(app: &App, file: &Readable<file::Model>, disposition: Disposition) -> Self {
        Self::of(app, tickets::issue(app, file, disposition.into()))
    }

    /// A ticket that was issued, and when it ends.
    pub fn of(app: &App, (ticket, expires_at): (Secret, Timestamp)) -> Self {
        let public_url = &app.config.server.public_url;
        Self {
            url: [public_url, "/download/", ticket.expose()].concat(),
            expires_at: DateTime(expires_at),
        }
    }
}

#[derive(Default)]
pub struct TicketQueries;

#[Object]
impl TicketQueries {
    /// A link to the bytes of a file that you may see.
    async fn download_ticket(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] file_id: ID,
        #[graphql(
            desc = "ATTACHMENT to save, INLINE to show in place where the type is harmless.",
            default_with = "Disposition::Attachment"
        )]
        disposition: Disposition,
    ) -> Result<DownloadTicket> {
        let user = context.actor().reader()?;
        let file = access::readable_file(context.app(), user, parse_id(&file_id)?).await?;
        Ok(DownloadTicket::issue(context.app(), &file, disposition))
    }
}
