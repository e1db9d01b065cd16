//! What the methods of the tus protocol do.

use std::pin::Pin;

use axum::{
    body::{Body, HttpBody},
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use entity::Timestamp;
use uuid::Uuid;

use super::{
    Refusal,
    headers::{
        CLOAKROOM_FILE, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_EXPIRES, UPLOAD_LENGTH,
        UPLOAD_METADATA, UPLOAD_OFFSET, checksum, malformed, number, one,
    },
    metadata::Metadata,
    refused,
};
use crate::{
    access::{self, Destination, Resumable},
    app::SharedApp,
    auth::{Actor, Caller},
    clock,
    domain::{
        drops, file_name,
        uploads::{self, Appended, Beginning, Part, Purpose, Standing},
    },
    error::{Code, Error, Result},
};

/// The media type of a part (tus 1.0.0, PATCH).
const PART: &str = "application/offset+octet-stream";

/// A request for an upload of the caller's.
pub struct Asked {
    pub app: SharedApp,
    pub caller: Caller,
    pub upload: Resumable,
    pub parts: Parts,
    pub body: Body,
}

/// What a method does.
pub type Handler = fn(Asked) -> Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send>>;

/// The upload `id`; `NOT_FOUND` for everybody but whoever began it, `FORBIDDEN` for a token that only reads.
pub async fn find(
    app: &SharedApp,
    actor: &Actor,
    id: Option<Path<Uuid>>,
) -> Result<Resumable, Refusal> {
    let upload = match (actor, id) {
        (Actor::Drop(visitor), Some(Path(id))) => access::dropped_upload(app, visitor, id).await,
        (actor, id) => match (actor.writer()?, id) {
            (owner, Some(Path(id))) => access::own_upload(app, owner, id).await,
            (_, None) => Err(Error::not_found()),
        },
    };
    Ok(upload?)
}

/// `POST /uploads`: begins an upload, with its first part perhaps.
pub async fn create(
    app: &SharedApp,
    caller: Caller,
    parts: Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let is_visitor = matches!(caller.actor, Actor::Drop(_));
    let headers = &parts.headers;
    let into = match &caller.actor {
        Actor::Drop(visitor) => Destination::by_drop(visitor)?,
        actor => Destination::own(actor.writer()?),
    };
    if headers.contains_key(&UPLOAD_CONCAT) {
        return Err(malformed(
            &UPLOAD_CONCAT,
            "is of an extension that this server does not have",
        )
        .into());
    }
    let length = length(headers)?;
    let metadata = Metadata::of(headers)?;
    let beginning = Beginning {
        name: file_name::clean(&metadata.file_name),
        metadata: metadata.sent,
        length,
        expected_sha256: metadata.sha256,
    };
    let has_part = !body.is_end_stream();
    if has_part {
        check_media_type(headers)?;
    }
    let part = Part {
        bytes: body.size_hint().exact(),
        checksum: checksum(headers)?,
        ..Part::default()
    };
    let begun = async {
        if !has_part {
            return uploads::begin_and_finish(app, &caller.client, &into, beginning).await;
        }
        let upload = uploads::begin_resumable(app, &into, beginning).await?;
        let body = body.into_data_stream();
        uploads::begin_with(app, &caller.client, &upload, part, body).await?;
        access::upload_again(app, &upload).await
    };
    let upload = begun.await.map_err(|error| shown(is_visitor, error))?;
    let url = format!("{}/uploads/{}", app.config.server.public_url, upload.id);
    let location = HeaderValue::try_from(url).map_err(Error::internal)?;
    let mut answer = HeaderMap::from_iter([(header::LOCATION, location)]);
    if has_part || upload.file_id.is_some() {
        answer.insert(UPLOAD_OFFSET, upload.received_bytes.into());
    }
    tell_end(&mut answer, is_visitor, upload.file_id, upload.expires_at);
    Ok((StatusCode::CREATED, answer).into_response())
}

/// `HEAD /uploads/{id}`: how far the upload is. A request that still adds to it ends first, so that the answer stays true.
pub async fn head(asked: Asked) -> Result<Response, Refusal> {
    let is_visitor = matches!(asked.caller.actor, Actor::Drop(_));
    let upload = match uploads::turn(
        &asked.app,
        &asked.caller.client,
        &asked.upload,
        Purpose::Look,
    )
    .await?
    {
        Standing::Open(turn) => turn.upload().clone(),
        Standing::Finished(upload) => upload,
    };
    let mut answer = HeaderMap::from_iter([(UPLOAD_OFFSET, upload.received_bytes.into())]);
    match upload.length {
        Some(length) => answer.insert(UPLOAD_LENGTH, length.into()),
        None => answer.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if let Some(metadata) = &upload.metadata {
        let metadata = HeaderValue::try_from(metadata).map_err(Error::internal)?;
        answer.insert(UPLOAD_METADATA, metadata);
    }
    tell_end(&mut answer, is_visitor, upload.file_id, upload.expires_at);
    Ok((StatusCode::OK, answer).into_response())
}

/// `PATCH /uploads/{id}`: adds a part.
pub async fn patch(asked: Asked) -> Result<Response, Refusal> {
    let is_visitor = matches!(asked.caller.actor, Actor::Drop(_));
    let headers = &asked.parts.headers;
    check_media_type(headers)?;
    let offset = number(headers, &UPLOAD_OFFSET)?;
    let part = Part {
        offset: offset.ok_or_else(|| malformed(&UPLOAD_OFFSET, "is missing"))?,
        bytes: asked.body.size_hint().exact(),
        length: number(headers, &UPLOAD_LENGTH)?,
        checksum: checksum(headers)?,
    };
    let turn = match uploads::turn(
        &asked.app,
        &asked.caller.client,
        &asked.upload,
        Purpose::Append,
    )
    .await?
    {
        Standing::Open(turn) => turn,
        Standing::Finished(_) => {
            return Err(Refusal {
                error: Error::new(Code::NotFound, "This upload is finished."),
                status: Some(StatusCode::GONE),
            });
        }
    };
    if let Actor::Drop(visitor) = &asked.caller.actor {
        // Bytes that can become no file would only hold the owner's quota.
        Destination::by_drop(visitor)?;
    }
    let body = asked.body.into_data_stream();
    let appended = turn.append(&asked.caller.client, part, body).await;
    let appended = appended.map_err(|error| shown(is_visitor, error))?;
    let mut answer = HeaderMap::new();
    let bytes = match appended {
        Appended::Paused { bytes, expires_at } => {
            tell_end(&mut answer, is_visitor, None, expires_at);
            bytes
        }
        Appended::Finished { bytes, file_id } => {
            tell_file(&mut answer, is_visitor, file_id);
            bytes
        }
    };
    answer.insert(UPLOAD_OFFSET, bytes.into());
    Ok((StatusCode::NO_CONTENT, answer).into_response())
}

/// `DELETE /uploads/{id}`: ends an upload that is not finished.
pub async fn delete(asked: Asked) -> Result<Response, Refusal> {
    match uploads::turn(
        &asked.app,
        &asked.caller.client,
        &asked.upload,
        Purpose::End,
    )
    .await?
    {
        Standing::Open(turn) => turn.end().await?,
        Standing::Finished(_) => return Err(Error::not_found().into()),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a visitor of a drop may see of an error.
fn shown(is_visitor: bool, error: Error) -> Error {
    match is_visitor {
        true => drops::for_visitor(error),
        false => error,
    }
}

/// When an upload expires; which file it is where it is finished.
fn tell_end(
    answer: &mut HeaderMap,
    is_visitor: bool,
    file_id: Option<Uuid>,
    expires_at: Timestamp,
) {
    match file_id {
        Some(file_id) => tell_file(answer, is_visitor, file_id),
        None => {
            let date = httpdate::fmt_http_date(clock::to_date(expires_at).into());
            if let Ok(date) = HeaderValue::try_from(date) {
                answer.insert(UPLOAD_EXPIRES, date);
            }
        }
    }
}

/// Whose file it is learns its id; the visitor of a drop does not.
fn tell_file(answer: &mut HeaderMap, is_visitor: bool, file_id: Uuid) {
    if let (false, Ok(id)) = (is_visitor, HeaderValue::try_from(file_id.to_string())) {
        answer.insert(CLOAKROOM_FILE, id);
    }
}

/// How long the upload is going to be; `None` where that is told later (tus 1.0.0, creation).
fn length(headers: &HeaderMap) -> Result<Option<u64>> {
    let deferred = one(headers, &UPLOAD_DEFER_LENGTH)?;
    match (
        number(headers, &UPLOAD_LENGTH)?,
        deferred.map(HeaderValue::as_bytes),
    ) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(b"1")) => Ok(None),
        (None, Some(_)) => Err(malformed(&UPLOAD_DEFER_LENGTH, "is 1 or left out")),
        (None, None) => Err(malformed(
            &UPLOAD_LENGTH,
            "is missing, and `Upload-Defer-Length: 1` too",
        )),
        (Some(_), Some(_)) => Err(malformed(
            &UPLOAD_DEFER_LENGTH,
            "does not go with `Upload-Length`",
        )),
    }
}

/// 415 for a body that does not say that it is a part of an upload.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_plain = one(headers, &header::CONTENT_ENCODING)?
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let is_part = one(headers, &header::CONTENT_TYPE)?
        .is_some_and(|media_type| media_type.as_bytes().eq_ignore_ascii_case(PART.as_bytes()));
    match is_plain && is_part {
        true => Ok(()),
        false => Err(refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the bytes as they are, as `Content-Type: application/offset+octet-stream`.",
        )),
    }
}
