//! Who may see and change what: the policy, and the only loader of files and shares.
//!
//! Effective access = active user AND live file AND (owner OR an unexpired share to that user or to AUTHENTICATED).
//! The condition stands once, in `grants`; a grant to AUTHENTICATED is evaluated here and never expanded into rows.
//!
//! What comes out is proof. [`Readable`] and [`Owned`] have private fields and no constructor outside this module, the
//! functions that change or deliver something take them, and so a change without a check does not compile:
//!
//! ```
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &user::Model, id: Uuid) -> Result<()> {
//!     let file = access::owned_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! A row alone is no proof, and nor is the sight of it:
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, file: file::Model) -> Result<()> {
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &user::Model, id: Uuid) -> Result<()> {
//!     let file = access::readable_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! Nor can proof be made up:
//!
//! ```compile_fail,E0423
//! # use {cloakroom::access::Owned, entity::file};
//! fn forge(file: file::Model) -> Owned<file::Model> {
//!     Owned(file)
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use {cloakroom::access::Readable, entity::file};
//! fn forge(row: file::Model) -> Readable<file::Model> {
//!     Readable { row, until: None, owned: true }
//! }
//! ```

use std::ops::Deref;

use entity::{Timestamp, file, share, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    app::App,
    error::{Code, Error, Result},
};

mod lists;
mod redemptions;
mod shares;

pub use lists::{Page, Rows, files_of, shared_with, trash_of};
pub use redemptions::{Claim, Redemptions, Refusal};
pub use shares::shares_of;

/// A row that the one who asked may see.
#[derive(Clone, Debug)]
pub struct Readable<T> {
    row: T,
    until: Option<Timestamp>,
    owned: bool,
}

impl<T> Readable<T> {
    /// When this sight ends, as far as is known now; `None` when it does not.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

impl<T> Deref for Readable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.row
    }
}

/// A row that belongs to the one who asked.
#[derive(Clone, Debug)]
pub struct Owned<T>(T);

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<Owned<T>> for Readable<T> {
    fn from(owned: Owned<T>) -> Self {
        Self {
            row: owned.0,
            until: None,
            owned: true,
        }
    }
}

impl<T> Readable<T> {
    /// The same row as its owner's; `FORBIDDEN` for those who only see it.
    pub fn into_owned(self) -> Result<Owned<T>> {
        if self.owned {
            return Ok(Owned(self.row));
        }
        Err(Error::new(
            Code::Forbidden,
            "Only the owner of this file may do that.",
        ))
    }
}

/// A file as the transaction that has just made or changed it for `owner_id` left it: what was done is answered without
/// another look, which could fail.
pub(crate) fn written(owner_id: Uuid, row: file::Model) -> Result<Owned<file::Model>> {
    match row.owner_id == owner_id {
        true => Ok(Owned(row)),
        false => Err(Error::not_found()),
    }
}

/// A share of `file`, as the transaction that has just made or changed it left it.
pub(crate) fn written_share(
    file: &Owned<file::Model>,
    row: share::Model,
) -> Result<Owned<share::Model>> {
    match row.file_id == file.id {
        true => Ok(Owned(row)),
        false => Err(Error::not_found()),
    }
}

/// The shares by which the user whose id is `viewer` is granted sight at `now`.
fn grants(viewer: impl Into<Expr>, now: impl Into<Expr>) -> Condition {
    let audience = Condition::any()
        .add(share::Column::Audience.eq(share::Audience::Authenticated))
        .add(share::Column::UserId.into_expr().eq(viewer.into()));
    let unexpired = Condition::any()
        .add(share::Column::ExpiresAt.is_null())
        .add(share::Column::ExpiresAt.into_expr().gt(now.into()));
    Condition::all().add(audience).add(unexpired)
}

/// The live file `id`, for `user`; `NOT_FOUND` when it is not live or nothing grants them sight of it.
pub async fn readable_file(
    app: &App,
    user: &user::Model,
    id: Uuid,
) -> Result<Readable<file::Model>> {
    let connection = app.db.read();
    let file = live_file(connection, id).await?;
    let file = file.ok_or_else(Error::not_found)?;
    sight_of(connection, user.id, file, app.clock.now())
        .await?
        .ok_or_else(Error::not_found)
}

/// The live file `id`, where `user` owns it; `FORBIDDEN` where they only see it, `NOT_FOUND` where they do not.
pub async fn owned_file(app: &App, user: &user::Model, id: Uuid) -> Result<Owned<file::Model>> {
    readable_file(app, user, id).await?.into_owned()
}

/// The file `id` in the trash of `user`; `NOT_FOUND` for everybody else.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn owned_trashed_file(
    app: &App,
    user: &user::Model,
    id: Uuid,
) -> Result<Owned<file::Model>> {
    file::Entity::find_by_id(id)
        .filter(file::Column::OwnerId.eq(user.id))
        .filter(file::Column::TrashedAt.is_not_null())
        .one(app.db.read())
        .await?
        .map(Owned)
        .ok_or_else(Error::not_found)
}

/// The share `id`, where `user` owns its file, be it in the trash; `FORBIDDEN` where it only reaches them, `NOT_FOUND` for
/// others.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn owned_share(app: &App, user: &user::Model, id: Uuid) -> Result<Owned<share::Model>> {
    let found = share::Entity::find_by_id(id)
        .find_also_related(file::Entity)
        .one(app.db.read())
        .await?;
    let Some((share, Some(file))) = found else {
        return Err(Error::not_found());
    };
    if file.owner_id == user.id {
        return Ok(Owned(share));
    }
    if file.trashed_at.is_some() {
        return Err(Error::not_found());
    }
    let reaching = share::Entity::find_by_id(id)
        .filter(grants(Expr::value(user.id), Expr::value(app.clock.now())))
        .one(app.db.read())
        .await?;
    let sight = reaching.map(|row| Readable {
        row,
        until: None,
        owned: false,
    });
    sight.ok_or_else(Error::not_found)?.into_owned()
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn live_file(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<file::Model>> {
    Ok(file::Entity::find_by_id(id)
        .filter(file::Column::TrashedAt.is_null())
        .one(connection)
        .await?)
}

/// The policy for one live file and one active user.
#[expect(
    clippy::disallowed_methods,
    reason = "the policy asks for the shares that grant sight"
)]
async fn sight_of(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    file: file::Model,
    now: Timestamp,
) -> Result<Option<Readable<file::Model>>> {
    let owned = file.owner_id == user_id;
    let shares = match owned {
        true => Vec::new(),
        false => {
            share::Entity::find()
                .filter(share::Column::FileId.eq(file.id))
                .filter(grants(Expr::value(user_id), Expr::value(now)))
                .all(connection)
                .await?
        }
    };
    Ok(sight(file, owned, Grant::by(&shares)))
}

/// What shares grant: sight until then, or without an end.
struct Grant {
    until: Option<Timestamp>,
}

impl Grant {
    /// By the best of `shares`, all of which grant sight; `None` without any.
    fn by(shares: &[share::Model]) -> Option<Self> {
        let ends: Option<Vec<_>> = shares.iter().map(|share| share.expires_at).collect();
        match ends {
            Some(ends) => ends.into_iter().max().map(|end| Self { until: Some(end) }),
            None => Some(Self { until: None }),
        }
    }
}

/// The policy's last step, for an active user and a live file: it is theirs, or something grants them sight of it.
fn sight(file: file::Model, owned: bool, granted: Option<Grant>) -> Option<Readable<file::Model>> {
    match (owned, granted) {
        (true, _) => Some(Owned(file).into()),
        (false, Some(grant)) => Some(Readable {
            row: file,
            until: grant.until,
            owned: false,
        }),
        (false, None) => None,
    }
}
