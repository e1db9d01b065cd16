//! What a GraphQL request says, by JSON or by URL (GraphQL over HTTP §5).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

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

/// The request that `json` spells; a batch, which is an array, is refused.
pub fn of_json(json: &[u8]) -> Result<Params> {
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

pub fn of_url(query: &str) -> Result<Params> {
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
