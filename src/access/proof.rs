//! Proofs: what somebody may see, and what is theirs. The modules of [`access`](super) alone make them.

use std::ops::Deref;

use entity::{Timestamp, file, share};
use uuid::Uuid;

use super::{facts, policy::State};
use crate::{
    auth::{Identity, Subject, Viewer},
    error::{Code, Error, Result},
};

/// A row that the one who asked may see.
#[derive(Clone, Debug)]
pub struct Readable<T> {
    pub(super) row: T,
    pub(super) until: Option<Timestamp>,
    pub(super) owned: bool,
    pub(super) subject: Subject,
}

impl<T> Readable<T> {
    /// When this sight ends, as far as is known now; `None` when it does not.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Who may see it.
    pub fn subject(&self) -> Subject {
        self.subject
    }
}

impl<T> Deref for Readable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.row
    }
}

/// A row that belongs to the one who asked.
#[derive(Clone, Debug)]
pub struct Owned<T> {
    pub(super) row: T,
    pub(super) owner: Owner,
}

/// The owner, as they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub id: Uuid,
    pub subject: Subject,
}

impl From<&Viewer> for Owner {
    fn from(viewer: &Viewer) -> Self {
        Self {
            id: viewer.id(),
            subject: viewer.into(),
        }
    }
}

/// `proofs` with the same `key`, which is whose they are, together: one query is for one person.
pub(super) fn together<'p, T, K: PartialEq>(
    proofs: &[&'p T],
    key: impl Fn(&T) -> K,
) -> Vec<(K, Vec<&'p T>)> {
    let mut all: Vec<(K, Vec<&T>)> = Vec::new();
    for proof in proofs {
        let key = key(proof);
        match all.iter_mut().find(|(of, _)| *of == key) {
            Some((_, same)) => same.push(proof),
            None => all.push((key, vec![proof])),
        }
    }
    all
}

impl<T> Owned<T> {
    /// The owner, who is also who asked.
    pub fn owner_id(&self) -> Uuid {
        self.owner.id
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.row
    }
}

/// A file in the trash: it can be restored and purged, and not opened, shared or renamed.
#[derive(Clone, Debug)]
pub struct Trashed(file::Model);

impl Deref for Trashed {
    type Target = file::Model;

    fn deref(&self) -> &file::Model {
        &self.0
    }
}

/// A file that the one who asked may see: live, or in their own trash.
#[derive(Clone, Debug)]
pub enum Sight {
    Live(Readable<file::Model>),
    Trashed(Owned<Trashed>),
}

impl Sight {
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Live(file) => file.subject,
            Self::Trashed(file) => file.owner.subject,
        }
    }

    pub(super) fn is_owned(&self) -> bool {
        match self {
            Self::Live(file) => file.owned,
            Self::Trashed(_) => true,
        }
    }

    /// The id of the file, as its owner's; `FORBIDDEN` for those who only see the file.
    pub fn owned_id(&self) -> Result<Owned<Uuid>> {
        let owner = match self {
            Self::Live(file) => file.owner()?,
            Self::Trashed(file) => file.owner,
        };
        let row = self.id;
        Ok(Owned { row, owner })
    }
}

impl Deref for Sight {
    type Target = file::Model;

    fn deref(&self) -> &file::Model {
        match self {
            Self::Live(file) => file,
            Self::Trashed(file) => file,
        }
    }
}

impl From<Readable<file::Model>> for Sight {
    fn from(file: Readable<file::Model>) -> Self {
        Self::Live(file)
    }
}

impl From<Owned<file::Model>> for Sight {
    fn from(file: Owned<file::Model>) -> Self {
        Self::Live(file.into())
    }
}

impl From<Owned<Trashed>> for Sight {
    fn from(file: Owned<Trashed>) -> Self {
        Self::Trashed(file)
    }
}

impl<T> From<Owned<T>> for Readable<T> {
    fn from(owned: Owned<T>) -> Self {
        Self {
            row: owned.row,
            until: None,
            owned: true,
            subject: owned.owner.subject,
        }
    }
}

impl<T> Readable<T> {
    /// The same row as its owner's; `FORBIDDEN` for those who only see it.
    pub fn into_owned(self) -> Result<Owned<T>> {
        let owner = self.owner()?;
        let row = self.row;
        Ok(Owned { row, owner })
    }

    /// The owner, who asked; `FORBIDDEN` for those who only see the row.
    fn owner(&self) -> Result<Owner> {
        match self.subject.identity() {
            Identity::User { id, .. } if self.owned => Ok(Owner {
                id,
                subject: self.subject,
            }),
            _ => Err(only_its_owner()),
        }
    }
}

fn only_its_owner() -> Error {
    Error::new(Code::Forbidden, "Only the owner may do that.")
}

impl Owned<Trashed> {
    /// The same file, as the transaction that has just restored it left it.
    pub(crate) fn restored(&self, row: file::Model) -> Result<Owned<file::Model>> {
        live(self.owner, self.id, row)
    }
}

/// The file `id` of `owner`, as a transaction that has just changed it left it: live.
fn live(owner: Owner, id: Uuid, row: file::Model) -> Result<Owned<file::Model>> {
    let is_the_same = (row.id, row.owner_id) == (id, owner.id);
    match is_the_same && facts::state(&row) == State::Live {
        true => Ok(Owned { row, owner }),
        false => Err(Error::not_found()),
    }
}

impl Owned<file::Model> {
    /// The same file, which was found among those in the trash.
    pub(super) fn into_trashed(self) -> Owned<Trashed> {
        Owned {
            row: Trashed(self.row),
            owner: self.owner,
        }
    }

    /// The same file, as a transaction that has just changed it left it.
    pub(crate) fn renewed(&self, row: file::Model) -> Result<Self> {
        live(self.owner, self.id, row)
    }

    /// A share of this file, as the transaction that has just made or changed it left it.
    pub(crate) fn share(&self, row: share::Model) -> Result<Owned<share::Model>> {
        match row.file_id == self.id {
            true => Ok(Owned {
                row,
                owner: self.owner,
            }),
            false => Err(Error::not_found()),
        }
    }
}

impl Owned<share::Model> {
    /// The same share, as a transaction that has just changed it left it.
    pub(crate) fn changed(&self, row: share::Model) -> Result<Self> {
        match (row.id, row.file_id) == (self.id, self.file_id) {
            true => Ok(Self { row, ..*self }),
            false => Err(Error::not_found()),
        }
    }
}
