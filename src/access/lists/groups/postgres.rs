//! On PostgreSQL: one statement. The newest files of each group say from which file on a group's files can be on the page at
//! all; then each group is read down to that one.

use std::sync::LazyLock;

use entity::Timestamp;
use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sea_query::{Expr, PostgresQueryBuilder},
};

use super::{Asked, Shared, Wanted, groups_of, scan};
use crate::{db::Connections, error::Result};

/// For pages from the new end of a range, and from the old end. The parameters: user, epoch, present, the ends of the range,
/// and how many files.
static QUERIES: LazyLock<[String; 2]> =
    LazyLock::new(|| [query("DESC", ">=", "$4"), query("ASC", "<=", "$5")]);

fn query(order: &str, within: &str, end: &str) -> String {
    let [user_id, epoch, now, above, below] = ["$1", "$2", "$3", "$4", "$5"].map(Expr::cust);
    let groups = groups_of(user_id.clone(), epoch);
    let files = scan(Asked {
        group_id: Expr::cust("mine.group_id"),
        user_id,
        now,
        above,
        below,
    });
    let [groups, files] = [groups, files].map(|part| part.to_string(PostgresQueryBuilder));
    format!(
        "WITH mine AS MATERIALIZED ({groups}), \
         first AS (SELECT DISTINCT found.file_id FROM mine CROSS JOIN LATERAL \
         ({files} ORDER BY share.file_id {order} LIMIT (SELECT 1 + $6 / greatest(count(*), 1) FROM mine)) found), \
         furthest AS MATERIALIZED (SELECT coalesce((SELECT file_id FROM first ORDER BY file_id {order} \
         OFFSET $6 - 1 LIMIT 1), {end}) AS file_id) \
         SELECT found.file_id, found.expires_at FROM furthest CROSS JOIN mine CROSS JOIN LATERAL \
         ({files} AND share.file_id {within} furthest.file_id \
         ORDER BY share.file_id {order} LIMIT $6) found"
    )
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn find(connections: &Connections, wanted: Wanted) -> Result<Vec<Shared>> {
    let [forward, backward] = &*QUERIES;
    let sql = if wanted.backward { backward } else { forward };
    let values = [
        wanted.user_id.into(),
        wanted.epoch.into(),
        wanted.now.0.into(),
        wanted.above.into(),
        wanted.below.into(),
        i64::try_from(wanted.files).unwrap_or(i64::MAX).into(),
    ];
    let query = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let rows = connections.query_all_raw(query).await?;
    let rows = rows.iter().map(|row| {
        let end: Option<i64> = row.try_get_by_index(1)?;
        Ok((row.try_get_by_index(0)?, end.map(Timestamp)))
    });
    rows.collect()
}
