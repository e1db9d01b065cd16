//! ResumableUpload: a file on its way in, by the tus protocol, across as many requests as it takes.

use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object};

use super::{
    ContextExt,
    drops::Drop,
    files::File,
    loaders::DropOfId,
    pagination::{self, Keyset, connection_types},
    scalars::{self, DateTime, Int64, parse_id},
    uploads::parse_sha256,
};
use crate::{
    access::{self, Destination, Resumable},
    db::{Page, Rows},
    domain::uploads::{self, Beginning, Purpose, Standing},
    error::{Error, Result},
};

/// An upload that goes on after a pause, a lost connection or a restart, by the tus protocol, version 1.0.0.
#[derive(Clone, Description)]
pub struct ResumableUpload(pub Arc<Resumable>);

impl From<Resumable> for ResumableUpload {
    fn from(upload: Resumable) -> Self {
        Self(Arc::new(upload))
    }
}

#[Object(use_type_description)]
impl ResumableUpload {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// Where a tus client sends the bytes, with the credentials that the upload was begun with: give it to the client as the
    /// upload's URL.
    async fn url(&self, context: &Context<'_>) -> String {
        let base = &context.app().config.server.public_url;
        format!("{base}/uploads/{}", self.0.id)
    }

    /// What the file is going to be called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How many bytes it is going to have; null until the client tells it.
    async fn size(&self) -> Option<Int64> {
        self.0.length.map(Int64)
    }

    /// How many bytes are safe on disk. Looking does not disturb a client that is sending more; what it sends counts after
    /// each request, and now and then during a long one.
    async fn offset(&self) -> Int64 {
        Int64(self.0.received_bytes)
    }

    /// When the upload is gone if nothing more comes. Once it is finished: when it stops telling its file.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// When the upload began.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The drop of yours by which it comes; null where you began it.
    async fn drop(&self, context: &Context<'_>) -> Result<Option<Drop>> {
        let Some(drop_id) = self.0.drop_id else {
            return Ok(None);
        };
        let drop = context.loads().row(DropOfId(drop_id)).await?;
        Ok(drop.map(Drop))
    }

    /// What it has become; null until the last byte is here.
    async fn file(&self, context: &Context<'_>) -> Result<Option<File>> {
        let Some(file_id) = self.0.file_id else {
            return Ok(None);
        };
        let viewer = context.actor().reader()?;
        let file = access::visible_file(context.app(), viewer, file_id).await?;
        Ok(file.map(File::from))
    }
}

connection_types!(
    ResumableUploadConnection, ResumableUploadEdge of ResumableUpload: "A" "resumable upload", with nodes
);

#[derive(Default)]
pub struct ResumableUploadQueries;

#[Object]
impl ResumableUploadQueries {
    /// How far an upload of yours is, or one that a visitor of a drop of yours began, or which file it has become. `NOT_FOUND`
    /// when there is none, or it has expired.
    async fn upload(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The upload's id, which is also the last part of its URL.")] id: ID,
    ) -> Result<ResumableUpload> {
        let owner = context.actor().reader()?;
        let upload = access::owned_upload(context.app(), owner, parse_id(&id)?).await?;
        Ok(upload.into())
    }

    /// Your unfinished uploads, and those of visitors of your drops, newest first. All of them hold a part of your quota.
    async fn uploads(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only uploads after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only uploads before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<ResumableUploadConnection> {
        let owner = context.actor().reader()?;
        let page = pagination::page(Keyset::Uploads, first, after, last, before)?;
        let rows = access::uploads_of(context.app(), owner, page).await?;
        Ok(ResumableUploadConnection::new(page, rows))
    }
}

impl ResumableUploadConnection {
    fn new(page: Page, rows: Rows<Resumable>) -> Self {
        let rows = rows.map(ResumableUpload::from);
        Self::of(Keyset::Uploads, page, rows, |upload| upload.0.id)
    }
}

#[derive(Default)]
pub struct ResumableUploadMutations;

#[Object]
impl ResumableUploadMutations {
    /// Begins an upload that a tus client then sends to its URL; such a client can also begin one by itself, at `/uploads`.
    /// The quota is reserved for all of `size`. `FILE_TOO_LARGE` or `QUOTA_EXCEEDED` for what cannot fit, and `QUOTA_EXCEEDED`
    /// with too many unfinished uploads.
    async fn create_upload(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to call the file: 1 to 255 UTF-16 code units, no path.")]
        name: String,
        #[graphql(
            desc = "How many bytes the file is going to have. Null: the client tells it later, by `Upload-Length`. \
                    0: there is nothing to send, and the answer has the file."
        )]
        size: Option<Int64>,
        #[graphql(
            desc = "The file's SHA-256 in hexadecimal; other bytes are refused when they are all here."
        )]
        sha256: Option<String>,
    ) -> Result<ResumableUpload> {
        let owner = context.actor().writer()?;
        let length = size.map(|size| u64::try_from(size.0));
        let length = length
            .transpose()
            .map_err(|_| Error::bad_input("size", "A file has no fewer than 0 bytes."))?;
        let beginning = Beginning {
            name,
            metadata: None,
            length,
            expected_sha256: sha256.as_deref().map(parse_sha256).transpose()?,
        };
        let (app, into) = (context.app(), Destination::own(owner));
        let begun = uploads::begin_and_finish(app, context.client(), &into, beginning);
        Ok(begun.await?.into())
    }

    /// Ends an unfinished upload of yours, or of a visitor of a drop of yours: its bytes are removed, and its quota is free
    /// again. `NOT_FOUND` when there is none, or it is a file already.
    async fn cancel_upload(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The upload's id.")] id: ID,
    ) -> Result<ID> {
        let owner = context.actor().writer()?;
        let upload = access::owned_upload(context.app(), owner, parse_id(&id)?).await?;
        match uploads::turn(context.app(), context.client(), &upload, Purpose::End).await? {
            Standing::Open(turn) => turn.end().await?,
            Standing::Finished(_) => return Err(Error::not_found()),
        }
        Ok(id)
    }
}
