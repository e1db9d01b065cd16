//! GraphQL over HTTP: taking a request in and running it.
//!
//! Follows the GraphQL-over-HTTP specification. The credentials are checked before the body is read, the document is
//! measured before it runs, and batches are refused.

use async_graphql::{Response as GraphQlResponse, ServerError, parser::types::OperationType};
use axum::{
    body::Body,
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

use super::{
    Context,
    answer::{RequestError, not_acceptable, respond},
    body::read_whole,
    disposition::{self, Spelling},
    graphiql,
    headers::one,
    live, multipart, negotiation,
    negotiation::MediaType,
    params::{self, Params},
    persisted, problem,
};
use crate::{
    access::Destination,
    auth::{Actor, Caller, client::ClientAddress},
    config::GraphiQl,
    domain::drops,
    error::{Code, Error, Result},
    graphql::{self, Asked, Asker, Prepared, ReceivedFiles, Unfit},
    traces,
};

/// `POST /graphql`: JSON, or the multipart request specification.
pub async fn post(State(context): State<Context>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(media_type) = MediaType::accepted(&parts.headers) else {
        return not_acceptable();
    };
    let answer = async {
        let caller = Caller::from_request_parts(&mut parts, &context).await?;
        let (params, files) = read(&context, &caller.actor, &parts.headers, body).await?;
        run(&context, caller, params, files, false).await
    };
    respond(media_type, context.app.config.answer_limits(), answer.await)
}

/// `GET /graphql`: a query by URL; or GraphiQL, for a browser; or a WebSocket, for subscriptions.
pub async fn get(State(context): State<Context>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if live::is_asked_for(&parts.headers) {
        return live::upgrade(&context, parts).await;
    }
    if context.app.config.graphql.graphiql == GraphiQl::On
        && negotiation::wants_page(&parts.headers)
    {
        return graphiql::page().await;
    }
    let Some(media_type) = MediaType::accepted(&parts.headers) else {
        return not_acceptable();
    };
    let answer = async {
        let params = params::of_url(parts.uri.query().unwrap_or_default())?;
        let caller = Caller::from_request_parts(&mut parts, &context).await?;
        run(&context, caller, params, ReceivedFiles::default(), true).await
    };
    respond(media_type, context.app.config.answer_limits(), answer.await)
}

/// `GET /graphiql/…`: a part of the page.
pub async fn asset(
    State(context): State<Context>,
    path: Path<String>,
    headers: HeaderMap,
) -> Response {
    match context.app.config.graphql.graphiql {
        GraphiQl::On => graphiql::asset(path, headers).await,
        GraphiQl::Off => problem::no_such_route().await,
    }
}

async fn read(
    context: &Context,
    actor: &Actor,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Params, ReceivedFiles), RequestError> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(unsupported(
            "Compressed bodies are not accepted; send the request as it is.",
        ));
    }
    let content_type = one(headers, &header::CONTENT_TYPE)?
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/json" if is_utf8(content_type) => {
            let body = read_whole(body, context.app.config.graphql.max_body_bytes).await?;
            Ok((params::of_json(&body)?, ReceivedFiles::default()))
        }
        "multipart/form-data" => {
            let into = match actor {
                Actor::Drop(visitor) => Destination::by_drop(visitor)?,
                _ => Destination::own(actor.writer()?),
            };
            let expected = headers
                .get(header::CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok());
            let head = multipart::Head {
                content_type,
                expected,
                spelling: Spelling::of(headers),
            };
            // Behind a pointer: a request without files would be as large otherwise, and is moved.
            let received = Box::pin(multipart::read(&context.app, &into, head, body)).await;
            Ok(match actor {
                Actor::Drop(_) => received.map_err(drops::for_visitor)?,
                _ => received?,
            })
        }
        _ => Err(unsupported(
            "Send application/json in UTF-8, or multipart/form-data to upload.",
        )),
    }
}

fn unsupported(detail: &str) -> RequestError {
    RequestError {
        error: Error::new(Code::BadUserInput, detail),
        status: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

/// Whether nothing but UTF-8 is named as the charset, by its name or by the alias that many clients use.
fn is_utf8(content_type: &str) -> bool {
    let parameters = disposition::parameters(content_type);
    let mut charsets = parameters
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    charsets.all(|(_, charset)| {
        // Some quote it in their own way.
        let charset = charset.trim_matches(['\'', '"']);
        ["utf-8", "utf8"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name))
    })
}

/// Prepares the document and runs it. A mutation does not run by GET, which others may send in a user's name.
async fn run(
    context: &Context,
    caller: Caller,
    params: Params,
    files: ReceivedFiles,
    is_get: bool,
) -> Result<GraphQlResponse, RequestError> {
    let Context { app, schema, .. } = context;
    let prepared = match prepare(context, &caller.client, params).await? {
        Ok(prepared) => prepared,
        Err(errors) => return Ok(GraphQlResponse::from_errors(errors)),
    };
    if is_get && prepared.operation.ty != OperationType::Query {
        return Err(RequestError {
            error: Error::new(
                Code::BadUserInput,
                "Only queries run by GET; send this by POST.",
            ),
            status: Some(StatusCode::METHOD_NOT_ALLOWED),
        });
    }
    let kind = match prepared.operation.ty {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => {
            let detail = "Subscriptions come by a WebSocket at this address, by the protocol graphql-transport-ws.";
            return Err(Error::bad_input("query", detail).into());
        }
    };
    traces::operation(kind);
    let asker = Asker::new(app, caller, files, is_get);
    Ok(graphql::execute(schema, &prepared, asker).await?)
}

/// The operation that `params` ask for, by any transport; or what keeps the document from running.
pub async fn prepare(
    context: &Context,
    client: &ClientAddress,
    params: Params,
) -> Result<Result<Prepared, Vec<ServerError>>, RequestError> {
    let Context { app, schema, .. } = context;
    let persisted = &schema.persisted;
    let (query, hash) = persisted::query(persisted, params.query, params.extensions.as_ref())?;
    let asked = Asked {
        query,
        operation_name: params.operation_name,
        variables: params.variables.unwrap_or_default(),
    };
    let limits = app.config.query_limits();
    let preparation = graphql::prepare(schema, &limits, asked);
    let prepared = tokio::time::timeout(app.config.graphql.execution_timeout, preparation)
        .await
        .map_err(|_elapsed| Error::exhausted(Code::Unavailable))?;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(Unfit::Refused(error)) => return Err(error.into()),
        Err(Unfit::Invalid(errors)) => return Ok(Err(errors)),
    };
    if let Some(hash) = hash {
        persisted.keep(client, hash, &prepared.parsed);
    }
    Ok(Ok(prepared))
}
