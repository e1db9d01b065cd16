//! The lists that files are in, written in the transactions that change files and shares.

use entity::{
    file, listed_file,
    listed_file::List,
    share::{self, Audience},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, OnConflict},
};
use uuid::Uuid;

use crate::{db::Transaction, error::Result};

/// Rows that are written by one statement: SQLite takes 32,766 parameters.
const ROWS_MAX: usize = 2000;

/// The row of a file in one list.
pub fn row(
    file: &file::Model,
    (list, reader_id): (List, Uuid),
    share_id: Option<Uuid>,
) -> listed_file::ActiveModel {
    let name_key = entity::name_key(&file.name);
    listed_file::ActiveModel {
        id: NotSet,
        list: Set(list),
        reader_id: Set(reader_id),
        file_id: Set(file.id),
        share_id: Set(share_id),
        grams: Set(entity::grams(list, reader_id, &name_key)),
        name_key: Set(name_key),
        size: Set(file.size),
    }
}

#[expect(clippy::disallowed_methods, reason = "lists of files are kept here")]
async fn insert(transaction: &Transaction, rows: Vec<listed_file::ActiveModel>) -> Result<()> {
    for rows in rows.chunks(ROWS_MAX) {
        listed_file::Entity::insert_many(rows.iter().cloned())
            // A share that is made again is listed already.
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Lists files that are live from now on, for their owners.
pub(crate) async fn list_own(
    transaction: &Transaction,
    files: impl IntoIterator<Item = &file::Model>,
) -> Result<()> {
    let rows = files.into_iter();
    let rows = rows.map(|file| row(file, (List::Own, file.owner_id), None));
    insert(transaction, rows.collect()).await
}

/// Takes a file that goes to the trash off the list of its owner.
#[expect(clippy::disallowed_methods, reason = "lists of files are kept here")]
pub(super) async fn unlist_own(transaction: &Transaction, file: &file::Model) -> Result<()> {
    listed_file::Entity::delete_many()
        .filter(listed_file::Column::List.eq(List::Own))
        .filter(listed_file::Column::ReaderId.eq(file.owner_id))
        .filter(listed_file::Column::FileId.eq(file.id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Lists a file for whom a share reaches; a link has no list. It ends with the share.
pub(crate) async fn list_shared(
    transaction: &Transaction,
    file: &file::Model,
    share: &share::Model,
) -> Result<()> {
    let list = match share.audience {
        Audience::User => List::User,
        Audience::Group => List::Group,
        Audience::Authenticated => List::Authenticated,
        Audience::Link => return Ok(()),
    };
    let row = row(file, (list, share.audience_id), Some(share.id));
    insert(transaction, vec![row]).await
}

/// Lists a file by its new name, wherever it is listed.
#[expect(clippy::disallowed_methods, reason = "lists of files are kept here")]
pub(super) async fn rename(transaction: &Transaction, file: &file::Model) -> Result<()> {
    // Held, so that they stay: a share that ends takes its row of the list with it, and each would wait for the other.
    share::Entity::find()
        .select_only()
        .column(share::Column::Id)
        .filter(share::Column::FileId.eq(file.id))
        .order_by_asc(share::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<Uuid>()
        .all(transaction)
        .await?;
    let listed = listed_file::Entity::delete_many()
        .filter(listed_file::Column::FileId.eq(file.id))
        .exec_with_returning(transaction)
        .await?;
    let rows = listed
        .iter()
        .map(|before| row(file, (before.list, before.reader_id), before.share_id));
    insert(transaction, rows.collect()).await
}
