//! `/drop/{token}`: the page of a drop. Its form works without scripts.

use axum::{
    Extension,
    extract::{Request, State},
    http::{StatusCode, header},
    response::Response,
};

use super::{
    Context,
    disposition::{Spelling, file_name},
    multipart::Parts,
    plain_pages::{self, Text},
};
use crate::{
    access::Destination,
    app::SharedApp,
    auth::client::ClientAddress,
    config::Secret,
    domain::{
        drops::{self, Look},
        file_name::clean,
        uploads::{self, Complete, Dropped, Naming},
    },
    error::{Code, Error, Result},
    hex,
};

/// More than any password that a drop can have.
const PASSWORD_BYTES: usize = 4 * 1024;

/// Sends the files of the form by tus.
const SCRIPT: &str = "src/strangers/drop.ts";

/// `GET /drop/{token}`
pub async fn get(
    State(Context { app, .. }): State<Context>,
    Extension(client): Extension<ClientAddress>,
    token: plain_pages::InPath,
) -> Response {
    match drops::look(&app, &client, &plain_pages::token(token), None).await {
        Ok(look) => page(&look, StatusCode::OK, ""),
        Err(error) => plain_pages::refusal(error),
    }
}

/// `POST /drop/{token}`: the page's form, the password first and then the files.
pub async fn post(
    State(Context { app, .. }): State<Context>,
    Extension(client): Extension<ClientAddress>,
    token: plain_pages::InPath,
    request: Request,
) -> Response {
    let token = plain_pages::token(token);
    // What is not there is told before a byte of the body is read.
    let look = match drops::look(&app, &client, &token, None).await {
        Ok(look) => look,
        Err(error) => return plain_pages::refusal(error),
    };
    match receive(&app, &client, &token, request)
        .await
        .map_err(drops::for_visitor)
    {
        Ok(left) => thanks(&left),
        Err(error)
            if [Code::Forbidden, Code::BadUserInput, Code::QuotaExceeded].contains(&error.code) =>
        {
            page(&look, error.code.status(), &error.detail)
        }
        Err(error) => plain_pages::refusal(error),
    }
}

async fn receive(
    app: &SharedApp,
    client: &ClientAddress,
    token: &str,
    request: Request,
) -> Result<Vec<Dropped>> {
    let (parts, body) = request.into_parts();
    let spelling = Spelling::of(&parts.headers);
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let mut parts = Parts::new(body, content_type.unwrap_or_default(), PASSWORD_BYTES)?;
    let mut field = parts.next().await?;
    let mut password = None;
    if field
        .as_ref()
        .is_some_and(|field| field.name() == Some("password"))
        && let Some(first) = field.take()
    {
        let text = parts.whole("password", first).await?;
        password = Some(Secret::from(String::from_utf8_lossy(&text).into_owned()));
        field = parts.next().await?;
    }
    let look = drops::look(app, client, token, password).await?;
    let visitor = look.visitor.ok_or_else(|| {
        Error::new(
            Code::Forbidden,
            "This drop has a password: type it above the files.",
        )
    })?;
    let into = Destination::by_drop(&visitor)?;
    let mut uploads: Vec<Naming> = Vec::new();
    let (mut seen, limit) = (0, app.config.uploads.max_files_per_request);
    while let Some(mut part) = field.take() {
        // Those without a name too: a form sends one where no file was chosen.
        seen += 1;
        if seen > limit {
            let detail = format!("One request may upload {limit} files at most.");
            return Err(Error::new(Code::PayloadTooLarge, detail).with("limit", limit));
        }
        let name = file_name(part.headers(), spelling);
        if !name.is_empty() {
            let mut upload = uploads::begin(app, &into, None).await?;
            parts.lift();
            while let Some(chunk) = Parts::chunk(&mut part).await? {
                upload.append(chunk).await?;
            }
            let mut upload: Complete = upload.complete().await?;
            upload.settle().await?;
            uploads.push(Naming {
                name: clean(&name),
                upload,
                expected_sha256: None,
            });
        }
        drop(part);
        field = parts.next().await?;
    }
    if uploads.is_empty() {
        return Err(Error::bad_input("file", "Choose a file first."));
    }
    uploads::finish_dropped(app, client, uploads).await
}

fn thanks(left: &[Dropped]) -> Response {
    let mut body = String::from("<ul>\n");
    for file in left {
        body += &format!(
            "<li><bdi>{}</bdi>, {}, SHA-256 {}\n",
            Text(&file.name),
            Text(&plain_pages::size(file.size)),
            hex::encode(&file.sha256)
        );
    }
    body += "</ul>\n";
    plain_pages::page(StatusCode::OK, "Your files have arrived", &body)
}

/// The form, with a `complaint` about what was sent where there is one.
fn page(look: &Look, status: StatusCode, complaint: &str) -> Response {
    let mut body = String::new();
    if !complaint.is_empty() {
        body += &format!("<p role=\"alert\">{}\n", Text(complaint));
    }
    if let Some(visitor) = &look.visitor {
        let owner = &visitor.owner().user.username;
        body += &format!("<p>What you leave here goes to {}.\n", Text(owner));
        if let Some(size) = visitor.max_file_size() {
            body += &format!("<p>A file may have {}.\n", Text(&plain_pages::size(size)));
        }
        if let Some(left) = visitor.files_left() {
            body += &format!("<p id=\"left\">Files that may still be left: {left}\n");
        }
    }
    body += "<form method=\"post\" enctype=\"multipart/form-data\">\n";
    if look.face.has_password {
        body += "<p><label>Password <input type=\"password\" name=\"password\" required autofocus></label>\n";
    }
    body += "<p><label>Files <input type=\"file\" name=\"file\" multiple required></label>\n\
             <p><button>Leave</button>\n</form>\n";
    plain_pages::page_with(Some(SCRIPT), status, &look.face.name, &body)
}
