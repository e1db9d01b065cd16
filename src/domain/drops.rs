//! Drops: a URL by which strangers leave files in its owner's account, within limits.

use entity::{Timestamp, drop, event::Kind};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};

use super::{
    events::{self, By, Event, Object},
    links, names, shares,
};
use crate::{
    access::{Drop, Owned, drop_is_full},
    app::App,
    auth::{
        Viewer, active,
        client::ClientAddress,
        drop::{DropFace, DropKey, DropVisitor, Unlocked, unlock},
    },
    config::{Drops, Secret},
    error::{Code, Error, Result},
    random,
};

mod places;

pub(super) use places::{Place, hold, take};

/// When to try again whatever had to wait for other visitors.
const RETRY_SECONDS: u64 = 10;

/// What a drop is to allow.
#[derive(Debug)]
pub struct Terms {
    pub password: Option<Secret>,
    pub max_files: Option<i32>,
    pub max_file_size: Option<i64>,
    pub expires_at: Option<Timestamp>,
}

impl Terms {
    fn check(&self, app: &App) -> Result<()> {
        shares::check_end(app, self.expires_at)?;
        self.password.as_ref().map_or(Ok(()), links::check_length)?;
        if matches!(self.max_files, Some(..=0)) {
            let detail = "A drop takes at least one file; null is without a limit.";
            return Err(Error::bad_input("maxFiles", detail));
        }
        if matches!(self.max_file_size, Some(..=0)) {
            let detail = "A drop takes files of at least one byte; null is the server's limit.";
            return Err(Error::bad_input("maxFileSize", detail));
        }
        Ok(())
    }
}

/// Makes a drop that leads into the account of `viewer`.
///
/// `FORBIDDEN` where drops are off; `BAD_USER_INPUT` for what cannot be; `QUOTA_EXCEEDED` when the user has as many open drops
/// as they may.
#[expect(
    clippy::disallowed_methods,
    reason = "drops are made here, by their owner"
)]
pub async fn create(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    name: String,
    terms: Terms,
) -> Result<Owned<Drop>> {
    if app.config.strangers.drops == Drops::Off {
        return Err(Error::new(Code::Forbidden, "Drops are switched off here."));
    }
    names::check("drop", &name)?;
    terms.check(app)?;
    let now = app.clock.now();
    let id = random::id(now);
    let event = Event::new(Kind::DropCreated)
        .by(By::User(viewer.id()))
        .of(Object::Drop(id))
        .from(client)
        .detail(&name);
    let event = events::change(app, event)?;
    let row = drop::Model {
        id,
        owner_id: viewer.id(),
        name,
        password_hash: links::hash(app, viewer.id(), terms.password).await?,
        max_files: terms.max_files,
        max_file_size: terms.max_file_size,
        file_count: 0,
        created_at: now,
        expires_at: terms.expires_at,
        closed_at: None,
    };
    let (made, epoch) = (row.clone(), viewer.epoch());
    let most = app.config.strangers.max_drops_per_user;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that drops are made one after the other and counted.
            entity::user::Entity::find_by_id(row.owner_id)
                .filter(active(epoch))
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::unauthenticated)?;
            let open = drop::Entity::find()
                .filter(drop::Column::OwnerId.eq(row.owner_id))
                .filter(drop::open(now));
            if open.count(transaction).await? >= u64::from(most) {
                return Err(Error::new(
                    Code::QuotaExceeded,
                    format!("You may have {most} open drops; close one first."),
                )
                .with("limit", most));
            }
            let row = drop::ActiveModel::from(row).reset_all();
            drop::Entity::insert(row)
                .exec_without_returning(transaction)
                .await?;
            events::record(transaction, event).await
        })
    });
    insert.await?;
    Owned::<Drop>::made(viewer, made)
}

/// Closes a drop for good: nothing more becomes a file by it, uploads under way included. `NOT_FOUND` when it is closed already.
#[expect(
    clippy::disallowed_methods,
    reason = "drops are closed here, by their owner"
)]
pub async fn close(app: &App, client: &ClientAddress, drop: &Owned<Drop>) -> Result<()> {
    let event = Event::new(Kind::DropClosed)
        .by(By::User(drop.owner_id()))
        .of(Object::Drop(drop.id))
        .from(client);
    let (event, id, now) = (events::row(app, event), drop.id, app.clock.now());
    let close = app.db.write(move |transaction| {
        Box::pin(async move {
            let closed = drop::Entity::update_many()
                .col_expr(drop::Column::ClosedAt, Expr::value(now))
                .filter(drop::Column::Id.eq(id))
                .filter(drop::Column::ClosedAt.is_null())
                .exec(transaction)
                .await?;
            match closed.rows_affected {
                0 => Err(Error::not_found()),
                _ => events::record(transaction, event).await,
            }
        })
    });
    close.await
}

/// A look at a drop.
#[derive(Clone, Debug)]
pub struct Look {
    pub face: DropFace,
    /// `None` until a password is given.
    pub visitor: Option<DropVisitor>,
}

/// The drop of `token`, opened where it has no password or `password` is right.
///
/// `NOT_FOUND` alike when the token is none of ours, or the drop is closed or has ended, or its owner is disabled. `FORBIDDEN`
/// for a wrong password, `RATE_LIMITED` after too many.
pub async fn look(
    app: &App,
    client: &ClientAddress,
    token: &str,
    password: Option<Secret>,
) -> Result<Look> {
    let key = DropKey::of_token(&app.keyring, token).ok_or_else(Error::not_found)?;
    let (face, unlocked) = unlock(app, &app.hasher, client, &key, password).await?;
    let visitor = match unlocked {
        Unlocked::Open(visitor) => Some(visitor),
        Unlocked::NoPassword => None,
        Unlocked::WrongPassword => {
            events::enqueue(app, None, || {
                let event = Event::new(Kind::DropRefused).by(By::Drop(key.id()));
                event.of(Object::Drop(key.id())).from(client)
            });
            return Err(Error::new(
                Code::Forbidden,
                "This is not the drop's password.",
            ));
        }
    };
    Ok(Look { face, visitor })
}

/// Whoever comes with `token` and `password`, to leave files. As [`look`], and `FORBIDDEN` for a missing password too.
pub async fn enter(
    app: &App,
    client: &ClientAddress,
    token: &str,
    password: Option<Secret>,
) -> Result<DropVisitor> {
    let look = look(app, client, token, password).await?;
    look.visitor.ok_or_else(|| {
        Error::new(
            Code::Forbidden,
            "This drop has a password; send `Authorization: Drop TOKEN:PASSWORD`, the password in base64url.",
        )
    })
}

/// The refusal of an upload too many at once: others are to finish first.
pub(super) fn too_many_uploads() -> Error {
    Error::new(
        Code::RateLimited,
        "Many files are being left here at the moment; try again when some have arrived.",
    )
    .with("retryAfterSeconds", RETRY_SECONDS)
}

/// The refusal of an upload too many that is not finished, of those from one network.
pub(super) fn too_many_unfinished() -> Error {
    Error::new(
        Code::RateLimited,
        "Many uploads from where you are were begun here and not finished; finish or end one first.",
    )
    .with("retryAfterSeconds", RETRY_SECONDS)
}

/// `error` as a visitor of a drop may see it: what its owner keeps, and may keep, is none of the visitor's business.
pub fn for_visitor(error: Error) -> Error {
    match error.code {
        Code::QuotaExceeded => drop_is_full(),
        Code::Unauthenticated => Error::not_found(),
        _ => error,
    }
}
