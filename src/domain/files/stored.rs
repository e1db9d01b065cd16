//! Files as what is stored, for commands that look at all of it.

use entity::file;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use uuid::Uuid;

use crate::{app::App, error::Result};

/// Up to `limit` files, those in the trash among them, in the order of their content keys, behind the key `after`.
#[expect(clippy::disallowed_methods, reason = "all content is looked at")]
pub async fn in_order_of_content(app: &App, after: &str, limit: u64) -> Result<Vec<file::Model>> {
    let page = file::Entity::find()
        .filter(file::Column::ContentKey.gt(after))
        .order_by_asc(file::Column::ContentKey)
        .limit(limit);
    app.db.all(page).await
}

/// Up to `limit` live files of the account `owner_id`, disabled or not, oldest first, behind the file `after`.
#[expect(
    clippy::disallowed_methods,
    reason = "the operator takes the files of one account along"
)]
pub async fn live_of(
    app: &App,
    owner_id: Uuid,
    after: Uuid,
    limit: u64,
) -> Result<Vec<file::Model>> {
    let page = file::Entity::find()
        .filter(file::Column::OwnerId.eq(owner_id))
        .filter(file::live())
        .filter(file::Column::Id.gt(after))
        .order_by_asc(file::Column::Id)
        .limit(limit);
    app.db.all(page).await
}
