//! Answers of the GraphQL route: their status, their headers, and the form of what was refused (GraphQL over HTTP §6).

use super::{negotiation::MediaType, problem, request_id};
use crate::{
    config::AnswerLimits,
    error::{Code, Error},
    graphql::{self, too_large, write_json, written_length},
};
use async_graphql::{Response as GraphQlResponse, ServerError};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// About what an answer without errors has around its data.
const ENVELOPE_BYTES: usize = 16;
/// The most errors an answer has.
const ERRORS_MAX: usize = 20;

/// Why nothing of a request ran (GraphQL §7.1.2), with a status of its own where HTTP has a more telling one than the code's.
pub struct RequestError {
    pub error: Error,
    pub status: Option<StatusCode>,
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
        }
    }
}

/// A response as clients read it, its data in the order they asked.
struct Body<'r> {
    data: Option<&'r async_graphql::Value>,
    errors: &'r [ServerError],
}

impl Body<'_> {
    fn written(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(self.data.map_or(0, written_length) + ENVELOPE_BYTES);
        text.push(b'{');
        if let Some(data) = self.data {
            text.extend(br#""data":"#);
            write_json(&mut text, data)?;
        }
        if !self.errors.is_empty() {
            text.extend(match self.data {
                Some(_) => br#","errors":"#.as_slice(),
                None => br#""errors":"#,
            });
            serde_json::to_writer(&mut text, self.errors)?;
        }
        text.push(b'}');
        Ok(text)
    }
}

/// What the client gets: what ran, or why nothing did.
pub fn respond(
    media_type: MediaType,
    limits: AnswerLimits,
    answer: Result<GraphQlResponse, RequestError>,
) -> Response {
    match answer {
        Ok(response) => executed(media_type, limits, response),
        Err(refusal) => refused(media_type, refusal),
    }
}

/// An operation that ran, or that the schema refused: then it has errors and no data, and statuses tell so.
fn executed(
    media_type: MediaType,
    limits: AnswerLimits,
    mut response: GraphQlResponse,
) -> Response {
    let ran = ran(&response);
    let retry_after = response.errors.iter().find_map(retry_after);
    let status = if ran {
        StatusCode::OK
    } else {
        media_type.status(StatusCode::BAD_REQUEST)
    };
    let body = match written(limits, &mut response) {
        Ok(body) => body,
        Err(error) => return refused(media_type, error.into()),
    };
    let mut answer = json(media_type, status, body);
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn ran(response: &GraphQlResponse) -> bool {
    response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty())
}

/// A response as clients read it; or why it cannot be sent.
pub fn written(
    limits: AnswerLimits,
    response: &mut GraphQlResponse,
) -> Result<serde_json::Result<Vec<u8>>, Error> {
    let ran = ran(response);
    finish_all(&mut response.errors);
    let body = Body {
        data: ran.then_some(&response.data),
        errors: &response.errors,
    };
    match body.written() {
        // Written out, some characters take more than the budget knew.
        Ok(body) if body.len() > limits.bytes => Err(too_large("bytes", limits.bytes)),
        body => Ok(body),
    }
}

/// Errors as clients read them, without data: for transports that have a message for those.
pub fn written_errors(mut errors: Vec<ServerError>) -> serde_json::Result<Vec<u8>> {
    finish_all(&mut errors);
    serde_json::to_vec(&errors)
}

/// The error of a request that never ran, as one of a response.
pub fn server_error(error: Error) -> ServerError {
    let mut error =
        async_graphql::Error::from(error).into_server_error(async_graphql::Pos::default());
    error.locations.clear();
    error
}

fn finish_all(errors: &mut Vec<ServerError>) {
    cut_list(errors);
    errors.iter_mut().for_each(finish);
}

/// Cuts a list of errors that is too long. The last one that stays says how many were left out.
fn cut_list(errors: &mut Vec<ServerError>) {
    let omitted = errors.len().saturating_sub(ERRORS_MAX);
    errors.truncate(ERRORS_MAX);
    if let (Some(last), 1..) = (errors.last_mut(), omitted) {
        last.extensions
            .get_or_insert_default()
            .set("errorsLeftOut", omitted);
    }
}

/// Errors of the library itself are about the document; ours have their codes already.
fn finish(error: &mut ServerError) {
    graphql::cut(&mut error.message);
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
fn refused(media_type: MediaType, RequestError { error, status }: RequestError) -> Response {
    let is_about_document = error
        .facts
        .get("field")
        .and_then(|field| field.as_str())
        .is_some_and(|field| ["query", "operationName", "variables"].contains(&field))
        || error.code == Code::QueryTooComplex;
    let telling = status.unwrap_or(error.code.status());
    let status = match is_about_document {
        true => media_type.status(telling),
        false => telling,
    };
    let challenge = error.code == Code::Unauthenticated;
    let mut server_error = server_error(error);
    finish(&mut server_error);
    let retry_after = retry_after(&server_error);
    let body = Body {
        data: None,
        errors: &[server_error],
    };
    let mut answer = json(media_type, status, body.written());
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

/// An error of a layer around the GraphQL route, in the form that its clients read.
pub fn request_error(error: Error) -> Response {
    refused(MediaType::GraphQlResponse, error.into())
}

fn json(media_type: MediaType, status: StatusCode, body: serde_json::Result<Vec<u8>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.header()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    match body {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}

/// 406, when a client accepts neither media type.
pub fn not_acceptable() -> Response {
    problem::with_status(
        StatusCode::NOT_ACCEPTABLE,
        Error::new(
            Code::BadUserInput,
            "Answers are application/graphql-response+json or application/json; accept one of them.",
        ),
    )
}
