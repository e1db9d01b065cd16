//! The collector that traces are sent to: one request at a time, within a time, whose answer is read to a size.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::{Settings, message};
use crate::{
    https::{self, Https, causes},
    operator_error::OperatorError,
};

/// The largest answer that is read.
const ANSWER_BYTES: usize = 64 << 10;
const AGENT: &str = concat!("Cloakroom/", env!("CARGO_PKG_VERSION"));

/// Where traces go.
pub struct Collector {
    http: Https<Full<Bytes>>,
    url: String,
    header: Option<(HeaderName, HeaderValue)>,
    within: Duration,
}

impl Collector {
    /// The one that `settings` name; `Ok(None)` without `TRACES_URL`. An error when the file of `TRACES_CA_FILE` cannot be used.
    /// Nothing is sent to it yet.
    pub fn of(settings: &Settings) -> Result<Option<Self>, OperatorError> {
        if settings.traces_url.is_empty() {
            return Ok(None);
        }
        let ca_file = settings.traces_ca_file.as_deref();
        Ok(Some(Self {
            http: https::client("CLOAKROOM_TRACES_CA_FILE", ca_file)?,
            url: settings.traces_url.clone(),
            header: settings.header(),
            within: settings.traces_timeout,
        }))
    }

    /// Sends it a message without spans, to find out whether it would take some. The error says why not, in words for the operator
    /// that go on from "the collector" ("it answers 401"); it never has the address or the header in it.
    pub async fn try_out(&self) -> Result<(), String> {
        self.tell(message::body(&[])).await.map(drop)
    }

    /// Sends it a message, and says how many of the spans it refuses. The error is that of [`Self::try_out`].
    pub(super) async fn tell(&self, message: Vec<u8>) -> Result<u64, String> {
        let answer = timeout(self.within, self.ask(message)).await;
        answer.map_err(|_elapsed| "it does not answer in time".to_owned())?
    }

    async fn ask(&self, message: Vec<u8>) -> Result<u64, String> {
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, AGENT);
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(message));
        let request = request.map_err(|error| error.to_string())?;
        let answer = self.http.request(request).await;
        let (head, body) = answer.map_err(|error| causes(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        if !head.status.is_success() {
            return Err(refusal(head.status));
        }
        // Whatever else it says, it has taken them.
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(refused(&body))
    }
}

fn refusal(status: StatusCode) -> String {
    match status.is_redirection() {
        true => format!("it answers {}; redirects are not followed", status.as_u16()),
        false => format!("it answers {}", status.as_u16()),
    }
}

/// How many spans it says that it has not taken; a number is a string in this protocol's JSON, and not with all who speak it.
fn refused(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let number = &answer["partialSuccess"]["rejectedSpans"];
    let written = number.as_str().and_then(|text| text.parse().ok());
    written.or_else(|| number.as_u64()).unwrap_or_default()
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_says_how_many_spans_it_has_not_taken() {
        assert_eq!(refused(b"{}"), 0);
        assert_eq!(refused(b""), 0);
        assert_eq!(refused(b"\x0a\x00 no JSON"), 0);
        assert_eq!(refused(br#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
        assert_eq!(refused(br#"{"partialSuccess":{"rejectedSpans":3}}"#), 3);
    }
}
