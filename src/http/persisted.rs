//! Automatic persisted queries, as Apollo's clients and urql send them: a request names a document by the hash of its text,
//! and sends it whole only where it is not known.
//!
//! Those clients look at the message of the refusal, so that it needs no code of its own. It goes out as other refusals of
//! documents do: with 200 for `application/json`, which older clients insist on.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::answer::RequestError;
use crate::{
    error::{Code, Error, Result},
    graphql::{Hash, Persisted, Source},
    hex,
};

/// Both messages are the protocol's.
const NOT_FOUND: &str = "PersistedQueryNotFound";
const NOT_SUPPORTED: &str = "PersistedQueryNotSupported";

/// The only version of the protocol there is.
const VERSION: u64 = 1;

/// What to run, of the members of a request; and the hash under which to keep it, once it turns out to be valid.
pub fn query(
    persisted: &Persisted,
    query: Option<String>,
    extensions: Option<&Map<String, Value>>,
) -> Result<(Source, Option<Hash>), RequestError> {
    let wanted = extensions.and_then(|extensions| extensions.get("persistedQuery"));
    let hash = match wanted {
        None | Some(Value::Null) => None,
        // Who asks for another version, or where none is kept, is told to send all of it.
        Some(_) if !persisted.is_on() => match query {
            Some(_) => None,
            None => return Err(refused(Code::BadUserInput, NOT_SUPPORTED)),
        },
        Some(wanted) => Some(hash(wanted)?),
    };
    match (query, hash) {
        (Some(text), None) => Ok((Source::Text(text), None)),
        (Some(text), Some(hash)) if <[u8; 32]>::from(Sha256::digest(&text)) == hash => {
            Ok((Source::Text(text), Some(hash)))
        }
        (Some(_), Some(_)) => Err(wrong("The hash is not that of the query.").into()),
        (None, Some(hash)) => match persisted.find(&hash) {
            Some(parsed) => Ok((Source::Known(parsed), None)),
            None => Err(refused(Code::NotFound, NOT_FOUND)),
        },
        (None, None) => Err(Error::new(
            Code::BadUserInput,
            "This is not a GraphQL request: it has no `query`.",
        )
        .into()),
    }
}

/// The hash that the extension names.
fn hash(wanted: &Value) -> Result<Hash, RequestError> {
    if wanted.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(refused(Code::BadUserInput, NOT_SUPPORTED));
    }
    let hash = wanted.get("sha256Hash").and_then(Value::as_str);
    let hash = hash.and_then(hex::decode);
    Ok(hash.ok_or_else(|| wrong("`sha256Hash` has 64 hexadecimal digits."))?)
}

fn wrong(detail: &str) -> Error {
    Error::bad_input("extensions.persistedQuery", detail)
}

/// A refusal after which the client sends the whole query.
fn refused(code: Code, message: &str) -> RequestError {
    RequestError {
        error: Error::new(code, message).with("field", "query"),
        status: Some(StatusCode::BAD_REQUEST),
    }
}
