//! Who may see and change what: the policy, and the only loader of files and shares.
//!
//! `policy` decides, over facts. `facts` reads them for a file by its id and for a ticket, `lists` for pages of files; both
//! find by `audiences` which shares count.
//!
//! What comes out is proof (`proof`). [`Readable`] and [`Owned`] have private fields and no constructor outside this module, the
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
//! # use {cloakroom::access::Owned, entity::file};
//! fn forge(row: file::Model) -> Owned<file::Model> {
//!     Owned { row, owner: unreachable!() }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use {cloakroom::{access::Readable, auth::Subject}, entity::file};
//! fn forge(row: file::Model, subject: Subject) -> Readable<file::Model> {
//!     Readable { row, until: None, owned: true, subject }
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
//!     Destination { uploader, own: None, owner_id, payer, max_file_size: None, network: None }
//! }
//! ```

use std::ops::Deref;

use entity::{file, share};
use uuid::Uuid;

use crate::{
    auth::{Auth, Identity, Subject, Viewer},
    config::Links,
    error::{Error, Result},
    tasks::Tasks,
};
use facts::Claim;
use policy::{Decision, Facts, State, decide};

mod accounts;
mod audiences;
mod destination;
mod drops;
mod explanation;
mod facts;
mod groups;
mod links;
mod lists;
mod policy;
mod proof;
mod shares;
mod uploads;

pub use accounts::{Administrator, administrator, not_an_administrator, sees_account};
pub use audiences::EVERYONE;
pub use destination::{Destination, Payer, Uploader, drop_is_full};
pub use drops::{
    Drop, drops_of, drops_of_files, drops_of_ids, files_of_drops, owned_drop, visible_drop,
};
pub use explanation::{Explanation, Obstacle, explain};
pub use facts::FileFacts;
pub use groups::{Group, groups_among, groups_of, owned_group, readable_group, visible_group};
pub use links::{LinkFace, LinkTerms, link_face, linked_file, links_of};
pub use lists::{
    Order, Part, Place, SortKey, files_of, files_sorted, shared_sorted, shared_with, trash_of,
};
pub use policy::Refusal;
pub use proof::{Owned, Readable, Sight, Trashed};
pub use shares::{ShareName, owned_shares_called, shares_of, visible_share};
pub use uploads::{
    Resumable, dropped_upload, own_upload, owned_upload, upload_again, uploads_of, visible_upload,
};

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

/// The live file `id`, for `viewer`; `NOT_FOUND` when it is not live or nothing grants them sight of it.
pub async fn readable_file(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Readable<file::Model>> {
    Ok(look(access, viewer.into(), id, State::Live).await??)
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
    let file = look(access, viewer.into(), id, State::Trashed).await??;
    Ok(file.into_owned()?.into_trashed())
}

/// The live file `id`, for whoever a ticket was issued to, or why they may not see it any more.
pub async fn file_of_ticket(
    access: &Access,
    subject: Subject,
    id: Uuid,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    look(access, subject, id, State::Live).await
}

/// The file `id`, if `viewer` may see it: what is in the trash is its owner's alone.
pub async fn visible_file(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Option<Sight>> {
    let subject = Subject::from(viewer);
    let found = find(access, id, subject.identity()).await?;
    let seen = found.and_then(|(file, facts)| {
        let state = facts.state;
        sight(file, &facts, state, subject).map(|file| (file, state))
    });
    match seen {
        Ok((file, State::Trashed)) => Ok(Some(file.into_owned()?.into_trashed().into())),
        Ok((file, State::Live)) => Ok(Some(file.into())),
        Err(Refusal::FileGone | Refusal::NotGranted) => Ok(None),
        Err(refusal @ Refusal::UserInactive) => Err(refusal.into()),
    }
}

/// The file `id` where `viewer` owns it, in the trash too, and that they do; `FORBIDDEN` for those who only see it, `NOT_FOUND`
/// for others.
pub async fn owned_sight(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<(Owned<Uuid>, Sight)> {
    let file = visible_file(access, viewer, id).await?;
    let file = file.ok_or_else(Error::not_found)?;
    Ok((file.owned_id()?, file))
}

/// The share `id` and its file, where `viewer` owns that, in the trash too; `FORBIDDEN` for a viewer whom it merely reaches,
/// `NOT_FOUND` for others.
pub async fn owned_share(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<(Owned<share::Model>, Sight)> {
    let visible = visible_share(access, viewer, id).await?;
    let (share, file) = visible.ok_or_else(Error::not_found)?;
    Ok((share.into_owned()?, file))
}

/// The file `id`, if it is among those that are `wanted` and the policy lets `subject` see it.
async fn look(
    access: &Access,
    subject: Subject,
    id: Uuid,
    wanted: State,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    let found = find(access, id, subject.identity()).await?;
    Ok(found.and_then(|(file, facts)| sight(file, &facts, wanted, subject)))
}

/// The file `id`, and what the policy needs to know to let the one who is named see it.
async fn find(
    access: &Access,
    file_id: Uuid,
    identity: Identity,
) -> Result<Result<(file::Model, Facts), Refusal>> {
    let is_link = matches!(identity, Identity::Link { .. });
    if is_link && access.config.strangers.links == Links::Off {
        return Ok(Err(Refusal::NotGranted));
    }
    let found = access.file_facts.of(Claim { file_id, identity }).await?;
    Ok(found.ok_or(Refusal::FileGone))
}

/// `file`, if the policy lets `subject` see it. Every proof about a file that somebody asks for is made here.
fn sight(
    file: file::Model,
    facts: &Facts,
    wanted: State,
    subject: Subject,
) -> Result<Readable<file::Model>, Refusal> {
    let sight = |until, owned| Readable {
        row: file,
        until,
        owned,
        subject,
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
