//! Who may look after accounts. An administrator sees accounts and sizes, and no file: nothing in here makes a proof about one.

use entity::user::Role;
use uuid::Uuid;

use crate::{
    auth::Viewer,
    error::{Code, Error, Result},
};

/// Proof that somebody looks after the accounts of others.
///
/// No other module makes an administrator of a user:
///
/// ```compile_fail,E0451
/// # use {cloakroom::access::Administrator, uuid::Uuid};
/// fn pose(id: Uuid) -> Administrator {
///     Administrator { id, epoch: 0 }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Administrator {
    id: Uuid,
    epoch: i64,
}

impl Administrator {
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The epoch of the credentials that were accepted.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// `viewer`, where they look after accounts; `FORBIDDEN` for everybody else.
pub fn administrator(viewer: &Viewer) -> Result<Administrator> {
    match viewer.account().role {
        Role::Admin => Ok(Administrator {
            id: viewer.id(),
            epoch: viewer.epoch(),
        }),
        Role::User => Err(not_an_administrator()),
    }
}

/// Whether `viewer` may know of the account `id` what is not for everybody: what it keeps, its role, whether it is disabled.
pub fn sees_account(viewer: &Viewer, id: Uuid) -> bool {
    viewer.id() == id || administrator(viewer).is_ok()
}

/// What is said to everybody who looks after no accounts.
pub fn not_an_administrator() -> Error {
    Error::new(Code::Forbidden, "Only administrators may do this.")
}
