//! GraphQL over HTTP: requests that are refused, with nothing of them run.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;

use crate::graphql_http::{JSON, RESPONSE, post};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_none_are_bad_input() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    for body in [
        "",
        "{",
        "null",
        "1",
        "\"{ __typename }\"",
        "{ __typename }",
        "{}",
        r#"{"query":null}"#,
        r#"{"query":1}"#,
        r#"{"query":["{ __typename }"]}"#,
        r#"{"query":"{ __typename }","operationName":1}"#,
        r#"{"query":"{ __typename }","variables":"{}"}"#,
        r#"{"query":"{ __typename }","variables":[]}"#,
        r#"{"query":"{ __typename }","extensions":1}"#,
        r#"{"query":"{ __typename }","query":"{ __typename }"}"#,
        r#"{"query":"{ __typename }"} {}"#,
        "\u{feff}{\"query\":\"{ __typename }\"}",
    ] {
        let refused = post(&anyone, JSON, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "BAD_USER_INPUT"),
            "{body}"
        );
        assert!(refused.body.get("data").is_none());
    }
    for body in [
        b"{\"query\":\"\xff\"}".to_vec(),
        format!("{}1", "[".repeat(100_000)).into_bytes(),
    ] {
        assert_eq!(post(&anyone, JSON, body).await.code(), "BAD_USER_INPUT");
    }
    for query in [
        "",
        " ",
        "#",
        "hello",
        "subscription { x }",
        "fragment f on Query { __typename }",
    ] {
        let refused = post(&anyone, RESPONSE, json!({ "query": query }).to_string()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "BAD_USER_INPUT"),
            "{query:?}"
        );
    }
    // Null is the same as nothing.
    let nulls =
        r#"{"query":"{ __typename }","operationName":null,"variables":null,"extensions":null}"#;
    assert_eq!(
        post(&anyone, JSON, nulls).await.text("/__typename"),
        "Query"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_refused_and_nothing_of_them_runs() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let batch = json!([{ "query": "mutation { signOut }" }, { "query": "{ me { id } }" }]);
    for body in [batch.to_string(), " [ ]".to_owned()] {
        let refused = post(&alice, JSON, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "BAD_USER_INPUT")
        );
    }
    assert_eq!(
        alice.ask("{ me { username } }").await.text("/me/username"),
        "alice"
    );
}

/// What a form of any site can send is no request.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_forms_are_refused_and_nothing_runs() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for (content_type, body) in [
        ("text/plain", r#"{"query":"mutation { signOut }"}"#),
        (
            "application/x-www-form-urlencoded",
            "query=mutation+%7B+signOut+%7D",
        ),
        ("application/graphql", "mutation { signOut }"),
        (
            "application/json; charset=utf-16",
            r#"{"query":"mutation { signOut }"}"#,
        ),
        ("application/jsonp", r#"{"query":"mutation { signOut }"}"#),
        ("", r#"{"query":"mutation { signOut }"}"#),
    ] {
        let refused = alice.post_body(content_type, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (415, "BAD_USER_INPUT"),
            "{content_type}"
        );
    }
    let squeezed = alice
        .post()
        .header(CONTENT_TYPE, JSON)
        .header("Content-Encoding", "gzip");
    let refused = squeezed
        .body(r#"{"query":"mutation { signOut }"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 415);
    assert_eq!(
        alice.ask("{ me { username } }").await.text("/me/username"),
        "alice"
    );
    for content_type in [
        "application/json;charset=UTF-8",
        "Application/JSON; charset=\"utf-8\"",
    ] {
        let taken = alice
            .post_body(content_type, r#"{"query":"{ __typename }"}"#)
            .await;
        assert_eq!(taken.text("/__typename"), "Query", "{content_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_its_limit_is_refused() {
    let server = TestApp::start_with(|options| options.max_body_bytes = "10KiB".to_owned()).await;
    let anyone = server.anonymous();
    let body = format!(
        "{{\"query\":\"{{ __typename }}\"}}{}",
        " ".repeat(10 * 1024)
    );
    let refused = post(&anyone, JSON, body.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (413, "PAYLOAD_TOO_LARGE")
    );
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
    let chunked = post(&anyone, JSON, reqwest::Body::wrap_stream(pieces)).await;
    assert_eq!(chunked.code(), "PAYLOAD_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_goes_with_graphiql() {
    let introspect = "{ __schema { queryType { name } } __type(name: \"File\") { name } }";
    let server = TestApp::start().await;
    let answer = server.anonymous().ask(introspect).await;
    assert_eq!(answer.text("/__schema/queryType/name"), "Query");

    let server = server
        .restart_with(|options| options.graphiql = "off".to_owned())
        .await;
    let answer = server.anonymous().ask(introspect).await;
    assert!(!answer.body.to_string().contains("\"File\""), "{answer:?}");
    assert!(
        answer.body.pointer("/data/__schema/queryType").is_none(),
        "{answer:?}"
    );
    let typename = server.anonymous().ask("{ __typename }").await;
    assert_eq!(typename.text("/__typename"), "Query");
    let page = server
        .anonymous()
        .client
        .get(format!("{}/graphql", server.base));
    let page = page.header(ACCEPT, "text/html").send().await.unwrap();
    assert!(page.status().is_client_error(), "{page:?}");
}
