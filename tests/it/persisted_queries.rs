//! Automatic persisted queries: a document is sent whole once, and named by its hash from then on.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    clients::node,
    graphql_http::{JSON, RESPONSE, post},
    support::{Answer, Person, TestApp},
};

fn hash(query: &str) -> String {
    let digest = Sha256::digest(query);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn extensions(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

/// Names `query` by its hash alone.
async fn by_hash(person: &Person, query: &str, variables: Value) -> Answer {
    let body = json!({ "extensions": extensions(&hash(query)), "variables": variables });
    post(person, RESPONSE, body.to_string()).await
}

/// Sends `query` whole, to be kept.
async fn whole(person: &Person, query: &str, variables: Value) -> Answer {
    let extensions = extensions(&hash(query));
    let body = json!({ "query": query, "extensions": extensions, "variables": variables });
    post(person, RESPONSE, body.to_string()).await
}

#[track_caller]
fn is_missing(answer: &Answer) {
    let error = &answer.body["errors"][0];
    assert_eq!(error["message"], "PersistedQueryNotFound", "{answer:?}");
    assert_eq!(answer.code(), "NOT_FOUND");
    assert_eq!(answer.body.get("data"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_sent_whole_once_and_named_by_its_hash_from_then_on() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query = "query($n: String!) { user(username: $n) { username } }";
    let variables = json!({ "n": "alice" });
    is_missing(&by_hash(&alice, query, variables.clone()).await);
    for (accept, status) in [(RESPONSE, 400), (JSON, 200)] {
        let body = json!({ "extensions": extensions(&hash(query)) }).to_string();
        let missing = post(&alice, accept, body).await;
        is_missing(&missing);
        assert_eq!(missing.status, status, "{accept}");
    }
    let sent = whole(&alice, query, variables.clone()).await;
    assert_eq!(sent.text("/user/username"), "alice");
    // The same document with other variables, by anybody, by both methods.
    server.person("bob").await;
    let named = by_hash(&alice, query, json!({ "n": "bob" })).await;
    assert_eq!(named.text("/user/username"), "bob");
    let request = alice.client.get(format!("{}/graphql", alice.base));
    let request = request.query(&[
        (
            "extensions",
            extensions(&hash(query).to_uppercase()).to_string(),
        ),
        ("variables", variables.to_string()),
    ]);
    let got = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(got.text("/user/username"), "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_such_document_is_refused_and_not_kept() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let query = "{ limits { maxPageSize } }";
    for (what, extension) in [
        (
            "another hash",
            json!({ "version": 1, "sha256Hash": hash("{ me { id } }") }),
        ),
        ("a short hash", json!({ "version": 1, "sha256Hash": "abc" })),
        ("no hash", json!({ "version": 1 })),
        ("a number", json!({ "version": 1, "sha256Hash": 1 })),
        ("a list", json!([1])),
        ("text", json!("abc")),
    ] {
        let body = json!({ "query": query, "extensions": { "persistedQuery": extension } });
        let refused = post(&anyone, RESPONSE, body.to_string()).await;
        assert_eq!(
            (refused.code(), refused.status.as_u16()),
            ("BAD_USER_INPUT", 400),
            "{what}"
        );
        is_missing(&by_hash(&anyone, "{ me { id } }", json!({})).await);
    }
    for invalid in [
        "{ gone }",
        "{ me { id } ",
        "query($n: Int) { me { id } }",
        "{ ...f }",
    ] {
        assert_eq!(
            whole(&anyone, invalid, json!({})).await.code(),
            "BAD_USER_INPUT"
        );
        is_missing(&by_hash(&anyone, invalid, json!({})).await);
    }
    let deep = format!("{}id{}", "{ me ".repeat(1000), "}".repeat(1000));
    assert_eq!(
        whole(&anyone, &deep, json!({})).await.code(),
        "QUERY_TOO_COMPLEX"
    );
    is_missing(&by_hash(&anyone, &deep, json!({})).await);
    // Another version, and no document at all.
    let body =
        json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": hash(query) } } });
    let other = post(&anyone, RESPONSE, body.to_string()).await;
    assert_eq!(
        other.body["errors"][0]["message"],
        "PersistedQueryNotSupported"
    );
    for body in [
        json!({ "extensions": { "persistedQuery": null } }),
        json!({ "query": null }),
        json!({}),
    ] {
        let refused = post(&anyone, RESPONSE, body.to_string()).await;
        assert_eq!(
            (refused.code(), refused.status.as_u16()),
            ("BAD_USER_INPUT", 400),
            "{body}"
        );
    }
}

/// What is kept says nothing about who may see what, or how much it is.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_a_document_is_asked_everything_anew() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"x").await;
    let query = "query($n: Int!, $f: ID!) { files(first: $n) { nodes { name shares(first: $n) { nodes { id file { name size } } } } } file(id: $f) { name } }";
    let variables = |n: Value| json!({ "n": n, "f": file });
    let sent = whole(&alice, query, variables(json!(1))).await;
    assert_eq!(sent.text("/files/nodes/0/name"), "a.txt");
    let others = by_hash(&bob, query, variables(json!(1))).await;
    assert_eq!(others.code(), "NOT_FOUND");
    let anonymous = by_hash(&server.anonymous(), query, variables(json!(1))).await;
    assert_eq!(anonymous.code(), "UNAUTHENTICATED");
    // Its variables are looked at again, and so is what they make it cost.
    let wrong = by_hash(&alice, query, variables(json!("1"))).await;
    assert_eq!(
        (wrong.code(), wrong.field()),
        ("BAD_USER_INPUT", "variables.n")
    );
    let large = by_hash(&alice, query, variables(json!(100))).await;
    assert_eq!(large.code(), "QUERY_TOO_COMPLEX");
    let again = by_hash(&alice, query, variables(json!(1))).await;
    assert_eq!(again.text("/files/nodes/0/name"), "a.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutations_are_named_by_post_and_never_by_get() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query = "mutation($s: [ApiTokenScope!]!) { createApiToken(name: \"a\", scopes: $s) { apiToken { id } } }";
    let variables = json!({ "s": ["READ"] });
    whole(&alice, query, variables.clone())
        .await
        .text("/createApiToken/apiToken/id");
    by_hash(&alice, query, variables.clone())
        .await
        .text("/createApiToken/apiToken/id");
    assert_eq!(server.rows("api_token").await, 2);
    let request = alice.client.get(format!("{}/graphql", alice.base)).query(&[
        ("extensions", extensions(&hash(query)).to_string()),
        ("variables", variables.to_string()),
    ]);
    let refused = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(refused.status, 405);
    assert_eq!(server.rows("api_token").await, 2);
    // Nor from a page of another site.
    let body = json!({ "extensions": extensions(&hash(query)), "variables": variables });
    let request = alice.post().header(ACCEPT, JSON).header(CONTENT_TYPE, JSON);
    let request = request
        .header("sec-fetch-site", "cross-site")
        .body(body.to_string());
    let refused = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(refused.code(), "CSRF_REFUSED");
    assert_eq!(server.rows("api_token").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_none_is_kept_clients_are_told_to_send_all_of_it() {
    let server = TestApp::start_with(|options| options.persisted_queries = "0".into()).await;
    let anyone = server.anonymous();
    let query = "{ limits { maxPageSize } }";
    let refused = by_hash(&anyone, query, json!({})).await;
    assert_eq!(
        refused.body["errors"][0]["message"],
        "PersistedQueryNotSupported"
    );
    assert_eq!(
        whole(&anyone, query, json!({}))
            .await
            .data("/limits/maxPageSize"),
        100
    );
    let still = by_hash(&anyone, query, json!({})).await;
    assert_eq!(
        still.body["errors"][0]["message"],
        "PersistedQueryNotSupported"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_that_name_documents_are_understood() {
    let server = TestApp::start().await;
    node("persisted.mjs", &[&server.base]);
}
