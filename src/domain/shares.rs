//! Shares: granting and revoking sight of one's own files.

use entity::{Timestamp, event::Kind, file, share, share::Audience};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    events::{self, By, Event, Heard, Object},
    files, groups,
};
use crate::{
    access::{EVERYONE, Group, Owned, Readable},
    app::App,
    auth::{PublicUser, client::ClientAddress},
    db::Transaction,
    error::{Code, Error, Result},
    random,
};

mod change;

pub use change::{Change, Changes, change};

/// Whom to share with.
#[derive(Clone, Copy, Debug)]
pub enum Grantee<'u> {
    User(&'u PublicUser),
    /// A group that the owner of the file belongs to.
    Group(&'u Readable<Group>),
    Authenticated,
}

/// Grants `grantee` sight of `file` until `expires_at`, by the share that comes back. A second grant to the same changes
/// the expiry.
///
/// `BAD_USER_INPUT` for an expiry in the past, or a share with the owner; `QUOTA_EXCEEDED` when the file has as many shares
/// as it may; `NOT_FOUND` when it has been deleted meanwhile, or its owner has been taken out of the group.
#[expect(
    clippy::disallowed_methods,
    reason = "shares are made here, by the file's owner"
)]
pub async fn create(
    app: &App,
    client: &ClientAddress,
    file: &Owned<file::Model>,
    grantee: Grantee<'_>,
    expires_at: Option<Timestamp>,
) -> Result<Owned<share::Model>> {
    check_end(app, expires_at)?;
    let now = app.clock.now();
    let (audience, audience_id) = match grantee {
        Grantee::User(user) if user.id == file.owner_id => {
            return Err(Error::bad_input("username", "This file is yours already."));
        }
        Grantee::User(user) => (Audience::User, user.id),
        Grantee::Group(group) => (Audience::Group, group.id),
        Grantee::Authenticated => (Audience::Authenticated, EVERYONE),
    };
    let mut same = OnConflict::columns([
        share::Column::FileId,
        share::Column::Audience,
        share::Column::AudienceId,
    ]);
    let event = Event::of_file(Kind::Shared, file)
        .to(audience, audience_id)
        .from(client);
    let event = events::change(app, event)?;
    let id = random::id(now);
    let (file_id, owner_id) = (file.id, file.owner_id());
    let shares_max = app.config.users.max_shares_per_file;
    let upsert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that it stays, and shares are made one after the other and counted.
            let live = file::Entity::find_by_id(file_id)
                .filter(file::live())
                .lock_exclusive();
            let live = live.one(transaction).await?;
            let file = live.ok_or_else(Error::not_found)?;
            if audience == Audience::Group {
                groups::hold_for_member(transaction, audience_id, owner_id).await?;
            }
            let heard = heard_by(transaction, &[(audience, audience_id)]).await?;
            let row = share::ActiveModel {
                id: Set(id),
                file_id: Set(file_id),
                audience: Set(audience),
                audience_id: Set(audience_id),
                created_at: Set(now),
                expires_at: Set(expires_at),
            };
            let share = share::Entity::insert(row)
                .on_conflict(same.update_column(share::Column::ExpiresAt).to_owned())
                .exec_with_returning(transaction)
                .await?;
            if share.id == id {
                check_number(transaction, file_id, shares_max).await?;
                files::list_shared(transaction, &file, &share).await?;
            }
            events::record(transaction, event).await?;
            Ok((share, heard))
        })
    });
    let (share, heard) = upsert.await?;
    events::owe(app, owner_id, heard);
    file.share(share)
}

/// Whom the shares of a file reach by name or through a group at `now`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub(super) async fn recipients(
    transaction: &Transaction,
    file_id: Uuid,
    now: Timestamp,
) -> Result<Vec<(Audience, Uuid)>> {
    let lasting = share::Column::ExpiresAt
        .is_null()
        .or(share::Column::ExpiresAt.gt(now));
    let shares = share::Entity::find()
        .select_only()
        .columns([share::Column::Audience, share::Column::AudienceId])
        .filter(share::Column::FileId.eq(file_id))
        .filter(share::Column::Audience.is_in([Audience::User, Audience::Group]))
        .filter(lasting);
    Ok(shares.into_tuple().all(transaction).await?)
}

/// Who hears of what happens to a file whose shares reach these.
pub(super) async fn heard_by(
    transaction: &Transaction,
    recipients: &[(Audience, Uuid)],
) -> Result<Heard> {
    let of_groups = recipients.iter();
    let of_groups = of_groups.filter(|(audience, _)| *audience == Audience::Group);
    let of_groups: Vec<_> = of_groups.map(|(_, id)| *id).collect();
    let named = recipients.iter();
    let named = named
        .filter(|(audience, _)| *audience == Audience::User)
        .count();
    let groups = groups::heard_by(transaction, &of_groups).await?;
    Ok(Heard {
        recipients: groups.recipients + named,
        users: groups.users + named,
    })
}

/// Refuses an end that has passed.
pub(super) fn check_end(app: &App, end: Option<Timestamp>) -> Result<()> {
    match end.is_some_and(|end| end <= app.clock.now()) {
        true => Err(Error::bad_input("expiresAt", "The expiry is in the past.")),
        false => Ok(()),
    }
}

/// `QUOTA_EXCEEDED` when the file has more than `most` shares, those that have ended and are not swept yet included.
#[expect(
    clippy::disallowed_methods,
    reason = "shares are made here, by the file's owner"
)]
pub(super) async fn check_number(
    transaction: &Transaction,
    file_id: Uuid,
    most: u32,
) -> Result<()> {
    let shares = share::Entity::find().filter(share::Column::FileId.eq(file_id));
    if shares.count(transaction).await? <= u64::from(most) {
        return Ok(());
    }
    Err(Error::new(
        Code::QuotaExceeded,
        format!("A file may have {most} shares; revoke one, or share it with everyone."),
    )
    .with("limit", most))
}

/// Ends a share: the next request that leans on it is refused.
#[expect(
    clippy::disallowed_methods,
    reason = "shares end here, by the file's owner"
)]
pub async fn revoke(app: &App, client: &ClientAddress, share: &Owned<share::Model>) -> Result<()> {
    let event = Event::new(Kind::ShareRevoked)
        .by(By::User(share.owner_id()))
        .of(Object::File(share.file_id))
        .to(share.audience, share.audience_id)
        .from(client);
    let event = events::row(app, event);
    let id: Uuid = share.id;
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = share::Entity::delete_by_id(id).exec(transaction).await?;
            match deleted.rows_affected {
                0 => Err(Error::not_found()),
                _ => events::record(transaction, event).await,
            }
        })
    });
    delete.await
}

/// Deletes up to `limit` shares that have ended at `now`, and says how many. They grant nothing already; without them, scans
/// over shares stay short.
#[expect(clippy::disallowed_methods, reason = "shares end here")]
pub async fn sweep_expired(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let due = share::Column::ExpiresAt.lte(now);
    let id = share::Column::Id;
    app.db.delete_due::<share::Entity>(id, due, limit).await
}
