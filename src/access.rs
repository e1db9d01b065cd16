//! Who may see and change what: the policy, and the only loader of files and shares.
//!
//! `policy` decides, over facts. `facts` reads them for a file by its id and for a ticket, `lists` for pages of files; both
//! find by `audiences` which shares count.
//!
//! What comes out is proof. [`Readable`] and [`Owned`] have private fields and no constructor outside this module, the
//! functions that change or deliver something take them, and so a change without a check does not compile:
//!
//! ```
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &user::Model, id: Uuid) -> Result<()> {
//!     let file = access::owned_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! A row alone is no proof, and nor is the sight of it:
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, file: file::Model) -> Result<()> {
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use {cloakroom::{access, app::App, auth::client::ClientAddress, domain::files, error::Result}};
//! # use {entity::{file, user}, uuid::Uuid};
//! async fn delete(app: &App, client: &ClientAddress, asks: &user::Model, id: Uuid) -> Result<()> {
//!     let file = access::readable_file(app, asks, id).await?;
//!     files::trash(app, client, &file).await
//! }
//! ```
//!
//! Nor can proof be made up:
//!
//! ```compile_fail,E0423
//! # use {cloakroom::access::Owned, entity::file};
//! fn forge(file: file::Model) -> Owned<file::Model> {
//!     Owned(file)
//! }
//! ```
//!
//! ```compile_fail,E0451
//! # use {cloakroom::access::Readable, entity::file};
//! fn forge(row: file::Model) -> Readable<file::Model> {
//!     Readable { row, until: None, owned: true }
//! }
//! ```
//!
//! What is added needs proof as well: [`Destination`] says into whose account. Neither somebody's row nor their id is one:
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
//! # use {cloakroom::{access::{Destination, Payer}, auth::Subject}, uuid::Uuid};
//! fn forge(uploader: Subject, owner_id: Uuid, payer: Payer) -> Destination {
//!     Destination { uploader, owner_id, payer }
//! }
//! ```

use std::ops::Deref;

use entity::{Timestamp, file, share, user};
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use crate::{
    app::App,
    auth::Subject,
    error::{Code, Error, Result},
};
use policy::{Decision, Facts, State, decide};

mod audiences;
mod destination;
mod facts;
mod lists;
mod policy;
mod shares;

pub use audiences::EVERYONE;
pub use destination::{Destination, Payer};
pub use facts::{Claim, FileFacts};
pub use lists::{files_of, shared_with, trash_of};
pub use policy::Refusal;
pub use shares::shares_of;

/// A row that the one who asked may see.
#[derive(Clone, Debug)]
pub struct Readable<T> {
    row: T,
    until: Option<Timestamp>,
    owned: bool,
}

impl<T> Readable<T> {
    /// When this sight ends, as far as is known now; `None` when it does not.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
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
pub struct Owned<T>(T);

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<Owned<T>> for Readable<T> {
    fn from(owned: Owned<T>) -> Self {
        Self {
            row: owned.0,
            until: None,
            owned: true,
        }
    }
}

impl<T> Readable<T> {
    /// The same row as its owner's; `FORBIDDEN` for those who only see it.
    pub fn into_owned(self) -> Result<Owned<T>> {
        if self.owned {
            return Ok(Owned(self.row));
        }
        Err(Error::new(
            Code::Forbidden,
            "Only the owner of this file may do that.",
        ))
    }
}

/// A file as the transaction that has just changed it for `owner_id` left it: what was done is answered without
/// another look, which could fail.
pub(crate) fn written(owner_id: Uuid, row: file::Model) -> Result<Owned<file::Model>> {
    match row.owner_id == owner_id {
        true => Ok(Owned(row)),
        false => Err(Error::not_found()),
    }
}

/// A share of `file`, as the transaction that has just made or changed it left it.
pub(crate) fn written_share(
    file: &Owned<file::Model>,
    row: share::Model,
) -> Result<Owned<share::Model>> {
    match row.file_id == file.id {
        true => Ok(Owned(row)),
        false => Err(Error::not_found()),
    }
}

/// The live file `id`, for `user`; `NOT_FOUND` when it is not live or nothing grants them sight of it.
pub async fn readable_file(
    app: &App,
    user: &user::Model,
    id: Uuid,
) -> Result<Readable<file::Model>> {
    Ok(look(app, claim(user, id), State::Live).await??)
}

/// The live file `id`, where `user` owns it; `FORBIDDEN` where they only see it, `NOT_FOUND` where they do not.
pub async fn owned_file(app: &App, user: &user::Model, id: Uuid) -> Result<Owned<file::Model>> {
    readable_file(app, user, id).await?.into_owned()
}

/// The file `id` in the trash of `user`; `NOT_FOUND` for everybody else.
pub async fn owned_trashed_file(
    app: &App,
    user: &user::Model,
    id: Uuid,
) -> Result<Owned<file::Model>> {
    look(app, claim(user, id), State::Trashed)
        .await??
        .into_owned()
}

/// The live file that `claim` asks for, or why its user may not see the file.
pub async fn claimed_file(
    app: &App,
    claim: Claim,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    look(app, claim, State::Live).await
}

/// The share `id`, where `user` owns its file, in the trash too; `FORBIDDEN` where it only reaches them, `NOT_FOUND` for others.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn owned_share(app: &App, user: &user::Model, id: Uuid) -> Result<Owned<share::Model>> {
    let share = share::Entity::find_by_id(id).one(app.db.read()).await?;
    let share = share.ok_or_else(Error::not_found)?;
    let found = app.file_facts.of(claim(user, share.file_id)).await?;
    let (file, facts) = found.ok_or_else(Error::not_found)?;
    let sight = sight(file, &facts, facts.state)?;
    if !sight.owned {
        let reaching = share::Entity::find_by_id(id)
            .filter(audiences::grants(
                &audiences::of_user(user.id),
                Expr::value(app.clock.now()),
            ))
            .one(app.db.read())
            .await?;
        reaching.ok_or_else(Error::not_found)?;
    }
    let share = Readable {
        row: share,
        until: None,
        owned: sight.owned,
    };
    share.into_owned()
}

fn claim(user: &user::Model, file_id: Uuid) -> Claim {
    Claim {
        file_id,
        subject: Subject::User {
            id: user.id,
            epoch: user.credential_epoch,
        },
    }
}

/// The file of `claim`, if it is among those that are `wanted`.
async fn look(
    app: &App,
    claim: Claim,
    wanted: State,
) -> Result<Result<Readable<file::Model>, Refusal>> {
    let found = app.file_facts.of(claim).await?;
    let found = found.ok_or(Refusal::FileGone);
    Ok(found.and_then(|(file, facts)| sight(file, &facts, wanted)))
}

/// `file` as the policy has it: this is where every proof comes from.
fn sight(
    file: file::Model,
    facts: &Facts,
    wanted: State,
) -> Result<Readable<file::Model>, Refusal> {
    match decide(facts, wanted) {
        Decision::Owned => Ok(Owned(file).into()),
        Decision::Granted(grant) => Ok(Readable {
            row: file,
            until: grant.until,
            owned: false,
        }),
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
