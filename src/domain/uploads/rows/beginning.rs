//! Pending rows: what comes by one drop is counted.

use std::collections::BTreeMap;

use entity::upload;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use uuid::Uuid;

use super::Begun;
use crate::{
    db::{InTransaction, Transaction},
    domain::drops,
    error::Result,
};

/// Writes the pending rows of those uploads that may begin, and says which those are.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) fn insert_pending(
    transaction: &Transaction,
    uploads: Vec<upload::Model>,
    max_per_drop: u32,
) -> InTransaction<'_, Vec<Begun>> {
    Box::pin(async move {
        let begun = by_drops(transaction, &uploads, max_per_drop).await?;
        let rows = uploads
            .into_iter()
            .zip(&begun)
            .filter(|(_, begun)| **begun == Begun::Pending)
            .map(|(row, _)| row.into_active_model().reset_all());
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            upload::Entity::insert_many(rows)
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(begun)
    })
}

/// Says of each of the uploads whether it may begin: what comes by a drop is counted.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn by_drops(
    transaction: &Transaction,
    uploads: &[upload::Model],
    max_per_drop: u32,
) -> Result<Vec<Begun>> {
    let mut begun = vec![Begun::Pending; uploads.len()];
    // Ordered by owners and drops, as at the commit, or two transactions could wait for each other.
    let mut by_drop: BTreeMap<(Uuid, Uuid), Vec<usize>> = BTreeMap::new();
    for (index, upload) in uploads.iter().enumerate() {
        if let Some(drop_id) = upload.drop_id {
            let drop = (upload.user_id, drop_id);
            by_drop.entry(drop).or_default().push(index);
        }
    }
    for ((_, drop_id), indices) in by_drop {
        drops::hold(transaction, drop_id).await?;
        // What comes in parts has a limit of its own.
        let under_way = upload::Entity::find()
            .filter(upload::Column::DropId.eq(drop_id))
            .filter(upload::Column::IsResumable.eq(false));
        let under_way = under_way.count(transaction).await?;
        let left = u64::from(max_per_drop).saturating_sub(under_way);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        for index in indices.into_iter().skip(left) {
            begun[index] = Begun::TooMany;
        }
    }
    Ok(begun)
}
