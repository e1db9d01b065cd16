//! Running a prepared document.

use std::panic::AssertUnwindSafe;

use async_graphql::{Request, Response};
use entity::event;
use futures_util::{FutureExt, StreamExt};

use super::{
    Asker, Library, Schema,
    budget::{Budget, took_too_long},
    completion,
    events::Arrived,
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
    let library = library(schema, prepared);
    run(prepared, asker, prepared.request(), |request| {
        library.execute(request)
    })
    .await
}

/// Answers the subscription `prepared` for `asker` with one event, within the same limits.
pub async fn execute_event(
    schema: &Schema,
    prepared: &Prepared,
    asker: Asker,
    event: event::Model,
) -> Result<Response> {
    let library = library(schema, prepared);
    let request = prepared.request().data(Arrived(event));
    let answer = |request| async move {
        let mut answers = library.execute_stream(request);
        let answer = answers.next().await;
        answer.unwrap_or_else(|| Response::new(async_graphql::Value::Null))
    };
    run(prepared, asker, request, answer).await
}

fn library<'s>(schema: &'s Schema, prepared: &Prepared) -> &'s Library {
    match prepared.is_plain {
        true => &schema.plain,
        false => &schema.charged,
    }
}

async fn run<F: Future<Output = Response> + Send>(
    prepared: &Prepared,
    asker: Asker,
    request: Request,
    execute: impl FnOnce(Request) -> F,
) -> Result<Response> {
    let (limits, time) = {
        let config = &asker.app.config;
        (config.answer_limits(), config.graphql.execution_timeout)
    };
    asker.files.check_uses(&prepared.operation)?;
    let budget = Budget::new(limits, prepared.is_plain);
    let loads = asker.loads.clone();
    let request = request.data(asker).data(budget.clone());
    // Behind a pointer, since what is around it is moved several times.
    let execution = loads.drive(execute(request).boxed());
    let execution = AssertUnwindSafe(execution).catch_unwind();
    let execution = patience::timed(time, budget.keep(execution));
    let mut response = execution
        .await
        .ok_or_else(took_too_long)??
        .map_err(|_panic| Error::internal("the operation panicked"))?;
    completion::complete(&TYPES, &prepared.operation, &mut response);
    Ok(response)
}
