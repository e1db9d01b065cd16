//! Pending rows: what comes by one drop is counted.

use std::collections::{BTreeMap, HashMap};

use entity::upload;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::Begun;
use crate::{
    config::Config,
    db::{InTransaction, Transaction},
    domain::drops,
    error::Result,
};

/// How many uploads may be under way by one drop.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::uploads) struct DropLimits {
    of_drop: i64,
    /// From one network.
    of_network: i64,
}

impl DropLimits {
    /// The limits where a drop may have `most`.
    pub fn new(most: u32, config: &Config) -> Self {
        let percent = u64::from(config.strangers.drop_percent_per_address);
        let of_network = (u64::from(most) * percent).div_ceil(100);
        Self {
            of_drop: most.into(),
            of_network: i64::try_from(of_network).unwrap_or(i64::MAX),
        }
    }

    /// Whether `count` uploads from one network are as many as there may be.
    pub fn is_reached(&self, count: u64) -> bool {
        i64::try_from(count).unwrap_or(i64::MAX) >= self.of_network
    }
}

/// Writes the pending rows of those uploads that may begin, and says which those are.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) fn insert_pending(
    transaction: &Transaction,
    uploads: Vec<upload::Model>,
    most: DropLimits,
) -> InTransaction<'_, Vec<Begun>> {
    Box::pin(async move {
        let begun = by_drops(transaction, &uploads, most).await?;
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
async fn by_drops(
    transaction: &Transaction,
    uploads: &[upload::Model],
    most: DropLimits,
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
        let mut under_way = under_way(transaction, drop_id).await?;
        let mut all: i64 = under_way.values().sum();
        for index in indices {
            let of_network = under_way.entry(uploads[index].network.clone()).or_default();
            if all >= most.of_drop || *of_network >= most.of_network {
                begun[index] = Begun::TooMany;
            } else {
                all += 1;
                *of_network += 1;
            }
        }
    }
    Ok(begun)
}

/// How many uploads of one request each come by a drop, for each network that they come from. What comes in parts has a
/// limit of its own.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn under_way(
    transaction: &Transaction,
    drop_id: Uuid,
) -> Result<HashMap<Option<String>, i64>> {
    let by_network = upload::Entity::find()
        .select_only()
        .column(upload::Column::Network)
        .column_as(upload::Column::Id.count(), "uploads")
        .filter(upload::Column::DropId.eq(drop_id))
        .filter(upload::Column::IsResumable.eq(false))
        .group_by(upload::Column::Network)
        .into_tuple::<(Option<String>, i64)>()
        .all(transaction)
        .await?;
    Ok(by_network.into_iter().collect())
}
