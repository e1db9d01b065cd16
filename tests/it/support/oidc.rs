//! A provider of sign-ins that a test makes up: it speaks OpenID Connect, and says whatever the test has it say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::*};
use cloakroom::config::Options;
use openidconnect::PrivateSigningKey;
use reqwest::{StatusCode as Status, Url, header::LOCATION};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::{Person, TestApp};

mod tokens;

pub use tokens::Signature;
use tokens::{key, sign};

pub const CLIENT_ID: &str = "cloakroom";
pub const CLIENT_SECRET: &str = "a-secret-that-both-sides-have";

/// What an address of the provider answers in place of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Silent,
    Html,
    Redirects,
    Endless,
    Fails,
    Garbage,
}

/// What the provider says.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Claims of the ID token that are others than they should be; null for none.
    pub claims: Map<String, Value>,
    pub userinfo: Map<String, Value>,
    /// The same for the discovery document.
    pub metadata: Map<String, Value>,
    pub signature: Signature,
    /// Whether the second key is the one that is published.
    pub has_rotated: bool,
    /// By path.
    pub moods: BTreeMap<&'static str, Mood>,
    /// Whether a code is good more than once.
    pub takes_codes_twice: bool,
}

#[derive(Default)]
struct Inner {
    issuer: String,
    script: Script,
    grants: BTreeMap<String, Grant>,
    asked: Vec<String>,
}

/// A sign-in at the provider, to be fetched by its code.
#[derive(Clone)]
struct Grant {
    subject: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
    /// Whether it was to say when it asked.
    says_when: bool,
    /// Seconds since 1970.
    now: i64,
}

type Shared = Arc<Mutex<Inner>>;

/// The provider, on a port of its own.
pub struct Provider {
    pub issuer: String,
    inner: Shared,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let inner = Shared::default();
        inner.lock().unwrap().issuer.clone_from(&issuer);
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .layer(middleware::from_fn_with_state(Arc::clone(&inner), moody))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, inner }
    }

    /// The settings by which a server signs people in by this provider.
    pub fn configure(&self, options: &mut Options) {
        options.oidc_issuer = Some(self.issuer.clone());
        options.oidc_client_id = Some(CLIENT_ID.to_owned());
        options.oidc_client_secret = Some(CLIENT_SECRET.to_owned().into());
    }

    /// A server that has this provider, with settings changed by `change`.
    pub async fn server(&self, change: impl FnOnce(&mut Options)) -> TestApp {
        TestApp::start_with(|options| {
            self.configure(options);
            change(options);
        })
        .await
    }

    /// Changes what the provider says.
    pub fn says(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.inner.lock().unwrap().script);
    }

    /// It is honest from now on.
    pub fn is_honest(&self) {
        self.says(|script| *script = Script::default());
    }

    /// How often a path was asked.
    pub fn times_asked(&self, path: &str) -> usize {
        let inner = self.inner.lock().unwrap();
        inner.asked.iter().filter(|asked| *asked == path).count()
    }

    /// `subject` signs in here, where the server has sent a browser to: the address to which this sends the browser back.
    pub fn grant(&self, server: &TestApp, sent_to: &Url, subject: &str) -> Url {
        let query: BTreeMap<_, _> = sent_to.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code", "{sent_to}");
        assert_eq!(query["client_id"], CLIENT_ID, "{sent_to}");
        assert_eq!(query["code_challenge_method"], "S256", "{sent_to}");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let code = cloakroom::random::id(server.app.clock.now()).to_string();
        let grant = Grant {
            subject: subject.to_owned(),
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            says_when: query.contains_key("max_age"),
            now: server.app.clock.now().0 / 1000,
        };
        self.inner
            .lock()
            .unwrap()
            .grants
            .insert(code.clone(), grant);
        let mut back = Url::parse(&query["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &query["state"])
            .append_pair("iss", &self.issuer);
        back
    }

    /// `person`'s browser goes to the provider, where `subject` signs in, and comes back: what it then sees.
    pub async fn sign_in(&self, server: &TestApp, person: &Person, subject: &str) -> Seen {
        let sent_to = sent_to(person).await;
        let back = self.grant(server, &sent_to, subject);
        see(person, back.as_str()).await
    }

    /// The same, where the provider is to ask anew.
    pub async fn sign_in_anew(&self, server: &TestApp, person: &Person, subject: &str) -> Seen {
        let sent_to = sent_to_anew(person).await;
        let back = self.grant(server, &sent_to, subject);
        see(person, back.as_str()).await
    }
}

/// What a browser sees at an address, without going on.
#[derive(Debug)]
pub struct Seen {
    pub status: Status,
    /// Where it is sent.
    pub location: Option<String>,
    pub headers: HeaderMap,
    pub text: String,
}

/// What `person`'s browser sees at `url`.
pub async fn see(person: &Person, url: &str) -> Seen {
    see_in(person, url, "en-GB,en;q=0.9").await
}

/// The same in a browser of these languages.
pub async fn see_in(person: &Person, url: &str, languages: &str) -> Seen {
    let request = person
        .step_by_step()
        .get(url)
        .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("accept-language", languages);
    let answer = request.send().await.unwrap();
    let location = answer.headers().get(LOCATION);
    Seen {
        status: answer.status(),
        location: location.map(|it| it.to_str().unwrap().to_owned()),
        headers: answer.headers().clone(),
        text: answer.text().await.unwrap(),
    }
}

/// Where the server sends `person`'s browser to sign in.
pub async fn sent_to(person: &Person) -> Url {
    sent_to_by(person, "/auth/oidc").await
}

/// The same to sign in anew.
pub async fn sent_to_anew(person: &Person) -> Url {
    sent_to_by(person, "/auth/oidc?anew").await
}

async fn sent_to_by(person: &Person, path: &str) -> Url {
    let seen = see(person, &format!("{}{path}", person.base)).await;
    assert_eq!(seen.status, Status::SEE_OTHER, "{seen:?}");
    Url::parse(&seen.location.unwrap()).unwrap()
}

async fn moody(State(inner): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let (mood, issuer) = {
        let mut inner = inner.lock().unwrap();
        inner.asked.push(path.clone());
        let mood = inner.script.moods.get(path.as_str()).copied();
        (mood, inner.issuer.clone())
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    match mood {
        None => next.run(request).await,
        Some(Mood::Silent) => std::future::pending().await,
        Some(Mood::Html) => {
            axum::response::Html("<h1>Welcome to the hotel's network").into_response()
        }
        Some(Mood::Fails) => (StatusCode::INTERNAL_SERVER_ERROR, json, "{}").into_response(),
        Some(Mood::Garbage) => (
            json,
            "{\"access_token\":\"a\",\"token_type\":\"bearer\",\"id_token\":\"no.token.this\"}",
        )
            .into_response(),
        Some(Mood::Redirects) => {
            let elsewhere = [(LOCATION, format!("{issuer}/elsewhere"))];
            (StatusCode::TEMPORARY_REDIRECT, elsewhere).into_response()
        }
        Some(Mood::Endless) => {
            let pieces = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])
            });
            (json, Body::from_stream(pieces)).into_response()
        }
    }
}

fn json_of(value: impl Serialize) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, serde_json::to_string(&value).unwrap()).into_response()
}

/// `said`, with what the script says in its place.
fn forged(said: Value, others: &Map<String, Value>) -> Value {
    let Value::Object(mut said) = said else {
        unreachable!()
    };
    for (name, value) in others {
        match value {
            Value::Null => said.remove(name),
            value => said.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(said)
}

async fn metadata(State(inner): State<Shared>) -> Response {
    let inner = inner.lock().unwrap();
    let issuer = &inner.issuer;
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
    });
    json_of(forged(metadata, &inner.script.metadata))
}

async fn keys(State(inner): State<Shared>) -> Response {
    let (_, key) = key(inner.lock().unwrap().script.has_rotated);
    json_of(json!({ "keys": [key.as_verification_key()] }))
}

async fn token(State(inner): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let form = form_urlencoded::parse(body.as_bytes()).into_owned();
    let form: BTreeMap<String, String> = form.collect();
    let mut inner = inner.lock().unwrap();
    let script = inner.script.clone();
    let code = form.get("code").cloned().unwrap_or_default();
    let grant = match script.takes_codes_twice {
        true => inner.grants.get(&code).cloned(),
        false => inner.grants.remove(&code),
    };
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let is_client = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|it| it == &format!("Basic {basic}"));
    let digest = Sha256::digest(form.get("code_verifier").cloned().unwrap_or_default());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest);
    let grant = grant.filter(|grant| {
        is_client
            && grant.challenge == challenge
            && form.get("redirect_uri") == Some(&grant.redirect_uri)
    });
    let Some(grant) = grant else {
        let refusal = json_of(json!({ "error": "invalid_grant" }));
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    };
    let mut claims = json!({
        "iss": inner.issuer,
        "sub": grant.subject,
        "aud": CLIENT_ID,
        "iat": grant.now,
        "exp": grant.now + 300,
        "nonce": grant.nonce,
        "preferred_username": grant.subject,
    });
    if grant.says_when {
        claims["auth_time"] = grant.now.into();
    }
    let token = sign(&forged(claims, &script.claims), script.signature);
    json_of(json!({
        "access_token": grant.subject,
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": token,
    }))
}

async fn userinfo(State(inner): State<Shared>, headers: HeaderMap) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .unwrap()
        .to_str()
        .unwrap();
    let subject = bearer.strip_prefix("Bearer ").unwrap();
    let userinfo = forged(
        json!({ "sub": subject }),
        &inner.lock().unwrap().script.userinfo,
    );
    json_of(userinfo)
}
