//! Changing a share that is there.

use entity::{Timestamp, event::Kind, link, share, share::Audience};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{check_end, heard_by};
use crate::{
    access::Owned,
    app::App,
    auth::client::ClientAddress,
    config::Secret,
    db::Transaction,
    domain::{
        events::{self, By, Event, Object},
        links,
    },
    error::{Error, Result},
};

/// What becomes of one thing that a share has.
#[derive(Clone, Debug, Default)]
pub enum Change<T> {
    /// As it was.
    #[default]
    Keep,
    /// That; `None`: without.
    To(Option<T>),
}

impl<T> Change<T> {
    fn wanted(&self) -> Option<&T> {
        match self {
            Self::To(wanted) => wanted.as_ref(),
            Self::Keep => None,
        }
    }
}

/// What is to change of a share.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub expires_at: Change<Timestamp>,
    /// Of a link.
    pub password: Change<Secret>,
    /// Of a link.
    pub max_downloads: Change<i32>,
}

/// Changes `share`, all that is asked for or nothing. Another password or limit voids the tickets that visitors of the link
/// have.
///
/// `BAD_USER_INPUT` for what cannot be, or is not allowed here, and for what only a link has; `NOT_FOUND` when the share has
/// been revoked meanwhile.
pub async fn change(
    app: &App,
    client: &ClientAddress,
    share: &Owned<share::Model>,
    changes: Changes,
) -> Result<Owned<share::Model>> {
    let is_link = share.audience == Audience::Link;
    let only_links = |field| Err(Error::bad_input(field, "Only a share by link has this."));
    if !is_link && changes.password.wanted().is_some() {
        return only_links("password");
    }
    if !is_link && changes.max_downloads.wanted().is_some() {
        return only_links("maxDownloads");
    }
    let ends = match (&changes.expires_at, is_link) {
        (Change::Keep, _) => None,
        (Change::To(end), true) => Some(links::end(app, *end)?),
        (Change::To(end), false) => Some(check_end(app, *end).map(|()| *end)?),
    };
    if let (Change::To(password), true) = (&changes.password, is_link) {
        links::check_password(app, password.as_ref())?;
    }
    links::check_limit(changes.max_downloads.wanted().copied())?;
    let event = Event::new(Kind::Shared)
        .by(By::User(share.owner_id()))
        .of(Object::File(share.file_id))
        .to(share.audience, share.audience_id)
        .from(client);
    let event = events::change(app, event)?;
    let password = match changes.password {
        Change::To(password) if is_link => {
            Some(links::hash(app, share.owner_id(), password).await?)
        }
        _ => None,
    };
    let max_downloads = match changes.max_downloads {
        Change::To(limit) if is_link => Some(limit),
        _ => None,
    };
    let id = share.id;
    let update = app.db.write(move |transaction| {
        Box::pin(async move {
            let share = set_end(transaction, id, ends).await?;
            change_link(transaction, id, password, max_downloads).await?;
            events::record(transaction, event).await?;
            let heard = heard_by(transaction, &[(share.audience, share.audience_id)]).await?;
            Ok((share, heard))
        })
    });
    let (changed, heard) = update.await?;
    events::owe(app, share.owner_id(), heard);
    share.changed(changed)
}

#[expect(
    clippy::disallowed_methods,
    reason = "shares are changed here, by the file's owner"
)]
async fn set_end(
    transaction: &Transaction,
    id: Uuid,
    ends: Option<Option<Timestamp>>,
) -> Result<share::Model> {
    let held = share::Entity::find_by_id(id).lock_exclusive();
    let held = held.one(transaction).await?.ok_or_else(Error::not_found)?;
    let Some(end) = ends else {
        return Ok(held);
    };
    let mut row = held.into_active_model();
    row.expires_at = Set(end);
    Ok(share::Entity::update(row).exec(transaction).await?)
}

/// Sets the password hash and the limit that are given.
#[expect(
    clippy::disallowed_methods,
    reason = "shares are changed here, by the file's owner"
)]
async fn change_link(
    transaction: &Transaction,
    id: Uuid,
    password: Option<Option<String>>,
    max_downloads: Option<Option<i32>>,
) -> Result<()> {
    if password.is_none() && max_downloads.is_none() {
        return Ok(());
    }
    let mut update = link::Entity::update_many()
        .col_expr(link::Column::Epoch, Expr::col(link::Column::Epoch).add(1))
        .filter(link::Column::ShareId.eq(id));
    if let Some(limit) = max_downloads {
        update = update.col_expr(link::Column::MaxDownloads, Expr::value(limit));
        if password.is_none() {
            let is_other = match limit {
                Some(limit) => Condition::any()
                    .add(link::Column::MaxDownloads.is_null())
                    .add(link::Column::MaxDownloads.ne(limit)),
                None => Condition::any().add(link::Column::MaxDownloads.is_not_null()),
            };
            update = update.filter(is_other);
        }
    }
    if let Some(hash) = password {
        update = update.col_expr(link::Column::PasswordHash, Expr::value(hash));
    }
    update.exec(transaction).await?;
    Ok(())
}
