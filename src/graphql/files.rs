//! File: what was left, and for whom.

#![expect(
    clippy::too_many_arguments,
    reason = "those of a field are arguments of its function"
)]

use std::sync::Arc;

use async_graphql::{Context, Description, ID, Object};

use super::{
    ContextExt,
    drops::Drop,
    events::EventConnection,
    file_order::{Arguments, FileOrder, Sortable, Sorted},
    loaders::{DropOf, EventsOf, SharesOf, UserId},
    pagination::{self, FileConnection, Keyset},
    scalars::{self, DateTime, Int64, parse_id},
    shares::ShareConnection,
    tickets::{Disposition, DownloadTicket},
    users::User,
};
use crate::{
    access::{self, Sight},
    domain::files,
    error::{Error, Result},
    hex,
};

/// A file that you may see: your own, or one shared with you.
#[derive(Clone, Description)]
pub struct File(pub Arc<Sight>);

impl<S: Into<Sight>> From<S> for File {
    fn from(file: S) -> Self {
        Self(Arc::new(file.into()))
    }
}

#[Object(use_type_description, crate = "crate::graphql::object::library")]
impl File {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// What the file is called, in any script; 1 to 255 UTF-16 code units (JavaScript's `length`), no path.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes.
    async fn size(&self) -> Int64 {
        Int64(self.0.size)
    }

    /// The media type, told by the bytes and the name; never what the uploader claimed.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    async fn sha256(&self) -> String {
        hex::encode(&self.0.sha256)
    }

    /// When the upload finished.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the file went to the trash; null while it is live.
    async fn trashed_at(&self) -> Option<DateTime> {
        self.0.trashed_at.map(DateTime)
    }

    /// Who uploaded the file, and alone may share, rename and delete it.
    async fn owner(&self, context: &Context<'_>) -> Result<User> {
        let owner = context.loads().row(UserId(self.0.owner_id)).await?;
        owner.map(User).ok_or_else(Error::not_found)
    }

    /// Whom this file is shared with, newest first. The owner sees every share, in the trash too; a recipient only what
    /// reaches them.
    async fn shares(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only shares after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only shares before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<ShareConnection> {
        let page = pagination::page(Keyset::Shares, first, after, last, before)?;
        let file = Arc::clone(&self.0);
        let rows = context.loads().row(SharesOf { file, page }).await?;
        Ok(ShareConnection::new(self, page, rows.unwrap_or_default()))
    }

    /// The drop of yours by which this file came; null for every other file, and for recipients.
    #[graphql(name = "drop")]
    async fn came_by(&self, context: &Context<'_>) -> Result<Option<Drop>> {
        let Ok(file_id) = self.0.owned_id() else {
            return Ok(None);
        };
        let drop = context.loads().row(DropOf(file_id)).await?;
        Ok(drop.map(Drop))
    }

    /// What happened to this file, newest first. For the owner only: `FORBIDDEN` for recipients.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only events after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<EventConnection> {
        let file_id = self.0.owned_id()?;
        let page = pagination::page(Keyset::Events, first, after, last, before)?;
        let rows = context.loads().row(EventsOf { file_id, page });
        Ok(EventConnection::new(page, rows.await?.unwrap_or_default()))
    }

    /// A short-lived URL to the bytes, for you alone. `NOT_FOUND` while the file is in the trash.
    async fn download_ticket(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "ATTACHMENT to save, INLINE to show in place where the type is harmless.",
            default_with = "Disposition::Attachment"
        )]
        disposition: Disposition,
    ) -> Result<DownloadTicket> {
        match &*self.0 {
            Sight::Live(file) => Ok(DownloadTicket::issue(context.app(), file, disposition)),
            Sight::Trashed(_) => Err(Error::not_found()),
        }
    }
}

#[derive(Default)]
pub struct FileQueries;

#[Object]
impl FileQueries {
    /// One file that you may see. `NOT_FOUND` otherwise, whether it exists or not.
    async fn file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Result<File> {
        let user = context.actor().reader()?;
        let file = access::readable_file(context.app(), user, parse_id(&id)?).await?;
        Ok(file.into())
    }

    /// Your files, newest first, or in another order.
    #[expect(clippy::too_many_arguments, reason = "those of the schema")]
    async fn files(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the start of the list, 100 at most; 20 when neither is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only files after this cursor, which is of this list in the same order.")]
        after: Option<String>,
        #[graphql(desc = "How many from the end of the list, 100 at most.")] last: Option<i32>,
        #[graphql(
            desc = "Only files before this cursor, which is of this list in the same order."
        )]
        before: Option<String>,
        #[graphql(
            desc = "Only files with this in their name, in any case; 255 UTF-16 code units at most. All files, when it is empty."
        )]
        search: Option<String>,
        #[graphql(desc = "How the list is sorted.", default_with = "FileOrder::Created")]
        order_by: FileOrder,
    ) -> Result<FileConnection> {
        let user = context.actor().reader()?;
        let arguments = Arguments {
            first,
            after,
            last,
            before,
            search,
            order: order_by,
        };
        let sorted = Sorted::new(Sortable::Own, arguments)?;
        let rows = match sorted.page() {
            Some(page) => access::files_of(context.app(), user, page).await?,
            None => access::files_sorted(context.app(), user, &sorted.part).await?,
        };
        Ok(sorted.connection(rows))
    }

    /// Other people's files that you may see, each once, the newest file first or in another order: shared with you, with a
    /// group that you belong to, or with everyone signed in.
    async fn shared_with_me(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the start of the list, 100 at most; 20 when neither is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only files after this cursor, which is of this list in the same order.")]
        after: Option<String>,
        #[graphql(desc = "How many from the end of the list, 100 at most.")] last: Option<i32>,
        #[graphql(
            desc = "Only files before this cursor, which is of this list in the same order."
        )]
        before: Option<String>,
        #[graphql(
            desc = "Only files with this in their name, in any case; 255 UTF-16 code units at most. All files, when it is empty."
        )]
        search: Option<String>,
        #[graphql(desc = "How the list is sorted.", default_with = "FileOrder::Created")]
        order_by: FileOrder,
    ) -> Result<FileConnection> {
        let user = context.actor().reader()?;
        let arguments = Arguments {
            first,
            after,
            last,
            before,
            search,
            order: order_by,
        };
        let sorted = Sorted::new(Sortable::SharedWithMe, arguments)?;
        let rows = match sorted.page() {
            Some(page) => access::shared_with(context.app(), user, page).await?,
            None => access::shared_sorted(context.app(), user, &sorted.part).await?,
        };
        Ok(sorted.connection(rows))
    }

    /// Your deleted files, newest first, until they are purged.
    async fn trash(
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
        let user = context.actor().reader()?;
        let page = pagination::page(Keyset::Trash, first, after, last, before)?;
        let rows = access::trash_of(context.app(), user, page).await?;
        Ok(pagination::connection(Keyset::Trash, page, rows))
    }
}

#[derive(Default)]
pub struct FileMutations;

#[Object]
impl FileMutations {
    /// Gives your file another name. `BAD_USER_INPUT` if the name is invalid.
    async fn rename_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
        #[graphql(
            desc = "1 to 255 UTF-16 code units, without slashes, control or bidirectional characters."
        )]
        name: String,
    ) -> Result<File> {
        let user = context.actor().writer()?;
        let file = access::owned_file(context.app(), user, parse_id(&id)?).await?;
        let renamed = files::rename(context.app(), context.client(), &file, &name).await?;
        Ok(renamed.into())
    }

    /// Moves your file to the trash: its shares and tickets open nothing from now on.
    async fn delete_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Result<ID> {
        let user = context.actor().writer()?;
        let file = access::owned_file(context.app(), user, parse_id(&id)?).await?;
        files::trash(context.app(), context.client(), &file).await?;
        Ok(id)
    }

    /// Brings your file back from the trash, with the shares it had.
    async fn restore_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Result<File> {
        let user = context.actor().writer()?;
        let file = access::owned_trashed_file(context.app(), user, parse_id(&id)?).await?;
        let restored = files::restore(context.app(), context.client(), &file).await?;
        Ok(restored.into())
    }

    /// Destroys your file in the trash, bytes and all. There is no way back.
    async fn purge_file(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The file's id.")] id: ID,
    ) -> Result<ID> {
        let user = context.actor().writer()?;
        let file = access::owned_trashed_file(context.app(), user, parse_id(&id)?).await?;
        files::purge(context.app(), context.client(), &file).await?;
        Ok(id)
    }
}
