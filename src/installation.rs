//! Which installation this is: an id that the database and the content directory both carry. Where they differ, one of them
//! is the wrong one, and whatever is done to the other destroys it.

use std::path::{Path, PathBuf};

use entity::installation;
use sea_orm::{ActiveModelTrait, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    clock::Clock,
    db::Db,
    operator_error::{OperatorError, absolute, shell_word},
    random,
    storage::Local,
};

/// The only row's.
const ID: i32 = 1;

/// A database beside a content directory, neither of which is changed by looking.
struct Pair<'p> {
    db: &'p Db,
    data_dir: &'p Path,
    /// What the directory says.
    mark: Option<Uuid>,
    /// What the database says.
    known: Option<installation::Model>,
}

impl<'p> Pair<'p> {
    async fn look(db: &'p Db, data_dir: &'p Path) -> Result<Self, OperatorError> {
        // In this order: of two first starts at once, one writes the row, and then the mark.
        let mark = Local::mark(data_dir)?;
        let has_row = db.has_table("installation").await;
        let known = match has_row.map_err(|error| db.unusable(error))? {
            true => known(db).await?,
            false => None,
        };
        Ok(Self {
            db,
            data_dir,
            mark,
            known,
        })
    }

    fn content(&self) -> PathBuf {
        absolute(&self.data_dir.join("content"))
    }

    /// Fails when they are not of one installation. No matter if the directory has no mark.
    fn check(&self) -> Result<(), OperatorError> {
        let (content, database) = (self.content(), self.db.name());
        let content = content.display();
        match (self.mark, &self.known) {
            (Some(mark), Some(known)) if mark != known.mark => Err(OperatorError::new(format!(
                "the content directory {content} and {database} belong to different installations: the directory's \
                 mark is {mark}, the database's {}. Nothing was changed. See whether the right disk is mounted, and whether \
                 CLOAKROOM_DATA_DIR and CLOAKROOM_DATABASE_URL are right. {}",
                known.mark,
                self.mend(known.mark)
            ))),
            (Some(_), None) => Err(of_another_database(&self.content(), database)),
            (None, None) if Local::has_content(self.data_dir)? => {
                Err(of_another_database(&self.content(), database))
            }
            _ => Ok(()),
        }
    }

    /// Fails when the directory has no mark although it was given one.
    fn check_mark(&self) -> Result<(), OperatorError> {
        match &self.known {
            Some(known) if known.is_marked && self.mark.is_none() => {
                Err(OperatorError::new(format!(
                    "the content directory {} does not have the mark that {} knows: it is not the directory that this \
                     installation had. Nothing was changed. See whether its disk is mounted, and whether \
                     CLOAKROOM_DATA_DIR and CLOAKROOM_DATABASE_URL are right. {}",
                    self.content().display(),
                    self.db.name(),
                    self.mend(known.mark)
                )))
            }
            _ => Ok(()),
        }
    }

    /// What to do where they belong together all the same.
    fn mend(&self, id: Uuid) -> String {
        let path = absolute(&Local::mark_path(self.data_dir));
        format!(
            "If they do belong together, say so: `echo {id} > {}`",
            shell_word(&path)
        )
    }
}

fn of_another_database(content: &Path, database: &str) -> OperatorError {
    OperatorError::new(format!(
        "the content directory {} belongs to another database than {database}, which knows nothing of it. Nothing was \
         changed. Set CLOAKROOM_DATABASE_URL to its database, or restore that from a backup; to begin with an empty \
         database, move the content directory away",
        content.display()
    ))
}

/// Fails when `db` is going to be made although there is content of another, or is not the content's. Comes before anything
/// is changed.
pub fn check_before_making(database: &str, data_dir: &Path) -> Result<(), OperatorError> {
    match Local::mark(data_dir)?.is_some() || Local::has_content(data_dir)? {
        true => Err(of_another_database(
            &absolute(&data_dir.join("content")),
            database,
        )),
        false => Ok(()),
    }
}

/// Fails when what is in `data_dir` is another installation's. A directory that has nothing is no matter.
pub async fn check(db: &Db, data_dir: &Path) -> Result<(), OperatorError> {
    Pair::look(db, data_dir).await?.check()
}

/// Fails unless what is in `data_dir` is this installation's for certain, and returns the id.
pub async fn check_strictly(db: &Db, data_dir: &Path) -> Result<Uuid, OperatorError> {
    let pair = Pair::look(db, data_dir).await?;
    pair.check()?;
    pair.check_mark()?;
    match (pair.mark, &pair.known) {
        (Some(mark), Some(_)) => Ok(mark),
        _ => Err(OperatorError::new(format!(
            "there is no content directory at {}: the server makes it at its first start. See whether \
             CLOAKROOM_DATA_DIR and CLOAKROOM_DATABASE_URL are right",
            pair.content().display()
        ))),
    }
}

/// The id of this installation; made when neither the database nor the content directory has one.
pub async fn begin(db: &Db, clock: &Clock, data_dir: &Path) -> Result<Uuid, OperatorError> {
    let pair = Pair::look(db, data_dir).await?;
    pair.check()?;
    pair.check_mark()?;
    if let Some(known) = &pair.known {
        return Ok(known.mark);
    }
    let id = random::id(clock.now());
    store(db, id, false).await?;
    tracing::info!(
        content = %pair.content().display(),
        database = db.name(),
        "this is a new installation"
    );
    // Of two first starts at once, both get the same.
    Ok(known(db).await?.map_or(id, |known| known.mark))
}

/// Notes that the content directory has its mark from now on.
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

/// Stores the row, or that the directory `is_marked` where there is one.
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
