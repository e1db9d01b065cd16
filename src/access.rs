//! Who may see and change what: the policy, and the only loader of files and shares.
//!
//! `policy` decides, over facts. `facts` reads them for a file by its id and for a ticket, `lists` for pages of files; both
//! find by `audiences` which shares count.
//!
//! What comes out is proof. [`Readable`] and [`Owned`] have private fields and no constructor outside this module, the
//! functions that change or deliver something take them, and so a change without a check does not compile:
//!
//! ```
//! # use {cloakroom::{access, app::App, auth::{Viewer, client::ClientAddress}, domain::files, error::Result}};
//! # use {entity::file, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &Viewer, id: Uuid) -> Result<()> {
//!     let file = access::owned_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! A row is not enough, and nor is a `Readable`:
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::{Viewer, client::ClientAddress}, domain::files, error::Result}};
//! # use {entity::file, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, file: file::Model) -> Result<()> {
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::{Viewer, client::ClientAddress}, domain::files, error::Result}};
//! # use {entity::file, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &Viewer, id: Uuid) -> Result<()> {
//!     let file = access::readable_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! A file in the trash is of another type: it cannot be deleted or opened again, and a live one cannot be purged:
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::{Viewer, client::ClientAddress}, domain::files, error::Result}};
//! # use {entity::file, uuid::Uuid};
//! async fn purge(app: &App, client: &ClientAddress, asks: &Viewer, id: Uuid) -> Result<()> {
//!     let file = access::owned_file(app, asks, id).await?;
//!     files::purge(app, client, &file).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::{Viewer, client::ClientAddress}, domain::files, error::Result}};
//! # use {entity::file, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &Viewer, id: Uuid) -> Result<()> {
//!     let file = access::owned_trashed_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! No other module can make a proof:
//!
//! ```compile_fail,E0451
//! # use {cloakroom::access::Owned, entity::file, uuid::Uuid};
//! fn forge(row: file::Model, owner_id: Uuid, epoch: i64) -> Owned<file::Model> {
//!     Owned { row, owner_id, epoch }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use {cloakroom::{access::Readable, auth::Subject}, entity::file};
//! fn forge(row: file::Model, viewer: Subject) -> Readable<file::Model> {
//!     Readable { row, until: None, owned: true, viewer }
//! }
//! ```
//!
//! Adding a file needs a proof as well: a [`Destination`] says into whose account the file goes. A user's row or id is not
//! enough:
//!
//! ```
//! # use cloakroom::{access::Destination, app::SharedApp, domain::uploads::{self, Incoming}, error::Result};
//! async fn upload(app: &SharedApp, into: &Destination) -> Result<Incoming> {
//!     uploads::begin(app, into, None).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use cloakroom::{access::Destination, app::SharedApp, domain::uploads::{self, Incoming}, error::Result};
//! # use entity::user;
//! async fn upload(app: &SharedApp, into: &user::Model) -> Result<Incoming> {
//!     uploads::begin(app, into, None).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use cloakroom::{access::Destination, app::SharedApp, domain::uploads::{self, Incoming}, error::Result};
//! # use uuid::Uuid;
//! async fn upload(app: &SharedApp, into: &Uuid) -> Result<Incoming> {
//!     uploads::begin(app, into, None).await
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use {cloakroom::access::{Destination, Payer, Uploader}, uuid::Uuid};
//! fn forge(uploader: Uploader, owner_id: Uuid, payer: Payer) -> Destination {
//!     Destination { uploader, owner_id, payer, max_file_size: None }
//! }
//! ```

use std::ops::Deref;

use entity::{Timestamp, file, share};
use uuid::Uuid;

use crate::{
    auth::{Auth, Subject, Viewer},
    config::Links,
    error::{Code, Error, Result},
    tasks::Tasks,
};
use policy::{Decision, Facts, State, decide};

mod audiences;
mod destination;
mod drops;
mod facts;
mod links;
mod lists;
mod policy;
mod shares;

pub use audiences::EVERYONE;
pub use destination::{Destination, Payer, Uploader, drop_is_full};
pub use drops::{Drop, drops_of, drops_of_files, files_of_drop, owned_drop, visible_drop};
pub use facts::{Claim, FileFacts};
pub use links::{LinkFace, LinkTerms, link_face, linked_file, links_of};
pub use lists::{files_of, shared_with, trash_of};
pub use policy::Refusal;
pub use shares::{shares_of, visible_share};

/// What a check needs: who is signed in, and what reads the facts.
#[derive(Debug)]
pub struct Access {
    pub auth: Auth,
    pub file_facts: FileFacts,
}

impl Access {
    /// Starts what reads the facts.
    pub fn start(auth: Auth, tasks: &Tasks) -> Self {
        Self {
            file_facts: FileFacts::start(&auth.db, &auth.clock, tasks),
            auth,
        }
    }
}

impl Deref for Access {
    type Target = Auth;

    fn deref(&self) -> &Auth {
        &self.auth
    }
}

/// A row that the one who asked may see.
#[derive(Clone, Debug)]
pub struct Readable<T> {
    row: T,
    until: Option<Timestamp>,
    owned: bool,
    viewer: Subject,
}

impl<T> Readable<T> {
    /// When this sight ends, as far as is known now; `None` when it does not.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Who may see it.
    pub fn viewer(&self) -> Subject {
        self.viewer
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
    row: T,
    owner_id: Uuid,
    /// Of the owner's credentials.
    epoch: i64,
}

impl<T> Owned<T> {
    /// The owner, who is also who asked.
    pub fn owner_id(&self) -> Uuid {
        self.owner_id
    }

    fn viewer(&self) -> Subject {
        Subject::User {
            id: self.owner_id,
            epoch: self.epoch,
        }
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
    fn viewer(&self) -> Subject {
        match self {
            Self::Live(file) => file.viewer,
            Self::Trashed(file) => file.viewer(),
        }
    }

    fn is_owned(&self) -> bool {
        match self {
            Self::Live(file) => file.owned,
            Self::Trashed(_) => true,
        }
    }

    /// The id of the file, as its owner's; `FORBIDDEN` for those who only see the file.
    pub fn owned_id(&self) -> Result<Owned<Uuid>> {
        let (owner_id, epoch) = match self {
            Self::Live(file) => file.owner()?,
            Self::Trashed(file) => (file.owner_id, file.epoch),
        };
        Ok(Owned {
            row: self.id,
            owner_id,
            epoch,
        })
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
            until: None,
            owned: true,
            viewer: owned.viewer(),
            row: owned.row,
        }
    }
}

impl<T> Readable<T> {
    /// The same row as its owner's; `FORBIDDEN` for those who only see it.
    pub fn into_owned(self) -> Result<Owned<T>> {
        let (owner_id, epoch) = self.owner()?;
        Ok(Owned {
            row: self.row,
            owner_id,
            epoch,
        })
    }

    /// The credentials of the owner, who asked; `FORBIDDEN` for those who only see the row.
    fn owner(&self) -> Result<(Uuid, i64)> {
        match self.viewer {
            Subject::User { id, epoch } if self.owned => Ok((id, epoch)),
            _ => Err(only_its_owner()),
        }
    }
}

fn only_its_owner() -> Error {
    Error::new(Code::Forbidden, "Only the owner of this file may do that.")
}

impl Owned<Trashed> {
    /// The same file, as the transaction that has just restored it left it.
    pub(crate) fn restored(&self, row: file::Model) -> Result<Owned<file::Model>> {
        live((self.owner_id, self.epoch), self.id, row)
    }
}

/// The file `id` of the owner with these credentials, as a transaction that has just changed it left it: live.
fn live((owner_id, epoch): (Uuid, i64), id: Uuid, row: file::Model) -> Result<Owned<file::Model>> {
    let is_the_same = (row.id, row.owner_id) == (id, owner_id);
    match is_the_same && facts::state(&row) == State::Live {
        true => Ok(Owned {
            row,
            owner_id,
            epoch,
        }),
        false => Err(Error::not_found()),
    }
}

impl Owned<file::Model> {
    /// The same file, as a transaction that has just changed it left it.
    pub(crate) fn renewed(&self, row: file::Model) -> Result<Self> {
        live((self.owner_id, self.epoch), self.id, row)
    }

    /// A share of this file, as the transaction that has just made or changed it left it.
    pub(crate) fn share(&self, row: share::Model) -> Result<Owned<share::Model>> {
        match row.file_id == self.id {
            true => Ok(Owned {
                row,
                owner_id: self.owner_id,
                epoch: self.epoch,
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

/// The live file `id`, for `viewer`; `NOT_FOUND` when it is not live or nothing grants them sight of it.
pub async fn readable_file(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Readable<file::Model>> {
    Ok(look(access, claim(viewer, id), State::Live).await??)
}

/// The live file `id`, where `viewer` owns it; `FORBIDDEN` where they only see it, `NOT_FOUND` where they do not.
pub async fn owned_file(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Owned<file::Model>> {
    readable_file(access, viewer, id).await?.into_owned()
}

/// The file `id` in the trash of `viewer`; `NOT_FOUND` for everybody else.
pub async fn owned_trashed_file(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Owned<Trashed>> {
    let file = look(access, claim(viewer, id), State::Trashed).await??;
    Ok(trashed(file.into_owned()?))
}

/// `file`, which was found among those in the trash.
fn trashed(file: Owned<file::Model>) -> Owned<Trashed> {
    Owned {
        row: Trashed(file.row),
        owner_id: file.owner_id,
        epoch: file.epoch,
    }
}

/// The live file that `claim` asks for, or why its user may not see the file.
pub async fn claimed_file(
    access: &Access,
    claim: Claim,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    look(access, claim, State::Live).await
}

/// The file `id`, if `viewer` may see it: what is in the trash is its owner's alone.
pub async fn visible_file(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Option<Sight>> {
    let found = access.file_facts.of(claim(viewer, id)).await?;
    let Some((file, facts)) = found else {
        return Ok(None);
    };
    match sight(file, &facts, facts.state, viewer.subject()) {
        Ok(file) if facts.state == State::Trashed => Ok(Some(trashed(file.into_owned()?).into())),
        Ok(file) => Ok(Some(file.into())),
        Err(Refusal::FileGone | Refusal::NotGranted) => Ok(None),
        Err(refusal @ Refusal::UserInactive) => Err(refusal.into()),
    }
}

/// The share `id`, where `viewer` owns its file, in the trash too; `FORBIDDEN` for a viewer whom it merely reaches,
/// `NOT_FOUND` for others.
pub async fn owned_share(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Owned<share::Model>> {
    let visible = visible_share(access, viewer, id).await?;
    let (share, _) = visible.ok_or_else(Error::not_found)?;
    share.into_owned()
}

/// The file of a share of `viewer`'s, in the trash too.
pub async fn file_of_share(
    access: &Access,
    viewer: &Viewer,
    share: &Owned<share::Model>,
) -> Result<Owned<file::Model>> {
    let found = access.file_facts.of(claim(viewer, share.file_id)).await?;
    let (file, facts) = found.ok_or_else(Error::not_found)?;
    sight(file, &facts, facts.state, viewer.subject())?.into_owned()
}

fn claim(viewer: &Viewer, file_id: Uuid) -> Claim {
    Claim {
        file_id,
        subject: viewer.subject(),
    }
}

/// The file of `claim`, if it is among those that are `wanted`.
async fn look(
    access: &Access,
    claim: Claim,
    wanted: State,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    if matches!(claim.subject, Subject::Link { .. }) && access.config.strangers.links == Links::Off
    {
        return Ok(Err(Refusal::NotGranted));
    }
    let found = access.file_facts.of(claim).await?;
    let found = found.ok_or(Refusal::FileGone);
    Ok(found.and_then(|(file, facts)| sight(file, &facts, wanted, claim.subject)))
}

/// `file`, if the policy lets `viewer` see it. Every proof about a file that somebody asks for is made here.
fn sight(
    file: file::Model,
    facts: &Facts,
    wanted: State,
    viewer: Subject,
) -> Result<Readable<file::Model>, Refusal> {
    let sight = |until, owned| Readable {
        row: file,
        until,
        owned,
        viewer,
    };
    match decide(facts, wanted) {
        Decision::Owned => Ok(sight(None, true)),
        Decision::Granted(grant) => Ok(sight(grant.until, false)),
        Decision::Refused(refusal) => Err(refusal),
    }
}

/// Whoever asks for a file by its id does not learn whether it exists.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::FileGone | Refusal::NotGranted => Self::not_found(),
            Refusal::UserInactive => Self::unauthenticated(),
        }
    }
}
