//! Changing passwords.

use entity::{event::Kind, user};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{
    find,
    rules::{check_password, check_passwords_on},
    unknown,
};
use crate::{
    app::App,
    auth::{
        Account, Viewer,
        client::ClientAddress,
        password::{Line, Verdict, Waiter},
        session::NewSession,
        throttle,
    },
    config::Secret,
    domain::events::{self, By, Event},
    error::{Error, Result},
};

/// Sets a new password, which voids every session, token and ticket of the user; `session` begins with it.
///
/// `BAD_USER_INPUT` when `current` is wrong, as any is for an account without one, or `new` is no password; `RATE_LIMITED` when `current` was wrong too often,
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
    check_passwords_on(app)?;
    check_password("new", &new)?;
    let (id, epoch) = (viewer.id(), viewer.epoch());
    let mut waiter = app.hasher.line_up(Line::User(id))?;
    let mut tries = throttle::password_change(app, id, waiter.begun()).await?;
    let user = app.db.one(user::Entity::find_by_id(id)).await?;
    let hash = user.ok_or_else(Error::unauthenticated)?.hash_of_password();
    let verdict = waiter.verify(current, hash).await;
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

/// Keeps a password that was right by a hash of today's cost.
#[expect(clippy::disallowed_methods, reason = "accounts are changed here")]
pub(super) async fn renew_hash(
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
