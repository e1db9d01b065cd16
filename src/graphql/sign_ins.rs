//! SignIn: where somebody is signed in by a browser.

use async_graphql::{Context, Description, ID, Object};

use super::{
    ContextExt,
    list::List,
    scalars::{self, DateTime, parse_id},
};
use crate::{
    auth::session::{self, SignIn as Session},
    domain::accounts,
    error::Result,
};

/// A sign-in of yours: a browser that has a session. API tokens are not among them.
#[derive(Description)]
pub struct SignIn(Session);

#[Object(use_type_description)]
impl SignIn {
    /// Opaque and stable; for `revokeSession` alone, and not for `node`.
    async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// When you signed in.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the session was last used, to within five minutes.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.0.last_used_at)
    }

    /// The address that you signed in from; null where it is not known.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// What the browser called itself then, its first 255 characters; null where it did not say.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Whether this is the session that you ask by.
    async fn is_current(&self) -> bool {
        self.0.is_current
    }
}

#[derive(Default)]
pub struct SignInQueries;

#[Object]
impl SignInQueries {
    /// Where you are signed in, the last used first, 100 at most. Sessions only: `FORBIDDEN` for API tokens.
    async fn sessions(&self, context: &Context<'_>) -> Result<List<SignIn>> {
        let user = context.actor().credential_owner()?;
        let sessions = session::of_viewer(context.app(), user, context.session()).await?;
        Ok(sessions.into_iter().map(SignIn).collect())
    }
}

#[derive(Default)]
pub struct SignInMutations;

#[Object]
impl SignInMutations {
    /// Ends a sign-in of yours at once, also the one that you ask by. Sessions only. `NOT_FOUND` when it has ended already.
    async fn revoke_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The sign-in's id.")] id: ID,
    ) -> Result<ID> {
        let user = context.actor().credential_owner()?;
        accounts::end_session(context.app(), context.client(), user, parse_id(&id)?).await?;
        Ok(id)
    }
}
