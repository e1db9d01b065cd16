//! The end of accounts.
//!
//! An account may own very much, too much for one transaction. So one transaction takes from it all that opens something, and
//! marks it as deleted (`deleted_user`): nobody signs in to it, its tokens, tickets, links and drops are refused, and the policy
//! knows the mark, so that its files are shared with nobody. What is left goes by and by, in batches of the janitor, which find
//! the mark after any crash: files, whose bytes are noted as discarded; shares that others made with the user; drops; and
//! with the last of them the row of the user, and the mark with it.

use std::time::Duration;

use entity::{
    Timestamp, api_token, deleted_user, discarded_content, drop,
    event::Kind,
    file, group, group_member, oidc_identity, resumable_upload,
    share::{self, Audience},
    upload,
    user::{self, Role},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::administration::{Held, Overseer, hold, hold_own};
use crate::{
    app::App,
    auth::{
        Viewer,
        client::ClientAddress,
        password::{Line, Verdict},
        throttle::{self, ChangeTry},
    },
    config::Secret,
    db::Transaction,
    domain::{
        events::{self, By, Event, Object},
        files::settled_after,
        quota::{self, Change},
    },
    error::{Code, Error, Result},
};

/// How long a sign-in says who is there, where there is no password to ask for.
const RECENTLY: Duration = Duration::from_secs(10 * 60);

/// Deletes the account of `viewer`, for good.
///
/// `BAD_USER_INPUT` when `password` is wrong, `RATE_LIMITED` when it was wrong too often; `CONFLICT` for the last administrator.
/// An account into which no password signs in is deleted only within ten minutes after the provider has made its owner sign in
/// again: `FORBIDDEN` at any other time. `signed_in_anew_at` says when that was.
pub async fn delete_own(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    signed_in_anew_at: Option<Timestamp>,
    password: Secret,
) -> Result<()> {
    let (id, epoch) = (viewer.id(), viewer.epoch());
    let tries = match viewer.account().signs_in_by_password(&app.config) {
        true => Some(confirmed(app, client, viewer, password).await?),
        false => {
            check_recent(app, signed_in_anew_at)?;
            None
        }
    };
    let now = app.clock.now();
    let event = Event::of_account(Kind::AccountDeleted, id).from(client);
    let event = events::row(app, event);
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let held = hold_own(transaction, id, epoch).await?;
            end(transaction, held, now).await?;
            if let Some(tries) = tries {
                tries.was_right(transaction).await?;
            }
            events::record(transaction, event).await
        })
    });
    delete.await
}

/// Refuses a session unless the provider made its owner sign in again just now: without a password, nothing else says who is there.
fn check_recent(app: &App, signed_in_anew_at: Option<Timestamp>) -> Result<()> {
    match signed_in_anew_at.is_some_and(|at| at > app.clock.before(RECENTLY)) {
        true => Ok(()),
        false => Err(Error::new(
            Code::Forbidden,
            "No password signs in to this account: sign in at `/auth/oidc?anew`, where the provider makes you sign in again, and delete \
             the account within ten minutes.",
        )),
    }
}

/// Asks for the password of `viewer`, and says which tries at it are to be given back.
#[expect(clippy::disallowed_methods, reason = "accounts end here")]
async fn confirmed(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    password: Secret,
) -> Result<ChangeTry> {
    let id = viewer.id();
    let mut waiter = app.hasher.line_up(Line::User(id))?;
    let mut tries = throttle::password_change(app, id, waiter.begun()).await?;
    let user = app.db.one(user::Entity::find_by_id(id)).await?;
    let hash = user.ok_or_else(Error::unauthenticated)?.hash_of_password();
    let verdict = waiter.verify(password, hash).await;
    tries.judge(matches!(verdict, Ok(Verdict::Wrong)));
    if verdict? == Verdict::Wrong {
        events::enqueue(app, None, || {
            Event::of_account(Kind::PasswordChangeRefused, id).from(client)
        });
        return Err(Error::bad_input("password", "This is not your password."));
    }
    Ok(tries)
}

/// Deletes the account `id`, for good. `NOT_FOUND` when there is none.
pub async fn delete(app: &App, overseer: Overseer, id: Uuid) -> Result<()> {
    let now = app.clock.now();
    let event = events::row(app, overseer.event(Kind::AccountDeleted, id));
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let held = hold(transaction, overseer, id).await?;
            end(transaction, held, now).await?;
            events::record(transaction, event).await
        })
    });
    delete.await
}

/// Takes all from the account that opens something, and its name, and marks it as deleted.
#[expect(clippy::disallowed_methods, reason = "accounts end here")]
async fn end(transaction: &Transaction, held: Held, now: Timestamp) -> Result<()> {
    held.check_others()?;
    let (id, epoch) = (held.target.id, held.target.credential_epoch + 1);
    let mut row = held.target.into_active_model();
    // No name has a colon: this is nobody's, and the name that it was may be given again.
    row.username_key = Set(format!("deleted:{id}"));
    row.username = Set(String::new());
    row.password_hash = Set(user::NO_PASSWORD.to_owned());
    row.disabled = Set(true);
    row.credential_epoch = Set(epoch);
    row.role = Set(Role::User);
    row.update(transaction).await?;
    let mark = deleted_user::ActiveModel {
        user_id: Set(id),
        deleted_at: Set(now),
    };
    deleted_user::Entity::insert(mark)
        .exec_without_returning(transaction)
        .await?;
    api_token::Entity::delete_many()
        .filter(api_token::Column::UserId.eq(id))
        .exec(transaction)
        .await?;
    // Whoever it was may come back by the provider, as somebody new.
    oidc_identity::Entity::delete_many()
        .filter(oidc_identity::Column::UserId.eq(id))
        .exec(transaction)
        .await?;
    // Groups end as they always do: nobody belongs to them, and their shares follow. A user has few.
    group::Entity::update_many()
        .col_expr(group::Column::DeletedAt, Expr::value(now))
        .filter(group::Column::OwnerId.eq(id))
        .filter(group::Column::DeletedAt.is_null())
        .exec(transaction)
        .await?;
    let own = group::Entity::find()
        .select_only()
        .column(group::Column::Id)
        .filter(group::Column::OwnerId.eq(id))
        .into_query();
    let memberships = group_member::Column::UserId
        .eq(id)
        .or(group_member::Column::GroupId.in_subquery(own));
    group_member::Entity::delete_many()
        .filter(memberships)
        .exec(transaction)
        .await?;
    Ok(())
}

/// Deletes what is left of deleted accounts: up to `limit` rows, and says how many.
#[expect(clippy::disallowed_methods, reason = "accounts end here")]
pub async fn sweep_deleted(app: &App, limit: u64) -> Result<u64> {
    let deleted = deleted_user::Entity::find()
        .order_by_asc(deleted_user::Column::DeletedAt)
        .limit(limit);
    let mut swept = 0;
    for mark in app.db.all(deleted).await? {
        let (left, now) = (limit - swept, app.clock.now());
        let settles_within = app.storage.settles_within();
        let sweep = app.db.write(move |transaction| {
            Box::pin(async move {
                // The account before its files, as everywhere, or two transactions could wait for each other.
                let account = user::Entity::find_by_id(mark.user_id).lock_exclusive();
                account.one(transaction).await?;
                // Held, so that of several instances one does it.
                let held = deleted_user::Entity::find_by_id(mark.user_id).lock_exclusive();
                match held.one(transaction).await? {
                    Some(_) => {
                        sweep_one(transaction, mark.user_id, left, (now, settles_within)).await
                    }
                    None => Ok(0),
                }
            })
        });
        swept += sweep.await?;
        if swept >= limit {
            break;
        }
    }
    Ok(swept)
}

/// Deletes up to `limit` rows of the account `id`, and the account where nothing is left.
#[expect(clippy::disallowed_methods, reason = "accounts end here")]
async fn sweep_one(
    transaction: &Transaction,
    id: Uuid,
    limit: u64,
    (now, settles_within): (Timestamp, Duration),
) -> Result<u64> {
    // Their own sweep ends them, since it knows whether bytes are still being added. What a request brings in parts is ended by
    // the request, which finds the account disabled.
    resumable_upload::Entity::update_many()
        .col_expr(
            resumable_upload::Column::ExpiresAt,
            Expr::value(Timestamp(0)),
        )
        .filter(resumable_upload::Column::UserId.eq(id))
        .filter(resumable_upload::Column::FileId.is_null())
        .exec(transaction)
        .await?;
    let mut swept = delete_files(transaction, id, limit, (now, settles_within)).await?;
    if swept < limit {
        swept += delete_shares_with(transaction, id, limit - swept, now).await?;
    }
    if swept == limit || has_uploads(transaction, id).await? {
        return Ok(swept);
    }
    swept += delete_drops(transaction, id, limit - swept).await?;
    let groups = group::Entity::find().filter(group::Column::OwnerId.eq(id));
    if swept == limit || groups.one(transaction).await?.is_some() {
        return Ok(swept);
    }
    swept += events::forget_acts(transaction, id, limit - swept).await?;
    if swept == limit {
        return Ok(swept);
    }
    events::forget(transaction, id, &[id]).await?;
    // The mark goes with it.
    user::Entity::delete_by_id(id).exec(transaction).await?;
    Ok(swept + 1)
}

/// Deletes up to `limit` files, with their shares and links, and notes their bytes as discarded.
#[expect(clippy::disallowed_methods, reason = "files end with their owner")]
async fn delete_files(
    transaction: &Transaction,
    owner_id: Uuid,
    limit: u64,
    (now, settles_within): (Timestamp, Duration),
) -> Result<u64> {
    let some = file::Entity::find()
        .select_only()
        .column(file::Column::Id)
        .filter(file::Column::OwnerId.eq(owner_id))
        .limit(limit)
        .into_query();
    let files = file::Entity::delete_many()
        .filter(file::Column::Id.in_subquery(some))
        .exec_with_returning(transaction)
        .await?;
    if files.is_empty() {
        return Ok(0);
    }
    let discarded = files.iter().map(|file| {
        let note = discarded_content::Model {
            content_key: file.content_key.clone(),
            discarded_at: now,
            multipart_id: None,
            not_before: Timestamp(0),
            settled_at: settled_after(file.created_at, settles_within),
        };
        note.into_active_model().reset_all()
    });
    discarded_content::Entity::insert_many(discarded)
        .exec_without_returning(transaction)
        .await?;
    let change = files.iter().fold(Change::default(), |sum, file| {
        let trashed = match file.trashed_at {
            Some(_) => file.size,
            None => 0,
        };
        let gone = Change {
            used: -file.size,
            trashed: -trashed,
            files: -1,
            ..Change::default()
        };
        sum + gone
    });
    quota::account_for(transaction, owner_id, change).await?;
    let ids: Vec<_> = files.iter().map(|file| file.id).collect();
    events::forget(transaction, owner_id, &ids).await?;
    let purged = ids.iter().map(|id| {
        let event = Event::new(Kind::Purged).by(By::Janitor);
        events::row_at(event.of(Object::File(*id)), now)
    });
    events::record_all(transaction, purged.collect()).await?;
    Ok(u64::try_from(ids.len()).unwrap_or(limit))
}

/// Deletes up to `limit` shares that others made with the user.
#[expect(clippy::disallowed_methods, reason = "shares end with whom they reach")]
async fn delete_shares_with(
    transaction: &Transaction,
    user_id: Uuid,
    limit: u64,
    now: Timestamp,
) -> Result<u64> {
    let some = share::Entity::find()
        .select_only()
        .column(share::Column::Id)
        .filter(share::Column::Audience.eq(Audience::User))
        .filter(share::Column::AudienceId.eq(user_id))
        .limit(limit)
        .into_query();
    let shares = share::Entity::delete_many()
        .filter(share::Column::Id.in_subquery(some))
        .exec_with_returning(transaction)
        .await?;
    if shares.is_empty() {
        return Ok(0);
    }
    let revoked = shares.iter().map(|share| {
        let event = Event::new(Kind::ShareRevoked).by(By::Janitor);
        let event = event.of(Object::File(share.file_id));
        events::row_at(event.to(Audience::User, user_id), now)
    });
    let revoked: Vec<_> = revoked.collect();
    let number = u64::try_from(revoked.len()).unwrap_or(limit);
    events::record_all(transaction, revoked).await?;
    Ok(number)
}

#[expect(
    clippy::disallowed_methods,
    reason = "uploads end before their account"
)]
async fn has_uploads(transaction: &Transaction, user_id: Uuid) -> Result<bool> {
    let uploads = upload::Entity::find().filter(upload::Column::UserId.eq(user_id));
    Ok(uploads.one(transaction).await?.is_some())
}

#[expect(clippy::disallowed_methods, reason = "drops end with their owner")]
async fn delete_drops(transaction: &Transaction, owner_id: Uuid, limit: u64) -> Result<u64> {
    let some = drop::Entity::find()
        .select_only()
        .column(drop::Column::Id)
        .filter(drop::Column::OwnerId.eq(owner_id))
        .limit(limit)
        .into_query();
    let drops = drop::Entity::delete_many().filter(drop::Column::Id.in_subquery(some));
    Ok(drops.exec(transaction).await?.rows_affected)
}
