//! The site as clients meet it, at `PUBLIC_URL`.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, Response, Uri,
    body::{Bytes, Incoming},
    header,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use super::{Finding, Report};
use crate::config::{Config, Listen};

const WHAT: &str = "site";
/// How long an answer may take, and how much of it is read.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_MAX: usize = 64 * 1024;
/// Where Debian, and most others, keep the authorities that programs trust.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

type Site = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Asks through the address that clients use.
pub(super) async fn examine<F: FnMut(Finding)>(report: &mut Report<F>, config: &Config) {
    let public_url = config.server.public_url.as_str();
    if let Listen::Unix(_) = config.server.listen
        && public_url == "http://localhost"
    {
        let said = "CLOAKROOM_PUBLIC_URL is not set: set it to the address that clients use";
        return report.doubtful(WHAT, said);
    }
    let alive = match ask(&trusting(), Method::GET, public_url, "/healthz").await {
        Err(error) if public_url.starts_with("https://") => {
            match ask(&unsuspecting(), Method::GET, public_url, "/healthz").await {
                Ok(answer) => {
                    report.doubtful(
                        WHAT,
                        format!("programs do not trust the certificate of {public_url}: {error}"),
                    );
                    Ok(answer)
                }
                Err(_) => Err(error),
            }
        }
        asked => asked,
    };
    match alive {
        Ok(answer) if answer.status == 200 && answer.body.starts_with("alive") => {
            report.good(WHAT, format!("{public_url} leads to Cloakroom"));
        }
        Ok(answer) => {
            let said = format!(
                "{public_url}/healthz answers {}: see whether CLOAKROOM_PUBLIC_URL is right, nginx has the site, and the \
                 server runs",
                answer.status
            );
            return report.bad(WHAT, said);
        }
        Err(error) => {
            let said = format!(
                "{public_url} does not answer ({error}): see whether the name leads here, nginx runs, and a firewall lets \
                 clients pass"
            );
            return report.bad(WHAT, said);
        }
    }
    let site = unsuspecting();
    let ready = ask(&site, Method::GET, public_url, "/readyz").await;
    tell(report, ready, "it is ready", |answer| answer.status == 200);
    let hidden = "/_content/00/00/00000000000000000000000000000000";
    let hidden = ask(&site, Method::GET, public_url, hidden).await;
    tell(report, hidden, "it hides internal locations", |answer| {
        answer.status == 404 && answer.is_ours
    });
    let uploads = ask(&site, Method::OPTIONS, public_url, "/uploads").await;
    tell(report, uploads, "it passes uploads", |answer| {
        answer.status == 204 && answer.speaks_tus
    });
}

fn tell<F: FnMut(Finding)>(
    report: &mut Report<F>,
    answer: Result<Answer, String>,
    said: &str,
    is_so: impl Fn(&Answer) -> bool,
) {
    match answer {
        Ok(answer) if is_so(&answer) => report.good(WHAT, said),
        Ok(answer) => report.bad(
            WHAT,
            format!(
                "not so: {said}; the answer is {} {}. Compare nginx's site with nginx/cloakroom.conf.template",
                answer.status,
                answer.body.lines().next().unwrap_or_default()
            ),
        ),
        Err(error) => report.bad(WHAT, format!("not so: {said}; {error}")),
    }
}

struct Answer {
    status: u16,
    /// Whether its form is the one of Cloakroom's errors.
    is_ours: bool,
    speaks_tus: bool,
    body: String,
}

async fn ask(site: &Site, method: Method, public_url: &str, path: &str) -> Result<Answer, String> {
    let asked = tokio::time::timeout(PATIENCE, send(site, method, public_url, path)).await;
    asked.unwrap_or_else(|_| Err("no answer within ten seconds".to_owned()))
}

async fn send(site: &Site, method: Method, public_url: &str, path: &str) -> Result<Answer, String> {
    let address = format!("{public_url}{path}");
    let address: Uri = address.parse().map_err(|error| format!("{error}"))?;
    let request = Request::builder()
        .method(method)
        .uri(address)
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let answer: Response<Incoming> = site
        .request(request)
        .await
        .map_err(|error| reason(&error))?;
    let (head, body) = answer.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let is_ours = content_type.is_some_and(|it| it.as_bytes().starts_with(b"application/problem"));
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer {
        status: head.status.as_u16(),
        is_ours,
        speaks_tus: head.headers.contains_key("tus-version"),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The innermost cause, which says most.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// A client that trusts whom this machine's programs trust.
fn trusting() -> Site {
    let mut authorities = RootCertStore::empty();
    if let Ok(certificates) = CertificateDer::pem_file_iter(AUTHORITIES) {
        authorities.add_parsable_certificates(certificates.flatten());
    }
    let tls = tls().with_root_certificates(authorities);
    client(tls.with_no_client_auth())
}

/// A client that takes any certificate: it sends nothing secret, and what it learns is only told.
fn unsuspecting() -> Site {
    let any = Arc::new(AnyCertificate(provider()));
    let tls = tls().dangerous().with_custom_certificate_verifier(any);
    client(tls.with_no_client_auth())
}

fn tls() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn client(tls: ClientConfig) -> Site {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Takes any certificate, of whomever, as long as whoever sends it has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
