//! Who may be granted sight of a file.

use uuid::Uuid;

/// For whom a ticket opens a file, as of an epoch: what changes the epoch voids it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    User { id: Uuid, epoch: i64 },
}

impl Subject {
    /// The user it is, or in whose name it acts.
    pub fn user_id(&self) -> Uuid {
        let Self::User { id, .. } = self;
        *id
    }
}
