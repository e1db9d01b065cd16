//! Signing in and out.

use entity::{api_token, event::Kind, user};
use uuid::Uuid;

use super::{
    find,
    passwords::renew_hash,
    rules::{check_passwords_on, username_key},
};
use crate::{
    app::App,
    auth::{
        Account, Viewer,
        client::ClientAddress,
        password::{Line, Verdict},
        session::{self, NewSession},
        throttle,
    },
    config::Secret,
    domain::{
        api_tokens::{self, NewToken},
        events::{self, Event, Object},
    },
    error::{Code, Error, Result},
};

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
    check_passwords_on(app)?;
    let account = username_key(username).ok();
    let mut waiter = app.hasher.line_up(Line::of(client))?;
    let account = account.as_deref();
    let mut charged = throttle::sign_in(app, account, client, waiter.begun()).await?;
    let user = find(app, username).await?;
    let tried = user
        .as_ref()
        .map(|user| (Object::User(user.id), user.username.clone()));
    let hash = user.as_ref().and_then(user::Model::hash_of_password);
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

/// Ends the session `id` of `viewer`, from wherever; `NOT_FOUND` when it is none of theirs.
pub async fn end_session(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    id: Uuid,
) -> Result<()> {
    let user_id = viewer.id();
    let event = events::row(
        app,
        Event::of_account(Kind::SignedOut, user_id).from(client),
    );
    let end = app.db.write(move |transaction| {
        Box::pin(async move {
            session::end_of_user(transaction, user_id, id).await?;
            events::record(transaction, event).await
        })
    });
    end.await
}
