//! Into whose account one may add.

use entity::file;
use uuid::Uuid;

use super::{Owned, proof::Owner};
use crate::{
    auth::{Account, Usage, Viewer, client::ClientAddress, drop::DropVisitor},
    error::{Code, Error, Result},
};

/// Proof that somebody may add a file to an account: who adds it, whose the file will be, and who pays for it with their quota.
#[derive(Clone, Copy, Debug)]
pub struct Destination {
    uploader: Uploader,
    /// The uploader, where the file will be theirs.
    own: Option<Owner>,
    owner_id: Uuid,
    payer: Payer,
    /// Where there is a limit besides the server's.
    max_file_size: Option<u64>,
    /// Where a visitor comes from.
    network: Option<ClientAddress>,
}

/// Who adds a file. The audit trail names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploader {
    User(Uuid),
    /// A visitor of the drop with this id.
    Drop(Uuid),
    /// Whoever types commands at the server.
    Operator,
}

/// Whose quota the bytes and files count against.
#[derive(Clone, Copy, Debug)]
pub struct Payer {
    pub id: Uuid,
    /// Of the credentials that the upload came with: they have to be good when it is committed, too. `None` where it came
    /// without any of the payer's; then the account has to be active.
    pub epoch: Option<i64>,
    /// What they had when the request came. That refuses early what cannot fit; what does fit is decided in the transaction
    /// that takes it.
    pub usage: Usage,
}

/// The refusal of a file too many.
pub fn drop_is_full() -> Error {
    Error::new(
        Code::QuotaExceeded,
        "This drop is full; ask the person who sent you its address.",
    )
}

impl Destination {
    /// The account of `viewer`: what they add is theirs, and they pay for it.
    pub fn own(viewer: &Viewer) -> Self {
        Self {
            uploader: Uploader::User(viewer.id()),
            own: Some(viewer.into()),
            owner_id: viewer.id(),
            payer: Payer {
                id: viewer.id(),
                epoch: Some(viewer.epoch()),
                usage: viewer.account().usage,
            },
            max_file_size: None,
            network: None,
        }
    }

    /// The account of `owner` by their drop, as the owner looks at what a visitor of it has not finished.
    pub(super) fn left_by_visitors(owner: &Viewer, drop_id: Uuid) -> Self {
        Self {
            uploader: Uploader::Drop(drop_id),
            own: None,
            ..Self::own(owner)
        }
    }

    /// The account that a drop leads to: what a visitor leaves is its owner's, who pays for it. `QUOTA_EXCEEDED` when the drop is
    /// full.
    pub fn by_drop(visitor: &DropVisitor) -> Result<Self> {
        match visitor.files_left() {
            Some(0) => Err(drop_is_full()),
            _ => Ok(Self::through(visitor)),
        }
    }

    /// The same for what has begun already: whether the drop has a place left is decided when it becomes a file.
    pub(super) fn through(visitor: &DropVisitor) -> Self {
        let owner = visitor.owner();
        Self {
            uploader: Uploader::Drop(visitor.drop_id()),
            own: None,
            owner_id: owner.user.id,
            payer: Payer {
                id: owner.user.id,
                epoch: None,
                usage: owner.usage,
            },
            max_file_size: visitor
                .max_file_size()
                .map(|size| u64::try_from(size).unwrap_or(0)),
            network: Some(visitor.network()),
        }
    }

    /// The account that the operator of the server puts files into; it is its user's, who pays for them. No request may: the
    /// lint bans it outside the command that does so.
    pub fn by_operator(account: &Account) -> Self {
        Self {
            uploader: Uploader::Operator,
            own: None,
            owner_id: account.user.id,
            payer: Payer {
                id: account.user.id,
                epoch: None,
                usage: account.usage,
            },
            max_file_size: None,
            network: None,
        }
    }

    /// Who adds the file.
    pub fn uploader(&self) -> Uploader {
        self.uploader
    }

    /// The drop that the file comes by, where it does.
    pub fn drop_id(&self) -> Option<Uuid> {
        match self.uploader {
            Uploader::Drop(id) => Some(id),
            Uploader::User(_) | Uploader::Operator => None,
        }
    }

    /// The network that the file comes from, where it comes by a drop.
    pub fn network(&self) -> Option<String> {
        self.network.map(|network| network.to_string())
    }

    /// Whether the uploader is the payer. Whoever is not may announce what they like: only bytes that come count then.
    pub fn is_own(&self) -> bool {
        matches!(self.uploader, Uploader::User(id) if id == self.payer.id)
    }

    /// The most bytes of a file that may be added where the server takes `of_server`.
    pub fn size_limit(&self, of_server: u64) -> u64 {
        of_server.min(self.max_file_size.unwrap_or(u64::MAX))
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
        match self.own {
            Some(owner) if row.owner_id == owner.id => Ok(Owned { row, owner }),
            _ => Err(Error::not_found()),
        }
    }
}
