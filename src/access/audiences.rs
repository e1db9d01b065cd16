//! Audiences: whom shares reach, and which of them a user belongs to.
//!
//! An audience is two columns of a share, so one more kind of audience is one more entry in [`keys`]. Whether a user belongs
//! to an audience is checked at every access, and never stored as rows.

use entity::{
    deleted_user, file, group_member,
    share::{self, Audience},
};
use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

/// The id of the one audience of everyone who is signed in.
pub const EVERYONE: Uuid = Uuid::nil();

/// Audiences of one kind.
pub(super) struct Key {
    audience: Audience,
    members: Members,
}

/// Which audiences of their kind, the ids given as expressions.
enum Members {
    /// The one with this id.
    Of(Expr),
    /// The groups that the user with this id belongs to.
    GroupsOf(Expr),
}

impl Key {
    /// Whether it is one audience, whose shares are one range of the index of shares by audience.
    pub fn is_one(&self) -> bool {
        matches!(self.members, Members::Of(_))
    }

    /// The shares to these audiences.
    ///
    /// For groups, the shares come first, and then whether the user belongs to the group of each: most files are shared with
    /// no group, and then nothing of groups is read.
    pub fn matches(&self) -> Condition {
        let audience = Condition::all().add(share::Column::Audience.eq(self.audience));
        match &self.members {
            Members::Of(id) => audience.add(share::Column::AudienceId.into_expr().eq(id.clone())),
            Members::GroupsOf(user_id) => {
                let is_member = Query::select()
                    .expr(Expr::cust("1"))
                    .from(group_member::Entity)
                    .and_where(
                        group_member::Column::GroupId
                            .into_expr()
                            .equals((share::Entity, share::Column::AudienceId)),
                    )
                    .and_where(group_member::Column::UserId.into_expr().eq(user_id.clone()))
                    .to_owned();
                audience.add(Expr::exists(is_member))
            }
        }
    }
}

/// The audiences that the user `id` belongs to.
pub(super) fn of_user(id: Uuid) -> [Key; 3] {
    keys(Expr::value(id), Expr::value(EVERYONE))
}

/// The audiences that a user belongs to. [`EVERYONE`] is given as an expression too: a statement that is prepared as text
/// has it as a parameter.
pub(super) fn keys(user_id: Expr, everyone: Expr) -> [Key; 3] {
    let groups = Members::GroupsOf(user_id.clone());
    let key = |audience, members| Key { audience, members };
    [
        key(Audience::User, Members::Of(user_id)),
        key(Audience::Authenticated, Members::Of(everyone)),
        key(Audience::Group, groups),
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

/// The files of accounts that have not been deleted: what is left of a deleted one is shared with nobody any more.
pub(super) fn of_lasting_owner() -> Expr {
    let deletion = Query::select()
        .expr(Expr::cust("1"))
        .from(deleted_user::Entity)
        .and_where(
            deleted_user::Column::UserId
                .into_expr()
                .equals((file::Entity, file::Column::OwnerId)),
        )
        .to_owned();
    Expr::exists(deletion).not()
}
