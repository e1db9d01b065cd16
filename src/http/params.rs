//! What a GraphQL request says, by JSON or by URL (GraphQL over HTTP §5).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

/// The members of a request, by any transport.
#[derive(Debug, Deserialize)]
pub struct Params {
    /// The document, unless an extension names it.
    #[serde(default)]
    pub query: Option<String>,
    #[serde(default, rename = "operationName")]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<Map<String, Value>>,
    #[serde(default)]
    pub extensions: Option<Map<String, Value>>,
}

impl Params {
    /// An empty name is none: by URL, GraphQL over HTTP says so (§5.3), and no operation can have it, so that whatever sends
    /// it in JSON means the same. graphql-js looks for an operation of that name and finds none.
    fn without_empty_name(mut params: Self) -> Self {
        params.operation_name = params.operation_name.filter(|name| !name.is_empty());
        params
    }
}

/// The request that `json` spells; a batch, which is an array, is refused.
pub fn of_json(json: &[u8]) -> Result<Params> {
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(Error::new(
            Code::BadUserInput,
            "Batches are not accepted; send one operation a request.",
        ));
    }
    let params = serde_json::from_slice(json).map_err(|error| {
        Error::new(
            Code::BadUserInput,
            format!("This is not a GraphQL request in JSON: {error}."),
        )
    })?;
    Ok(Params::without_empty_name(params))
}

/// The request that a value spells, for transports that carry it inside something else.
pub fn of_value(value: Value) -> Result<Params> {
    let params = serde_json::from_value(value).map_err(|error| {
        Error::new(
            Code::BadUserInput,
            format!("This is not a GraphQL request: {error}."),
        )
    })?;
    Ok(Params::without_empty_name(params))
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
        if members.insert(name.to_string(), value).is_some() {
            return Err(Error::new(
                Code::BadUserInput,
                format!("`{name}` is given twice."),
            ));
        }
    }
    of_value(members.into())
}
