//! `Upload-Metadata` (tus 1.0.0, creation): what a client says of the file that it is going to upload.

use std::collections::HashSet;

use axum::http::HeaderMap;
use base64::{Engine, prelude::BASE64_STANDARD};

use super::headers::{UPLOAD_METADATA, malformed, one};
use crate::{
    error::{Code, Error, Result},
    hex,
};

/// More than any client has to say.
const MAX_BYTES: usize = 4 * 1024;

/// What counts of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// As the client sent it; `None` where nothing was sent.
    pub sent: Option<String>,
    /// `filename`: as the client wrote it, a path perhaps.
    pub file_name: String,
    /// `sha256`, which is in hexadecimal.
    pub sha256: Option<[u8; 32]>,
}

impl Metadata {
    /// `BAD_USER_INPUT` for what the protocol does not allow; `PAYLOAD_TOO_LARGE` for too much of it.
    pub fn of(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = one(headers, &UPLOAD_METADATA)? else {
            return Ok(Self::default());
        };
        if value.len() > MAX_BYTES {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!("The header `Upload-Metadata` may have {MAX_BYTES} bytes at most."),
            )
            .with("limitBytes", MAX_BYTES));
        }
        let text = value.to_str();
        let text = text.map_err(|_| malformed(&UPLOAD_METADATA, "is ASCII"))?;
        let mut metadata = Self::default();
        if text.trim().is_empty() {
            return Ok(metadata);
        }
        metadata.sent = Some(text.to_owned());
        let mut keys = HashSet::new();
        for pair in text.split(',') {
            // Some clients put a space behind each comma.
            let pair = pair.trim();
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if key.is_empty() || !keys.insert(key) {
                let rule = "has keys that are not empty, each of them once";
                return Err(malformed(&UPLOAD_METADATA, rule));
            }
            let value = BASE64_STANDARD.decode(value);
            let value = value.map_err(|_| {
                malformed(
                    &UPLOAD_METADATA,
                    "has values in base64, each behind its key and a space",
                )
            })?;
            match key {
                "filename" => metadata.file_name = text_of(value)?,
                "sha256" => metadata.sha256 = Some(sha256(value)?),
                _ => {}
            }
        }
        Ok(metadata)
    }
}

fn text_of(value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| malformed(&UPLOAD_METADATA, "has a `filename` in UTF-8"))
}

fn sha256(value: Vec<u8>) -> Result<[u8; 32]> {
    let digits = String::from_utf8(value).ok();
    let value = digits.and_then(|digits| hex::decode(&digits));
    value.ok_or_else(|| malformed(&UPLOAD_METADATA, "has a `sha256` of 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &str) -> Result<Metadata> {
        let value = HeaderValue::from_str(text).unwrap();
        Metadata::of(&HeaderMap::from_iter([(UPLOAD_METADATA, value)]))
    }

    #[test]
    fn names_and_hashes_count_and_the_rest_is_kept() {
        let digits = BASE64_STANDARD.encode("ab".repeat(32));
        let text = format!("filename d29ybGQucGRm,is_confidential, sha256 {digits},empty ");
        let metadata = read(&text).unwrap();
        assert_eq!(metadata.file_name, "world.pdf");
        assert_eq!(metadata.sha256, Some([0xab; 32]));
        assert_eq!(metadata.sent, Some(text));
        assert_eq!(
            Metadata::of(&HeaderMap::new()).unwrap(),
            Metadata::default()
        );
        assert_eq!(read("").unwrap(), Metadata::default());
    }

    #[test]
    fn what_the_protocol_does_not_allow_is_refused() {
        for text in [
            ",",
            "filename d29ybGQucGRm,",
            "filename d29ybGQucGRm,filename d29ybGQucGRm",
            "filename world.pdf",
            "filename d29ybGQucGRm d29ybGQucGRm",
            "filename /////w==",
            "sha256 d29ybGQucGRm",
        ] {
            assert_eq!(read(text).unwrap_err().code, Code::BadUserInput, "{text}");
        }
        let text = format!("a {}", "A".repeat(MAX_BYTES));
        assert_eq!(read(&text).unwrap_err().code, Code::PayloadTooLarge);
    }
}
