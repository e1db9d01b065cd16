//! Pages of other sites: they can make a browser send requests in its user's name, and nothing comes of it.

use cloakroom::http::{Profile, ROUTES, Route};
use reqwest::{
    Method, Response,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderMap,
        HeaderName, HeaderValue,
    },
};
use serde_json::json;

use crate::support::{Answer, Parts, Person, TestApp, multipart};

const FRIEND: &str = "https://app.example";

fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect()
}

/// Signs out, as a browser with these headers would.
async fn sign_out(person: &Person, with: &[(&'static str, &str)]) -> Answer {
    let request = person.post().headers(headers(with));
    let request = request.json(&json!({ "query": "mutation { signOut }" }));
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_from_pages_of_other_sites_are_refused_and_do_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let other_port = "http://127.0.0.1:1";
    for with in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "nonsense")],
        &[("origin", "https://evil.example")],
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("origin", "null")],
        &[("origin", other_port)],
        &[("origin", &format!("{}.evil.example", server.base))],
    ] {
        let refused = sign_out(&alice, with).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "CSRF_REFUSED"),
            "{with:?}"
        );
    }
    assert_eq!(
        alice.ask("{ me { username } }").await.text("/me/username"),
        "alice"
    );
}

/// A multipart body needs no preflight: any form can send one.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_from_pages_of_other_sites_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let body = Parts::upload_file().file("0", b"x").end();
    let request = alice
        .post()
        .header("origin", "https://evil.example")
        .header("content-type", multipart::CONTENT_TYPE);
    let refused = Answer::of(request.body(body).send().await.unwrap()).await;
    assert_eq!(refused.code(), "CSRF_REFUSED");
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_its_own_pages_and_of_programs_pass() {
    let server = TestApp::start().await;
    for with in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", server.base.as_str())],
        &[("origin", &server.base), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(
            sign_out(&server.anonymous(), with).await.data("/signOut"),
            true,
            "{with:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_call_and_read() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let alice = server.person("alice").await;
    let friendly = [("origin", FRIEND), ("sec-fetch-site", "cross-site")];

    let answer = sign_out(&alice, &friendly).await;

    assert_eq!(answer.data("/signOut"), true);
    assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], FRIEND);
    assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    let hostile = sign_out(&alice, &[("origin", "https://evil.example")]).await;
    assert_eq!(hostile.code(), "CSRF_REFUSED");
    assert!(!hostile.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

/// However the operator writes an origin, browsers write it in one way.
#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_origin_is_matched_as_browsers_write_it() {
    let allowed = "https://App.Example, https://other.example:443/,HTTP://third.example:80, https://b\u{fc}cher.example, \
        http://[2001:DB8:0::1]:3000";
    let server = TestApp::start_with(|options| options.allowed_origins = allowed.to_owned()).await;
    for origin in [
        "https://app.example",
        "https://other.example",
        "http://third.example",
        "https://xn--bcher-kva.example",
        "http://[2001:db8::1]:3000",
    ] {
        let from_there = [("origin", origin), ("sec-fetch-site", "cross-site")];
        let answer = sign_out(&server.anonymous(), &from_there).await;
        assert_eq!(answer.data("/signOut"), true, "{origin}");
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
    }
    for origin in [
        "http://app.example",
        "https://app.example:8443",
        "https://other.example.evil.example",
    ] {
        let refused = sign_out(&server.anonymous(), &[("origin", origin)]).await;
        assert_eq!(refused.code(), "CSRF_REFUSED", "{origin}");
    }
}

/// Phones' web views have schemes of their own, and say `cross-site` or nothing beside it.
#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_web_view_may_call_and_read_and_no_other() {
    let allowed = "capacitor://localhost, Ionic://localhost/,tauri://localhost";
    let server = TestApp::start_with(|options| options.allowed_origins = allowed.to_owned()).await;
    let client = reqwest::Client::new();
    for origin in [
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
    ] {
        for with in [
            &[("origin", origin)][..],
            &[("origin", origin), ("sec-fetch-site", "cross-site")],
        ] {
            let answer = sign_out(&server.anonymous(), with).await;
            assert_eq!(answer.data("/signOut"), true, "{with:?}");
            let headers = answer.headers;
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        }
        let preflight = client
            .request(Method::OPTIONS, format!("{}/graphql", server.base))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let allowed = preflight.send().await.unwrap();
        assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
    }
    let alice = server.person("alice").await;
    for origin in [
        "null",
        "capacitor://evil",
        "capacitor://localhost.evil",
        "evil://localhost",
        "http://localhost",
    ] {
        for with in [
            &[("origin", origin)][..],
            &[("origin", origin), ("sec-fetch-site", "cross-site")],
        ] {
            let refused = sign_out(&alice, with).await;
            assert_eq!(refused.code(), "CSRF_REFUSED", "{with:?}");
            assert!(!refused.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        }
    }
}

/// A page can read a refusal only with the headers of CORS, whatever it is that is refused.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_can_read_refusals() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let body = Parts::upload_file().file("0", b"x").end();
    let request = server
        .anonymous()
        .post()
        .header("origin", FRIEND)
        .header("content-type", multipart::CONTENT_TYPE);
    let refused = Answer::of(request.body(body).send().await.unwrap()).await;
    assert_eq!(refused.code(), "UNAUTHENTICATED");
    assert_eq!(refused.headers[ACCESS_CONTROL_ALLOW_ORIGIN], FRIEND);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_learn_what_allowed_origins_may_send() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let preflight = async |origin: &str| {
        let client = server.anonymous().client;
        let request = client
            .request(Method::OPTIONS, format!("{}/graphql", server.base))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,authorization",
            );
        request.send().await.unwrap()
    };

    let friendly = preflight(FRIEND).await;
    assert!(friendly.status().is_success());
    let told = |name| {
        friendly.headers()[name]
            .to_str()
            .unwrap()
            .to_ascii_lowercase()
    };
    assert_eq!(told(ACCESS_CONTROL_ALLOW_ORIGIN), FRIEND);
    assert_eq!(told(ACCESS_CONTROL_ALLOW_CREDENTIALS), "true");
    assert!(told(ACCESS_CONTROL_ALLOW_METHODS).contains("post"));
    let allowed = told(ACCESS_CONTROL_ALLOW_HEADERS);
    assert!(allowed.contains("content-type") && allowed.contains("authorization"));

    let hostile = preflight("https://evil.example").await;
    assert!(!hostile.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

/// GraphQL clients, upload protocols and whatever traces requests have headers of their own, and a browser asks for each.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_send_what_their_clients_and_traces_send() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let preflight = async |origin: &str, wanted: &str| {
        let client = server.anonymous().client;
        let request = client
            .request(Method::OPTIONS, format!("{}/graphql", server.base))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", wanted);
        request.send().await.unwrap()
    };
    let told = |answer: &Response| {
        let allowed = answer.headers().get(ACCESS_CONTROL_ALLOW_HEADERS)?;
        let allowed = allowed.to_str().unwrap().to_ascii_lowercase();
        let names = allowed.split(',').map(|name| name.trim().to_owned());
        Some(names.collect::<Vec<_>>())
    };
    let all = "accept,apollo-require-preflight,apollographql-client-name,apollographql-client-version,authorization,\
        b3,baggage,content-type,datadog,elastic-apm-traceparent,graphql-preflight,newrelic,sentry-trace,traceparent,\
        tracestate,x-apollo-operation-name,x-apollo-operation-type,x-b3-traceid,x-csrf-token,x-datadog-trace-id,\
        x-request-id,x-requested-with";
    for wanted in all.split(',').chain([all]) {
        let answer = preflight(FRIEND, wanted).await;
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], FRIEND);
        let allowed = told(&answer).unwrap_or_default();
        for name in wanted.split(',') {
            assert!(
                allowed.iter().any(|allowed| allowed == name),
                "{name}: {allowed:?}"
            );
        }
        let hostile = preflight("https://evil.example", wanted).await;
        assert!(!hostile.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

/// Sends a request to `route`, as a page of `origin` would.
async fn from_page(server: &TestApp, route: &Route, method: Method, origin: &str) -> Response {
    let url = format!("{}{}", server.base, route.path);
    let request = server.anonymous().client.request(method, url);
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    request.send().await.unwrap()
}

/// Methods that can change something, the ones that the route does not take included: the check comes before the route.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_pages_of_other_sites_as_its_profile_does() {
    let server = TestApp::start().await;
    for route in ROUTES {
        let answer = from_page(&server, route, Method::POST, "https://evil.example").await;
        let (status, form) = match route.profile {
            Profile::Api => (403, "application/graphql-response+json; charset=utf-8"),
            Profile::Tus => (403, "application/problem+json"),
            // It takes no cookies, and this method neither; or no such method.
            Profile::Public | Profile::Ticket | Profile::Return => {
                (405, "application/problem+json")
            }
            // People see it.
            Profile::Form => (403, "text/html; charset=utf-8"),
        };
        assert_eq!(answer.status(), status, "{}", route.path);
        assert_eq!(answer.headers()[CONTENT_TYPE], form, "{}", route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_tells_pages_of_allowed_origins_what_its_profile_lets_them_do() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    for route in ROUTES {
        let answer = from_page(&server, route, Method::OPTIONS, FRIEND).await;
        let told = answer.headers().get(ACCESS_CONTROL_ALLOW_METHODS);
        let told = told.map(|methods| methods.to_str().unwrap());
        let told: Option<Vec<_>> = told.map(|methods| methods.split(',').map(str::trim).collect());
        let methods = route.methods.iter().map(Method::as_str);
        let expected: Option<Vec<_>> = match route.profile {
            Profile::Api | Profile::Tus | Profile::Ticket => Some(methods.collect()),
            Profile::Public | Profile::Form | Profile::Return => None,
        };
        assert_eq!(told, expected, "{}", route.path);
        let allowed = answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed, expected.is_some(), "{}", route.path);
    }
}
