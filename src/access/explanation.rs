//! Why a user may see a file, or may not: for its owner, who asks.
//!
//! The policy itself answers, over the same facts as everywhere. What is told besides is which shares the facts come from.

use entity::share;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use super::{
    Access, Owned, audiences,
    policy::{Facts, Grant, Refusal, refusals},
};
use crate::{
    auth::PublicUser,
    error::{Error, Result},
};

/// How many shares are told at most.
const GRANTS_MAX: u64 = 100;

/// What a user gets of a file.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub owns: bool,
    /// The unexpired shares that reach the user, newest first; 100 at most.
    pub grants: Vec<Owned<share::Model>>,
    /// All that keeps the user from the file; nothing where they may see it.
    pub obstacles: Vec<Obstacle>,
}

impl Explanation {
    /// Whether the user may see the file.
    pub fn allowed(&self) -> bool {
        self.obstacles.is_empty()
    }
}

/// What keeps a user from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    UserDisabled,
    FileTrashed,
    /// Nothing grants sight any more.
    ShareExpired,
    /// Nothing grants sight, as far as is known.
    NoShare,
}

/// What `user` gets of the file, live or in the trash. `NOT_FOUND` when it has been purged meanwhile.
pub async fn explain(
    access: &Access,
    file_id: &Owned<Uuid>,
    user: &PublicUser,
) -> Result<Explanation> {
    let found = access.file_facts.for_user(**file_id, user.id).await?;
    let (_, facts) = found.ok_or_else(Error::not_found)?;
    let grants = grants(access, file_id, user.id).await?;
    // Of one moment with the shares that are told, so that the answer agrees with itself.
    let facts = Facts {
        grant: Grant::of(grants.iter().map(|share| share.expires_at)),
        ..facts
    };
    let mut obstacles = Vec::new();
    for refusal in refusals(&facts) {
        obstacles.push(match refusal {
            Refusal::UserInactive => Obstacle::UserDisabled,
            Refusal::FileGone => Obstacle::FileTrashed,
            Refusal::NotGranted if has_ended(access, file_id, user.id).await? => {
                Obstacle::ShareExpired
            }
            Refusal::NotGranted => Obstacle::NoShare,
        });
    }
    obstacles.sort_unstable();
    Ok(Explanation {
        owns: facts.is_owner,
        grants,
        obstacles,
    })
}

/// The shares that grant the user sight of the file.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn grants(
    access: &Access,
    file_id: &Owned<Uuid>,
    user_id: Uuid,
) -> Result<Vec<Owned<share::Model>>> {
    let audiences = audiences::of_user(user_id);
    let grants = share::Entity::find()
        .filter(share::Column::FileId.eq(**file_id))
        .filter(audiences::grants(
            &audiences,
            Expr::value(access.clock.now()),
        ))
        .order_by_desc(share::Column::Id)
        .limit(GRANTS_MAX);
    let grants = access.db.all(grants).await?.into_iter();
    let owner = file_id.owner;
    Ok(grants.map(|row| Owned { row, owner }).collect())
}

/// Whether there is a share to the user, of which none grants anything.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn has_ended(access: &Access, file_id: &Owned<Uuid>, user_id: Uuid) -> Result<bool> {
    let reaching = share::Entity::find()
        .filter(share::Column::FileId.eq(**file_id))
        .filter(audiences::reaches(&audiences::of_user(user_id)));
    Ok(access.db.one(reaching).await?.is_some())
}
