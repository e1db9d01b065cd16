//! The headers of the tus protocol.

use axum::http::{HeaderMap, HeaderName, Method, header};
use base64::{Engine, prelude::BASE64_STANDARD};

pub use super::super::headers::{malformed, one};
use crate::{
    domain::uploads::{Algorithm, Checksum},
    error::Result,
};

pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// Which file an upload has become.
pub const CLOAKROOM_FILE: HeaderName = HeaderName::from_static("cloakroom-file");

/// What a page of an allowed origin may read of an answer.
pub static READ: [HeaderName; 12] = [
    header::LOCATION,
    TUS_RESUMABLE,
    TUS_VERSION,
    TUS_EXTENSION,
    TUS_MAX_SIZE,
    TUS_CHECKSUM_ALGORITHM,
    UPLOAD_OFFSET,
    UPLOAD_LENGTH,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_EXPIRES,
    CLOAKROOM_FILE,
];

/// The number in a header. One of more digits than fit is as large as can be.
pub fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>> {
    let Some(value) = one(headers, name)? else {
        return Ok(None);
    };
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(malformed(name, "is a whole number, without a sign"));
    }
    let number = str::from_utf8(digits).ok().and_then(|it| it.parse().ok());
    Ok(Some(number.unwrap_or(u64::MAX)))
}

/// The method that a client names which cannot send it (tus 1.0.0, X-HTTP-Method-Override).
pub fn overridden(headers: &HeaderMap) -> Result<Option<Method>> {
    let Some(value) = one(headers, &METHOD_OVERRIDE)? else {
        return Ok(None);
    };
    let method = Method::from_bytes(value.as_bytes());
    let method = method.map_err(|_| malformed(&METHOD_OVERRIDE, "names a method"))?;
    Ok(Some(method))
}

/// What a part is to be: the name of an algorithm and the checksum in base64 (tus 1.0.0, Upload-Checksum).
/// One that is to follow the body is refused: the part would be kept whatever it says.
pub fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>> {
    let trailers = headers.get_all(header::TRAILER).iter();
    let mut trailers = trailers.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    if trailers.any(|name| {
        let name = HeaderName::from_bytes(name.trim_ascii());
        name.is_ok_and(|name| name == UPLOAD_CHECKSUM)
    }) {
        return Err(malformed(&UPLOAD_CHECKSUM, "comes before the body"));
    }
    let Some(value) = one(headers, &UPLOAD_CHECKSUM)? else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let (name, value) = text.split_once(' ').unwrap_or((text, ""));
    let known = Algorithm::ALL.iter().find(|(known, _)| *known == name);
    let Some((_, algorithm)) = known else {
        let names = Algorithm::ALL.map(|(name, _)| name).join(", ");
        let rule = format!("names one of these algorithms: {names}");
        return Err(malformed(&UPLOAD_CHECKSUM, &rule));
    };
    let value = BASE64_STANDARD.decode(value).ok();
    let checksum = value.and_then(|value| Checksum::new(*algorithm, value));
    let rule = "has a checksum of the algorithm's length in base64 behind a space";
    let checksum = checksum.ok_or_else(|| malformed(&UPLOAD_CHECKSUM, rule))?;
    Ok(Some(checksum))
}
