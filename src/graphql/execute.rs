//! Running a prepared document.

use std::panic::AssertUnwindSafe;

use async_graphql::Response;
use futures_util::FutureExt;

use super::{
    Asker, Schema,
    budget::{Budget, took_too_long},
    completion,
    prepare::Prepared,
    types::TYPES,
};
use crate::{
    error::{Error, Result},
    patience,
};

/// Runs `prepared` for `asker`.
///
/// The operation is given up past its time (`UNAVAILABLE`), and when its answer grows past its limits
/// (`QUERY_TOO_COMPLEX`). Mutations that had run then have run.
pub async fn execute(schema: &Schema, prepared: &Prepared, asker: Asker) -> Result<Response> {
    let (limits, time) = {
        let config = &asker.app.config;
        (config.answer_limits(), config.graphql.execution_timeout)
    };
    let by_list = prepared.is_plain;
    let budget = Budget::new(limits, by_list);
    let request = prepared.request().data(asker).data(budget.clone());
    let library = match prepared.is_plain {
        true => &schema.plain,
        false => &schema.charged,
    };
    let execution = AssertUnwindSafe(library.execute(request)).catch_unwind();
    let execution = patience::timed(time, budget.keep(execution));
    let mut response = execution
        .await
        .ok_or_else(took_too_long)??
        .map_err(|_panic| Error::internal("the operation panicked"))?;
    completion::complete(&TYPES, &prepared.operation, &mut response);
    Ok(response)
}
