//! Accounts: sign-up, sign-in, passwords; and looking after them.

use entity::{deleted_user, user};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use crate::{
    app::App,
    auth::{Account, PublicUser},
    error::{Code, Error, Result},
};

mod administration;
mod deletion;
mod linking;
mod passwords;
mod provider;
mod rules;
mod sign_in;
mod sign_up;

pub use administration::{
    Overseer, find_account, list, set_disabled, set_disabled_by, set_quota, set_role,
};
pub use deletion::{delete, delete_own, sweep_deleted};
pub use linking::{link, unlink};
pub use passwords::{change_password, set_password};
pub use provider::{Answer, begin, come_back};
use rules::username_key;
pub use sign_in::{end_session, sign_in, sign_in_for_token, signed_out};
pub use sign_up::{create, create_with, sign_up};

/// What the operator is told of a name that is nobody's.
fn unknown() -> Error {
    Error::new(Code::NotFound, "There is no account of this name.")
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

/// These users, in no order, without those whose accounts are deleted.
#[expect(
    clippy::disallowed_methods,
    reason = "a name is public to whoever sees a file or share of its user"
)]
pub async fn by_ids(app: &App, ids: Vec<Uuid>) -> Result<Vec<Account>> {
    let users = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .filter(not_deleted());
    let users = app.db.all(users).await?;
    Ok(users.into_iter().map(Account::from).collect())
}

/// The users whose accounts are not deleted.
fn not_deleted() -> Expr {
    let deletion = Query::select()
        .expr(Expr::cust("1"))
        .from(deleted_user::Entity)
        .and_where(
            deleted_user::Column::UserId
                .into_expr()
                .equals((user::Entity, user::Column::Id)),
        )
        .to_owned();
    Expr::exists(deletion).not()
}

/// The user of that name. A deleted account has none.
#[expect(clippy::disallowed_methods, reason = "accounts are found here")]
pub(super) async fn find(app: &App, username: &str) -> Result<Option<user::Model>> {
    let Ok(username_key) = username_key(username) else {
        return Ok(None);
    };
    let found = user::Entity::find().filter(user::Column::UsernameKey.eq(username_key));
    app.db.one(found).await
}
