//! GraphQL over HTTP: taking a request apart, running it, and answering.
//!
//! Follows the GraphQL-over-HTTP specification. The credentials are checked before the body is read, the document is
//! measured before it runs, and batches are refused.

use std::panic::AssertUnwindSafe;

use async_graphql::{
    Response as GraphQlResponse, ServerError, Variables, parser::types::OperationType,
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tower_sessions::Session;

use super::{
    Context, graphiql, multipart, negotiation, negotiation::MediaType, problem, request_id,
};
use crate::{
    auth::{self, Actor, client::ClientAddress},
    config::GraphiQl,
    error::{Code, Error, Result},
    graphql::{ReceivedFiles, completion, document, loaders},
};

/// The members of a request, by any transport.
#[derive(Debug, Deserialize)]
pub struct Params {
    pub query: String,
    #[serde(default, rename = "operationName")]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<Map<String, Value>>,
    /// Clients may send it; nothing here reads it, but it has to be an object.
    #[serde(default, rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

/// A refusal before anything ran, with a status of its own where HTTP has a more telling one than the code's.
pub struct Refusal {
    pub error: Error,
    pub status: Option<StatusCode>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
        }
    }
}

/// Who asks, and how they are to be reached again.
struct Caller {
    actor: Actor,
    session: Session,
    client: ClientAddress,
}

/// `POST /graphql`: JSON, or the multipart request specification.
pub async fn post(
    State(context): State<Context>,
    Extension(session): Extension<Session>,
    Extension(client): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media_type) = MediaType::accepted(&headers) else {
        return not_acceptable();
    };
    let answer = async {
        let actor = authenticate(&context, &session, &headers).await?;
        let (params, files) = read(&context, &actor, &headers, body).await?;
        let caller = Caller {
            actor,
            session,
            client,
        };
        run(&context, caller, params, files, false).await
    };
    respond(media_type, answer.await)
}

/// `GET /graphql`: a query by URL; or GraphiQL, for a browser.
pub async fn get(
    State(context): State<Context>,
    Extension(session): Extension<Session>,
    Extension(client): Extension<ClientAddress>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if context.app.config.graphiql == GraphiQl::On && negotiation::wants_page(&headers) {
        return graphiql::page().await;
    }
    let Some(media_type) = MediaType::accepted(&headers) else {
        return not_acceptable();
    };
    let answer = async {
        let params = params_of_url(query.as_deref().unwrap_or_default())?;
        let actor = authenticate(&context, &session, &headers).await?;
        let caller = Caller {
            actor,
            session,
            client,
        };
        run(&context, caller, params, ReceivedFiles::default(), true).await
    };
    respond(media_type, answer.await)
}

/// `GET /graphiql/…`: a part of the page.
pub async fn asset(
    State(context): State<Context>,
    path: Path<String>,
    headers: HeaderMap,
) -> Response {
    match context.app.config.graphiql {
        GraphiQl::On => graphiql::asset(path, headers).await,
        GraphiQl::Off => problem::no_such_route().await,
    }
}

/// Who asks: by API token when one is sent, which then has to be good; else by session.
async fn authenticate(context: &Context, session: &Session, headers: &HeaderMap) -> Result<Actor> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = authorization
        .map(|value| value.split_once(' ').unwrap_or((value, "")))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match bearer {
        Some((_, secret)) => auth::api_token::actor(&context.app, secret.trim()).await,
        None => auth::session::actor(&context.app, session).await,
    }
}

async fn read(
    context: &Context,
    actor: &Actor,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Params, ReceivedFiles), Refusal> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(unsupported(
            "Compressed bodies are not accepted; send the request as it is.",
        ));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
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
            let body = read_whole(body, context.app.config.max_body_bytes).await?;
            Ok((params_of_json(&body)?, ReceivedFiles::default()))
        }
        "multipart/form-data" => {
            let user = actor.writer()?;
            let expected = headers
                .get(header::CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok());
            Ok(multipart::read(&context.app, user, content_type, expected, body).await?)
        }
        _ => Err(unsupported(
            "Send application/json in UTF-8, or multipart/form-data to upload.",
        )),
    }
}

fn unsupported(detail: &str) -> Refusal {
    Refusal {
        error: Error::new(Code::BadUserInput, detail),
        status: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

fn is_utf8(content_type: &str) -> bool {
    let mut parameters = content_type.split(';').skip(1).map(str::trim);
    parameters
        .find_map(|parameter| parameter.strip_prefix("charset="))
        .is_none_or(|charset| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// The whole body, of `limit` bytes at most, whatever its announced length.
async fn read_whole(body: Body, limit: usize) -> Result<Bytes> {
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                return Error::new(
                    Code::PayloadTooLarge,
                    format!("The request may have {limit} bytes at most."),
                )
                .with("limitBytes", limit);
            }
            Error::new(Code::BadUserInput, "The request broke off.")
        })
}

/// The request that `json` spells; a batch, which is an array, is refused.
pub fn params_of_json(json: &[u8]) -> Result<Params> {
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(Error::new(
            Code::BadUserInput,
            "Batches are not accepted; send one operation a request.",
        ));
    }
    serde_json::from_slice(json).map_err(|error| {
        Error::new(
            Code::BadUserInput,
            format!("This is not a GraphQL request in JSON: {error}."),
        )
    })
}

fn params_of_url(query: &str) -> Result<Params> {
    let mut members = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let value = match name.as_ref() {
            "query" | "operationName" => Value::from(text),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text).map_err(|error| {
                Error::new(
                    Code::BadUserInput,
                    format!("`{name}` is not JSON: {error}."),
                )
            })?,
            _ => continue,
        };
        members.insert(name.into_owned(), value);
    }
    if members.get("operationName").is_some_and(|name| name == "") {
        members.remove("operationName");
    }
    serde_json::from_value(members.into()).map_err(|error| {
        Error::new(
            Code::BadUserInput,
            format!("This is not a GraphQL request: {error}."),
        )
    })
}

/// Measures the document and runs it. A mutation does not run by GET, which others may send in a user's name.
async fn run(
    context: &Context,
    caller: Caller,
    params: Params,
    files: ReceivedFiles,
    is_get: bool,
) -> Result<GraphQlResponse, Refusal> {
    let config = &context.app.config;
    let variables = params.variables.unwrap_or_default();
    let document = document::check(
        &params.query,
        params.operation_name.as_deref(),
        &variables,
        &config.query_limits,
    )?;
    if is_get && document.operation != OperationType::Query {
        return Err(Refusal {
            error: Error::new(
                Code::BadUserInput,
                "Only queries run by GET; send this by POST.",
            ),
            status: Some(StatusCode::METHOD_NOT_ALLOWED),
        });
    }
    let (users, shares) = loaders(&context.app, caller.actor.user().cloned());
    let mut request = async_graphql::Request::new(params.query)
        .variables(Variables::from_json(variables.into()))
        .data(caller.actor)
        .data(caller.session)
        .data(caller.client)
        .data(files)
        .data(users)
        .data(shares);
    request.operation_name.clone_from(&params.operation_name);
    request.set_parsed_query(document.parsed.clone());
    let execution = AssertUnwindSafe(context.schema.execute(request)).catch_unwind();
    match tokio::time::timeout(config.execution_timeout, execution).await {
        Ok(Ok(mut response)) => {
            let operation = document::select(&document.parsed, params.operation_name.as_deref())?;
            completion::complete(&document.parsed, operation, &mut response);
            Ok(response)
        }
        Ok(Err(_panic)) => Err(Error::internal("a resolver panicked").into()),
        Err(_elapsed) => Err(Error::new(
            Code::Unavailable,
            "The operation took too long and was given up; ask for less, or try again.",
        )
        .into()),
    }
}

/// A response as clients read it, its data in the order they asked.
#[derive(Serialize)]
struct Answer<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r async_graphql::Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'r [ServerError],
}

fn respond(media_type: MediaType, answer: Result<GraphQlResponse, Refusal>) -> Response {
    match answer {
        Ok(response) => executed(media_type, response),
        Err(refusal) => refused(media_type, refusal),
    }
}

/// An operation that ran, or that the schema refused: then it has errors and no data, and statuses tell so.
fn executed(media_type: MediaType, mut response: GraphQlResponse) -> Response {
    let ran =
        response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    for error in &mut response.errors {
        complete(error);
    }
    let retry_after = response.errors.iter().find_map(retry_after);
    let status = if ran {
        StatusCode::OK
    } else {
        media_type.status(StatusCode::BAD_REQUEST)
    };
    let body = Answer {
        data: ran.then_some(&response.data),
        errors: &response.errors,
    };
    let mut answer = json(media_type, status, &body);
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Errors of the library itself are about the document; ours have their codes already.
fn complete(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", Code::BadUserInput.as_str());
    }
    if extensions.get("code") == Some(&Code::Internal.as_str().into())
        && let Some(id) = request_id::current()
    {
        extensions.set("requestId", id);
    }
}

fn retry_after(error: &ServerError) -> Option<u64> {
    match error.extensions.as_ref()?.get("retryAfterSeconds")? {
        async_graphql::Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

/// A request that never ran. Clients of `application/json` get 400 as well for what is no GraphQL request at all, and
/// 200 for a document that was refused (GraphQL over HTTP §6.4.1).
fn refused(media_type: MediaType, Refusal { error, status }: Refusal) -> Response {
    let is_about_document = error
        .facts
        .get("field")
        .is_some_and(|field| field == "query" || field == "operationName")
        || error.code == Code::QueryTooComplex;
    let telling = status.unwrap_or(error.code.status());
    let status = match is_about_document {
        true => media_type.status(telling),
        false => telling,
    };
    let challenge = error.code == Code::Unauthenticated;
    let mut server_error =
        async_graphql::Error::from(error).into_server_error(async_graphql::Pos::default());
    server_error.locations.clear();
    complete(&mut server_error);
    let retry_after = retry_after(&server_error);
    let body = Answer {
        data: None,
        errors: &[server_error],
    };
    let mut answer = json(media_type, status, &body);
    if challenge {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// An error of a layer around the GraphQL route, in the form its clients read.
pub fn refusal_response(error: Error) -> Response {
    refused(MediaType::GraphQlResponse, error.into())
}

fn json(media_type: MediaType, status: StatusCode, body: &Answer<'_>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.header()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    match serde_json::to_vec(body) {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}

fn not_acceptable() -> Response {
    problem::with_status(
        StatusCode::NOT_ACCEPTABLE,
        Error::new(
            Code::BadUserInput,
            "Answers are application/graphql-response+json or application/json; accept one of them.",
        ),
    )
}
