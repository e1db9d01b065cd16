//! From credentials to an [`Actor`]: who asks, and what their credential allows.

pub mod api_token;
mod caller;
pub mod client;
pub mod common_passwords;
pub mod credential;
pub mod drop;
pub mod link;
pub mod oidc;
pub mod password;
pub mod session;
pub mod signing;
mod sqlite;
mod subject;
pub mod throttle;
mod url_secret;
mod viewer;
pub mod webhook;

pub use caller::Caller;
pub use subject::{Identity, Subject};
pub use viewer::{Account, PublicUser, Usage, Viewer};

use std::sync::Arc;

use drop::DropVisitor;
use entity::user;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait,
    sea_query::{Expr, ExprTrait},
};
use signing::Keyring;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::Config,
    db::{Db, Reader},
    error::{Code, Error, Result},
};

/// What credentials are looked at with; cheap to clone.
#[derive(Clone, Debug)]
pub struct Auth {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub db: Db,
    pub keyring: Keyring,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Actor {
    Anonymous,
    /// Signed in by a session cookie.
    Session(Viewer),
    /// Signed in by an API token.
    ApiToken {
        viewer: Viewer,
        scopes: Scopes,
        token_id: Uuid,
    },
    /// Not signed in, with the URL of a drop, to leave files.
    Drop(DropVisitor),
}

/// What an API token allows. WRITE includes READ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    pub read: bool,
    pub write: bool,
}

impl Actor {
    /// The active user who asks, if anyone is signed in.
    pub fn viewer(&self) -> Option<&Viewer> {
        match self {
            Self::Anonymous | Self::Drop(_) => None,
            Self::Session(viewer) | Self::ApiToken { viewer, .. } => Some(viewer),
        }
    }

    /// The user, where they may read.
    pub fn reader(&self) -> Result<&Viewer> {
        self.viewer().ok_or_else(Error::unauthenticated)
    }

    /// The user, where they may change files and shares.
    pub fn writer(&self) -> Result<&Viewer> {
        match self {
            Self::ApiToken { scopes, .. } if !scopes.write => Err(Error::new(
                Code::Forbidden,
                "This API token may only read; use one with the WRITE scope.",
            )),
            _ => self.reader(),
        }
    }

    /// The user, where they may change their credentials: only people may, in a session.
    pub fn credential_owner(&self) -> Result<&Viewer> {
        match self {
            Self::ApiToken { .. } => Err(Error::new(
                Code::Forbidden,
                "API tokens cannot manage credentials; sign in with a password.",
            )),
            _ => self.reader(),
        }
    }
}

/// The user `id`, when active and still at `epoch`: otherwise whatever carried the epoch is void.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
async fn active_user(db: &Db, id: Uuid, epoch: i64) -> Result<Option<Viewer>> {
    let user = match db.reader() {
        Reader::Sqlite { lookups, .. } => {
            lookups
                .run(move |connection| sqlite::user(connection, id))
                .await?
        }
        Reader::Postgres(_) => db.one(user::Entity::find_by_id(id)).await?,
    };
    Ok(user.filter(|user| is_active(user, epoch)).map(Viewer::of))
}

/// Whether what carries this `epoch` of the user's credentials may sign them in.
pub(crate) fn is_active(user: &user::Model, epoch: i64) -> bool {
    !user.disabled && user.credential_epoch == epoch
}

/// The same as a condition of a query: the users who are active at `epoch`.
pub(crate) fn active(epoch: impl Into<Expr>) -> Condition {
    Condition::all()
        .add(user::Column::CredentialEpoch.into_expr().eq(epoch.into()))
        .add(enabled())
}

/// The users who are active with whatever credentials: what others do by links of theirs does not depend on those.
pub(crate) fn enabled() -> Expr {
    user::Column::Disabled.eq(false)
}
