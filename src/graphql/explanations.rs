//! AccessExplanation: why a user may see a file, or may not.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::{ContextExt, files::File, list::List, scalars::parse_id, shares::Share};
use crate::{
    access::{self, Obstacle},
    domain::accounts,
    error::Result,
};

/// What a user gets of a file of yours, and why.
#[derive(SimpleObject)]
pub struct AccessExplanation {
    /// Whether the user may see and download the file now.
    allowed: bool,
    /// The shares that reach the user and have not ended, newest first, 100 at most: with the user, with a group of theirs, and with everyone
    /// signed in. They are told while something else keeps the user from the file, too. A share by link reaches no user.
    grants: List<Share>,
    /// Whether the user owns the file.
    owns: bool,
    /// All that keeps the user from the file; empty if and only if `allowed` is true.
    obstacles: List<AccessObstacle>,
}

/// What keeps a user from a file.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Obstacle")]
pub enum AccessObstacle {
    /// The user's account is disabled.
    UserDisabled,
    /// The file is in the trash, where nobody downloads it; its owner can restore it.
    FileTrashed,
    /// The user does not own the file, and every share that reached the user has ended. It reads `NO_SHARE` once those shares are
    /// swept, which takes about a minute.
    ShareExpired,
    /// The user does not own the file, and no share reaches the user.
    NoShare,
}

#[derive(Default)]
pub struct ExplanationQueries;

#[Object]
impl ExplanationQueries {
    /// Why a user may see your file (live, or in the trash), or may not: what the check of each access says, not a copy of it. For
    /// the owner only: `FORBIDDEN` for recipients. `NOT_FOUND` when there is no such user.
    async fn explain_access(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of a file of yours.")] file_id: ID,
        #[graphql(desc = "The name of a user, who may be disabled; your own as well.")]
        username: String,
    ) -> Result<AccessExplanation> {
        let (app, owner) = (context.app(), context.actor().reader()?);
        // The file first: a caller who does not own it must not learn which accounts are disabled.
        let (file_id, file) = access::owned_sight(app, owner, parse_id(&file_id)?).await?;
        let user = accounts::by_name_disabled_too(app, &username).await?;
        let user = user.ok_or_else(accounts::not_found)?;
        let explanation = access::explain(app, &file_id, &user).await?;
        let file = File::from(file);
        let grants = explanation.grants.iter();
        Ok(AccessExplanation {
            allowed: explanation.allowed(),
            grants: grants
                .map(|share| Share::new(share.clone(), file.clone()))
                .collect(),
            owns: explanation.owns,
            obstacles: explanation.obstacles.into_iter().map(Into::into).collect(),
        })
    }
}
