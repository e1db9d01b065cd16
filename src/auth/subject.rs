//! For whom a file is looked at, and for whom a ticket opens one.

use uuid::Uuid;

use super::{Viewer, link::LinkHolder, signing::Signed};

/// Who may be granted sight of a file, as of an epoch: what changes the epoch takes the sight away. The policy's input, and only
/// `auth` makes one: of who has signed in, of who has opened a link, and of what we have signed.
///
/// Nobody else says who asks:
///
/// ```compile_fail,E0423
/// # use {cloakroom::auth::{Identity, Subject}, uuid::Uuid};
/// fn pose(id: Uuid) -> Subject {
///     Subject(Identity::User { id, epoch: 0 })
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use {cloakroom::{access, app::App, auth::Identity, error::Result}, uuid::Uuid};
/// async fn peek(app: &App, id: Uuid, file_id: Uuid) -> Result<()> {
///     let somebody = Identity::User { id, epoch: 0 };
///     access::file_of_ticket(app, somebody, file_id).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject(Identity);

/// Whom a [`Subject`] names. It is no proof of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user, and the epoch of their credentials.
    User { id: Uuid, epoch: i64 },
    /// Whoever opened a link: the id of its share, and the link's epoch.
    Link { id: Uuid, epoch: i64 },
}

impl Subject {
    /// Whom a message of ours names. Who reads the message vouches that it names `identity`.
    pub fn signed(_message: &Signed<'_>, identity: Identity) -> Self {
        Self(identity)
    }

    pub fn identity(&self) -> Identity {
        self.0
    }
}

impl From<&Viewer> for Subject {
    fn from(viewer: &Viewer) -> Self {
        let (id, epoch) = (viewer.id(), viewer.epoch());
        Self(Identity::User { id, epoch })
    }
}

impl From<&LinkHolder> for Subject {
    fn from(holder: &LinkHolder) -> Self {
        let (id, epoch) = (holder.share_id(), holder.epoch());
        Self(Identity::Link { id, epoch })
    }
}

impl Identity {
    /// The user it is; `None` for a visitor.
    pub fn user_id(&self) -> Option<Uuid> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Link { .. } => None,
        }
    }
}
