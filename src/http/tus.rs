//! `/uploads`: resumable uploads by the tus protocol, version 1.0.0, over `domain::uploads`.
//!
//! Extensions: creation, creation-with-upload, creation-defer-length, expiration, checksum, termination.

use axum::{
    extract::{FromRequestParts, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use uuid::Uuid;

use super::{Context, problem};
use crate::{
    app::SharedApp,
    auth::Caller,
    domain::uploads::Algorithm,
    error::{Code, Error, Result},
};

mod headers;
mod metadata;
mod requests;

pub use headers::READ;
use headers::{
    TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_RESUMABLE, TUS_VERSION, one,
    overridden,
};
use requests::{Asked, Handler, create, delete, find, head, patch};

/// The one version that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination",
);
/// RFC 9110 has no such status; the protocol's checksum extension names it.
const CHECKSUM_MISMATCH: u16 = 460;

/// What `/uploads` takes.
pub const COLLECTION: &[Method] = &[Method::OPTIONS, Method::POST];
/// What `/uploads/{id}` takes. A POST has to say by `X-HTTP-Method-Override` what it stands for.
pub const UPLOAD: &[Method] = &[
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::DELETE,
    Method::POST,
];

/// The question what the server can do, which [`speak`] has found.
#[derive(Clone, Copy)]
struct Discovery;

/// A refusal, with a status of its own where the protocol names one.
struct Refusal {
    error: Error,
    status: Option<StatusCode>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.code {
            Code::ChecksumMismatch => StatusCode::from_u16(CHECKSUM_MISMATCH).ok(),
            _ => None,
        };
        Self { error, status }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let challenge = self.error.code == Code::Unauthenticated;
        let another_version = self.status == Some(StatusCode::PRECONDITION_FAILED);
        let mut response = match self.status {
            Some(status) => problem::with_status(status, self.error),
            None => self.error.into_response(),
        };
        let headers = response.headers_mut();
        if challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if another_version {
            headers.insert(TUS_VERSION, VERSION);
        }
        response
    }
}

fn refused(status: StatusCode, detail: &str) -> Refusal {
    Refusal {
        error: Error::new(Code::BadUserInput, detail),
        status: Some(status),
    }
}

/// Around everything else of these routes: the method that `X-HTTP-Method-Override` names counts, for the cross-site check
/// too; the question what the server can do is told from the one that browsers ask before they send something; and every
/// answer says which version is spoken.
pub async fn speak(mut request: Request, next: Next) -> Response {
    let mut response = match overridden(request.headers()) {
        Ok(method) => {
            if let Some(method) = method {
                *request.method_mut() = method;
            }
            let is_preflight = request
                .headers()
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
            if request.method() == Method::OPTIONS && !is_preflight {
                // The layer of CORS would answer it.
                *request.method_mut() = Method::GET;
                request.extensions_mut().insert(Discovery);
            }
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `/uploads`, whatever the method.
pub fn collection() -> MethodRouter<Context> {
    on(METHODS, on_collection)
}

/// `/uploads/{id}`, whatever the method.
pub fn upload() -> MethodRouter<Context> {
    on(METHODS, on_upload)
}

async fn on_collection(State(context): State<Context>, request: Request) -> Response {
    let answer = async {
        if let Some(discovered) = discover(&context, &request, COLLECTION) {
            return Ok(discovered);
        }
        if request.method() != Method::POST {
            return Ok(not_allowed(COLLECTION));
        }
        check_version(request.headers())?;
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, &context).await?;
        create(&context.app, caller, parts, body).await
    };
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

async fn on_upload(
    State(context): State<Context>,
    id: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Response {
    let answer = async {
        if let Some(discovered) = discover(&context, &request, UPLOAD) {
            return Ok(discovered);
        }
        let method = request.method().clone();
        let answer: Handler = match method {
            Method::HEAD => |asked| Box::pin(head(asked)),
            Method::PATCH => |asked| Box::pin(patch(asked)),
            Method::DELETE => |asked| Box::pin(delete(asked)),
            _ => return Ok(not_allowed(UPLOAD)),
        };
        check_version(request.headers())?;
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, &context).await?;
        let upload = find(&context.app, &caller.actor, id.ok()).await?;
        let app = SharedApp::clone(&context.app);
        answer(Asked {
            app,
            caller,
            upload,
            parts,
            body,
        })
        .await
    };
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

/// Every one that clients can send a body or a question by; what an address does not take is refused here.
const METHODS: MethodFilter = MethodFilter::GET
    .or(MethodFilter::HEAD)
    .or(MethodFilter::POST)
    .or(MethodFilter::PUT)
    .or(MethodFilter::PATCH)
    .or(MethodFilter::DELETE)
    .or(MethodFilter::OPTIONS);

fn not_allowed(methods: &[Method]) -> Response {
    problem::method_not_allowed(super::allow(methods))
}

/// What this server can do (tus 1.0.0, OPTIONS), for whoever asks that.
fn discover(context: &Context, request: &Request, methods: &[Method]) -> Option<Response> {
    request.extensions().get::<Discovery>()?;
    let max_size = context.app.config.uploads.max_file_size;
    let algorithms = Algorithm::ALL.map(|(name, _)| name).join(",");
    let headers = [
        (TUS_VERSION, VERSION),
        (TUS_EXTENSION, EXTENSIONS),
        (TUS_MAX_SIZE, HeaderValue::from(max_size)),
        (
            TUS_CHECKSUM_ALGORITHM,
            HeaderValue::try_from(algorithms).ok()?,
        ),
    ];
    Some((StatusCode::NO_CONTENT, super::allow(methods), headers).into_response())
}

/// 412 for a request in another version of the protocol, or in none: it is not processed.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match one(headers, &TUS_RESUMABLE) {
        Ok(Some(version)) if version.as_bytes() == VERSION.as_bytes() => Ok(()),
        _ => Err(refused(
            StatusCode::PRECONDITION_FAILED,
            "Say `Tus-Resumable: 1.0.0`; no other version is spoken here.",
        )),
    }
}
