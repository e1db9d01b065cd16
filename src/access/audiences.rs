//! Audiences: whom shares reach, and which of them a user belongs to.
//!
//! An audience is two columns of a share, so one more kind of audience is one more entry in [`keys`]. Whether a user belongs to
//! an audience is checked at every access, and never stored as rows.

use entity::share::{self, Audience};
use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

/// The id of the one audience of everyone who is signed in.
pub const EVERYONE: Uuid = Uuid::nil();

/// One audience, its id given as an expression.
pub(super) struct Key {
    audience: Audience,
    id: Expr,
}

impl Key {
    /// The shares to this audience.
    pub fn matches(&self) -> Condition {
        Condition::all()
            .add(share::Column::Audience.eq(self.audience))
            .add(share::Column::AudienceId.into_expr().eq(self.id.clone()))
    }
}

/// The audiences that the user `id` belongs to.
pub(super) fn of_user(id: Uuid) -> [Key; 2] {
    keys(Expr::value(id), Expr::value(EVERYONE))
}

/// The audiences that a user belongs to. [`EVERYONE`] is given as an expression too: a statement that is prepared as text
/// has it as a parameter.
pub(super) fn keys(user_id: Expr, everyone: Expr) -> [Key; 2] {
    let key = |audience, id| Key { audience, id };
    [
        key(Audience::User, user_id),
        key(Audience::Authenticated, everyone),
    ]
}

/// The shares to any of `keys`, those that have ended too.
pub(super) fn reaches(keys: &[Key]) -> Condition {
    keys.iter()
        .fold(Condition::any(), |any, key| any.add(key.matches()))
}

/// The shares to any of `keys` that have not ended at `now`.
pub(super) fn grants(keys: &[Key], now: Expr) -> Condition {
    Condition::all().add(reaches(keys)).add(unexpired(now))
}

/// The shares that have not ended at `now`.
pub(super) fn unexpired(now: Expr) -> Condition {
    Condition::any()
        .add(share::Column::ExpiresAt.is_null())
        .add(share::Column::ExpiresAt.into_expr().gt(now))
}
