//! Into whose account one may add.

use entity::file;
use uuid::Uuid;

use super::Owned;
use crate::{
    auth::{Subject, Usage, Viewer},
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
    /// What they had when the request came. That refuses early what cannot fit; what does fit is decided in the transaction
    /// that takes it.
    pub usage: Usage,
}

impl Destination {
    /// The account of `viewer`: what they add is theirs, and they pay for it.
    pub fn own(viewer: &Viewer) -> Self {
        Self {
            uploader: viewer.subject(),
            owner_id: viewer.id(),
            payer: Payer {
                id: viewer.id(),
                epoch: viewer.epoch(),
                usage: viewer.account().usage,
            },
        }
    }

    /// Who adds the file. The audit trail names this user.
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

    /// The file that a transaction has just added, for its uploader. No further query is needed, which could fail although the
    /// file was added.
    pub(crate) fn added(&self, row: file::Model) -> Result<Owned<file::Model>> {
        match self.uploader {
            Subject::User { id, epoch } if [row.owner_id, self.owner_id] == [id; 2] => Ok(Owned {
                row,
                owner_id: id,
                epoch,
            }),
            _ => Err(Error::not_found()),
        }
    }
}
