//! Deleting rows whose time has come, for the sweeps of the modules that own them.

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};

use super::Db;
use crate::error::Result;

impl Db {
    /// Deletes up to `limit` rows that are `due`, found by their key `id`, and says how many. `due` is asked again in the
    /// deletion itself, so a row that has been renewed since it was found stays.
    #[expect(
        clippy::disallowed_methods,
        reason = "only the owner of the rows may call this, by the same lint"
    )]
    pub async fn delete_due<E: EntityTrait>(
        &self,
        id: E::Column,
        due: Expr,
        limit: u64,
    ) -> Result<u64> {
        let some = E::find()
            .select_only()
            .column(id)
            .filter(due.clone())
            .limit(limit)
            .into_query();
        // Held in one order, or two transactions could wait for each other.
        let held = E::find()
            .select_only()
            .column(id)
            .filter(id.in_subquery(some))
            .order_by_asc(id)
            .lock_exclusive()
            .into_query();
        let delete = E::delete_many().filter(id.in_subquery(held)).filter(due);
        let delete = self.write(move |transaction| {
            Box::pin(async move { Ok(delete.exec(transaction).await?.rows_affected) })
        });
        delete.await
    }
}
