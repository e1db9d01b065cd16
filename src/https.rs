//! Connections to servers of others, an object store, a provider of sign-ins or a webhook's receiver: how long one may take to be
//! made, who is believed, and how many wait for more to do. Nothing here follows a redirect.

use std::{path::Path, sync::Arc, time::Duration};

use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::operator_error::OperatorError;

const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// Connections that wait for more requests: for how long, and how many.
const POOL_IDLE: Duration = Duration::from_secs(15);
const POOL_SIZE: usize = 64;

/// What carries requests.
pub type Https<B> = Client<HttpsConnector<HttpConnector>, B>;

/// One that believes the authorities in the file that `setting` names, or those that browsers believe.
pub fn client<B>(setting: &str, ca_file: Option<&Path>) -> Result<Https<B>, OperatorError>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECTS_WITHIN));
    let others = match ca_file {
        Some(_) => RootCertStore::empty(),
        None => of_browsers(),
    };
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(others, setting, ca_file)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
        .build(connector))
}

/// An error and what led to it: the outermost alone seldom tells.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The authorities that browsers believe.
pub fn of_browsers() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

/// TLS that believes `roots`, and the authorities in the file that `setting` names.
pub fn tls(
    mut roots: RootCertStore,
    setting: &str,
    ca_file: Option<&Path>,
) -> Result<ClientConfig, OperatorError> {
    if let Some(path) = ca_file {
        add_roots(&mut roots, path).map_err(|what| {
            OperatorError::new(format!(
                "{setting}: cannot use {}: {what}. It has to have certificates in it, as PEM",
                path.display()
            ))
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OperatorError::new(format!("TLS cannot be used: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let before = roots.len();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| told(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    match roots.len() == before {
        true => Err("there is none in it".to_owned()),
        false => Ok(()),
    }
}
