//! The newest files that are shared with any of the groups of a user, of however many groups.
//!
//! A scan for each group that reads as much as a page has would read a hundred pages for a hundred groups, and throw away
//! almost all of it. So each group is first asked for its share of a page, and then for more only where that can be on the
//! page.

use entity::{Timestamp, file, group_member, share, share::Audience};
use sea_orm::{
    ColumnTrait,
    sea_query::{Expr, ExprTrait, JoinType, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    super::{
        Access,
        audiences::{of_lasting_owner, unexpired},
        facts::{active, is_in},
        policy::State,
    },
    exists,
};
use crate::{
    auth::Viewer,
    db::{Page, Reader},
    error::Result,
};

mod postgres;
mod sqlite;

/// A file, and when a share of it ends.
type Shared = (Uuid, Option<Timestamp>);

/// The groups that a user belongs to, while credentials of that epoch are valid.
fn groups_of(user_id: Expr, epoch: Expr) -> SelectStatement {
    let is_member = group_member::Column::UserId.into_expr().eq(user_id.clone());
    Query::select()
        .column(group_member::Column::GroupId)
        .from(group_member::Entity)
        .and_where(is_member)
        .and_where(exists(active(user_id, epoch)))
        .to_owned()
}

/// What a scan is about: parameters of a statement, or columns.
struct Asked {
    group_id: Expr,
    user_id: Expr,
    now: Expr,
    /// The files between these ids, both excluded.
    above: Expr,
    below: Expr,
}

/// The live files of others, by the unexpired shares with one group. In no order yet: the index of shares by audience has
/// them in the order of the list.
fn scan(asked: Asked) -> SelectStatement {
    let file_id = || share::Column::FileId.into_expr();
    let same_file = file_id().equals((file::Entity, file::Column::Id));
    Query::select()
        .columns([share::Column::FileId, share::Column::ExpiresAt].map(|it| (share::Entity, it)))
        .from(share::Entity)
        .join(JoinType::InnerJoin, file::Entity, same_file)
        .and_where(share::Column::Audience.eq(Audience::Group))
        .and_where(share::Column::AudienceId.into_expr().eq(asked.group_id))
        .and_where(file_id().gt(asked.above))
        .and_where(file_id().lt(asked.below))
        .cond_where(unexpired(asked.now))
        .and_where(is_in(State::Live))
        .and_where(of_lasting_owner())
        .and_where(file::Column::OwnerId.into_expr().ne(asked.user_id))
        .to_owned()
}

/// What is to be found, as both databases take it.
#[derive(Clone, Copy)]
struct Wanted {
    user_id: Uuid,
    epoch: i64,
    now: Timestamp,
    above: Uuid,
    below: Uuid,
    /// How many files.
    files: u64,
    /// From the old end of the range.
    backward: bool,
}

/// The shares with groups of `viewer` of as many live files of others as `page` has, and one more: all such shares of each
/// of these files, and perhaps some of files beyond them.
pub(super) async fn shared_with_groups(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Vec<Shared>> {
    let wanted = Wanted {
        user_id: viewer.id(),
        epoch: viewer.epoch(),
        now: access.clock.now(),
        above: page.before.unwrap_or(Uuid::nil()),
        below: page.after.unwrap_or(Uuid::max()),
        files: page.limit + 1,
        backward: page.backward,
    };
    match access.db.reader() {
        Reader::Sqlite { queries, .. } => {
            let look = move |connection: &_| sqlite::find(connection, wanted);
            queries.run(look).await
        }
        Reader::Postgres(connections) => postgres::find(connections, wanted).await,
    }
}
