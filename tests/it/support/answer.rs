//! What came back.

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

/// A GraphQL answer, as a client sees it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            body,
        }
    }

    /// The data, by JSON pointer (`/me/username`); panics when there was an error.
    #[track_caller]
    pub fn data(&self, pointer: &str) -> Value {
        assert!(
            self.body.get("errors").is_none(),
            "unexpected errors: {self:#?}"
        );
        let data = self.body.pointer(&format!("/data{pointer}"));
        data.unwrap_or_else(|| panic!("no data at {pointer}: {self:#?}"))
            .clone()
    }

    /// The same, as text.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.data(pointer);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{pointer} is {value}, not text"))
            .to_owned()
    }

    /// The code of the first error; empty when there was none.
    pub fn code(&self) -> &str {
        let code = self.body.pointer("/errors/0/extensions/code");
        code.and_then(Value::as_str).unwrap_or_default()
    }

    /// The argument that the first error is about; empty when it names none.
    pub fn field(&self) -> &str {
        let field = self.body.pointer("/errors/0/extensions/field");
        field.and_then(Value::as_str).unwrap_or_default()
    }
}

/// The answer to a GET or HEAD of bytes.
#[derive(Debug)]
pub struct Download {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Download {
    pub async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            bytes: response.bytes().await.unwrap().into(),
        }
    }

    /// A header as text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of a problem (RFC 9457); empty for bytes.
    pub fn code(&self) -> String {
        let problem: Option<Value> = serde_json::from_slice(&self.bytes).ok();
        problem
            .and_then(|problem| problem.get("code")?.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
