//! GraphQL over HTTP: requests by POST and GET, what answers look like, and which statuses tell what.

use reqwest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::{
    Answer, Person, TestApp,
    multipart::{CONTENT_TYPE as CONTENT_TYPE_OF_PARTS, Parts},
};

pub const RESPONSE: &str = "application/graphql-response+json";
pub const JSON: &str = "application/json";

/// A GET with these parameters.
pub async fn get(person: &Person, parameters: &[(&str, &str)]) -> Answer {
    let request = person.client.get(format!("{}/graphql", person.base));
    Answer::of(request.query(parameters).send().await.unwrap()).await
}

/// A POST of `body` as JSON, by a client that accepts `accept`.
pub async fn post(person: &Person, accept: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = person.post().header(ACCEPT, accept);
    let request = request.header(CONTENT_TYPE, JSON).body(body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_run_by_get_with_variables_and_an_operation_name() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let me = get(&alice, &[("query", "{ me { username } }")]).await;
    assert_eq!(me.text("/me/username"), "alice");

    let query = "query One { one: __typename } \
                 query Two($name: String!) { two: user(username: $name) { username } }";
    let variables = r#"{"name":"alice"}"#;
    let two = [
        ("query", query),
        ("variables", variables),
        ("operationName", "Two"),
    ];
    assert_eq!(get(&alice, &two).await.text("/two/username"), "alice");
    let one = [("query", query), ("operationName", "One")];
    assert_eq!(get(&alice, &one).await.text("/one"), "Query");
    for name in ["", "Three"] {
        let refused = get(&alice, &[("query", query), ("operationName", name)]).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "operationName"),
            "{name}"
        );
    }
    let empty = [
        ("query", "{ me { username } }"),
        ("variables", ""),
        ("extensions", ""),
    ];
    assert_eq!(get(&alice, &empty).await.text("/me/username"), "alice");
    for malformed in [
        &[][..],
        &[("query", "")],
        &[("variables", "{}")],
        &[("query", "{ me { id } }"), ("variables", "{")],
        &[("query", "{ me { id } }"), ("variables", "[]")],
        &[("query", "{ me { id } }"), ("extensions", "1")],
    ] {
        let refused = get(&alice, malformed).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{malformed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutations_do_not_run_by_get() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    let delete =
        format!("mutation Delete {{ deleteFile(id: \"{file}\") }} query Me {{ me {{ id }} }}");
    for accept in [JSON, RESPONSE, "*/*"] {
        let request = alice.client.get(format!("{}/graphql", alice.base));
        let request = request
            .query(&[("query", delete.as_str()), ("operationName", "Delete")])
            .header(ACCEPT, accept);
        let refused = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(refused.status, 405, "{accept}");
        assert_eq!(refused.headers[ALLOW], "POST");
        assert_eq!(refused.code(), "BAD_USER_INPUT");
    }
    let sign_up =
        "mutation { signUp(username: \"eve\", password: \"correct horse battery\") { id } }";
    assert_eq!(get(&alice, &[("query", sign_up)]).await.status, 405);

    let kept = alice
        .ask("{ files { nodes { id } } eve: user(username: \"eve\") { id } }")
        .await;
    assert_eq!(kept.text("/files/nodes/0/id"), file);
    assert_eq!(kept.data("/eve"), Value::Null);
    // The query of the same document does.
    let query = [("query", delete.as_str()), ("operationName", "Me")];
    get(&alice, &query).await.text("/me/id");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_has_the_type_that_the_client_accepts() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    for (accept, expected) in [
        (RESPONSE, RESPONSE),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json; charset=utf-8", JSON),
        (
            "application/graphql-response+json, application/json;q=0.9",
            RESPONSE,
        ),
        (
            "application/graphql-response+json;q=0.8, application/json",
            JSON,
        ),
        ("text/event-stream, application/json", JSON),
        ("APPLICATION/JSON", JSON),
    ] {
        let answer = post(&anyone, accept, r#"{"query":"{ __typename }"}"#).await;
        assert_eq!(answer.status, 200, "{accept}");
        let expected = format!("{expected}; charset=utf-8");
        assert_eq!(answer.headers[CONTENT_TYPE], expected, "{accept}");
    }
    for accept in ["image/png", "text/html", "application/json;q=0"] {
        let refused = post(&anyone, accept, r#"{"query":"{ __typename }"}"#).await;
        assert_eq!(refused.status, 406, "{accept}");
        assert_eq!(refused.headers[CONTENT_TYPE], "application/problem+json");
    }
}

/// 200 in `application/json` for whatever is a GraphQL response; in the newer type the status tells.
#[tokio::test(flavor = "multi_thread")]
async fn statuses_tell_what_the_media_type_says_they_tell() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    for (body, in_json, in_response) in [
        (r#"{"query":"{ __typename }"}"#, 200, 200),
        // It ran, and a part of it failed.
        (r#"{"query":"{ __typename apiTokens { id } }"}"#, 200, 200),
        // The document is none, is invalid, or has no such operation.
        (r#"{"query":"{"}"#, 200, 400),
        (r#"{"query":"{ gone }"}"#, 200, 400),
        (
            r#"{"query":"{ __typename }","operationName":"Gone"}"#,
            200,
            400,
        ),
        (
            r#"{"query":"query($a: ID!) { file(id: $a) { id } }","variables":{"a":null}}"#,
            200,
            400,
        ),
        // It is no GraphQL request.
        ("{", 400, 400),
        ("{}", 400, 400),
        (r#"[{"query":"{ __typename }"}]"#, 400, 400),
    ] {
        assert_eq!(post(&anyone, JSON, body).await.status, in_json, "{body}");
        assert_eq!(
            post(&anyone, RESPONSE, body).await.status,
            in_response,
            "{body}"
        );
    }
}

/// Whatever takes how long: the first of these fields asks the database, the others need not wait.
#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_an_answer_follow_the_query() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    alice.upload("a", b"x").await;
    let query = "{ z: user(username: \"alice\") { username ...id } \
                 files { y: nodes { shares { nodes { id } } name } x: __typename } limits { maxFileSize } a: __typename } \
                 fragment id on User { b: id }";
    let body = json!({ "query": query });
    let text = alice
        .post()
        .json(&body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let members = [
        "data", "z", "username", "b", "files", "y", "shares", "name", "x", "limits", "a",
    ];
    let places: Vec<_> = members
        .iter()
        .map(|name| text.find(&format!("\"{name}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
}

/// A failed field is null; where it may not be null, the nearest thing around it is that may.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_field_is_null_as_far_as_its_type_says() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    for (query, data) in [
        // `user` may be null, and `apiTokens` may not.
        ("{ user(username: \"x\") { id } }", json!({ "user": null })),
        (
            "{ a: __typename user(username: \"x\") { id } b: __typename }",
            json!({ "a": "Query", "user": null, "b": "Query" }),
        ),
        ("{ a: __typename apiTokens { id } }", Value::Null),
        (
            "{ a: __typename ...f } fragment f on Query { files { nodes { id } } }",
            Value::Null,
        ),
        (
            "mutation { deleteFile(id: \"x\") a: __typename }",
            Value::Null,
        ),
    ] {
        let answer = anyone.ask(query).await;
        assert_eq!(answer.code(), "UNAUTHENTICATED", "{query}");
        assert_eq!(answer.body["data"], data, "{query}");
    }
    // An object whose fields have all failed: in a list that may have no null, and where it may be null.
    let alice = server.person("alice").await;
    alice.drop_with(json!({})).await;
    let reads = alice.with_token(&alice.token("[READ]").await);
    for query in [
        "{ drops { nodes { url } } }",
        "{ drops { edges { node { url } } } }",
        "{ me { id } drops { nodes { id url } } }",
    ] {
        let answer = reads.ask(query).await;
        assert_eq!(answer.code(), "FORBIDDEN", "{query}");
        assert_eq!(answer.body["data"], Value::Null, "{query}");
    }
    // What was skipped is not there, and what is left of an object is one.
    let skipped =
        "{ limits { maxFileSize @skip(if: true) } me @include(if: false) { id } me2: me { id } }";
    assert_eq!(
        anyone.ask(skipped).await.data(""),
        json!({ "limits": {}, "me2": null })
    );
}

/// A charset is named by its label or by the alias that many clients use, in any case, quoted or not.
#[tokio::test(flavor = "multi_thread")]
async fn utf8_is_taken_under_every_name_that_clients_give_it() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let body = json!({ "query": "{ __typename }" }).to_string();
    for content_type in [
        "application/json",
        "application/json;",
        "application/json;charset=utf-8",
        "application/json; charset=utf8",
        "application/json; charset=UTF8",
        "application/json; charset=\"utf-8\"",
        "application/json; charset=\"UTF-8\"; q=1",
        "application/json; charset='utf-8'",
        "application/json; Charset=Utf-8",
        "application/json ; charset = utf-8",
        "APPLICATION/JSON; CHARSET=UTF-8",
        "application/json; profile=\"a;charset=latin1\"",
        "application/json; boundary=x; charset=utf8",
    ] {
        let answer = anyone.post_body(content_type, body.clone()).await;
        assert_eq!(answer.text("/__typename"), "Query", "{content_type}");
    }
    for content_type in [
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json; charset=\"latin1\"",
        "application/json; charset=utf-8; charset=latin1",
        "application/json; charset=latin1; charset=utf-8",
        "application/json; x=y; CHARSET=us-ascii",
        "application/json; charset=utf-88",
        "application/json; charset=",
    ] {
        let refused = anyone.post_body(content_type, body.clone()).await;
        let refusal = (refused.status.as_u16(), refused.code());
        assert_eq!(refusal, (415, "BAD_USER_INPUT"), "{content_type}");
    }
}

/// By URL the specification says so (GraphQL over HTTP §5.3); a client that writes it in JSON means the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_name_that_is_empty_is_none_by_every_transport() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let upload = "mutation Up($file: Upload!) { uploadFile(file: $file) { name } }";
    for query in ["{ me { username } }", "query Me { me { username } }"] {
        let body = json!({ "query": query, "operationName": "" }).to_string();
        let posted = post(&alice, RESPONSE, body).await;
        let got = get(&alice, &[("query", query), ("operationName", "")]).await;
        for answer in [posted, got] {
            assert_eq!(answer.text("/me/username"), "alice", "{query}");
        }
    }
    let operations = json!({ "query": upload, "operationName": "", "variables": { "file": null } });
    let body = Parts::new()
        .text("operations", &operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .file("0", b"x");
    let uploaded = alice.post_body(CONTENT_TYPE_OF_PARTS, body.end()).await;
    uploaded.text("/uploadFile/name");
    // Of several operations it names none.
    let two = "query A { a: __typename } query B { b: __typename }";
    let body = json!({ "query": two, "operationName": "" }).to_string();
    let posted = post(&alice, RESPONSE, body).await;
    let got = get(&alice, &[("query", two), ("operationName", "")]).await;
    for refused in [posted, got] {
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "operationName")
        );
    }
}

/// The edition of September 2025: surrogate pairs and braces in strings, and descriptions of what runs.
#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_by_the_newest_grammar() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    for written in [
        r"\ud83d\ude00.txt",
        r"\u{1F600}.txt",
        r"\u{01f600}\u{2e}txt",
        "😀.txt",
    ] {
        let mutation = format!(
            "\"Renames.\" mutation Rename(\"Which.\" $f: ID!) {{ ...r }}
             \"\"\"\n A fragment. \n\"\"\" fragment r on Mutation {{ renameFile(id: $f, name: \"{written}\") {{ name }} }}"
        );
        let renamed = alice.ask_with(&mutation, json!({ "f": file })).await;
        assert_eq!(renamed.text("/renameFile/name"), "😀.txt", "{written}");
    }
    for refused in [
        r#"{ user(username: "\ud83d") { id } }"#,
        r#"{ user(username: "\ude00\ud83d") { id } }"#,
        r#"{ user(username: "\u{110000}") { id } }"#,
        r#""No name." { me { id } }"#,
    ] {
        let body = json!({ "query": refused }).to_string();
        let answer = post(&alice, RESPONSE, body).await;
        assert_eq!(
            (answer.code(), answer.status.as_u16()),
            ("BAD_USER_INPUT", 400),
            "{refused}"
        );
        assert_eq!(answer.field(), "query");
        assert_eq!(
            answer.body["errors"][0]["locations"][0]["line"], 1,
            "{refused}"
        );
    }
}
