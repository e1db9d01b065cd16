//! Links: sharing a file with people who have no account.

use entity::{Timestamp, event::Kind, file, link, share, share::Audience};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    events::{self, Event},
    shares,
};
use crate::{
    access::Owned,
    app::App,
    auth::{
        client::ClientAddress,
        password::{Line, prepared},
    },
    config::{LinkPassword, Links, Secret},
    db::Transaction,
    error::{Code, Error, Result},
    random,
};

mod downloads;
mod visits;

pub use downloads::{Download, exhausted, sweep_downloads};
pub use visits::{Opened, Visit, visit};

/// Characters as they are hashed, not bytes.
const PASSWORD_MAX: usize = 128;

/// What a link is to allow.
#[derive(Debug)]
pub struct Terms {
    pub password: Option<Secret>,
    pub max_downloads: Option<i32>,
    pub expires_at: Option<Timestamp>,
}

/// Makes a new link to `file`.
///
/// `FORBIDDEN` where links are off; `BAD_USER_INPUT` for what cannot be, or is not allowed here; otherwise as
/// [`shares::create`].
#[expect(
    clippy::disallowed_methods,
    reason = "links are made here, by the file's owner"
)]
pub async fn create(
    app: &App,
    client: &ClientAddress,
    file: &Owned<file::Model>,
    terms: Terms,
) -> Result<Owned<share::Model>> {
    if app.config.strangers.links == Links::Off {
        return Err(Error::new(
            Code::Forbidden,
            "Links are switched off here; share with users instead.",
        ));
    }
    let expires_at = end(app, terms.expires_at)?;
    check_password(app, terms.password.as_ref())?;
    check_limit(terms.max_downloads)?;
    let now = app.clock.now();
    let id = random::id(now);
    let event = Event::of_file(Kind::Shared, file)
        .to(Audience::Link, id)
        .from(client);
    let event = events::change(app, event)?;
    let share = share::Model {
        id,
        file_id: file.id,
        audience: Audience::Link,
        audience_id: id,
        created_at: now,
        expires_at,
    };
    let link = link::Model {
        share_id: id,
        password_hash: hash(app, file.owner_id(), terms.password).await?,
        max_downloads: terms.max_downloads,
        downloads: 0,
        epoch: 0,
    };
    let made = share.clone();
    let shares_max = app.config.users.max_shares_per_file;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that it stays, and shares are made one after the other and counted.
            let live = file::Entity::find_by_id(share.file_id)
                .filter(file::live())
                .lock_exclusive();
            live.one(transaction).await?.ok_or_else(Error::not_found)?;
            let file_id = share.file_id;
            let share = share::ActiveModel::from(share).reset_all();
            share::Entity::insert(share)
                .exec_without_returning(transaction)
                .await?;
            let link = link::ActiveModel::from(link).reset_all();
            link::Entity::insert(link)
                .exec_without_returning(transaction)
                .await?;
            shares::check_number(transaction, file_id, shares_max).await?;
            events::record(transaction, event).await
        })
    });
    insert.await?;
    file.share(made)
}

/// The end of a link for which `wanted` is asked.
pub(super) fn end(app: &App, wanted: Option<Timestamp>) -> Result<Option<Timestamp>> {
    shares::check_end(app, wanted)?;
    let Some(longest) = app.config.strangers.link_max_ttl else {
        return Ok(wanted);
    };
    let latest = app.clock.after(longest);
    if wanted.is_some_and(|end| end > latest) {
        let seconds = longest.as_secs();
        let detail = format!("A link may live for {seconds} seconds here.");
        return Err(Error::bad_input("expiresAt", detail).with("limit", seconds));
    }
    Ok(wanted.or(Some(latest)))
}

/// Refuses what can be no link's password, and none where one is required.
pub(super) fn check_password(app: &App, password: Option<&Secret>) -> Result<()> {
    match (password, app.config.strangers.link_password) {
        (Some(password), _) => check_length(password),
        (None, LinkPassword::Optional) => Ok(()),
        (None, LinkPassword::Required) => {
            Err(Error::bad_input("password", "Links need a password here."))
        }
    }
}

/// Refuses what can be no password of a link or a drop.
pub(super) fn check_length(password: &Secret) -> Result<()> {
    // A character of the prepared password is spelled by four at most, so that no more need be looked at.
    let is_endless = password.expose().chars().nth(4 * PASSWORD_MAX).is_some();
    let count = match is_endless {
        true => usize::MAX,
        false => prepared(password.expose()).chars().count(),
    };
    match (1..=PASSWORD_MAX).contains(&count) {
        true => Ok(()),
        false => Err(Error::bad_input(
            "password",
            "Such a password has 1 to 128 characters.",
        )),
    }
}

pub(super) fn check_limit(max_downloads: Option<i32>) -> Result<()> {
    match max_downloads {
        Some(..=0) => Err(Error::bad_input(
            "maxDownloads",
            "A link allows at least one download; null is without a limit.",
        )),
        _ => Ok(()),
    }
}

/// The hash of a password that `owner_id` sets.
pub(super) async fn hash(
    app: &App,
    owner_id: Uuid,
    password: Option<Secret>,
) -> Result<Option<String>> {
    let Some(password) = password else {
        return Ok(None);
    };
    let mut place = app.hasher.line_up(Line::User(owner_id))?;
    place.hash(password).await.map(Some)
}

/// Voids the tickets that visitors of all links of a user have.
#[expect(clippy::disallowed_methods, reason = "links are changed here")]
pub(super) async fn void_tickets(transaction: &Transaction, owner_id: Uuid) -> Result<()> {
    let same_file = share::Column::FileId
        .into_expr()
        .equals((file::Entity, file::Column::Id));
    let of_owner = Query::select()
        .column((share::Entity, share::Column::Id))
        .from(share::Entity)
        .inner_join(file::Entity, same_file)
        .and_where(file::Column::OwnerId.eq(owner_id))
        .and_where(share::Column::Audience.eq(Audience::Link))
        .to_owned();
    link::Entity::update_many()
        .col_expr(link::Column::Epoch, Expr::col(link::Column::Epoch).add(1))
        .filter(link::Column::ShareId.in_subquery(of_owner))
        .exec(transaction)
        .await?;
    Ok(())
}
