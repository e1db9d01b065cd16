//! Lists of files, already filtered by the policy, and paged by keyset: ids of files sort by creation.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use entity::{Timestamp, file, share, user};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, Sight, Trashed,
    audiences::{self, Key, of_lasting_owner, unexpired},
    facts::{active, is_in, state},
    policy::{Facts, Grant, State},
    proof::Owner,
    sight,
};
use crate::{
    auth::{Identity, Subject, Viewer},
    db::{Page, Rows},
    error::Result,
};

mod groups;
mod sorted;

pub use sorted::{Order, Part, Place, SortKey, files_sorted, shared_sorted};

/// The live files of `viewer`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn files_of(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Owned<file::Model>>> {
    owned_among(access, viewer, file::Entity::find(), page, State::Live).await
}

/// The files in the trash of `viewer`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn trash_of(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Owned<Trashed>>> {
    let rows = owned_among(access, viewer, file::Entity::find(), page, State::Trashed).await?;
    Ok(rows.map(Owned::into_trashed))
}

/// The files of `viewer` among `files` that are in `state`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn owned_among(
    access: &Access,
    viewer: &Viewer,
    files: Select<file::Entity>,
    page: Page,
    state: State,
) -> Result<Rows<Owned<file::Model>>> {
    let mine = files
        .filter(file::Column::OwnerId.eq(viewer.id()))
        .filter(is_in(state))
        .filter(still_active(viewer.into()));
    let mine = page.apply(mine, file::Column::Id);
    let rows = access.db.all(mine).await?;
    let facts = Facts {
        state,
        is_active: true,
        is_owner: true,
        grant: None,
    };
    let rows = rows
        .into_iter()
        .filter_map(|row| sight(row, &facts, state, viewer.into()).ok())
        .filter_map(|row| row.into_owned().ok());
    Ok(page.cut(rows.collect()))
}

/// Those of `ids` that are files of `owner`'s, live or in the trash.
pub(super) async fn owned_of_ids(
    access: &Access,
    owner: Owner,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Sight>> {
    let files = files_and_facts(access, owner, ids).await?;
    Ok(files
        .into_iter()
        .filter_map(|(row, facts)| {
            let file = sight(row, &facts, facts.state, owner.subject).ok()?;
            let file = match facts.state {
                State::Live => Sight::Live(file),
                State::Trashed => file.into_owned().ok()?.into_trashed().into(),
            };
            Some((file.id, file))
        })
        .collect())
}

/// The files with `ids`, whoever owns them, and for each the facts for `owner`: shares are not among them.
///
/// The query does not ask for the owner: PostgreSQL might then read all files of that owner, because it plans for as many files as
/// owners have on average.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn files_and_facts(
    access: &Access,
    owner: Owner,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<(file::Model, Facts)>> {
    let files = file::Entity::find()
        .filter(file::Column::Id.is_in(ids))
        .filter(still_active(owner.subject));
    let files = access.db.all(files).await?.into_iter();
    let files = files.map(|row| {
        let facts = Facts {
            state: state(&row),
            is_active: true,
            is_owner: row.owner_id == owner.id,
            grant: None,
        };
        (row, facts)
    });
    Ok(files.collect())
}

/// The live files of others that `viewer` is granted sight of, each once.
///
/// One scan for each audience of the user, bounded by the page and by the index of shares by audience; merged.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn shared_with(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    let mut granted: BTreeMap<Uuid, Vec<Option<Timestamp>>> = BTreeMap::new();
    for audience in audiences::of_user(viewer.id()) {
        let shares = match audience.is_one() {
            true => shared_with_one(access, viewer, &audience, page).await?,
            false => groups::shared_with_groups(access, viewer, page).await?,
        };
        for (file_id, end) in shares {
            granted.entry(file_id).or_default().push(end);
        }
    }
    let mut ids: Vec<Uuid> = granted.keys().copied().collect();
    if !page.backward {
        ids.reverse();
    }
    // Before the files are read: one that is deleted meanwhile leaves a gap, and not the end of the list.
    let ids = page.cut(ids);
    let live = file::Entity::find()
        .filter(file::Column::Id.is_in(ids.rows))
        .filter(is_in(State::Live));
    let files = access.db.all(live).await?;
    let mut rows: Vec<_> = files
        .into_iter()
        .filter_map(|file| {
            let ends = granted.remove(&file.id)?;
            let facts = Facts {
                state: State::Live,
                is_active: true,
                is_owner: false,
                grant: Grant::of(ends),
            };
            sight(file, &facts, State::Live, viewer.into()).ok()
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.id));
    Ok(Rows {
        rows,
        more: ids.more,
    })
}

/// The files that are shared with one audience, and when the shares end.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn shared_with_one(
    access: &Access,
    viewer: &Viewer,
    audience: &Key,
    page: Page,
) -> Result<Vec<(Uuid, Option<Timestamp>)>> {
    let scan = share::Entity::find()
        .join(JoinType::InnerJoin, share::Relation::File.def())
        .filter(audience.matches())
        .filter(unexpired(Expr::value(access.clock.now())))
        .filter(is_in(State::Live))
        .filter(of_lasting_owner())
        .filter(file::Column::OwnerId.ne(viewer.id()))
        .filter(still_active(viewer.into()));
    let scan = page.apply(scan, share::Column::FileId);
    let shares = access.db.all(scan).await?.into_iter();
    Ok(shares
        .map(|share| (share.file_id, share.expires_at))
        .collect())
}

/// Whether whoever asks is an active user: lists are empty when not.
pub(super) fn still_active(subject: Subject) -> Expr {
    match subject.identity() {
        Identity::User { id, epoch } => exists(active(Expr::value(id), Expr::value(epoch))),
        Identity::Link { .. } => Expr::value(false),
    }
}

/// Whether there is a user of whom `condition` is true.
fn exists(condition: Condition) -> Expr {
    let user = Query::select()
        .expr(Expr::cust("1"))
        .from(user::Entity)
        .cond_where(condition)
        .to_owned();
    Expr::exists(user)
}
