//! What goes wrong outside of anyone's request: addresses that are none, failures inside, and the id that finds them.

use reqwest::{Method, header};
use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::support::{Answer, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_methods_that_are_none_are_problems() {
    let server = TestApp::start().await;
    let client = server.anonymous().client;
    for (method, path, status, code, allow) in [
        (Method::GET, "/nothing?x=y", 404, "NOT_FOUND", None),
        (Method::POST, "/graphql/", 404, "NOT_FOUND", None),
        (Method::GET, "/_content/00/00/00", 404, "NOT_FOUND", None),
        (Method::GET, "/download/", 404, "NOT_FOUND", None),
        (
            Method::PUT,
            "/graphql",
            405,
            "BAD_USER_INPUT",
            Some("GET, POST"),
        ),
        (
            Method::DELETE,
            "/graphql",
            405,
            "BAD_USER_INPUT",
            Some("GET, POST"),
        ),
        (
            Method::POST,
            "/download/x",
            405,
            "BAD_USER_INPUT",
            Some("GET, HEAD"),
        ),
        (Method::POST, "/healthz", 405, "BAD_USER_INPUT", Some("GET")),
        (Method::PATCH, "/readyz", 405, "BAD_USER_INPUT", Some("GET")),
    ] {
        let request = client.request(method.clone(), format!("{}{path}", server.base));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(answer.body["code"], code, "{method} {path}");
        assert_eq!(answer.body["status"], status);
        assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
        let allowed = answer
            .headers
            .get(header::ALLOW)
            .map(|allow| allow.to_str().unwrap());
        assert_eq!(allowed, allow, "{method} {path}");
    }
}

/// A server whose database lost a table.
#[expect(clippy::disallowed_methods, reason = "no other way breaks it")]
async fn broken() -> TestApp {
    let server = TestApp::start().await;
    let rename = server.app.db.write(|transaction| {
        Box::pin(async move {
            let rename = "ALTER TABLE share RENAME TO lost";
            transaction.execute_unprepared(rename).await?;
            Ok(())
        })
    });
    rename.await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_inside_tells_its_request_id_and_nothing_else() {
    let server = broken().await;
    let alice = server.person("alice").await;

    let answer = alice
        .ask("{ me { username } sharedWithMe { nodes { id } } }")
        .await;

    assert_eq!(answer.code(), "INTERNAL");
    assert_eq!(answer.body["data"], Value::Null);
    let extensions = &answer.body["errors"][0]["extensions"];
    let members: Vec<_> = extensions.as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "requestId"]);
    assert_eq!(
        extensions["requestId"],
        answer.headers["x-request-id"].to_str().unwrap()
    );
    let text = answer.body.to_string().to_lowercase();
    for cause in ["share\"", "table", "sql", "relation", "execut"] {
        assert!(!text.contains(cause), "{cause}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_given_to_a_request_comes_back_when_it_is_plain() {
    let server = TestApp::start().await;
    let client = server.anonymous().client;
    let id_of = async |given: Option<&[u8]>| {
        let mut request = client.get(format!("{}/healthz", server.base));
        if let Some(given) = given {
            request = request.header(
                "x-request-id",
                header::HeaderValue::from_bytes(given).unwrap(),
            );
        }
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let fresh = id_of(None).await;
    assert!(fresh.len() >= 16 && fresh != id_of(None).await);
    let longest = "a".repeat(64);
    for plain in ["7f3a-42", "A", &longest] {
        assert_eq!(id_of(Some(plain.as_bytes())).await, plain);
    }
    let long = "a".repeat(65);
    for evil in [
        &b""[..],
        b"a b",
        b"<script>",
        b"a\" level=error",
        b"\xc3\xa9\xff",
        b"a;b",
        long.as_bytes(),
    ] {
        let replaced = id_of(Some(evil)).await;
        assert_ne!(replaced.as_bytes(), evil);
        assert!(
            replaced.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{replaced}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_request_s_id() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let with_id = |request: reqwest::RequestBuilder| request.header("x-request-id", "find-me");
    let url = |path: &str| format!("{}{path}", server.base);
    for request in [
        alice
            .post()
            .json(&serde_json::json!({ "query": "{ me { id } }" })),
        alice.post().body("nonsense"),
        alice
            .post()
            .header("origin", "https://evil.example")
            .json(&Value::Null),
        alice.client.get(url("/nothing")),
        alice.client.get(url("/download/nonsense")),
        alice.client.delete(url("/graphql")),
        alice
            .client
            .get(url("/graphql"))
            .header("accept", "image/png"),
    ] {
        let answer = with_id(request).send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "find-me", "{answer:?}");
    }
}
