//! Running a prepared document.

use std::panic::AssertUnwindSafe;

use async_graphql::{Request, Response};
use futures_util::FutureExt;

use super::{
    Schema,
    budget::{Budget, took_too_long},
    charges::Validated,
    completion, document,
    prepare::Prepared,
    types::TYPES,
};
use crate::{
    config::Config,
    error::{Error, Result},
    patience,
};

/// Runs `prepared` with what `with` adds to the request for resolvers to take.
///
/// The operation is given up past its time (`UNAVAILABLE`), and when its answer grows past its limits
/// (`QUERY_TOO_COMPLEX`). Mutations that had run then have run.
pub async fn execute(
    schema: &Schema,
    config: &Config,
    prepared: &Prepared,
    with: impl FnOnce(Request) -> Request,
) -> Result<Response> {
    let by_list = prepared.is_plain;
    let budget = Budget::new(config.answer_limits, by_list);
    let mut request = with(prepared.request()).data(budget.clone());
    if prepared.is_validated {
        request = request.data(Validated);
    }
    let library = match prepared.is_plain {
        true => &schema.plain,
        false => &schema.charged,
    };
    let execution = AssertUnwindSafe(library.execute(request)).catch_unwind();
    let execution = patience::timed(config.execution_timeout, budget.keep(execution));
    let mut response = execution
        .await
        .ok_or_else(took_too_long)??
        .map_err(|_panic| Error::internal("the operation panicked"))?;
    let name = prepared.operation_name.as_deref();
    let operation = document::select(&prepared.document, name)?;
    completion::complete(&TYPES, &prepared.document, operation, &mut response);
    Ok(response)
}
