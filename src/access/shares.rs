//! The shares of files, a page of each at a time.

use std::collections::{HashMap, HashSet};

use entity::{file, share};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, Sight,
    audiences::{self, unexpired},
    facts::is_in,
    lists::owned_of_ids,
    policy::State,
    visible_file,
};
use crate::{
    auth::Viewer,
    db::{Page, Reader, Rows},
    error::Result,
};

/// The name of `share` in the inner query, to tell it from the outer one.
const OF_PAGE: &str = "of_page";

type Shares = HashMap<Uuid, Vec<share::Model>>;

/// The share `id` and its file, if `viewer` may know it: the owner of the file, in the trash too, and whoever it reaches.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn visible_share(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<(Readable<share::Model>, Sight)>> {
    let Some(share) = access.db.one(share::Entity::find_by_id(id)).await? else {
        return Ok(None);
    };
    let Some(file) = visible_file(access, viewer, share.file_id).await? else {
        return Ok(None);
    };
    if !file.is_owned() {
        let audiences = audiences::of_user(viewer.id());
        let reaches = audiences::grants(&audiences, Expr::value(access.clock.now()));
        let reaching = share::Entity::find_by_id(id).filter(reaches);
        if access.db.one(reaching).await?.is_none() {
            return Ok(None);
        }
    }
    let share = Readable {
        until: share.expires_at,
        owned: file.is_owned(),
        subject: viewer.into(),
        row: share,
    };
    Ok(Some((share, file)))
}

/// Names the one share of a file to an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShareName {
    pub file_id: Uuid,
    pub audience: share::Audience,
    pub audience_id: Uuid,
}

/// Those of the shares called `names` that there are and whose files are `viewer`'s, in the trash too; each with its file.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn owned_shares_called(
    access: &Access,
    viewer: &Viewer,
    names: &[ShareName],
) -> Result<HashMap<ShareName, (Owned<share::Model>, Sight)>> {
    let any = names.iter().fold(Condition::any(), |any, name| {
        let called = share::Column::FileId
            .eq(name.file_id)
            .and(share::Column::Audience.eq(name.audience))
            .and(share::Column::AudienceId.eq(name.audience_id));
        any.add(called)
    });
    let shares = access.db.all(share::Entity::find().filter(any)).await?;
    let file_ids: HashSet<_> = shares.iter().map(|share| share.file_id).collect();
    let files = owned_of_ids(access, viewer, file_ids).await?;
    let shares = shares.into_iter().filter_map(|row| {
        let file = files.get(&row.file_id)?.clone();
        let name = ShareName {
            file_id: row.file_id,
            audience: row.audience,
            audience_id: row.audience_id,
        };
        let owner = viewer.into();
        Some((name, (Owned { row, owner }, file)))
    });
    Ok(shares.collect())
}

/// Of each of `files`, the page of the shares that `viewer` may know, newest first: all of their own files', in the trash
/// too, and of others' those that reach them. None of a file that somebody else was let see.
///
/// Reads no more rows than the pages have, and one to tell whether there are more.
pub async fn shares_of(
    access: &Access,
    viewer: &Viewer,
    files: &[&Sight],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Readable<share::Model>>>> {
    let ids = |owned: bool| {
        let files = files.iter().filter(|file| {
            let is_theirs = file.subject() == viewer.into();
            is_theirs && file.is_owned() == owned
        });
        files.map(|file| file.id).collect()
    };
    let mut pages = HashMap::new();
    for (owned, shares) in [
        (true, owned_shares(access, ids(true), page).await?),
        (
            false,
            shares_that_reach(access, viewer, ids(false), page).await?,
        ),
    ] {
        for (file, rows) in shares {
            let rows = rows.into_iter().map(|row| Readable {
                until: row.expires_at,
                owned,
                subject: viewer.into(),
                row,
            });
            pages.insert(file, page.cut(rows.collect()));
        }
    }
    Ok(pages)
}

/// Each file's page is found in the index of shares by file and id, read from one end of the page to the other.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn owned_shares(access: &Access, files: Vec<Uuid>, page: Page) -> Result<Shares> {
    if files.is_empty() {
        return Ok(Shares::new());
    }
    let mut shares = share::Entity::find()
        .join(JoinType::InnerJoin, share::Relation::File.def())
        .filter(file::Column::Id.is_in(files));
    // Each form stops at the end of the page on its own database alone; on the other it would read every share.
    match access.db.reader() {
        Reader::Sqlite { .. } => {
            let mut end = ids_of_page(page);
            end.limit(1).offset(page.limit);
            let furthest = if page.backward {
                Uuid::max()
            } else {
                Uuid::nil()
            };
            let end = Func::coalesce([Expr::SubQuery(None, Box::new(end.into())), furthest.into()]);
            shares = page
                .apply_bounds(shares, share::Column::Id)
                .filter(match page.backward {
                    true => share::Column::Id.into_expr().lte(end),
                    false => share::Column::Id.into_expr().gte(end),
                });
        }
        Reader::Postgres(_) => {
            let mut ids = ids_of_page(page);
            ids.limit(page.limit + 1);
            let same =
                Expr::col((OF_PAGE, share::Column::Id)).equals((share::Entity, share::Column::Id));
            QueryTrait::query(&mut shares).join_lateral(JoinType::InnerJoin, ids, OF_PAGE, same);
        }
    }
    let shares = shares.order_by(share::Column::Id, order(page));
    Ok(by_file(access.db.all(shares).await?))
}

/// The ids of the shares of the file that is at hand, in the order of `page` and within its bounds.
fn ids_of_page(page: Page) -> SelectStatement {
    let id = || Expr::col((OF_PAGE, share::Column::Id));
    let mut ids = Query::select();
    ids.expr(id()).from_as(share::Entity, OF_PAGE).and_where(
        Expr::col((OF_PAGE, share::Column::FileId)).equals((file::Entity, file::Column::Id)),
    );
    if let Some(after) = page.after {
        ids.and_where(id().lt(after));
    }
    if let Some(before) = page.before {
        ids.and_where(id().gt(before));
    }
    ids.order_by((OF_PAGE, share::Column::Id), order(page));
    ids
}

/// At most one of each file for each audience of the viewer, found in the index of shares by file and audience.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn shares_that_reach(
    access: &Access,
    viewer: &Viewer,
    files: Vec<Uuid>,
    page: Page,
) -> Result<Shares> {
    if files.is_empty() {
        return Ok(Shares::new());
    }
    let mut found = Vec::new();
    for audience in audiences::of_user(viewer.id()) {
        let shares = share::Entity::find()
            .join(JoinType::InnerJoin, share::Relation::File.def())
            .filter(share::Column::FileId.is_in(files.clone()))
            .filter(audience.matches())
            .filter(unexpired(Expr::value(access.clock.now())))
            .filter(is_in(State::Live));
        let shares = page.apply_bounds(shares, share::Column::Id);
        found.extend(access.db.all(shares).await?);
    }
    found.sort_by_key(|share| share.id);
    if !page.backward {
        found.reverse();
    }
    Ok(by_file(found))
}

fn order(page: Page) -> Order {
    match page.backward {
        true => Order::Asc,
        false => Order::Desc,
    }
}

fn by_file(shares: Vec<share::Model>) -> Shares {
    let mut by_file = Shares::new();
    for share in shares {
        by_file.entry(share.file_id).or_default().push(share);
    }
    by_file
}
