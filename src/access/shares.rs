//! The shares of files, a page of each at a time.

use std::collections::{HashMap, HashSet};

use entity::{file, share};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, JoinType,
    Order, QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Asterisk, Expr, ExprTrait, Func, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, Sight,
    audiences::{self, unexpired},
    facts::is_in,
    lists::owned_of_ids,
    policy::State,
    proof::together,
    visible_file,
};
use crate::{
    auth::Viewer,
    db::{Connections, Page, Reader, Rows},
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
    let files = owned_of_ids(access, viewer.into(), file_ids).await?;
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

/// Of each of `files`, the page of the shares that whoever was let see it may know, newest first: all of their own files',
/// in the trash too, and of others' those that reach them.
///
/// Reads no more rows than the pages have, and one to tell whether there are more.
pub async fn shares_of(
    access: &Access,
    files: &[&Sight],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Readable<share::Model>>>> {
    let mut pages = HashMap::with_capacity(files.len());
    for ((subject, owned), files) in together(files, |file| (file.subject(), file.is_owned())) {
        let ids = files.iter().map(|file| file.id).collect();
        let shares = match (owned, subject.identity().user_id()) {
            (true, _) => owned_shares(access, ids, page).await?,
            (false, Some(user_id)) => shares_that_reach(access, user_id, ids, page).await?,
            (false, None) => Shares::new(),
        };
        for (file, rows) in shares {
            let rows = rows.into_iter().map(|row| Readable {
                until: row.expires_at,
                owned,
                subject,
                row,
            });
            pages.insert(file, page.cut(rows.collect()));
        }
    }
    Ok(pages)
}

/// Each file's page is found in the index of shares by file and id, read from one end of the page to the other.
///
/// Each form stops at the end of the page on its own database alone; on the other it would read every share.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn owned_shares(access: &Access, files: Vec<Uuid>, page: Page) -> Result<Shares> {
    let mut of_page = shares_of_page(page);
    let shares = match access.db.reader() {
        Reader::Sqlite { .. } => {
            let end = of_page.column((OF_PAGE, share::Column::Id));
            let end = end.limit(1).offset(page.limit).to_owned();
            let furthest = if page.backward {
                Uuid::max()
            } else {
                Uuid::nil()
            };
            let end = Func::coalesce([Expr::SubQuery(None, Box::new(end.into())), furthest.into()]);
            let shares = share::Entity::find()
                .join(JoinType::InnerJoin, share::Relation::File.def())
                .filter(file::Column::Id.is_in(files));
            let shares = page
                .apply_bounds(shares, share::Column::Id)
                .filter(match page.backward {
                    true => share::Column::Id.into_expr().lte(end),
                    false => share::Column::Id.into_expr().gte(end),
                });
            access.db.all(shares).await?
        }
        Reader::Postgres(connections) => {
            let of_file = of_page.column((OF_PAGE, Asterisk)).limit(page.limit + 1);
            of_each(connections, files, of_file.to_owned()).await?
        }
    };
    Ok(by_file(shares, page))
}

/// The shares of the file that is at hand, in the order of `page` and within its bounds.
fn shares_of_page(page: Page) -> SelectStatement {
    let id = || Expr::col((OF_PAGE, share::Column::Id));
    let mut shares = Query::select();
    shares.from_as(share::Entity, OF_PAGE).and_where(
        Expr::col((OF_PAGE, share::Column::FileId)).equals((file::Entity, file::Column::Id)),
    );
    if let Some(after) = page.after {
        shares.and_where(id().lt(after));
    }
    if let Some(before) = page.before {
        shares.and_where(id().gt(before));
    }
    let order = match page.backward {
        true => Order::Asc,
        false => Order::Desc,
    };
    shares.order_by((OF_PAGE, share::Column::Id), order);
    shares
}

/// The unexpired shares of the live ones of `files` that reach the user, within the bounds of `page`.
///
/// At most one of each file for each audience of the user, found in the index of shares by file and audience.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub(super) async fn shares_that_reach(
    access: &Access,
    user_id: Uuid,
    files: Vec<Uuid>,
    page: Page,
) -> Result<Shares> {
    let mut found = Vec::new();
    for audience in audiences::of_user(user_id) {
        let of_audience = Condition::all()
            .add(audience.matches())
            .add(unexpired(Expr::value(access.clock.now())))
            .add(is_in(State::Live))
            .add(audiences::of_lasting_owner());
        let of_audience = page.bounds(of_audience, share::Column::Id);
        let shares = match access.db.reader() {
            Reader::Sqlite { .. } => {
                let shares = share::Entity::find()
                    .join(JoinType::InnerJoin, share::Relation::File.def())
                    .filter(share::Column::FileId.is_in(files.clone()))
                    .filter(of_audience);
                access.db.all(shares).await?
            }
            // Asked about all files at once, PostgreSQL may read every share with the audience, because it plans for as many
            // shares as audiences have on average.
            Reader::Postgres(connections) => {
                let of_file = Query::select()
                    .column(Asterisk)
                    .from(share::Entity)
                    .and_where(
                        share::Column::FileId
                            .into_expr()
                            .equals((file::Entity, file::Column::Id)),
                    )
                    .cond_where(of_audience)
                    // Keeps it a query of its own for each file.
                    .offset(0)
                    .to_owned();
                of_each(connections, files.clone(), of_file).await?
            }
        };
        found.extend(shares);
    }
    Ok(by_file(found, page))
}

/// Of each of `files`, the shares that `of_file` says, on PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn of_each(
    connections: &Connections,
    files: Vec<Uuid>,
    of_file: SelectStatement,
) -> Result<Vec<share::Model>> {
    let columns = share::Column::iter().map(|column| (share::Entity, column));
    let query = Query::select()
        .columns(columns)
        .from(file::Entity)
        .join_lateral(
            JoinType::InnerJoin,
            of_file,
            share::Entity,
            Expr::cust("TRUE"),
        )
        .and_where(file::Column::Id.is_in(files))
        .to_owned();
    let rows = connections.query_all(&query).await?;
    let shares = rows
        .iter()
        .map(|row| share::Model::from_query_result(row, ""));
    Ok(shares.collect::<Result<_, _>>()?)
}

/// In the order of `page`.
fn by_file(mut shares: Vec<share::Model>, page: Page) -> Shares {
    shares.sort_unstable_by_key(|share| share.id);
    if !page.backward {
        shares.reverse();
    }
    let mut by_file = Shares::with_capacity(shares.len());
    for share in shares {
        // Most files have one.
        let of_file = by_file.entry(share.file_id);
        of_file.or_insert_with(|| Vec::with_capacity(1)).push(share);
    }
    by_file
}
