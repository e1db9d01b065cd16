//! Headers and parameters of a GraphQL request: what comes once, and what a body is said to be.

use serde_json::json;

use crate::{
    graphql_http::get,
    support::{Answer, TestApp},
};

/// Of two, a proxy might go by the one and the server by the other.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_once_is_refused_twice() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let body = json!({ "query": "{ me { username } }" }).to_string();
    for (name, value) in [
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
    ] {
        let request = server
            .anonymous()
            .post()
            .header("Content-Type", "application/json");
        let request = match name {
            "Authorization" => request.header(name, value),
            _ => request,
        };
        let request = request.header(name, value).body(body.clone());
        let answer = Answer::of(request.send().await.unwrap()).await;
        let refusal = (answer.status.as_u16(), answer.code(), answer.field());
        assert_eq!(refusal, (400, "BAD_USER_INPUT", name));
    }
    for twice in [
        [("query", "{ me { id } }"), ("query", "{ me { username } }")],
        [("variables", "{}"), ("variables", "{}")],
        [("operationName", ""), ("operationName", "X")],
        [("extensions", "{}"), ("extensions", "")],
    ] {
        let [(name, _), _] = twice;
        let mut parameters = twice.to_vec();
        if name != "query" {
            parameters.push(("query", "{ me { username } }"));
        }
        let answer = get(&alice, &parameters).await;
        let refusal = (answer.status.as_u16(), answer.code());
        assert_eq!(refusal, (400, "BAD_USER_INPUT"), "{name}");
        assert!(
            answer.body["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(name),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_said_to_be_as_it_is_is_taken() {
    let server = TestApp::start().await;
    for encoding in ["identity", "Identity", "IDENTITY"] {
        let request = server.anonymous().post();
        let request = request.header("content-encoding", encoding);
        let request = request.json(&json!({ "query": "{ __typename }" }));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.text("/__typename"), "Query", "{encoding}");
    }
}
