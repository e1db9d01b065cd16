//! Accounts: sign-up, sign-in, passwords.

use entity::{api_token, event::Kind, user};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    api_tokens::{self, NewToken},
    events::{self, By, Event, Object},
    links,
};
use crate::{
    app::App,
    auth::{
        Account, PublicUser, Viewer,
        client::ClientAddress,
        password::{Line, Verdict, Waiter},
        session::NewSession,
        throttle,
    },
    config::{Secret, SignUp},
    error::{Code, Error, Result, is_duplicate},
    random,
};

mod rules;

use rules::{check_password, typed_name, username_key};

/// Makes an account for whoever asks. `FORBIDDEN` where sign-up is closed, `CONFLICT` when the name is taken,
/// `RATE_LIMITED` when the client's address asked too often, whatever for. `session` begins with the account.
pub async fn sign_up(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    username: &str,
    password: Secret,
) -> Result<Account> {
    if app.config.accounts.sign_up == SignUp::Closed {
        return Err(Error::new(
            Code::Forbidden,
            "Sign-up is closed here; ask the operator for an account.",
        ));
    }
    let username_key = username_key(username)?;
    check_password("password", &password)?;
    let waiter = app.hasher.line_up(Line::of(client))?;
    throttle::sign_up(app, client).await?;
    let mark = throttle::Mark::new(app, &username_key, client);
    let from = Visit {
        client: *client,
        mark,
        session,
    };
    make(app, waiter, username, password, Some(from)).await
}

/// Where somebody signs up from.
struct Visit {
    client: ClientAddress,
    mark: throttle::Mark,
    session: NewSession,
}

/// Makes an account for the operator, who is not limited. `CONFLICT` when the name is taken, in whatever case.
pub async fn create(app: &App, username: &str, password: Secret) -> Result<Account> {
    username_key(username)?;
    check_password("password", &password)?;
    let waiter = app.hasher.line_up(Line::Operator)?;
    make(app, waiter, username, password, None).await
}

#[expect(clippy::disallowed_methods, reason = "accounts are made here")]
async fn make(
    app: &App,
    mut waiter: Waiter,
    username: &str,
    password: Secret,
    from: Option<Visit>,
) -> Result<Account> {
    // Before the hash, which costs so much more than a look.
    if find(app, username).await?.is_some() {
        return Err(taken());
    }
    let now = app.clock.now();
    let id = random::id(now);
    let row = user::ActiveModel {
        id: Set(id),
        username: Set(typed_name(username).to_owned()),
        username_key: Set(username_key(username)?),
        password_hash: Set(waiter.hash(password).await?),
        disabled: Set(false),
        credential_epoch: Set(0),
        used_bytes: Set(0),
        trashed_bytes: Set(0),
        reserved_bytes: Set(0),
        file_count: Set(0),
        created_at: Set(now),
    };
    let client = from.as_ref().map(|visit| visit.client).unwrap_or_default();
    let by = from.as_ref().map_or(By::Operator, |_| By::User(id));
    let event = Event::of_account(Kind::SignedUp, id).by(by).from(&client);
    let event = events::row(app, event);
    let session = from.as_ref().map(|visit| visit.session.clone());
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            let inserted = row.insert(transaction).await;
            let user = inserted.map_err(|error| match is_duplicate(&error) {
                true => taken(),
                false => Error::from(error),
            })?;
            if let Some(visit) = from {
                visit.mark.set(transaction).await?;
                visit.session.store(transaction, &user).await?;
            }
            events::record(transaction, event).await?;
            Ok(user)
        })
    });
    let user = insert.await?;
    if let Some(session) = session {
        session.tell(&user).await;
    }
    Ok(user.into())
}

fn taken() -> Error {
    Error::new(Code::Conflict, "This user name is taken; choose another.").with("field", "username")
}

/// Signs in the user whose name and password these are, by `session`. Every refusal is the same, in words and in time, but
/// for `RATE_LIMITED` after too many tries, which does not depend on whether there is such a user either.
pub async fn sign_in(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    username: &str,
    password: Secret,
) -> Result<Account> {
    let user = check_credentials(app, client, username, password).await?;
    session.begin(app, &user).await?;
    Ok(user.into())
}

/// Signs in the user whose name and password these are by a new token, and not by a session: for programs, which need no
/// cookies. Refused as [`sign_in`] is; `CONFLICT` where the user has as many tokens as there may be.
pub async fn sign_in_for_token(
    app: &App,
    client: &ClientAddress,
    username: &str,
    password: Secret,
    token: NewToken,
) -> Result<(Secret, api_token::Model)> {
    let user = check_credentials(app, client, username, password).await?;
    api_tokens::make(app, client, (user.id, user.credential_epoch), token).await
}

/// The user whose name and password these are.
async fn check_credentials(
    app: &App,
    client: &ClientAddress,
    username: &str,
    password: Secret,
) -> Result<user::Model> {
    let account = username_key(username).ok();
    let mut waiter = app.hasher.line_up(Line::of(client))?;
    let account = account.as_deref();
    let mut charged = throttle::sign_in(app, account, client, waiter.begun()).await?;
    let user = find(app, username).await?;
    let tried = user
        .as_ref()
        .map(|user| (Object::User(user.id), user.username.clone()));
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let verdict = waiter.verify(password.clone(), hash).await;
    let user = user.filter(|user| !user.disabled);
    charged.judge(
        verdict
            .as_ref()
            .is_ok_and(|verdict| *verdict == Verdict::Wrong || user.is_none()),
    );
    let verdict = verdict?;
    let Some(user) = user.filter(|_| verdict != Verdict::Wrong) else {
        // Only a name that exists goes into the trail: people mistake the fields and type their password.
        events::enqueue(app, None, || {
            let (object, detail) = tried.unzip();
            Event {
                object,
                detail,
                ..Event::new(Kind::SignInRefused).from(client)
            }
        });
        return Err(Error::new(
            Code::Unauthenticated,
            "User name or password is wrong.",
        ));
    };
    charged.was_right(app).await?;
    events::enqueue(app, None, || {
        Event::of_account(Kind::SignedIn, user.id).from(client)
    });
    if verdict == Verdict::RightButOutdated {
        renew_hash(app, &mut waiter, &user, password).await?;
    }
    Ok(user)
}

/// Notes that `viewer` ended their session.
pub fn signed_out(app: &App, client: &ClientAddress, viewer: &Viewer) {
    events::enqueue(app, None, || {
        Event::of_account(Kind::SignedOut, viewer.id()).from(client)
    });
}

/// Sets a new password, which voids every session, token and ticket of the user; `session` begins with it.
///
/// `BAD_USER_INPUT` when `current` is wrong or `new` is no password; `RATE_LIMITED` when `current` was wrong too often,
/// or the password was changed too often, here: strangers who guess at the account do not keep its user from reacting.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub async fn change_password(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    viewer: &Viewer,
    current: Secret,
    new: Secret,
) -> Result<Account> {
    check_password("new", &new)?;
    let (id, epoch) = (viewer.id(), viewer.epoch());
    let mut waiter = app.hasher.line_up(Line::User(id))?;
    let mut tries = throttle::password_change(app, id, waiter.begun()).await?;
    let user = app.db.one(user::Entity::find_by_id(id)).await?;
    let user = user.ok_or_else(Error::unauthenticated)?;
    let verdict = waiter.verify(current, Some(user.password_hash)).await;
    tries.judge(matches!(verdict, Ok(Verdict::Wrong)));
    if verdict? == Verdict::Wrong {
        events::enqueue(app, None, || {
            Event::of_account(Kind::PasswordChangeRefused, id).from(client)
        });
        return Err(Error::bad_input("current", "This is not your password."));
    }
    let password_hash = waiter.hash(new).await?;
    let event = events::row(
        app,
        Event::of_account(Kind::PasswordChanged, id).from(client),
    );
    let new_session = session.clone();
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
            tries.was_right(transaction).await?;
            new_session.store(transaction, &changed).await?;
            events::record(transaction, event).await?;
            Ok(changed)
        })
    });
    let changed = change.await?;
    session.tell(&changed).await;
    Ok(changed.into())
}

/// Gives an account, found by name, another password, which voids its sessions, tokens and tickets: for the operator, when it
/// is forgotten. A stopped account stays stopped.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub async fn set_password(app: &App, username: &str, password: Secret) -> Result<()> {
    let user = find(app, username).await?.ok_or_else(unknown)?;
    check_password("password", &password)?;
    let password_hash = app.hasher.line_up(Line::Operator)?.hash(password).await?;
    let event = Event::of_account(Kind::PasswordChanged, user.id).by(By::Operator);
    let event = events::row(app, event.detail(events::name(&user.username)));
    let change = app.db.write(move |transaction| {
        Box::pin(async move {
            user::Entity::update_many()
                .col_expr(user::Column::PasswordHash, Expr::value(password_hash))
                .col_expr(
                    user::Column::CredentialEpoch,
                    Expr::col(user::Column::CredentialEpoch).add(1),
                )
                .filter(user::Column::Id.eq(user.id))
                .exec(transaction)
                .await?;
            events::record(transaction, event).await
        })
    });
    change.await
}

/// What the operator is told of a name that is nobody's.
fn unknown() -> Error {
    Error::new(Code::NotFound, "There is no account of this name.")
}

/// Stops or restores an account, found by name; stopping voids its sessions, tokens and tickets for good,
/// and those of visitors of its links.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub async fn set_disabled(app: &App, username: &str, disabled: bool) -> Result<()> {
    let user = find(app, username).await?.ok_or_else(unknown)?;
    let kind = match disabled {
        true => Kind::AccountDisabled,
        false => Kind::AccountEnabled,
    };
    let event = Event::of_account(kind, user.id).by(By::Operator);
    // Whoever types the command reads the log's line of it, and knows no ids.
    let event = events::row(app, event.detail(events::name(&user.username)));
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
            links::void_tickets(transaction, user.id).await?;
            events::record(transaction, event).await
        })
    });
    change.await
}

/// The active user of that name, to share with.
pub async fn by_name(app: &App, username: &str) -> Result<Option<Account>> {
    let user = find(app, username).await?;
    Ok(user.filter(|user| !user.disabled).map(Account::from))
}

/// The user whose name is `username`, disabled or not; for the owner of a file, who asks what keeps that user from it.
pub async fn by_name_disabled_too(app: &App, username: &str) -> Result<Option<PublicUser>> {
    Ok(find(app, username).await?.map(PublicUser::from))
}

/// What a user is told of a name that is nobody's.
pub fn not_found() -> Error {
    let mut error = Error::not_found().with("field", "username");
    error.detail = "There is no user of that name.".to_owned();
    error
}

/// These users, in no order.
#[expect(
    clippy::disallowed_methods,
    reason = "a name is public to whoever sees a file or share of its user"
)]
pub async fn by_ids(app: &App, ids: Vec<Uuid>) -> Result<Vec<Account>> {
    let users = user::Entity::find().filter(user::Column::Id.is_in(ids));
    let users = app.db.all(users).await?;
    Ok(users.into_iter().map(Account::from).collect())
}

#[expect(clippy::disallowed_methods, reason = "accounts are found here")]
pub(super) async fn find(app: &App, username: &str) -> Result<Option<user::Model>> {
    let Ok(username_key) = username_key(username) else {
        return Ok(None);
    };
    let found = user::Entity::find().filter(user::Column::UsernameKey.eq(username_key));
    app.db.one(found).await
}

#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
async fn renew_hash(
    app: &App,
    waiter: &mut Waiter,
    user: &user::Model,
    password: Secret,
) -> Result<()> {
    let password_hash = waiter.hash(password).await?;
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
