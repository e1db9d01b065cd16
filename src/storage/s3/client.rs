//! One request to an object store, signed, and given up when it makes no progress. Nothing here tries twice.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use rusty_s3::{Bucket, Credentials, Method, UrlStyle, signing::sign};
use url::Url;

use super::{
    failure::Failure,
    outgoing::{Outgoing, Progress},
};
use crate::{
    config::{S3 as Settings, S3UrlStyle},
    https::{self, Https, causes},
    metrics,
    operator_error::OperatorError,
};

/// How long a connection may take no byte of a request, or bring none of an answer that has begun.
const IDLE: Duration = Duration::from_secs(30);
/// How long an answer may take to begin, once the request is sent.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// The same where nothing is written: somebody waits for a download.
pub(super) const READS_WITHIN: Duration = Duration::from_secs(10);
/// The same for putting an object together of its parts.
pub(super) const COMPLETES_WITHIN: Duration = Duration::from_secs(180);
/// Whatever progress it makes, a request that writes is given up after this.
pub(super) const ENDS_WITHIN: Duration = Duration::from_secs(600);
/// How long a signature is good for. It is looked at when a request begins.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// How long a signature for nginx is good for, which begins its request at once.
const SIGNED_FOR_NGINX: Duration = Duration::from_secs(60);
/// The largest answer that is read as a whole: a list of 1,000 names.
const ANSWER_BYTES: usize = 4 << 20;

/// The way to one bucket.
pub(super) struct Client {
    http: Https<Outgoing>,
    bucket: Bucket,
    credentials: Credentials,
    /// What the names of all that is ours begin with: empty, or with a slash at its end.
    prefix: String,
}

/// A request. `query` and `headers` are sorted by their names.
pub(super) struct Asked<'a> {
    pub method: Method,
    /// Behind the prefix; `None` for the bucket itself.
    pub name: Option<&'a str>,
    pub query: &'a [(&'a str, &'a str)],
    /// Those that are signed.
    pub headers: &'a [(&'a str, &'a str)],
    pub range: Option<(u64, u64)>,
    pub body: Vec<Bytes>,
    pub answers_within: Duration,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            method: Method::Get,
            name: None,
            query: &[],
            headers: &[],
            range: None,
            body: Vec::new(),
            answers_within: ANSWERS_WITHIN,
        }
    }
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Self, OperatorError> {
        let wrong = |what: String| OperatorError::new(format!("CLOAKROOM_S3_ENDPOINT: {what}"));
        let endpoint =
            Url::parse(&settings.s3_endpoint).map_err(|error| wrong(error.to_string()))?;
        let style = match settings.s3_url_style {
            S3UrlStyle::Path => UrlStyle::Path,
            S3UrlStyle::VirtualHost => UrlStyle::VirtualHost,
        };
        let (name, region) = (settings.s3_bucket.clone(), settings.s3_region.clone());
        let bucket =
            Bucket::new(endpoint, style, name, region).map_err(|error| wrong(error.to_string()))?;
        let (key, secret) = (
            &settings.s3_access_key_id,
            settings.s3_secret_access_key.expose(),
        );
        let credentials = match settings.s3_session_token.expose() {
            "" => Credentials::new(key, secret),
            token => Credentials::new_with_token(key, secret, token),
        };
        Ok(Self {
            http: https::client("CLOAKROOM_S3_CA_FILE", settings.s3_ca_file.as_deref())?,
            bucket,
            credentials,
            prefix: settings.s3_prefix.clone(),
        })
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What an operator calls it.
    pub fn place(&self) -> String {
        let (bucket, base) = (self.bucket.name(), self.bucket.base_url());
        let host = base.host_str().unwrap_or_default();
        let port = base
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        match &*self.prefix {
            "" => format!("the bucket {bucket} at {host}{port}"),
            prefix => format!("{prefix:?} in the bucket {bucket} at {host}{port}"),
        }
    }

    /// The same bucket with keys that are wrong.
    pub fn with_another_secret(&self) -> Self {
        Self {
            http: self.http.clone(),
            bucket: self.bucket.clone(),
            credentials: Credentials::new(self.credentials.key(), "of-somebody-else"),
            prefix: self.prefix.clone(),
        }
    }

    fn sign(&self, asked: &Asked<'_>, at: &Timestamp, signed_for: Duration) -> Url {
        let url = match asked.name {
            Some(name) => self.bucket.object_url(&format!("{}{name}", self.prefix)),
            None => self.bucket.base_url().clone(),
        };
        sign(
            at,
            asked.method,
            url,
            self.credentials.key(),
            self.credentials.secret(),
            self.credentials.token(),
            self.bucket.region(),
            signed_for.as_secs(),
            asked.query.iter().copied(),
            asked.headers.iter().copied(),
        )
    }

    /// The query that lets nginx read the object `name` for a short time.
    pub fn query_for_nginx(&self, method: Method, name: &str) -> String {
        let asked = Asked {
            method,
            name: Some(name),
            ..Asked::default()
        };
        let url = self.sign(&asked, &Timestamp::now(), SIGNED_FOR_NGINX);
        url.query().unwrap_or_default().to_owned()
    }

    /// Sends a request and reads the whole answer, which is short. Any answer but a success is a [`Failure`].
    pub async fn ask(&self, asked: Asked<'_>) -> Result<Response<Bytes>, Failure> {
        self.ask_as_of(asked, Timestamp::now()).await
    }

    /// The same with a signature of the moment `at`.
    pub async fn ask_as_of(
        &self,
        asked: Asked<'_>,
        at: Timestamp,
    ) -> Result<Response<Bytes>, Failure> {
        let answer = self.open_as_of(asked, at).await?;
        let (head, body) = answer.into_parts();
        // An answer that had begun well.
        let body = read_all(body).await.inspect_err(tell)?;
        Ok(Response::from_parts(head, body))
    }

    /// Sends a request and returns as soon as the answer begins. Any answer but a success is a [`Failure`].
    pub async fn open(&self, asked: Asked<'_>) -> Result<Response<Incoming>, Failure> {
        // The store compares this with its own clock, so a test's clock would be of no use.
        self.open_as_of(asked, Timestamp::now()).await
    }

    async fn open_as_of(
        &self,
        asked: Asked<'_>,
        at: Timestamp,
    ) -> Result<Response<Incoming>, Failure> {
        self.send(asked, at).await.inspect_err(tell)
    }

    async fn send(&self, asked: Asked<'_>, at: Timestamp) -> Result<Response<Incoming>, Failure> {
        let within = asked.answers_within;
        let progress = Arc::default();
        let request = self.request(asked, &at, &progress)?;
        let sent = attentive(&progress, within, self.http.request(request));
        let sent = tokio::time::timeout(ENDS_WITHIN, sent);
        let answer = sent.await.map_err(|_elapsed| Failure::TimedOut)??;
        // No text of hyper's names the address, which has the signature in it.
        let answer = answer.map_err(|error| Failure::Unreachable(causes(&error)))?;
        match answer.status().is_success() {
            true => Ok(answer),
            false => {
                let status = answer.status();
                // Whatever the store adds, the status has been said.
                let body = read_all(answer.into_body()).await.unwrap_or_default();
                Err(Failure::of_answer(status, &body))
            }
        }
    }

    /// How far the store's clock is from this machine's; `None` where it does not tell the time.
    pub async fn clock_apart(&self) -> Result<Option<Duration>, Failure> {
        let asked = Asked {
            query: &[("list-type", "2"), ("max-keys", "1")],
            ..Asked::default()
        };
        let answer = self.ask(asked).await?;
        let date = answer.headers().get(header::DATE);
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let here = std::time::SystemTime::from(Timestamp::now());
        Ok(date.map(|date| match here.duration_since(date) {
            Ok(behind) => behind,
            Err(ahead) => ahead.duration(),
        }))
    }

    fn request(
        &self,
        mut asked: Asked<'_>,
        at: &Timestamp,
        progress: &Arc<Progress>,
    ) -> Result<Request<Outgoing>, Failure> {
        let url = self.sign(&asked, at, SIGNED_FOR);
        let method = asked.method.to_str();
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in asked.headers {
            request = request.header(*name, *value);
        }
        if let Some((first, last)) = asked.range {
            request = request.header(header::RANGE, format!("bytes={first}-{last}"));
        }
        let body = std::mem::take(&mut asked.body);
        if matches!(asked.method, Method::Put | Method::Post) {
            let bytes = body.iter().map(Bytes::len).sum::<usize>();
            request = request
                .header(header::CONTENT_LENGTH, bytes)
                .header(header::CONTENT_TYPE, "application/octet-stream");
        }
        let built = request.body(Outgoing::new(body, progress));
        built.map_err(|_| Failure::Malformed("a request cannot be written".to_owned()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.place()).finish()
    }
}

/// Waits for `work` as long as it makes progress, and for the answer as long as that may take.
async fn attentive<F: Future>(
    progress: &Progress,
    answers_within: Duration,
    work: F,
) -> Result<F::Output, Failure> {
    let mut work = pin!(work);
    loop {
        let (steps, is_sent) = (progress.steps(), progress.is_sent());
        let patience = if is_sent { answers_within } else { IDLE };
        match tokio::time::timeout(patience, &mut work).await {
            Ok(done) => return Ok(done),
            Err(_) if (steps, is_sent) == (progress.steps(), progress.is_sent()) => {
                return Err(Failure::TimedOut);
            }
            Err(_) => {}
        }
    }
}

/// The next piece of an answer; `None` at its end.
pub(super) async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame()).await;
        match frame.map_err(|_elapsed| Failure::TimedOut)? {
            None => return Ok(None),
            Some(Err(error)) => return Err(Failure::Unreachable(causes(&error))),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// A full store, or an object that is missing, is no failure of the storage.
fn tell(failure: &Failure) {
    if failure.is_trouble() {
        metrics::storage_failed();
    }
}

async fn read_all(mut body: Incoming) -> Result<Bytes, Failure> {
    let mut all = Vec::new();
    while let Some(piece) = next_piece(&mut body).await? {
        if all.len() + piece.len() > ANSWER_BYTES {
            return Err(Failure::Malformed("an answer does not end".to_owned()));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}
