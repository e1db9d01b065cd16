//! Making accounts.

use entity::{
    Timestamp,
    event::Kind,
    user::{self, Role},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use uuid::Uuid;

use super::{
    administration, find,
    rules::{check_password, check_passwords_on, typed_name, username_key},
};
use crate::{
    app::App,
    auth::{
        Account,
        client::ClientAddress,
        password::{Line, Waiter},
        session::NewSession,
        throttle,
    },
    config::{Secret, SignUp},
    domain::events::{self, By, Event},
    error::{Code, Error, Result, is_duplicate},
    random,
};

/// Makes an account for whoever asks. `FORBIDDEN` where sign-up is closed, `CONFLICT` when the name is taken,
/// `RATE_LIMITED` when the client's address asked too often, whatever for. `session` begins with the account.
pub async fn sign_up(
    app: &App,
    client: &ClientAddress,
    session: NewSession,
    username: &str,
    password: Secret,
) -> Result<Account> {
    check_passwords_on(app)?;
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
    make(app, waiter, (username, password), Role::User, Some(from)).await
}

/// Where somebody signs up from.
struct Visit {
    client: ClientAddress,
    mark: throttle::Mark,
    session: NewSession,
}

/// Makes an account for the operator, who is not limited. `CONFLICT` when the name is taken, in whatever case.
pub async fn create(app: &App, username: &str, password: Secret) -> Result<Account> {
    create_with(app, username, password, Role::User).await
}

/// The same with a role.
pub async fn create_with(
    app: &App,
    username: &str,
    password: Secret,
    role: Role,
) -> Result<Account> {
    username_key(username)?;
    check_password("password", &password)?;
    let waiter = app.hasher.line_up(Line::Operator)?;
    make(app, waiter, (username, password), role, None).await
}

#[expect(clippy::disallowed_methods, reason = "accounts are made here")]
async fn make(
    app: &App,
    mut waiter: Waiter,
    (username, password): (&str, Secret),
    role: Role,
    from: Option<Visit>,
) -> Result<Account> {
    // Before the hash, which costs so much more than a look.
    if find(app, username).await?.is_some() {
        return Err(taken());
    }
    let now = app.clock.now();
    let id = random::id(now);
    let row = new_row(id, now, username, waiter.hash(password).await?, role)?;
    let client = from.as_ref().map(|visit| visit.client).unwrap_or_default();
    let by = from.as_ref().map_or(By::Operator, |_| By::User(id));
    let event = Event::of_account(Kind::SignedUp, id).by(by).from(&client);
    let event = match role {
        Role::User => event,
        Role::Admin => event.detail(administration::word(role)),
    };
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

/// The row of a new account.
pub(super) fn new_row(
    id: Uuid,
    now: Timestamp,
    username: &str,
    password_hash: String,
    role: Role,
) -> Result<user::ActiveModel> {
    Ok(user::ActiveModel {
        id: Set(id),
        username: Set(typed_name(username).to_owned()),
        username_key: Set(username_key(username)?),
        password_hash: Set(password_hash),
        disabled: Set(false),
        credential_epoch: Set(0),
        used_bytes: Set(0),
        trashed_bytes: Set(0),
        reserved_bytes: Set(0),
        file_count: Set(0),
        created_at: Set(now),
        role: Set(role),
        quota_bytes: Set(None),
    })
}

fn taken() -> Error {
    Error::new(Code::Conflict, "This user name is taken; choose another.").with("field", "username")
}
