//! Quotas: what a user may keep. Bytes are reserved before they are taken in, and files are counted in the transaction that
//! makes them, so that uploads side by side never exceed either.

use std::{
    ops::{Add, Neg},
    sync::Arc,
};

use entity::{upload, user};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    access::Payer,
    app::App,
    auth::{self, Usage},
    config::Config,
    db::Transaction,
    error::{Code, Error, Result},
};

/// How many bytes a user may keep, who keeps so much; `None` without a limit.
pub fn of(config: &Config, usage: &Usage) -> Option<u64> {
    match usage.own_quota {
        Some(own) => Some(u64::try_from(own).unwrap_or(0)),
        None => config.users.user_quota,
    }
}

/// How much of `wanted` bytes more the upload may take: all of it, or what is left of its payer's quota, which is at
/// least `needed`; `None` where there is no quota. `QUOTA_EXCEEDED` when less than `needed` is left, or nothing at all; then
/// nothing is reserved.
pub(super) async fn reserve(
    app: &App,
    upload_id: Uuid,
    payer: Payer,
    needed: u64,
    wanted: u64,
) -> Result<Option<u64>> {
    if of(&app.config, &payer.usage).is_none() {
        return Ok(None);
    }
    let config = Arc::clone(&app.config);
    let reserve = app.db.write_aside(move |transaction| {
        let ids = (upload_id, payer.id);
        Box::pin(async move { reserve_in(transaction, &config, ids, needed, wanted).await })
    });
    reserve.await
}

/// The same in a transaction, which has the payer's quota as it is now.
#[expect(clippy::disallowed_methods, reason = "reservations are kept here")]
pub(super) async fn reserve_in(
    transaction: &Transaction,
    config: &Config,
    (upload_id, payer_id): (Uuid, Uuid),
    needed: u64,
    wanted: u64,
) -> Result<Option<u64>> {
    let payer = user::Entity::find_by_id(payer_id)
        .lock_exclusive()
        .one(transaction)
        .await?
        .ok_or_else(Error::not_found)?;
    let usage = Usage::from(&payer);
    let Some(quota) = of(config, &usage) else {
        return Ok(None);
    };
    let left = left_of(quota, &usage);
    // An empty file needs no byte, and takes an inode: where nothing is left, there is no room for it either.
    if left < std::cmp::max(needed, 1) {
        return Err(exceeded(quota, &usage, needed));
    }
    let granted = wanted.clamp(needed, left);
    move_reservation(transaction, upload_id, payer_id, signed(granted)).await?;
    Ok(Some(granted))
}

/// Gives back what the upload reserved beyond the bytes it has.
pub(super) async fn trim(app: &App, upload_id: Uuid, payer_id: Uuid, surplus: u64) -> Result<()> {
    let trim = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            move_reservation(transaction, upload_id, payer_id, -signed(surplus)).await
        })
    });
    trim.await
}

/// Refuses at once what cannot fit, before any of it is read.
pub fn check_ahead(app: &App, payer: &Payer, at_least: u64) -> Result<()> {
    let usage = &payer.usage;
    if usage.files >= i64::from(app.config.users.max_files_per_user) {
        return Err(too_many_files(app));
    }
    match of(&app.config, usage) {
        Some(quota) if left_of(quota, usage) < std::cmp::max(at_least, 1) => {
            Err(exceeded(quota, usage, at_least))
        }
        _ => Ok(()),
    }
}

/// `QUOTA_EXCEEDED`: the user has as many files as they may.
pub(super) fn too_many_files(app: &App) -> Error {
    let limit = app.config.users.max_files_per_user;
    Error::new(
        Code::QuotaExceeded,
        format!("You may keep {limit} files. Delete files and empty the trash."),
    )
    .with("limit", limit)
}

/// What is added to what a user has, less where negative.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    /// Bytes in all, the trash included.
    pub used: i64,
    /// Bytes in the trash.
    pub trashed: i64,
    /// Bytes by uploads under way.
    pub reserved: i64,
    /// Files in all, the trash included.
    pub files: i64,
}

impl Add for Change {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            used: self.used + other.used,
            trashed: self.trashed + other.trashed,
            reserved: self.reserved + other.reserved,
            files: self.files + other.files,
        }
    }
}

impl Neg for Change {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            used: -self.used,
            trashed: -self.trashed,
            reserved: -self.reserved,
            files: -self.files,
        }
    }
}

/// Accounts for a change of what `user_id` has, in the transaction that makes it so.
#[expect(clippy::disallowed_methods, reason = "usage is accounted for here")]
pub(super) async fn account_for(
    transaction: &Transaction,
    user_id: Uuid,
    change: Change,
) -> Result<()> {
    accounting(user_id, change).exec(transaction).await?;
    Ok(())
}

/// Whether files may be added to what a user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// The user would have too many files.
    TooMany,
    /// The account was stopped, or has other credentials than those that it was asked with.
    Ended,
}

/// The same where files are added by who was signed in at `epoch`, or by others: nothing is accounted for unless they are admitted.
#[expect(clippy::disallowed_methods, reason = "usage is accounted for here")]
pub(super) async fn admit(
    transaction: &Transaction,
    (user_id, epoch): (Uuid, Option<i64>),
    change: Change,
    max_files: u32,
) -> Result<Admission> {
    let is_active = match epoch {
        Some(epoch) => auth::active(epoch),
        None => Condition::all().add(auth::enabled()),
    };
    let admitted = accounting(user_id, change)
        .filter(is_active)
        .filter(user::Column::FileCount.lte(i64::from(max_files) - change.files));
    if admitted.exec(transaction).await?.rows_affected > 0 {
        return Ok(Admission::Admitted);
    }
    let user = user::Entity::find_by_id(user_id).one(transaction).await?;
    Ok(
        match user
            .is_some_and(|user| auth::is_active(&user, epoch.unwrap_or(user.credential_epoch)))
        {
            true => Admission::TooMany,
            false => Admission::Ended,
        },
    )
}

#[expect(clippy::disallowed_methods, reason = "usage is accounted for here")]
fn accounting(user_id: Uuid, change: Change) -> UpdateMany<user::Entity> {
    let more = |column: user::Column, by| (column, Expr::col(column).add(by));
    let columns = [
        more(user::Column::UsedBytes, change.used),
        more(user::Column::TrashedBytes, change.trashed),
        more(user::Column::ReservedBytes, change.reserved),
        more(user::Column::FileCount, change.files),
    ];
    let user = user::Entity::update_many().filter(user::Column::Id.eq(user_id));
    columns
        .into_iter()
        .fold(user, |user, (column, sum)| user.col_expr(column, sum))
}

/// Adds `bytes` to what the upload reserves of its payer's quota.
#[expect(clippy::disallowed_methods, reason = "reservations are kept here")]
pub(super) async fn move_reservation(
    transaction: &Transaction,
    upload_id: Uuid,
    payer_id: Uuid,
    bytes: i64,
) -> Result<()> {
    let change = Change {
        reserved: bytes,
        ..Change::default()
    };
    account_for(transaction, payer_id, change).await?;
    let moved = upload::Entity::update_many()
        .col_expr(
            upload::Column::ReservedBytes,
            Expr::col(upload::Column::ReservedBytes).add(bytes),
        )
        .filter(upload::Column::Id.eq(upload_id))
        .exec(transaction)
        .await?;
    // What was swept meanwhile could never give back what it reserves now.
    match moved.rows_affected {
        0 => Err(Error::new(
            Code::Unavailable,
            "The upload took so long that it was given up; send it again.",
        )),
        _ => Ok(()),
    }
}

fn left_of(quota: u64, usage: &Usage) -> u64 {
    let taken = u64::try_from(usage.used_bytes + usage.reserved_bytes).unwrap_or_default();
    quota.saturating_sub(taken)
}

fn exceeded(quota: u64, usage: &Usage, requested: u64) -> Error {
    let taken = usage.used_bytes + usage.reserved_bytes;
    Error::new(
        Code::QuotaExceeded,
        format!(
            "You may keep {quota} bytes and have {taken}; {requested} more do not fit. Delete files and empty the trash."
        ),
    )
    .with("limitBytes", quota)
    .with("usedBytes", taken)
    .with("requestedBytes", requested)
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
