//! Requests to the provider: each within a time, its answer to a size, and none to an address that the provider must not send
//! us to.

use std::{fmt, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, IssuerUrl};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::Url;

use super::{Failure, Settings};
use crate::{
    config,
    https::{self, Https, causes},
    operator_error::OperatorError,
};

/// The largest answer that is read: keys of a provider with hundreds of them.
const ANSWER_BYTES: usize = 256 * 1024;
/// How many requests to the provider may be under way.
const AT_ONCE: usize = 32;

pub(super) struct Transport {
    http: Https<Full<Bytes>>,
    timeout: Duration,
    /// Whether the provider is on this machine, and speaks without TLS.
    is_local: bool,
    places: Semaphore,
}

impl Transport {
    pub fn new(settings: &Settings, issuer: &IssuerUrl) -> Result<Self, OperatorError> {
        Ok(Self {
            http: https::client("CLOAKROOM_OIDC_CA_FILE", settings.oidc_ca_file.as_deref())?,
            timeout: settings.oidc_timeout,
            is_local: issuer.url().scheme() == "http",
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Refuses an address that is not as safe as the issuer's.
    pub fn check_address(&self, url: &Url) -> Result<(), Failure> {
        let is_good = match url.scheme() {
            "https" => true,
            "http" => self.is_local && config::is_loopback(url),
            _ => false,
        };
        match is_good {
            true => Ok(()),
            false => Err(Failure::provider("it names an address without TLS")),
        }
    }

    /// One request, whose answer is read to its end. A redirect is no answer.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| Failure::provider("too many requests are under way"))?;
        let url = request.uri().to_string();
        let url = Url::parse(&url).map_err(Failure::provider)?;
        self.check_address(&url)?;
        let answer = tokio::time::timeout(self.timeout, self.ask(request)).await;
        let answer =
            answer.map_err(|_elapsed| Failure::provider("it does not answer in time"))??;
        let status = answer.status();
        if status.is_redirection() {
            return Err(Failure::provider("it redirects, which is not followed"));
        }
        match status.is_server_error() {
            true => Err(Failure::provider(format!("it answers {}", status.as_u16()))),
            false => Ok(answer),
        }
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let request = request.map(|body| Full::from(Bytes::from(body)));
        let answer = self.http.request(request).await;
        let (head, body) = answer
            .map_err(|error| Failure::provider(causes(&error)))?
            .into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => Failure::provider("an answer is too large"),
            false => Failure::provider(causes(&*error)),
        })?;
        Ok(Response::from_parts(head, body.to_bytes().into()))
    }

    /// What the provider says of whom the `access_token` is of.
    pub async fn userinfo(
        &self,
        endpoint: &Url,
        access_token: &str,
    ) -> Result<Map<String, Value>, Failure> {
        let request = Request::get(endpoint.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {access_token}"))
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| Failure::provider("its access token is none"))?;
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            let what = format!("userinfo answers {}", answer.status().as_u16());
            return Err(Failure::provider(what));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| Failure::provider(format!("userinfo is no JSON: {error}")))
    }
}

/// For the library, which makes the requests.
impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
