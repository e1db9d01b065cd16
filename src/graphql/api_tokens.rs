//! ApiToken: how programs and phones sign in.

use async_graphql::{Context, Description, Enum, ID, Object, SimpleObject};
use entity::api_token;

use super::{
    ContextExt,
    list::List,
    scalars::{self, DateTime, parse_id},
};
use crate::{
    auth::Scopes,
    config::Secret,
    domain::{
        accounts,
        api_tokens::{self, NewToken},
    },
    error::Result,
};

/// What an API token allows. No token manages credentials.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum ApiTokenScope {
    /// Queries, download tickets included.
    Read,
    /// Mutations on files, uploads, shares, groups and drops as well.
    Write,
}

/// An API token, without its secret.
#[derive(Description)]
pub struct ApiToken(pub api_token::Model);

#[Object(use_type_description)]
impl ApiToken {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// What you called it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it allows.
    async fn scopes(&self) -> List<ApiTokenScope> {
        let scopes = [
            (self.0.scope_read, ApiTokenScope::Read),
            (self.0.scope_write, ApiTokenScope::Write),
        ];
        scopes
            .into_iter()
            .filter_map(|(has, scope)| has.then_some(scope))
            .collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it ends by itself; null when it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }
}

/// A new API token and its secret.
#[derive(SimpleObject)]
pub struct CreatedApiToken {
    /// Send it as `Authorization: Bearer crm_…`. Shown this once; only a hash is kept.
    secret: String,
    /// The token itself.
    api_token: ApiToken,
}

#[derive(Default)]
pub struct ApiTokenQueries;

#[Object]
impl ApiTokenQueries {
    /// Your API tokens, newest first. Sessions only.
    async fn api_tokens(&self, context: &Context<'_>) -> Result<List<ApiToken>> {
        let user = context.actor().credential_owner()?;
        let tokens = api_tokens::list(context.app(), user).await?;
        Ok(tokens.into_iter().map(ApiToken).collect())
    }
}

/// What a new token is to be, from the arguments that say it.
fn new_token(
    context: &Context<'_>,
    name: String,
    scopes: &[ApiTokenScope],
    expires_at: Option<DateTime>,
) -> Result<NewToken> {
    let scopes = Scopes {
        read: scopes.contains(&ApiTokenScope::Read),
        write: scopes.contains(&ApiTokenScope::Write),
    };
    NewToken::check(context.app(), name, scopes, expires_at.map(|end| end.0))
}

impl From<(Secret, api_token::Model)> for CreatedApiToken {
    fn from((secret, token): (Secret, api_token::Model)) -> Self {
        Self {
            secret: secret.expose().to_owned(),
            api_token: ApiToken(token),
        }
    }
}

#[derive(Default)]
pub struct ApiTokenMutations;

#[Object]
impl ApiTokenMutations {
    /// Makes an API token. Sessions only. `QUOTA_EXCEEDED` when you have as many as you may (`limits { maxTokensPerUser }`).
    async fn create_api_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to call it, 1 to 100 characters, at least one that can be seen.")]
        name: String,
        #[graphql(desc = "What it is to allow, at least one; WRITE includes READ.")] scopes: Vec<
            ApiTokenScope,
        >,
        #[graphql(desc = "When it ends by itself; it does not when this is null.")]
        expires_at: Option<DateTime>,
    ) -> Result<CreatedApiToken> {
        let user = context.actor().credential_owner()?;
        let token = new_token(context, name, &scopes, expires_at)?;
        let created = api_tokens::create(context.app(), context.client(), user, token);
        Ok(created.await?.into())
    }

    /// Signs in by a name and password, for phones and programs: the answer has a new API token, and no cookie.
    /// `UNAUTHENTICATED` when name or password is wrong, `RATE_LIMITED` after too many tries; those of `signIn` count as
    /// well. `QUOTA_EXCEEDED` when the account has as many tokens as it may.
    async fn sign_in_for_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's name, in any case; white space around it is left out.")]
        username: String,
        #[graphql(desc = "The account's password.")] password: String,
        #[graphql(
            desc = "What to call the token, 1 to 100 characters, at least one that can be seen."
        )]
        name: String,
        #[graphql(desc = "What it is to allow, at least one; WRITE includes READ.")] scopes: Vec<
            ApiTokenScope,
        >,
        #[graphql(desc = "When it ends by itself; it does not when this is null.")]
        expires_at: Option<DateTime>,
    ) -> Result<CreatedApiToken> {
        let token = new_token(context, name, &scopes, expires_at)?;
        let created = accounts::sign_in_for_token(
            context.app(),
            context.client(),
            &username,
            Secret::from(password),
            token,
        );
        Ok(created.await?.into())
    }

    /// Ends an API token of yours at once. Sessions only.
    async fn revoke_api_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token's id.")] id: ID,
    ) -> Result<ID> {
        let user = context.actor().credential_owner()?;
        api_tokens::revoke(context.app(), context.client(), user, parse_id(&id)?).await?;
        Ok(id)
    }
}
