//! Reads outside a transaction, which wait for a connection or a lock no longer than their request may.

use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QuerySelect, Select, TryIntoModel};

use super::{Lookups, postgres::Connections, prepared};
use crate::error::Result;

/// Where queries outside a transaction go to. None of them can write.
#[derive(Clone, Debug)]
pub enum Reader {
    Sqlite {
        /// For the reads that every request makes.
        lookups: Lookups,
        /// For all others: one may take long, so several run side by side.
        queries: Lookups,
    },
    Postgres(Connections),
}

impl Reader {
    /// The rows that `select` selects.
    #[expect(
        clippy::disallowed_methods,
        reason = "these are others' queries, passed on"
    )]
    pub(super) async fn all<E>(&self, select: Select<E>) -> Result<Vec<E::Model>>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
        E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
    {
        match self {
            Self::Sqlite { queries, .. } => prepared::all(queries, select).await,
            Self::Postgres(connections) => Ok(select.all(connections).await?),
        }
    }

    /// The first of them.
    pub(super) async fn one<E>(&self, select: Select<E>) -> Result<Option<E::Model>>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
        E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
    {
        let rows = self.all(select.limit(1)).await?;
        Ok(rows.into_iter().next())
    }
}
