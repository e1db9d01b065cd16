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
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};
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
pub use drops::{Drop, drops_of, drops_of_files, files_of_drop, owned_drop};
pub use facts::{Claim, FileFacts};
pub use links::{LinkFace, LinkTerms, link_face, linked_file, links_of};
pub use lists::{files_of, shared_with, trash_of};
pub use policy::Refusal;
pub use shares::shares_of;

/// What the policy is asked with.
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
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.row
    }
}

impl<T> From<Owned<T>> for Readable<T> {
    fn from(owned: Owned<T>) -> Self {
        Self {
            row: owned.row,
            until: None,
            owned: true,
            viewer: Subject::User {
                id: owned.owner_id,
                epoch: owned.epoch,
            },
        }
    }
}

impl<T> Readable<T> {
    /// The same row as its owner's; `FORBIDDEN` for those who only see it.
    pub fn into_owned(self) -> Result<Owned<T>> {
        match self.viewer {
            Subject::User { id, epoch } if self.owned => Ok(Owned {
                row: self.row,
                owner_id: id,
                epoch,
            }),
            _ => Err(Error::new(
                Code::Forbidden,
                "Only the owner of this file may do that.",
            )),
        }
    }
}

impl Owned<file::Model> {
    /// The same file, as a transaction that has just changed it left it.
    pub(crate) fn renewed(&self, row: file::Model) -> Result<Self> {
        match (row.id, row.owner_id) == (self.id, self.owner_id()) {
            true => Ok(Self { row, ..*self }),
            false => Err(Error::not_found()),
        }
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
) -> Result<Owned<file::Model>> {
    look(access, claim(viewer, id), State::Trashed)
        .await??
        .into_owned()
}

/// The live file that `claim` asks for, or why its user may not see the file.
pub async fn claimed_file(
    access: &Access,
    claim: Claim,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    look(access, claim, State::Live).await
}

/// The share `id`, where `viewer` owns its file, in the trash too; `FORBIDDEN` where it only reaches them, `NOT_FOUND` for others.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn owned_share(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Owned<share::Model>> {
    let share = share::Entity::find_by_id(id).one(access.db.read()).await?;
    let share = share.ok_or_else(Error::not_found)?;
    let found = access.file_facts.of(claim(viewer, share.file_id)).await?;
    let (file, facts) = found.ok_or_else(Error::not_found)?;
    let sight = sight(file, &facts, facts.state, viewer.subject())?;
    if !sight.owned {
        let reaching = share::Entity::find_by_id(id)
            .filter(audiences::grants(
                &audiences::of_user(viewer.id()),
                Expr::value(access.clock.now()),
            ))
            .one(access.db.read())
            .await?;
        reaching.ok_or_else(Error::not_found)?;
    }
    let share = Readable {
        row: share,
        until: None,
        owned: sight.owned,
        viewer: viewer.subject(),
    };
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
