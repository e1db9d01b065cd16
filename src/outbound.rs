//! Requests to addresses that somebody else runs: none goes into our own networks unless the operator allows it, none follows a
//! redirect, and none takes longer or more memory than it is given.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use ipnet::IpNet;
use tokio::time::timeout;
use url::Url;

use crate::{
    config::Webhooks,
    https::{self, causes},
    operator_error::OperatorError,
};

mod networks;

pub use networks::Forbidden;
use networks::{Networks, Resolver};

/// A connection that waits for more to do is closed after this: sooner than most servers do it.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// The head of an answer.
const HEAD_BYTES: usize = 16 << 10;
/// What is read of the body, so that the connection can be used again, and how long that may take.
const BODY_BYTES: usize = 16 << 10;
const BODY_WITHIN: Duration = Duration::from_millis(500);

type Tls = HttpsConnector<HttpConnector<Resolver>>;

/// The way out; cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    https: Client<Tls, Full<Bytes>>,
    /// Only to networks that the operator allows.
    http: Client<HttpConnector<Resolver>, Full<Bytes>>,
    public: Networks,
    allowed: Networks,
    within: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// The address is none of those that requests may go to.
    Forbidden(String),
    TimedOut,
    /// What the network or the other end did.
    Unreachable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(why) | Self::Unreachable(why) => f.write_str(why),
            Self::TimedOut => f.write_str("no answer in time"),
        }
    }
}

impl Outbound {
    pub fn new(settings: &Webhooks) -> Result<Self, OperatorError> {
        let networks: Arc<[IpNet]> = settings.webhook_networks.clone().into();
        let public = Networks::public_and(Arc::clone(&networks));
        let allowed = Networks::only(networks);
        let (setting, ca_file) = ("CLOAKROOM_WEBHOOK_CA_FILE", &settings.webhook_ca_file);
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(https::tls(
                https::of_browsers(),
                setting,
                ca_file.as_deref(),
            )?)
            .https_only()
            .enable_http1()
            .wrap_connector(connector(&public, settings.webhook_timeout));
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(HEAD_BYTES);
        Ok(Self {
            https: builder.build(tls),
            http: builder.build(connector(&allowed, settings.webhook_timeout)),
            public,
            allowed,
            within: settings.webhook_timeout,
        })
    }

    /// Fails when requests may not go to `url`, as far as that can be told without looking up its name.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        self.networks(url).check_host(url.host())
    }

    /// Sends `body` to `url`, and returns the status of the answer, whose body is thrown away.
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<u16, Fault> {
        // What is no name is looked up by nobody, and so checked by nobody else.
        self.check(url)
            .map_err(|forbidden| Fault::Forbidden(forbidden.to_string()))?;
        let mut request = Request::post(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body));
        let request = request.map_err(|error| Fault::Unreachable(error.to_string()))?;
        let sent = match url.scheme() {
            "https" => self.https.request(request),
            _ => self.http.request(request),
        };
        let answer = timeout(self.within, sent).await;
        let answer = answer.map_err(|_elapsed| Fault::TimedOut)?;
        let (head, mut body) = answer.map_err(|error| fault(&error))?.into_parts();
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > BODY_BYTES {
                    break;
                }
            }
        };
        // Whatever comes of it, the status has been said.
        let _ = timeout(BODY_WITHIN, read).await;
        Ok(head.status.as_u16())
    }

    fn networks(&self, url: &Url) -> &Networks {
        match url.scheme() {
            "https" => &self.public,
            _ => &self.allowed,
        }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound")
    }
}

/// What connects to addresses of `networks` and to no other, whatever a name leads to.
fn connector(networks: &Networks, within: Duration) -> HttpConnector<Resolver> {
    let mut connector = HttpConnector::new_with_resolver(Resolver(networks.clone()));
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(within));
    connector
}

/// None of the errors of a request has the path of the URL in it.
fn fault(error: &(dyn Error + 'static)) -> Fault {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Fault::Forbidden(forbidden.to_string());
        }
        next = error.source();
    }
    Fault::Unreachable(causes(error))
}
