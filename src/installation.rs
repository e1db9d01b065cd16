//! Which installation this is: an id that the database and the place of the content both carry, which is a directory or a
//! prefix of a bucket. Where they differ, one of them is the wrong one, and whatever is done to the other destroys it.

use std::path::Path;

use entity::installation;
use sea_orm::{ActiveModelTrait, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    clock::Clock,
    db::Db,
    operator_error::{OperatorError, absolute, shell_word},
    random,
    storage::{Local, MarkKind, S3},
};

/// The only row's.
const ID: i32 = 1;

/// Where content is, for whoever looks at its mark.
#[derive(Clone, Copy, Debug)]
pub enum Place<'p> {
    /// A data directory.
    Local(&'p Path),
    /// A prefix of a bucket.
    S3(&'p S3),
}

impl Place<'_> {
    async fn mark(self, kind: MarkKind) -> Result<Option<Uuid>, OperatorError> {
        match self {
            Self::Local(data_dir) => Local::mark(data_dir, kind),
            Self::S3(s3) => s3.mark(kind).await,
        }
    }

    async fn write_mark(self, mark: (MarkKind, Uuid)) -> Result<(), OperatorError> {
        match self {
            Self::Local(data_dir) => Local::write_mark(data_dir, mark),
            Self::S3(s3) => s3.write_mark(mark).await,
        }
    }

    async fn remove_mark(self, mark: (MarkKind, Uuid)) -> Result<(), OperatorError> {
        match self {
            Self::Local(data_dir) => Local::remove_mark(data_dir, mark),
            Self::S3(s3) => s3.remove_mark(mark.0).await,
        }
    }

    async fn has_content(self) -> Result<bool, OperatorError> {
        match self {
            Self::Local(data_dir) => Local::has_content(data_dir),
            Self::S3(s3) => s3.has_content().await,
        }
    }

    /// What an operator calls it.
    fn name(self) -> String {
        match self {
            Self::Local(data_dir) => {
                let content = absolute(&data_dir.join("content"));
                format!("the content directory {}", content.display())
            }
            Self::S3(s3) => s3.place(),
        }
    }

    /// What to look at where it is the wrong one.
    fn settings(self) -> &'static str {
        match self {
            Self::Local(_) => {
                "See whether the right disk is mounted, and whether CLOAKROOM_DATA_DIR and CLOAKROOM_DATABASE_URL are right"
            }
            Self::S3(_) => {
                "See whether CLOAKROOM_S3_ENDPOINT, CLOAKROOM_S3_BUCKET, CLOAKROOM_S3_PREFIX and CLOAKROOM_DATABASE_URL \
                 are right; each installation needs a prefix or a bucket of its own"
            }
        }
    }

    /// What to do where it belongs to the installation `id` all the same.
    fn mend(self, id: Uuid) -> String {
        let say = match self {
            Self::Local(data_dir) => {
                let path = absolute(&Local::mark_path(data_dir, MarkKind::InUse));
                format!("`echo {id} > {}`", shell_word(&path))
            }
            Self::S3(_) => {
                format!("put an object there that is called `installation` and says {id}")
            }
        };
        format!("If they do belong together, say so: {say}")
    }
}

/// A database beside the place of its content, neither of which is changed by looking.
struct Pair<'p> {
    db: &'p Db,
    place: Place<'p>,
    /// What the place says.
    mark: Option<Uuid>,
    /// Whether the place is one that content was moved away from, or is on its way to.
    is_set_aside: bool,
    /// What the database says.
    known: Option<installation::Model>,
}

impl<'p> Pair<'p> {
    async fn look(db: &'p Db, place: Place<'p>) -> Result<Self, OperatorError> {
        let mut mark = place.mark(MarkKind::InUse).await?;
        let is_set_aside = mark.is_none() && place.mark(MarkKind::SetAside).await?.is_some();
        let has_row = db.has_table("installation").await;
        let known = match has_row.map_err(|error| db.unusable(error))? {
            true => known(db).await?,
            false => None,
        };
        // Of several first starts at once, one may have written both since the look at the mark.
        if mark.is_none() && known.as_ref().is_some_and(|known| known.is_marked) {
            mark = place.mark(MarkKind::InUse).await?;
        }
        Ok(Self {
            db,
            place,
            mark,
            is_set_aside,
            known,
        })
    }

    /// Fails when they are not of one installation. No matter if the place has no mark.
    async fn check(&self) -> Result<(), OperatorError> {
        let (content, database) = (self.place.name(), self.db.name());
        match (self.mark, &self.known) {
            (Some(mark), Some(known)) if mark != known.mark => Err(OperatorError::new(format!(
                "{content} and {database} belong to different installations: the mark there is {mark}, the database's \
                 {}. Nothing was changed. {}. {}",
                known.mark,
                self.place.settings(),
                self.place.mend(known.mark)
            ))),
            (Some(_), None) => Err(of_another_database(self.place, database)),
            (None, None) if self.place.has_content().await? => {
                Err(of_another_database(self.place, database))
            }
            _ => Ok(()),
        }
    }

    /// Fails when the place has no mark although it was given one.
    fn check_mark(&self) -> Result<(), OperatorError> {
        match &self.known {
            Some(_) if self.is_set_aside => Err(OperatorError::new(format!(
                "the content of this installation was moved away from {}, or is not all there yet. Nothing was changed. \
                 Have CLOAKROOM_STORAGE say where it is; `cloakroom move-content` moves it",
                self.place.name()
            ))),
            Some(known) if known.is_marked && self.mark.is_none() => {
                Err(OperatorError::new(format!(
                    "{} does not have the mark that {} knows: it is not what this installation had. Nothing was \
                     changed. {}. {}",
                    self.place.name(),
                    self.db.name(),
                    self.place.settings(),
                    self.place.mend(known.mark)
                )))
            }
            _ => Ok(()),
        }
    }
}

fn of_another_database(place: Place<'_>, database: &str) -> OperatorError {
    OperatorError::new(format!(
        "{} belongs to another database than {database}, which knows nothing of it. Nothing was changed. Set \
         CLOAKROOM_DATABASE_URL to its database, or restore that from a backup; to begin with an empty database, move \
         the content away",
        place.name()
    ))
}

/// Fails when `db` is going to be made although there is content of another, or is not the content's. Comes before anything
/// is changed.
pub async fn check_before_making(database: &str, place: Place<'_>) -> Result<(), OperatorError> {
    match place.mark(MarkKind::InUse).await?.is_some() || place.has_content().await? {
        true => Err(of_another_database(place, database)),
        false => Ok(()),
    }
}

/// Fails when what is at `place` is another installation's. A place that has nothing is no matter.
pub async fn check(db: &Db, place: Place<'_>) -> Result<(), OperatorError> {
    Pair::look(db, place).await?.check().await
}

/// Fails unless what is at `place` is this installation's for certain, and returns the id.
pub async fn check_strictly(db: &Db, place: Place<'_>) -> Result<Uuid, OperatorError> {
    let pair = Pair::look(db, place).await?;
    pair.check().await?;
    pair.check_mark()?;
    match (pair.mark, &pair.known) {
        (Some(mark), Some(_)) => Ok(mark),
        _ => Err(OperatorError::new(format!(
            "there is no content of this installation in {}: the server marks it at its first start. {}",
            pair.place.name(),
            pair.place.settings()
        ))),
    }
}

/// Fails when the content of the installation `id` cannot be moved to `place`, which then is not in use.
pub async fn check_destination(place: Place<'_>, id: Uuid) -> Result<(), OperatorError> {
    let is_of_another = match place.mark(MarkKind::InUse).await? {
        Some(mark) if mark == id => {
            // A switch was broken off: it is done again, with what has come since.
            place.write_mark((MarkKind::SetAside, id)).await?;
            place.remove_mark((MarkKind::InUse, id)).await?;
            false
        }
        Some(_) => true,
        None => match place.mark(MarkKind::SetAside).await? {
            Some(mark) => mark != id,
            None => place.has_content().await?,
        },
    };
    match is_of_another {
        false => Ok(()),
        true => Err(OperatorError::new(format!(
            "{} has content that is not of this installation. Nothing was changed. {}",
            place.name(),
            place.settings()
        ))),
    }
}

/// Says that the content of the installation `id` is at `to` from now on, and not at `from`.
pub async fn switch(from: Place<'_>, to: Place<'_>, id: Uuid) -> Result<(), OperatorError> {
    let [in_use, set_aside] = [MarkKind::InUse, MarkKind::SetAside].map(|kind| (kind, id));
    to.write_mark(in_use).await?;
    to.remove_mark(set_aside).await?;
    from.write_mark(set_aside).await?;
    from.remove_mark(in_use).await
}

/// The id of this installation; made when neither the database nor the place of the content has one.
pub async fn begin(db: &Db, clock: &Clock, place: Place<'_>) -> Result<Uuid, OperatorError> {
    let pair = Pair::look(db, place).await?;
    pair.check().await?;
    pair.check_mark()?;
    if let Some(known) = &pair.known {
        return Ok(known.mark);
    }
    let id = random::id(clock.now());
    store(db, id, false).await?;
    tracing::info!(
        content = %pair.place.name(),
        database = db.name(),
        "this is a new installation"
    );
    // Of two first starts at once, both get the same.
    Ok(known(db).await?.map_or(id, |known| known.mark))
}

/// Notes that the place of the content has its mark from now on.
pub async fn note_mark(db: &Db, id: Uuid) -> Result<(), OperatorError> {
    match known(db).await? {
        Some(known) if known.is_marked => Ok(()),
        _ => store(db, id, true).await,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the owner of the installation's id"
)]
async fn known(db: &Db) -> Result<Option<installation::Model>, OperatorError> {
    let row = db.one(installation::Entity::find_by_id(ID)).await;
    row.map_err(|error| db.unusable(error.cause()))
}

/// Stores the row, or that the place `is_marked` where there is one.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the owner of the installation's id"
)]
async fn store(db: &Db, id: Uuid, is_marked: bool) -> Result<(), OperatorError> {
    let row = installation::Model {
        id: ID,
        mark: id,
        is_marked,
    };
    let mut there = OnConflict::column(installation::Column::Id);
    let there = match is_marked {
        true => there.update_column(installation::Column::IsMarked),
        false => there.do_nothing(),
    };
    let there = there.to_owned();
    let store = db.write(move |transaction| {
        Box::pin(async move {
            let row = installation::ActiveModel::from(row).reset_all();
            installation::Entity::insert(row)
                .on_conflict(there)
                .exec_without_returning(transaction)
                .await?;
            Ok(())
        })
    });
    store.await.map_err(|error| db.unusable(error.cause()))
}
