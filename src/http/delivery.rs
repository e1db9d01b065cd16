//! Delivery: a ticket is redeemed, and the bytes leave by nginx (X_ACCEL) or from here (DIRECT).

use std::{io, ops::Range, pin::Pin, sync::LazyLock, time::SystemTime};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use entity::file;
use futures_util::{Stream, TryStreamExt};
use http_serve::{BoxError, Entity};

use super::{Context, disposition, negotiation, plain_pages};
use crate::{
    access::Readable,
    app::App,
    auth::client::ClientAddress,
    config::Delivery,
    domain::{
        content_type,
        tickets::{self, Disposition, Purpose},
    },
    error::{Code, Error, Result},
    metrics::Redemptions,
    storage::{Content, ContentKey, Redirect},
};

mod conditions;

use conditions::Validators;

/// What metrics call a redemption that was not refused.
const OK: &str = "OK";

static REDEMPTIONS: LazyLock<Redemptions> = LazyLock::new(|| {
    let refusals = Code::ALL.iter().map(|code| code.as_str());
    Redemptions::with([OK].into_iter().chain(refusals))
});

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
/// nginx asks again with this, where the store does not have what an X-Accel-Redirect named.
const X_STORE_MISSING: HeaderName = HeaderName::from_static("x-store-missing");

/// Redeems a ticket. Every request is checked anew; the ticket gates the start of a transfer, not its end. A refusal is a page
/// for a browser that shows one.
pub async fn redeem(
    State(Context { app, .. }): State<Context>,
    Extension(client): Extension<ClientAddress>,
    ticket: plain_pages::InPath,
    request: Request,
) -> Response {
    let wants_page = negotiation::wants_page(request.headers());
    // Bytes that are not UTF-8 are no ticket either.
    let ticket = plain_pages::token(ticket);
    let answer = deliver(&app, &client, &ticket, request).await;
    REDEMPTIONS.count(answer.as_ref().map_or_else(|it| it.code.as_str(), |_| OK));
    match answer {
        Ok(answer) => answer,
        Err(error) if wants_page => plain_pages::refusal(error),
        Err(error) => error.into_response(),
    }
}

async fn deliver(
    app: &App,
    client: &ClientAddress,
    ticket: &str,
    request: Request,
) -> Result<Response> {
    let purpose = match *request.method() {
        Method::HEAD => Purpose::Look,
        _ => Purpose::Download,
    };
    let (file, disposition) = tickets::redeem(app, client, ticket, purpose).await?;
    let key = ContentKey::parse(&file.content_key)
        .ok_or_else(|| Error::internal("a content key in the database is malformed"))?;
    let headers = content_headers(&file, disposition)?;
    match app.config.tickets.delivery {
        Delivery::XAccel if request.headers().contains_key(X_STORE_MISSING) => {
            Err(missing(app, &key, &file).await)
        }
        Delivery::XAccel => x_accel(app, &key, &file, headers, &request),
        Delivery::Direct => direct(app, &key, &file, headers, request).await,
    }
}

/// The policy of content: it is data, whatever it says of itself.
const INERT: &str = "default-src 'none'; sandbox";
/// A browser shows sound or video in a page that it writes itself, under this policy, and that page loads the file once
/// more: from its own origin, or the file would be a stranger's. No script runs there, whatever the file is.
const PLAYED: &str = "default-src 'none'; media-src 'self'; sandbox allow-same-origin";

/// The headers that nginx takes over from the application, or reads from its answer; the others stand in its
/// configuration.
fn content_headers(file: &file::Model, disposition: Disposition) -> Result<HeaderMap> {
    let content_type = HeaderValue::try_from(&file.content_type).map_err(Error::internal)?;
    let is_played = disposition::is_inline(disposition, &file.content_type)
        && content_type::is_played(&file.content_type);
    let policy = if is_played { PLAYED } else { INERT };
    let disposition = disposition::header(disposition, &file.name, &file.content_type);
    Ok(HeaderMap::from_iter([
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        ),
    ]))
}

/// What nginx sends. Of a store's answer it takes the bytes alone: so the validators are told to it, and conditions answered
/// here, by the same logic as in direct delivery.
fn x_accel(
    app: &App,
    key: &ContentKey,
    file: &file::Model,
    headers: HeaderMap,
    request: &Request,
) -> Result<Response> {
    let Redirect { path, is_store } = app.storage.locate(key, request.method() == Method::HEAD);
    let path = HeaderValue::try_from(path).map_err(Error::internal)?;
    let mut response = ([(X_ACCEL_REDIRECT, path)], headers.clone()).into_response();
    if !is_store {
        return Ok(response);
    }
    let validators = Validators::of(file)?;
    match conditions::answer(&validators, request)? {
        Some(mut answer) if answer.status() == StatusCode::NOT_MODIFIED => {
            answer.headers_mut().extend(headers);
            make_safe(&mut answer);
            Ok(answer)
        }
        Some(refusal) => Ok(refusal),
        None => {
            response.headers_mut().extend(validators.headers()?);
            Ok(response)
        }
    }
}

async fn direct(
    app: &App,
    key: &ContentKey,
    file: &Readable<file::Model>,
    headers: HeaderMap,
    mut request: Request,
) -> Result<Response> {
    if asks_several_ranges(request.headers()) {
        request.headers_mut().remove(header::RANGE);
    }
    let content = Download {
        content: content(app, key, file).await?,
        content_type: headers[header::CONTENT_TYPE].clone(),
        validators: Validators::of(file)?,
    };
    let mut response = http_serve::serve(content, &request).map(Body::new);
    response.headers_mut().extend(headers);
    make_safe(&mut response);
    Ok(response)
}

async fn content(app: &App, key: &ContentKey, file: &file::Model) -> Result<Content> {
    // Purged between the check and now.
    let gone = || Error::new(Code::FileGone, "This file has been deleted.");
    let content = app.storage.open(key).await?.ok_or_else(gone)?;
    let (found, size) = (content.len(), file.size);
    match i64::try_from(found) == Ok(size) {
        true => Ok(content),
        // Damage, or somebody else's answer in the place of the store's. `verify` tells which.
        false => {
            let what = format!("the content {key} has {found} bytes, and was stored with {size}");
            Err(Error::exhausted(Code::Unavailable).caused_by(io::Error::other(what)))
        }
    }
}

/// Why nginx did not find the content. nginx sees the same answer whether an object or the whole bucket is gone.
async fn missing(app: &App, key: &ContentKey, file: &file::Model) -> Error {
    match content(app, key, file).await {
        Err(error) => error,
        Ok(_) => Error::new(
            Code::Unavailable,
            "The object store did not have this file, and has it now.",
        ),
    }
}

fn make_safe(response: &mut Response) {
    response
        .headers_mut()
        .extend(SAFETY.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
}

/// The same lines as in nginx's internal location.
const SAFETY: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A request for several ranges gets the whole file, as RFC 9110 §14.2 allows: http-serve separates parts by a fixed
/// boundary, which content could contain.
fn asks_several_ranges(headers: &HeaderMap) -> bool {
    headers
        .get(header::RANGE)
        .is_some_and(|ranges| ranges.as_bytes().contains(&b','))
}

/// Content with its validators.
struct Download {
    content: Content,
    content_type: HeaderValue,
    validators: Validators,
}

impl Entity for Download {
    type Error = BoxError;
    type Data = Bytes;

    fn len(&self) -> u64 {
        self.content.len()
    }

    fn get_range(
        &self,
        range: Range<u64>,
    ) -> Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send + Sync>> {
        Box::pin(self.content.range(range).map_err(BoxError::from))
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
    }

    fn etag(&self) -> Option<HeaderValue> {
        Some(self.validators.etag.clone())
    }

    fn last_modified(&self) -> Option<SystemTime> {
        Some(self.validators.modified)
    }
}
