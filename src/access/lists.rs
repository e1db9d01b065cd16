//! Lists of files, already filtered by the policy, and paged by keyset: ids of files sort by creation.

use std::collections::BTreeMap;

use entity::{file, share, user};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Readable,
    audiences::{self, unexpired},
    facts::{active, is_in},
    policy::{Facts, Grant, State},
    sight,
};
use crate::{
    app::App,
    db::{Page, Rows},
    error::Result,
};

/// The live files of `user`.
pub async fn files_of(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    owned_files(app, user, page, State::Live).await
}

/// The files in the trash of `user`.
pub async fn trash_of(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    owned_files(app, user, page, State::Trashed).await
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn owned_files(
    app: &App,
    user: &user::Model,
    page: Page,
    state: State,
) -> Result<Rows<Readable<file::Model>>> {
    let mine = file::Entity::find()
        .filter(file::Column::OwnerId.eq(user.id))
        .filter(is_in(state))
        .filter(Expr::exists(still_active(user)));
    let rows = page
        .apply(mine, file::Column::Id)
        .all(app.db.read())
        .await?;
    let facts = Facts {
        state,
        is_active: true,
        is_owner: true,
        grant: None,
    };
    let rows = rows
        .into_iter()
        .filter_map(|row| sight(row, &facts, state).ok());
    Ok(page.cut(rows.collect()))
}

/// The live files of others that `user` is granted sight of, each once.
///
/// One scan for each audience of the user, bounded by the page and by the index of shares by audience; merged.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn shared_with(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    let mut granted: BTreeMap<Uuid, Vec<share::Model>> = BTreeMap::new();
    for audience in audiences::of_user(user.id) {
        let scan = share::Entity::find()
            .join(JoinType::InnerJoin, share::Relation::File.def())
            .filter(audience.matches())
            .filter(unexpired(Expr::value(app.clock.now())))
            .filter(is_in(State::Live))
            .filter(file::Column::OwnerId.ne(user.id))
            .filter(Expr::exists(still_active(user)));
        let shares = page
            .apply(scan, share::Column::FileId)
            .all(app.db.read())
            .await?;
        for share in shares {
            granted.entry(share.file_id).or_default().push(share);
        }
    }
    let ids: Vec<Uuid> = granted.keys().copied().collect();
    let live = file::Entity::find()
        .filter(file::Column::Id.is_in(ids))
        .filter(is_in(State::Live));
    let files = live.all(app.db.read()).await?;
    let mut rows: Vec<_> = files
        .into_iter()
        .filter_map(|file| {
            let shares = granted.remove(&file.id)?;
            let facts = Facts {
                state: State::Live,
                is_active: true,
                is_owner: false,
                grant: Grant::of(shares.iter().map(|share| share.expires_at)),
            };
            sight(file, &facts, State::Live).ok()
        })
        .collect();
    rows.sort_by_key(|row| row.id);
    if !page.backward {
        rows.reverse();
    }
    Ok(page.cut(rows))
}

/// A row while `user` is active, and none after that: lists are empty then.
fn still_active(user: &user::Model) -> SelectStatement {
    let active = active(Expr::value(user.id), Expr::value(user.credential_epoch));
    Query::select()
        .expr(Expr::value(1))
        .from(user::Entity)
        .cond_where(active)
        .to_owned()
}
