//! Who may be granted sight of a file.

use entity::{
    Timestamp,
    user::{self, Role},
};
use uuid::Uuid;

use crate::config::Config;

/// Who asks: an active user, whose credentials were checked. This is the policy's input, and only `auth` makes one.
///
/// The row of a user is not a viewer:
///
/// ```compile_fail,E0308
/// # use {cloakroom::{access, app::App, error::Result}, entity::user, uuid::Uuid};
/// async fn peek(app: &App, somebody: user::Model, id: Uuid) -> Result<()> {
///     access::readable_file(app, &somebody, id).await.map(drop)
/// }
/// ```
///
/// Nor is a user with whom files can be shared:
///
/// ```compile_fail,E0308
/// # use {cloakroom::{access, app::App, auth::PublicUser, error::Result}, uuid::Uuid};
/// async fn peek(app: &App, grantee: PublicUser, id: Uuid) -> Result<()> {
///     access::readable_file(app, &grantee, id).await.map(drop)
/// }
/// ```
///
/// ```compile_fail,E0451
/// # use cloakroom::auth::{Account, Viewer};
/// fn pose(account: Account) -> Viewer {
///     Viewer { account, epoch: 0 }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Viewer {
    account: Account,
    epoch: i64,
}

/// An account without its secrets: what its user may know of it. It is no proof of anything.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: PublicUser,
    pub usage: Usage,
    pub role: Role,
    pub disabled: bool,
    has_password: bool,
}

/// How much a user keeps, as it was when the row was read.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Bytes of all files, those in the trash included.
    pub used_bytes: i64,
    pub trashed_bytes: i64,
    /// Bytes held for uploads under way.
    pub reserved_bytes: i64,
    /// Files, those in the trash included.
    pub files: i64,
    /// How many bytes the user may keep, where that is not what the configuration says for all.
    pub own_quota: Option<i64>,
}

/// What every signed-in user may know of a user. It is no proof of anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUser {
    pub id: Uuid,
    pub username: String,
    pub created_at: Timestamp,
}

impl Viewer {
    /// The user whose credentials were accepted just now.
    pub(super) fn of(user: user::Model) -> Self {
        Self {
            epoch: user.credential_epoch,
            account: user.into(),
        }
    }

    pub fn id(&self) -> Uuid {
        self.account.user.id
    }

    /// The epoch of the credentials that were accepted.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    pub fn account(&self) -> &Account {
        &self.account
    }
}

impl Account {
    /// Whether a password signs in: where passwords are switched off, those that are kept open nothing.
    pub fn signs_in_by_password(&self, config: &Config) -> bool {
        self.has_password && config.takes_passwords()
    }
}

impl From<user::Model> for Account {
    fn from(user: user::Model) -> Self {
        Self {
            usage: Usage::from(&user),
            role: user.role,
            disabled: user.disabled,
            has_password: user.hash_of_password().is_some(),
            user: user.into(),
        }
    }
}

impl From<&user::Model> for Usage {
    fn from(user: &user::Model) -> Self {
        Self {
            used_bytes: user.used_bytes,
            trashed_bytes: user.trashed_bytes,
            reserved_bytes: user.reserved_bytes,
            files: user.file_count,
            own_quota: user.quota_bytes,
        }
    }
}

impl From<user::Model> for PublicUser {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.id,
            username: user.username,
            created_at: user.created_at,
        }
    }
}
