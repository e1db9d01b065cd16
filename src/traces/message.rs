//! Spans in the words of OpenTelemetry's protocol (OTLP), as JSON, and by its names for requests over HTTP.

use std::{sync::LazyLock, time::Duration};

use entity::Timestamp;
use http::Method;
use serde_json::{Value, json};

use super::Span;
use crate::{hex, random};

/// `SPAN_KIND_SERVER`, and `STATUS_CODE_ERROR`.
const SERVER: u8 = 2;
const ERROR: u8 = 2;
/// Sampled; and it is known whether the parent is elsewhere, and it is.
const SAMPLED: u32 = 0x001;
const IS_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Tells the processes of an installation apart.
static INSTANCE: LazyLock<String> = LazyLock::new(|| hex::encode(&random::bytes::<16>()));

/// A method by a word that is not its caller's.
pub fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"];
    let known = KNOWN.into_iter().find(|known| method.as_str() == *known);
    known.unwrap_or("_OTHER")
}

/// The request that has a collector take `spans`, of which there may be none.
pub fn body(spans: &[Span]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        attribute("service.name", "cloakroom"),
        attribute("service.version", version),
        attribute("service.instance.id", &INSTANCE),
    ];
    let spans: Vec<_> = spans.iter().map(span).collect();
    let scope = json!({ "name": "cloakroom", "version": version });
    let all = json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }] });
    all.to_string().into_bytes()
}

fn span(span: &Span) -> Value {
    let mut attributes = vec![
        attribute("http.request.method", span.method),
        attribute("http.route", span.route),
    ];
    if let Some(kind) = span.operation {
        attributes.push(attribute("graphql.operation.type", kind));
    }
    if let Some(status) = span.status {
        let value = json!({ "intValue": status.to_string() });
        attributes.push(json!({ "key": "http.response.status_code", "value": value }));
    }
    let failure = match span.status {
        None => Some("cancelled".to_owned()),
        Some(status) => (status >= 500).then(|| status.to_string()),
    };
    let mut told = json!({
        "traceId": hex::encode(&span.trace),
        "spanId": hex::encode(&span.id),
        "flags": SAMPLED | IS_KNOWN,
        "name": name(span),
        "kind": SERVER,
        "startTimeUnixNano": nanoseconds(span.began, Duration::ZERO),
        "endTimeUnixNano": nanoseconds(span.began, span.took),
    });
    if let Some(parent) = &span.parent {
        told["parentSpanId"] = hex::encode(parent).into();
        told["flags"] = (SAMPLED | IS_KNOWN | IS_REMOTE).into();
    }
    if let Some(failure) = failure {
        attributes.push(attribute("error.type", &failure));
        told["status"] = json!({ "code": ERROR });
    }
    told["attributes"] = attributes.into();
    told
}

fn name(span: &Span) -> String {
    match span.method {
        "_OTHER" => format!("HTTP {}", span.route),
        method => format!("{method} {}", span.route),
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// So long after a moment. JSON's numbers are too small for it.
fn nanoseconds(at: Timestamp, after: Duration) -> String {
    let at = Duration::from_millis(u64::try_from(at.0).unwrap_or_default());
    (at + after).as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_whose_client_has_gone_has_no_status_and_failed() {
        let gone = Span {
            trace: [1; 16],
            id: [2; 8],
            parent: None,
            began: Timestamp(1000),
            took: Duration::from_nanos(5),
            method: method(&Method::from_bytes(b"SECRET").unwrap()),
            route: "/uploads",
            status: None,
            operation: None,
        };
        let told = span(&gone);
        assert_eq!(told["name"], "HTTP /uploads");
        assert_eq!(told["startTimeUnixNano"], "1000000000");
        assert_eq!(told["endTimeUnixNano"], "1000000005");
        assert_eq!(told["status"]["code"], ERROR);
        let attributes = told["attributes"].to_string();
        assert!(attributes.contains("cancelled"), "{attributes}");
        assert!(!attributes.contains("status_code"), "{attributes}");
        assert!(told.get("parentSpanId").is_none());
    }
}
