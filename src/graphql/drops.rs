//! Drop: a URL by which strangers leave files. DropTarget and DroppedFile: what they see of it.

use async_graphql::{Context, Description, ID, Object, SimpleObject};

use super::{
    ContextExt,
    loaders::FilesOf,
    pagination::{self, FileConnection, Keyset, connection_types},
    scalars::{self, DateTime, Int64, parse_id},
    uploads::Upload,
};
use crate::{
    access::{self, Owned},
    auth::{self, Actor},
    config::Secret,
    db::{Page, Rows},
    domain::{
        drops::{self, Look, Terms},
        file_name,
        uploads::{self, Naming},
    },
    error::{Error, Result},
    hex,
};

/// A URL of yours by which people without an account leave files for you.
#[derive(Clone, Description)]
pub struct Drop(pub Owned<access::Drop>);

#[Object(use_type_description)]
impl Drop {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// Give it to whoever shall leave files. It is a secret, by which one writes: `FORBIDDEN` for API tokens that may only read.
    async fn url(&self, context: &Context<'_>) -> Result<String> {
        context.actor().writer()?;
        let app = context.app();
        let token = auth::drop::token(&app.keyring, self.0.id);
        let public_url = &app.config.server.public_url;
        Ok(format!("{public_url}/drop/{}", token.expose()))
    }

    /// What the drop is called; its visitors see it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether visitors have to give a password.
    async fn has_password(&self) -> bool {
        self.0.has_password
    }

    /// How many files may be left; null when there is no limit.
    async fn max_files(&self) -> Option<i32> {
        self.0.max_files
    }

    /// The largest file, bytes; null when only the server's limit counts.
    async fn max_file_size(&self) -> Option<Int64> {
        self.0.max_file_size.map(Int64)
    }

    /// When the drop ends by itself; null when it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When the drop was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When you closed it; null while it is open.
    async fn closed_at(&self) -> Option<DateTime> {
        self.0.closed_at.map(DateTime)
    }

    /// What was left by it and is not in the trash, newest first.
    async fn files(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only files after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only files before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<FileConnection> {
        let page = pagination::page(Keyset::FilesOfDrop, first, after, last, before)?;
        let drop = self.0.clone();
        let rows = context.loads().row(FilesOf { drop, page }).await?;
        Ok(pagination::connection(
            Keyset::FilesOfDrop,
            page,
            rows.unwrap_or_default(),
        ))
    }
}

connection_types!(DropConnection, DropEdge of Drop: "A" "drop", with nodes);

impl DropConnection {
    fn new(page: Page, rows: Rows<Owned<access::Drop>>) -> Self {
        Self::of(Keyset::Drops, page, rows.map(Drop), |drop| drop.0.id)
    }
}

/// A drop that somebody sent you, to leave files by.
#[derive(Description)]
pub struct DropTarget(Look);

#[Object(use_type_description)]
impl DropTarget {
    /// What its owner calls it.
    async fn name(&self) -> &str {
        &self.0.face.name
    }

    /// Whether it has a password.
    async fn has_password(&self) -> bool {
        self.0.face.has_password
    }

    /// The user name of who gets the files; null until the password is right.
    async fn owner(&self) -> Option<&str> {
        let visitor = self.0.visitor.as_ref()?;
        Some(&visitor.owner().user.username)
    }

    /// The largest file, bytes; null when only the server's limit counts, and until the password is right.
    async fn max_file_size(&self) -> Option<Int64> {
        self.0.visitor.as_ref()?.max_file_size().map(Int64)
    }

    /// How many more files it takes; null when there is no limit, and until the password is right.
    async fn files_left(&self) -> Option<i32> {
        self.0.visitor.as_ref()?.files_left()
    }

    /// When it ends; null when it does not, and until the password is right.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.visitor.as_ref()?.expires_at().map(DateTime)
    }
}

/// What you have just left. It is the owner's now: there is no way back to it.
#[derive(SimpleObject)]
pub struct DroppedFile {
    /// What the file is called.
    name: String,
    /// Bytes.
    size: Int64,
    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    sha256: String,
}

#[derive(Default)]
pub struct DropQueries;

#[Object]
impl DropQueries {
    /// Your drops, newest first, those that are closed too.
    async fn drops(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only drops after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only drops before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<DropConnection> {
        let owner = context.actor().reader()?;
        let page = pagination::page(Keyset::Drops, first, after, last, before)?;
        let rows = access::drops_of(context.app(), owner, page).await?;
        Ok(DropConnection::new(page, rows))
    }

    /// What a drop is, for anybody who has its URL. `NOT_FOUND` when there is no such drop, or it is closed or has ended; `FORBIDDEN`
    /// when the password is wrong, `RATE_LIMITED` after too many of those.
    async fn drop_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The last part of the drop's URL.")] token: String,
        #[graphql(
            desc = "The drop's password, where it has one; by POST alone, `CSRF_REFUSED` in a URL."
        )]
        password: Option<String>,
    ) -> Result<DropTarget> {
        let (app, client) = (context.app(), context.client());
        let password = context.password(password)?;
        Ok(DropTarget(
            drops::look(app, client, &token, password).await?,
        ))
    }
}

#[derive(Default)]
pub struct DropMutations;

#[Object]
impl DropMutations {
    /// Makes a drop: whoever has its URL can leave files, which are yours and count against your quota. `FORBIDDEN` where drops are
    /// switched off, `QUOTA_EXCEEDED` when you have as many open drops as you may; those that have ended do not count.
    async fn create_drop(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "What visitors read: 1 to 100 characters, no control or bidirectional ones."
        )]
        name: String,
        #[graphql(desc = "What visitors have to give besides: 1 to 128 characters.")]
        password: Option<String>,
        #[graphql(desc = "How many files may be left, at least one. Null: any number.")]
        max_files: Option<i32>,
        #[graphql(desc = "The largest file, bytes. Null: as large as the server takes.")]
        max_file_size: Option<Int64>,
        #[graphql(desc = "When the drop ends by itself. Null: never.")] expires_at: Option<
            DateTime,
        >,
    ) -> Result<Drop> {
        let owner = context.actor().writer()?;
        let terms = Terms {
            password: password.map(Secret::from),
            max_files,
            max_file_size: max_file_size.map(|size| size.0),
            expires_at: expires_at.map(|end| end.0),
        };
        let drop = drops::create(context.app(), context.client(), owner, name, terms).await?;
        Ok(Drop(drop))
    }

    /// Closes your drop for good. It takes nothing more, uploads under way included, and what they hold of your quota is free
    /// again soon. The files that were left stay.
    async fn close_drop(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The drop's id.")] id: ID,
    ) -> Result<ID> {
        let owner = context.actor().writer()?;
        let drop = access::owned_drop(context.app(), owner, parse_id(&id)?).await?;
        drops::close(context.app(), context.client(), &drop).await?;
        Ok(id)
    }

    /// Leaves one file in a drop. Send `Authorization: Drop TOKEN`, or `Drop TOKEN:PASSWORD` with the password in base64url (without
    /// padding). When the answer arrives, the bytes are safe on disk. `QUOTA_EXCEEDED` when nothing more can be left,
    /// `RATE_LIMITED` while many others leave files.
    async fn drop_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file.")] file: Upload,
        #[graphql(
            desc = "What to call it, instead of the name it came with: 1 to 255 UTF-16 code units, no path."
        )]
        name: Option<String>,
    ) -> Result<DroppedFile> {
        let Actor::Drop(_) = context.actor() else {
            return Err(Error::unauthenticated());
        };
        let received = context.files().take("file", &file)?;
        let naming = Naming {
            name: name.unwrap_or_else(|| file_name::clean(&received.file_name)),
            upload: received.upload,
            expected_sha256: None,
        };
        let left = uploads::finish_dropped(context.app(), context.client(), vec![naming]).await?;
        let left = left.into_iter().next();
        let left = left.ok_or_else(|| Error::internal("one upload makes one file"))?;
        Ok(DroppedFile {
            name: left.name,
            size: Int64(left.size),
            sha256: hex::encode(&left.sha256),
        })
    }
}
