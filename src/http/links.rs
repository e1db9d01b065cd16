//! `/s/{token}`: a link. For a browser a page, for a program the file by way of a fresh ticket.
//!
//! Nothing here counts as a download: who only looks uses up none. Whoever follows the redirect and fetches the bytes does.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Context,
    body::read_whole,
    negotiation,
    plain_pages::{self, SECRET_ADDRESS, Text},
    problem,
};
use crate::{
    app::App,
    auth::client::ClientAddress,
    config::Secret,
    domain::{
        links::{self, Opened, Visit},
        tickets::Disposition,
    },
    error::{Code, Error, Result},
};

/// More than any password that a link can have.
const FORM_BYTES: usize = 16 * 1024;

/// `GET /s/{token}`
pub async fn get(
    State(Context { app, .. }): State<Context>,
    Extension(client): Extension<ClientAddress>,
    token: plain_pages::InPath,
    headers: HeaderMap,
) -> Response {
    let token = plain_pages::token(token);
    if !negotiation::wants_page(&headers) {
        let answer = for_program(&app, &client, &token, &headers).await;
        return (SECRET_ADDRESS, answer).into_response();
    }
    match links::visit(&app, &client, &token, None).await {
        Ok(visit) => page(&visit),
        Err(error) => plain_pages::refusal(error),
    }
}

/// `POST /s/{token}`: the page's form.
pub async fn post(
    State(Context { app, .. }): State<Context>,
    Extension(client): Extension<ClientAddress>,
    token: plain_pages::InPath,
    request: Request,
) -> Response {
    let token = plain_pages::token(token);
    let opened = async {
        let form = read_whole(request.into_body(), FORM_BYTES).await?;
        let mut fields = form_urlencoded::parse(&form);
        let password = fields.find(|(name, _)| name == "password");
        let password = password.map(|(_, value)| Secret::from(value.into_owned()));
        let visit = links::visit(&app, &client, &token, password).await?;
        match &visit.opened {
            Some(opened) => ticket(&app, opened),
            None => Ok(page(&visit)),
        }
    };
    match opened.await {
        Ok(answer) => answer,
        Err(error) if error.code == Code::Forbidden => ask_password(&error.detail),
        Err(error) => plain_pages::refusal(error),
    }
}

async fn for_program(
    app: &App,
    client: &ClientAddress,
    token: &str,
    headers: &HeaderMap,
) -> Response {
    let opened = async {
        let password = basic_password(headers);
        if password.is_some() && negotiation::is_of_another_site(headers) {
            return Err(Error::new(
                Code::CsrfRefused,
                "This password came from a page of another site; open the link itself.",
            ));
        }
        let visit = links::visit(app, client, token, password).await?;
        let opened = visit.opened.ok_or_else(|| {
            Error::new(
                Code::Unauthenticated,
                "This link has a password; send it by HTTP Basic, with any user name: `curl -u :PASSWORD`.",
            )
        });
        ticket(app, &opened?)
    };
    match opened.await {
        Ok(answer) => answer,
        Err(error) if matches!(error.code, Code::Unauthenticated | Code::Forbidden) => {
            let challenge = "Basic realm=\"This link has a password\", charset=\"UTF-8\"";
            let refusal = problem::with_status(StatusCode::UNAUTHORIZED, error);
            ([(header::WWW_AUTHENTICATE, challenge)], refusal).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// The password of `Authorization: Basic …` (RFC 7617), whatever the user name.
fn basic_password(headers: &HeaderMap) -> Option<Secret> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let credentials = String::from_utf8(credentials).ok()?;
    let (_, password) = credentials.split_once(':')?;
    Some(Secret::from(password.to_owned()))
}

/// 303 to a fresh ticket, at the address that the visitor has for this server.
fn ticket(app: &App, opened: &Opened) -> Result<Response> {
    let (ticket, _) = opened.ticket(app, Disposition::Attachment)?;
    let location = format!("/download/{}", ticket.expose());
    let location = HeaderValue::try_from(location).map_err(Error::internal)?;
    let redirect = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]);
    Ok((SECRET_ADDRESS, redirect).into_response())
}

fn page(visit: &Visit) -> Response {
    let Some(opened) = &visit.opened else {
        return ask_password("");
    };
    if opened.is_exhausted() {
        return plain_pages::refusal(links::exhausted());
    }
    let file = &opened.file;
    let mut body = format!("<p>{}\n", Text(&plain_pages::size(file.size)));
    if let Some(left) = opened.terms.downloads_left() {
        body += &format!("<p>Downloads left: {left}\n");
    }
    body += "<form method=\"post\">\n<p><button>Download</button>\n</form>\n";
    plain_pages::page(StatusCode::OK, &file.name, &body)
}

/// The page that asks for the password, again where there is a `complaint`.
fn ask_password(complaint: &str) -> Response {
    let status = match complaint {
        "" => StatusCode::OK,
        _ => StatusCode::FORBIDDEN,
    };
    let mut body = String::new();
    if !complaint.is_empty() {
        body += &format!("<p role=\"alert\">{}\n", Text(complaint));
    }
    body += "<form method=\"post\">\n\
             <p><label>Password <input type=\"password\" name=\"password\" required autofocus></label>\n\
             <p><button>Download</button>\n</form>\n";
    plain_pages::page(status, "This file has a password", &body)
}
