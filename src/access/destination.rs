//! Into whose account one may add.

use entity::{file, user};
use uuid::Uuid;

use super::Owned;
use crate::{
    auth::Subject,
    error::{Error, Result},
};

/// Proof of into whose account one may add: who adds, whose the file will be, and who pays for it with their quota.
#[derive(Clone, Copy, Debug)]
pub struct Destination {
    uploader: Subject,
    owner_id: Uuid,
    payer: Payer,
}

/// Whose quota the bytes and files count against.
#[derive(Clone, Copy, Debug)]
pub struct Payer {
    pub id: Uuid,
    /// Of the credentials that the upload came with: they have to be good when it is committed, too.
    pub epoch: i64,
    /// How many files they had, and how many bytes were taken or reserved, when the request came. That refuses early what
    /// cannot fit; what does fit is decided in the transaction that takes it.
    pub file_count: i64,
    pub taken_bytes: i64,
}

impl Destination {
    /// The account of `user`, who is signed in: what they add is theirs, and they pay for it.
    pub fn own(user: &user::Model) -> Self {
        Self {
            uploader: Subject::User {
                id: user.id,
                epoch: user.credential_epoch,
            },
            owner_id: user.id,
            payer: Payer {
                id: user.id,
                epoch: user.credential_epoch,
                file_count: user.file_count,
                taken_bytes: user.used_bytes + user.reserved_bytes,
            },
        }
    }

    /// Who adds: of whom the trail tells.
    pub fn uploader(&self) -> Subject {
        self.uploader
    }

    /// Whose the file will be.
    pub fn owner_id(&self) -> Uuid {
        self.owner_id
    }

    /// Whose quota it counts against.
    pub fn payer(&self) -> &Payer {
        &self.payer
    }

    /// The file that was just added here, as its uploader may see it: what was done is answered without another look, which
    /// could fail.
    pub fn added(&self, row: file::Model) -> Result<Owned<file::Model>> {
        let is_own = row.owner_id == self.owner_id && self.owner_id == self.uploader.user_id();
        match is_own {
            true => Ok(Owned(row)),
            false => Err(Error::not_found()),
        }
    }
}
