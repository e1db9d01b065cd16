//! Looking after accounts: by administrators, and by the operator at the command line.
//!
//! Administrators lock each other's rows, in the order of their ids, before one of them changes an account: so of two who would
//! leave no administrator, the second finds out.

use entity::{
    deleted_user,
    event::Kind,
    user::{self, Role},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, sea_query::LikeExpr,
};
use uuid::Uuid;

use super::{find, not_deleted, unknown};
use crate::{
    access::{Administrator, not_an_administrator},
    app::App,
    auth::{Account, client::ClientAddress, is_active},
    db::{Page, Rows, Transaction},
    domain::{
        events::{self, By, Event},
        links,
    },
    error::{Code, Error, Result},
};

/// The most bytes that a quota may have.
const QUOTA_MAX: i64 = 1 << 60;

/// Who looks after accounts.
#[derive(Clone, Copy, Debug)]
pub enum Overseer {
    /// Whoever types commands at the server.
    Operator,
    Administrator(Administrator, ClientAddress),
}

impl Overseer {
    pub(super) fn event(self, kind: Kind, id: Uuid) -> Event {
        let event = Event::of_account(kind, id);
        match self {
            Self::Operator => event.by(By::Operator),
            Self::Administrator(who, client) => event.by(By::User(who.id())).from(&client),
        }
    }
}

/// A role as the trail and the command line have it.
pub fn word(role: Role) -> &'static str {
    match role {
        Role::User => "USER",
        Role::Admin => "ADMIN",
    }
}

/// All accounts, newest first; with `search` those whose names have that in them, in whatever case.
#[expect(clippy::disallowed_methods, reason = "administrators list accounts")]
pub async fn list(
    app: &App,
    _overseer: &Overseer,
    page: Page,
    search: Option<&str>,
) -> Result<Rows<Account>> {
    let mut users = user::Entity::find().filter(not_deleted());
    if let Some(search) = search.map(str::trim).filter(|search| !search.is_empty()) {
        // No name has it, and PostgreSQL takes no text with it.
        if search.contains('\0') {
            return Ok(page.cut(Vec::new()));
        }
        users = users.filter(user::Column::UsernameKey.like(within(search)));
    }
    let users = page.cut(app.db.all(page.apply(users, user::Column::Id)).await?);
    Ok(users.map(Account::from))
}

/// The pattern of names that have `text` in them.
fn within(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in text.chars().flat_map(char::to_lowercase) {
        if "\\%_".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// The account of that name, for the operator. `NOT_FOUND` when there is none.
pub async fn find_account(app: &App, username: &str) -> Result<Account> {
    let user = find(app, username).await?.ok_or_else(unknown)?;
    Ok(user.into())
}

/// Stops or restores an account, found by name, for the operator; see [`set_disabled_by`].
pub async fn set_disabled(app: &App, username: &str, disabled: bool) -> Result<Account> {
    let account = find_account(app, username).await?;
    set_disabled_by(app, Overseer::Operator, account.user.id, disabled).await
}

/// Stops or restores an account; stopping voids its sessions, tokens and tickets for good, and those of visitors of its links.
/// Nothing changes when it is as is asked for. `CONFLICT` for the last administrator who would stop themselves.
pub async fn set_disabled_by(
    app: &App,
    overseer: Overseer,
    id: Uuid,
    disabled: bool,
) -> Result<Account> {
    let kind = match disabled {
        true => Kind::AccountDisabled,
        false => Kind::AccountEnabled,
    };
    let event = overseer.event(kind, id);
    // Taking something away is never refused by the limit on changes.
    let mut event = match disabled {
        true => events::row(app, event),
        false => events::change(app, event)?,
    };
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            let held = hold(transaction, overseer, id).await?;
            if held.target.disabled == disabled {
                return Ok(held.target);
            }
            if disabled {
                held.check_others()?;
            }
            // Whoever types the command reads the log's line of it, and knows no ids.
            event.detail = Some(events::name(&held.target.username));
            let epoch = held.target.credential_epoch + 1;
            let mut row = held.target.into_active_model();
            row.disabled = Set(disabled);
            row.credential_epoch = Set(epoch);
            let changed = update(transaction, row).await?;
            links::void_tickets(transaction, id).await?;
            events::record(transaction, event).await?;
            Ok(changed)
        })
    });
    Ok(change.await?.into())
}

/// Gives an account a quota of its own, or none; then the configuration's holds. What is kept already stays.
/// `BAD_USER_INPUT` for a number of bytes that cannot be.
pub async fn set_quota(
    app: &App,
    overseer: Overseer,
    id: Uuid,
    bytes: Option<i64>,
) -> Result<Account> {
    if bytes.is_some_and(|bytes| !(0..=QUOTA_MAX).contains(&bytes)) {
        let detail = format!("A quota has 0 to {QUOTA_MAX} bytes.");
        return Err(Error::bad_input("bytes", detail));
    }
    let mut event = events::change(app, overseer.event(Kind::QuotaChanged, id))?;
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            let held = hold(transaction, overseer, id).await?;
            if held.target.quota_bytes == bytes {
                return Ok(held.target);
            }
            let quota = bytes.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string());
            let name = events::name(&held.target.username);
            event.detail = Some(format!("{name} {quota}"));
            let mut row = held.target.into_active_model();
            row.quota_bytes = Set(bytes);
            let changed = update(transaction, row).await?;
            events::record(transaction, event).await?;
            Ok(changed)
        })
    });
    Ok(change.await?.into())
}

/// Gives an account another role. `CONFLICT` for the last administrator who would be one no more.
pub async fn set_role(app: &App, overseer: Overseer, id: Uuid, role: Role) -> Result<Account> {
    let event = overseer.event(Kind::RoleChanged, id);
    let mut event = match role {
        Role::User => events::row(app, event),
        Role::Admin => events::change(app, event)?,
    };
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            let held = hold(transaction, overseer, id).await?;
            if held.target.role == role {
                return Ok(held.target);
            }
            if role == Role::User {
                held.check_others()?;
            }
            let name = events::name(&held.target.username);
            event.detail = Some(format!("{name} {}", word(role)));
            let mut row = held.target.into_active_model();
            row.role = Set(role);
            let changed = update(transaction, row).await?;
            events::record(transaction, event).await?;
            Ok(changed)
        })
    });
    Ok(change.await?.into())
}

#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub(super) async fn update(
    transaction: &Transaction,
    row: user::ActiveModel,
) -> Result<user::Model> {
    Ok(row.update(transaction).await?)
}

/// An account that is to change, held to the end of the transaction, and all administrators with it.
pub(super) struct Held {
    pub target: user::Model,
    /// Whether there is an active administrator besides.
    has_others: bool,
    /// The operator can always make another one.
    by_operator: bool,
}

impl Held {
    /// `CONFLICT` when no administrator would be left without this account.
    pub fn check_others(&self) -> Result<()> {
        let is_needed = self.target.role == Role::Admin && !self.target.disabled;
        match is_needed && !self.has_others && !self.by_operator {
            true => Err(Error::new(
                Code::Conflict,
                "This is the last administrator; make another one first.",
            )),
            false => Ok(()),
        }
    }
}

/// Holds the account `id`. `NOT_FOUND` when there is none; `UNAUTHENTICATED` or `FORBIDDEN` when `overseer` has lost their
/// credentials or role since they asked.
pub(super) async fn hold(transaction: &Transaction, overseer: Overseer, id: Uuid) -> Result<Held> {
    let rows = hold_all(transaction, id).await?;
    if let Overseer::Administrator(who, _) = overseer {
        let asker = rows.iter().find(|row| row.id == who.id());
        let asker = asker.filter(|row| is_active(row, who.epoch()));
        match asker.ok_or_else(Error::unauthenticated)?.role {
            Role::Admin => {}
            Role::User => return Err(not_an_administrator()),
        }
    }
    held(rows, id, matches!(overseer, Overseer::Operator)).ok_or_else(unknown)
}

/// The same for the user themselves, with the credentials of that `epoch`.
pub(super) async fn hold_own(transaction: &Transaction, id: Uuid, epoch: i64) -> Result<Held> {
    let rows = hold_all(transaction, id).await?;
    let held = held(rows, id, false).filter(|held| is_active(&held.target, epoch));
    held.ok_or_else(Error::unauthenticated)
}

/// The same for somebody whom a provider vouches for; `None` when there is no such account any more.
pub(super) async fn hold_by_provider(transaction: &Transaction, id: Uuid) -> Result<Option<Held>> {
    Ok(held(hold_all(transaction, id).await?, id, false))
}

fn held(rows: Vec<user::Model>, id: Uuid, by_operator: bool) -> Option<Held> {
    let is_active_one = |row: &&user::Model| row.role == Role::Admin && !row.disabled;
    let mut others = rows.iter().filter(is_active_one);
    let has_others = others.any(|row| row.id != id);
    Some(Held {
        target: rows.into_iter().find(|row| row.id == id)?,
        has_others,
        by_operator,
    })
}

/// The account `id`, unless it is deleted, and all administrators.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
async fn hold_all(transaction: &Transaction, id: Uuid) -> Result<Vec<user::Model>> {
    let either = Condition::any()
        .add(user::administrators())
        .add(user::Column::Id.eq(id));
    let held = user::Entity::find()
        .filter(either)
        .order_by_asc(user::Column::Id)
        .lock_exclusive();
    let mut held = held.all(transaction).await?;
    // Only now is it certain not to be deleted meanwhile.
    let deletion = deleted_user::Entity::find_by_id(id);
    if deletion.one(transaction).await?.is_some() {
        held.retain(|row| row.id != id);
    }
    Ok(held)
}
