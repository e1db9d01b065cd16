//! Accounts: sign-up, sign-in, passwords.
//!
//! User names are 1 to 32 ASCII letters, digits, dots, hyphens and underscores, with a letter or digit at both ends.
//! They are compared without regard to case, so neither `Alice` nor a look-alike from another script can pose as `alice`.

use entity::{event::Kind, user};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::events::{self, Event};
use crate::{
    app::App,
    auth::{client::ClientAddress, common_passwords, password::Verdict, throttle},
    config::{Secret, SignUp},
    error::{Code, Error, Result, is_duplicate},
    keys,
};

const USERNAME_MAX: usize = 32;
/// Characters, not bytes; within them, any password counts as it is written.
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 128;

/// Makes an account for whoever asks. `FORBIDDEN` where sign-up is closed, `CONFLICT` when the name is taken.
pub async fn sign_up(app: &App, username: &str, password: Secret) -> Result<user::Model> {
    if app.config.sign_up == SignUp::Closed {
        return Err(Error::new(
            Code::Forbidden,
            "Sign-up is closed here; ask the operator for an account.",
        ));
    }
    create(app, username, password).await
}

/// Makes an account. `CONFLICT` when the name is taken, in whatever case.
#[expect(clippy::disallowed_methods, reason = "accounts are made here")]
pub async fn create(app: &App, username: &str, password: Secret) -> Result<user::Model> {
    let username_key = username_key(username)?;
    check_password("password", &password)?;
    let now = app.clock.now();
    let id = keys::id(now);
    let row = user::ActiveModel {
        id: Set(id),
        username: Set(username.to_owned()),
        username_key: Set(username_key),
        password_hash: Set(app.hasher.hash(password).await?),
        disabled: Set(false),
        credential_epoch: Set(0),
        used_bytes: Set(0),
        trashed_bytes: Set(0),
        reserved_bytes: Set(0),
        file_count: Set(0),
        created_at: Set(now),
    };
    let event = events::row(app, Event::new(Kind::SignedUp).by(id));
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            let user = row.insert(transaction).await.map_err(|error| {
                if is_duplicate(&error) {
                    return Error::new(Code::Conflict, "This user name is taken; choose another.")
                        .with("field", "username");
                }
                Error::from(error)
            })?;
            events::record(transaction, event).await?;
            Ok(user)
        })
    });
    insert.await
}

/// The user whose name and password these are. Every refusal is the same, in words and in time, but for `RATE_LIMITED`
/// after too many tries, which does not depend on whether there is such a user either.
pub async fn sign_in(
    app: &App,
    client: &ClientAddress,
    username: &str,
    password: Secret,
) -> Result<user::Model> {
    let account = username_key(username).ok();
    throttle::password_check(app, account.as_deref(), client).await?;
    let user = find(app, username).await?;
    let tried = user.as_ref().map(|user| user.username.clone());
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let verdict = app.hasher.verify(password.clone(), hash).await?;
    let Some(user) = user.filter(|user| verdict != Verdict::Wrong && !user.disabled) else {
        // Only a name that exists goes into the trail: people mistake the fields and type their password.
        events::enqueue(app, None, || Event {
            detail: tried,
            ..Event::new(Kind::SignInRefused).from(client)
        });
        return Err(Error::new(
            Code::Unauthenticated,
            "User name or password is wrong.",
        ));
    };
    throttle::forget(app, &user.username_key).await?;
    events::enqueue(app, None, || {
        Event::new(Kind::SignedIn).by(user.id).from(client)
    });
    if verdict == Verdict::RightButWeak {
        renew_hash(app, &user, password).await?;
    }
    Ok(user)
}

/// Notes that `user` ended their session.
pub fn signed_out(app: &App, client: &ClientAddress, user: &user::Model) {
    events::enqueue(app, None, || {
        Event::new(Kind::SignedOut).by(user.id).from(client)
    });
}

/// Sets a new password, which voids every session, token and ticket of the user; the answer carries the new epoch.
///
/// `BAD_USER_INPUT` when `current` is wrong or `new` is no password.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub async fn change_password(
    app: &App,
    client: &ClientAddress,
    user: &user::Model,
    current: Secret,
    new: Secret,
) -> Result<user::Model> {
    check_password("new", &new)?;
    throttle::password_check(app, Some(&user.username_key), client).await?;
    let verdict = app
        .hasher
        .verify(current, Some(user.password_hash.clone()))
        .await?;
    if verdict == Verdict::Wrong {
        return Err(Error::bad_input("current", "This is not your password."));
    }
    let password_hash = app.hasher.hash(new).await?;
    let (id, epoch) = (user.id, user.credential_epoch);
    let event = events::row(app, Event::new(Kind::PasswordChanged).by(id).from(client));
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            let changed = user::Entity::update_many()
                .col_expr(user::Column::PasswordHash, Expr::value(password_hash))
                .col_expr(
                    user::Column::CredentialEpoch,
                    Expr::col(user::Column::CredentialEpoch).add(1),
                )
                .filter(user::Column::Id.eq(id))
                // Of two changes at once the second was asked for with credentials that are void by now.
                .filter(user::Column::CredentialEpoch.eq(epoch))
                .exec_with_returning(transaction)
                .await?
                .pop()
                .ok_or_else(Error::unauthenticated)?;
            events::record(transaction, event).await?;
            Ok(changed)
        })
    });
    change.await
}

/// Stops or restores an account, found by name; stopping voids its sessions, tokens and tickets for good.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub async fn set_disabled(app: &App, username: &str, disabled: bool) -> Result<()> {
    let user = find(app, username).await?.ok_or_else(Error::not_found)?;
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            user::Entity::update_many()
                .col_expr(user::Column::Disabled, Expr::value(disabled))
                .col_expr(
                    user::Column::CredentialEpoch,
                    Expr::col(user::Column::CredentialEpoch).add(1),
                )
                .filter(user::Column::Id.eq(user.id))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    change.await
}

/// The active user of that name, to share with.
pub async fn by_name(app: &App, username: &str) -> Result<Option<user::Model>> {
    Ok(find(app, username).await?.filter(|user| !user.disabled))
}

/// These users, in no order.
#[expect(
    clippy::disallowed_methods,
    reason = "a name is public to whoever sees a file or share of its user"
)]
pub async fn by_ids(app: &App, ids: Vec<Uuid>) -> Result<Vec<user::Model>> {
    let users = user::Entity::find().filter(user::Column::Id.is_in(ids));
    Ok(users.all(app.db.read()).await?)
}

#[expect(clippy::disallowed_methods, reason = "accounts are found here")]
async fn find(app: &App, username: &str) -> Result<Option<user::Model>> {
    let Ok(username_key) = username_key(username) else {
        return Ok(None);
    };
    let found = user::Entity::find().filter(user::Column::UsernameKey.eq(username_key));
    Ok(found.one(app.db.read()).await?)
}

#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
async fn renew_hash(app: &App, user: &user::Model, password: Secret) -> Result<()> {
    let password_hash = app.hasher.hash(password).await?;
    let (id, epoch) = (user.id, user.credential_epoch);
    let renew = app.db.write(move |transaction| {
        Box::pin(async move {
            user::Entity::update_many()
                .col_expr(user::Column::PasswordHash, Expr::value(password_hash))
                .filter(user::Column::Id.eq(id))
                .filter(user::Column::CredentialEpoch.eq(epoch))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    renew.await
}

/// The form user names are compared by.
fn username_key(username: &str) -> Result<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let ends = [username.chars().next(), username.chars().next_back()];
    let good = (1..=USERNAME_MAX).contains(&username.len())
        && username.chars().all(allowed)
        && ends.iter().flatten().all(char::is_ascii_alphanumeric);
    if !good {
        return Err(Error::bad_input(
            "username",
            "A user name has 1 to 32 letters (a-z), digits, dots, hyphens or underscores, and begins and ends with a \
             letter or digit.",
        ));
    }
    Ok(username.to_ascii_lowercase())
}

fn check_password(field: &'static str, password: &Secret) -> Result<()> {
    let length = password.expose().chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return Err(Error::bad_input(
            field,
            format!("A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters."),
        ));
    }
    if common_passwords::contains(password.expose()) {
        return Err(Error::bad_input(
            field,
            "This password is one of the most common, which are guessed first; choose another.",
        ));
    }
    Ok(())
}
