//! Malformed multipart requests, continued: the parts of files, headers, and strings that would be files.

use serde_json::json;

use crate::support::{
    Answer, Parts, TestApp, Wire,
    multipart::{CONTENT_TYPE, UPLOAD_FILE},
};

async fn bad(server: &TestApp, answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (400, "BAD_USER_INPUT"),
        "{what}: {answer:?}"
    );
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_of_the_map_comes_once_and_no_other() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let begin = Parts::upload_file();
    let disposition = "Content-Disposition: form-data; name=\"0\"; filename=\"x\"";
    for (what, body) in [
        ("missing", begin.clone()),
        ("another", begin.clone().file("1", b"x")),
        (
            "another first",
            begin.clone().file("1", b"x").file("0", b"x"),
        ),
        ("another too", begin.clone().file("0", b"x").file("1", b"x")),
        ("twice", begin.clone().file("0", b"x").file("0", b"x")),
        (
            "without a name",
            begin
                .clone()
                .part("Content-Disposition: form-data; filename=\"x\"", b"x"),
        ),
        ("with an empty name", begin.clone().file("", b"x")),
        (
            "without a disposition",
            begin.clone().part("Content-Type: text/plain", b"x"),
        ),
        ("no headers at all", begin.clone().part("", b"x")),
        (
            "a header that is none",
            begin
                .clone()
                .part(&format!("{disposition}\r\nnonsense"), b"x"),
        ),
        (
            "a name that is none",
            begin
                .clone()
                .part(&format!("{disposition}\r\nX Y: z"), b"x"),
        ),
        (
            "a folded name",
            begin
                .clone()
                .part("Content-Disposition: form-data;\r\n name=\"0\"", b"x"),
        ),
        (
            "many headers",
            begin
                .clone()
                .part(&format!("{disposition}{}", "\r\nX: y".repeat(1000)), b"x"),
        ),
    ] {
        let answer = alice.post_body(CONTENT_TYPE, body.end()).await;
        bad(&server, &answer, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_parts_are_refused_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let empty = (0..10_000).fold(Parts::upload_file(), |parts, _| parts.file("0", b""));
    let answer = alice.post_body(CONTENT_TYPE, empty.end()).await;
    bad(&server, &answer, "the same part").await;

    let unnamed = (0..10_000).fold(Parts::new(), |parts, _| parts.part("X: y", b""));
    let answer = alice.post_body(CONTENT_TYPE, unnamed.end()).await;
    bad(&server, &answer, "parts without names").await;

    let map: serde_json::Map<_, _> = (0..10_000)
        .map(|at| (at.to_string(), json!([format!("variables.files.{at}")])))
        .collect();
    let variables = json!({ "files": vec![serde_json::Value::Null; 10_000] });
    let operations = json!({ "query": UPLOAD_FILE, "variables": variables }).to_string();
    let parts = Parts::new()
        .text("operations", &operations)
        .text("map", &json!(map).to_string());
    let answer = alice.post_body(CONTENT_TYPE, parts.end()).await;
    assert_eq!(answer.code(), "PAYLOAD_TOO_LARGE");
    server.nothing_stays().await;
}

/// A multipart inside a part is bytes, like any file.
#[tokio::test(flavor = "multi_thread")]
async fn a_nested_multipart_is_a_file_like_any_other() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let inner = "--inner\r\nContent-Disposition: form-data; name=\"1\"\r\n\r\nx\r\n--inner--\r\n--frontie\r\n";
    let headers = "Content-Disposition: form-data; name=\"0\"; filename=\"x\"\r\n\
                   Content-Type: multipart/mixed; boundary=inner";
    let body = Parts::upload_file().part(headers, inner.as_bytes()).end();
    let answer = alice.post_body(CONTENT_TYPE, body).await;
    assert_eq!(answer.data("/uploadFile/size"), inner.len());
    server.only_files_stay(1).await;
}

/// The encodings and charsets that parts claim change nothing: bytes are kept as they came (RFC 7578 §4.7).
#[tokio::test(flavor = "multi_thread")]
async fn claims_about_encodings_change_no_bytes() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let operations = json!({ "query": UPLOAD_FILE, "variables": { "file": null } }).to_string();
    let headers = "Content-Disposition: form-data; name=\"0\"; filename=\"x\"\r\n\
                   Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64";
    for charset in ["utf-16", "utf-7", "nonsense"] {
        let part = format!(
            "Content-Disposition: form-data; name=\"operations\"\r\n\
             Content-Type: application/json; charset={charset}"
        );
        let parts = Parts::new()
            .part(&part, operations.as_bytes())
            .text("_charset_", "utf-7")
            .text("map", r#"{"0":["variables.file"]}"#);
        let answer = alice.post_body(CONTENT_TYPE, parts.end()).await;
        bad(&server, &answer, "a part named _charset_").await;
    }
    let body = Parts::upload_file().part(headers, b"aGVsbG8=").end();
    let answer = alice.post_body(CONTENT_TYPE, body).await;
    assert_eq!(answer.data("/uploadFile/size"), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_string_names_a_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for string in [
        "#__graphql_file__:0",
        "#__graphql_file__:99",
        "#__graphql_file__:",
        "#__graphql_file__:-1",
        "0",
        "",
        "00000000000000000000000000000000",
        "../../etc/passwd",
    ] {
        let answer = alice.ask_with(UPLOAD_FILE, json!({ "file": string })).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{string:?} in JSON");
        let literal = format!(
            "mutation {{ uploadFile(file: {}) {{ id }} }}",
            json!(string)
        );
        assert_eq!(alice.ask(&literal).await.code(), "BAD_USER_INPUT");

        let query = "mutation($file: Upload!, $other: Upload!) { uploadFiles(files: [$file, $other]) { id } }";
        let answer = alice
            .upload_with(query, json!({ "other": string }), "x", b"x")
            .await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{string:?} in multipart");
    }
    let key = json!({ "key": "00000000000000000000000000000000" });
    for other in [
        json!(0),
        json!(true),
        json!({}),
        json!([]),
        json!(null),
        key,
    ] {
        let answer = alice.ask_with(UPLOAD_FILE, json!({ "file": other })).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{other}");
    }
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_fills_no_variable_of_another_type() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for query in [
        "mutation($file: String!) { createGroup(name: $file) { name } }",
        "mutation($file: String!) { createDrop(name: \"x\", password: $file) { id } }",
        "mutation($file: String!) { signUp(username: \"mallory\", password: $file) { id } }",
        "mutation($file: String) { createGroup(name: \"x\") { id } createDrop(name: \"x\", password: $file) { id } }",
        "mutation($file: ID!) { deleteFile(id: $file) }",
        "mutation($file: Int) { createDrop(name: \"x\", maxFiles: $file) { id } }",
        "mutation($file: Int64) { createDrop(name: \"x\", maxFileSize: $file) { id } }",
        "mutation($file: DateTime) { createDrop(name: \"x\", expiresAt: $file) { id } }",
        "mutation($file: [ApiTokenScope!]!) { createApiToken(name: \"x\", scopes: $file) { secret } }",
    ] {
        let answer = alice.upload_with(query, json!({}), "x", b"x").await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}");
        let field = &answer.body["errors"][0]["extensions"]["field"];
        assert_eq!(field, "variables.file", "{query}");
    }
    for list in ["groups", "drops"] {
        assert_eq!(alice.list(list).await, json!([]), "{list}");
    }
    server.nothing_stays().await;
}

/// Nothing runs, neither the first use nor what comes before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_used_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for query in [
        "mutation($file: Upload!) { a: uploadFile(file: $file) { id } b: uploadFile(file: $file) { id } }",
        "mutation($file: Upload!) { createGroup(name: \"x\") { id } uploadFiles(files: [$file, $file]) { id } }",
        "mutation($file: Upload!) { createGroup(name: \"x\") { id } uploadFiles(files: [$file]) { id } uploadFile(file: $file) { id } }",
    ] {
        let answer = alice.upload_with(query, json!({}), "x", b"x").await;
        assert_eq!(
            (answer.code(), answer.field()),
            ("BAD_USER_INPUT", "variables"),
            "{query}"
        );
        assert_eq!(answer.body.get("data"), None, "{query}");
        server.nothing_stays().await;
    }
    // One part of the request for two variables.
    let operations = json!({
        "query": "mutation($a: Upload!, $b: Upload!) { a: uploadFile(file: $a) { id } b: uploadFile(file: $b) { id } }",
        "variables": { "a": null, "b": null },
    });
    let twice = Parts::new()
        .text("operations", &operations.to_string())
        .text("map", r#"{"0":["variables.a","variables.b"]}"#)
        .file("0", b"x");
    let answer = alice.post_body(CONTENT_TYPE, twice.end()).await;
    assert_eq!(
        (answer.code(), answer.field()),
        ("BAD_USER_INPUT", "variables")
    );
    assert_eq!(alice.list("groups").await, json!([]));
    server.nothing_stays().await;
    // The fields of one response key are one field.
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } uploadFile(file: $file) { name } }";
    let answer = alice.upload_with(query, json!({}), "x", b"x").await;
    assert_eq!(answer.text("/uploadFile/name"), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_types_and_encodings_are_not_supported() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let body = Parts::upload_file().file("0", b"x").end();
    for content_type in [
        "",
        "multipart/mixed; boundary=frontier",
        "multipart/form-data2; boundary=frontier",
        "multipart/related; boundary=frontier",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/octet-stream",
        "application/graphql",
    ] {
        let answer = alice.post_body(content_type, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (415, "BAD_USER_INPUT"),
            "{content_type}"
        );
    }
    for encoding in ["gzip", "deflate", "br", "zstd", "identity, gzip"] {
        let request = alice
            .post()
            .header("Content-Type", CONTENT_TYPE)
            .header("Content-Encoding", encoding);
        let answer = Answer::of(request.body(body.clone()).send().await.unwrap()).await;
        assert_eq!(answer.status, 415, "{encoding}");
    }
    server.nothing_stays().await;
}

/// What follows the promised length is the next request, and what falls short of it is no request.
#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_lie_leave_nothing() {
    let server = TestApp::start().await;
    let secret = server.person("alice").await.token("[WRITE]").await;
    let bearer = format!("Authorization: Bearer {secret}");
    let content_type = format!("Content-Type: {CONTENT_TYPE}");
    let body = Parts::upload_file().file("0", b"hello").end();
    for (what, length) in [
        ("too long", format!("Content-Length: {}", body.len() + 10)),
        ("too short", format!("Content-Length: {}", body.len() - 30)),
        ("nothing", "Content-Length: 0".to_owned()),
        ("huge", "Content-Length: 18446744073709551615".to_owned()),
        ("negative", "Content-Length: -1".to_owned()),
        ("no number", "Content-Length: ten".to_owned()),
        (
            "two",
            format!("Content-Length: {}\r\nContent-Length: 5", body.len()),
        ),
        ("not chunked", "Transfer-Encoding: chunked".to_owned()),
        ("encoded", "Transfer-Encoding: gzip, chunked".to_owned()),
    ] {
        let headers = [bearer.as_str(), &content_type, &length];
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        let _ = wire.send(&body[..body.len() - 8]).await;
        let answer = wire.end().await;
        assert!(
            (400..500).contains(&answer.status) || answer.status == 501 || answer.head.is_empty(),
            "{what}: {answer:?}"
        );
        server.nothing_stays().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_none_leave_nothing() {
    let server = TestApp::start().await;
    let secret = server.person("alice").await.token("[WRITE]").await;
    let bearer = format!("Authorization: Bearer {secret}");
    let content_type = format!("Content-Type: {CONTENT_TYPE}");
    let body = Parts::upload_file().file("0", b"hello").end();
    let body = String::from_utf8(body).unwrap();
    let length = body.len();
    let headers = [bearer.as_str(), &content_type, "Transfer-Encoding: chunked"];
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n".to_owned(),
        format!("{:x}\r\n{body}", length + 1),
        format!("{:x}\r\n{body}0\r\n\r\n", length - 9),
        format!("-5\r\n{body}\r\n0\r\n\r\n"),
        format!("ffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        format!("0\r\n\r\n{body}"),
        format!("{}\r\n", "0".repeat(100_000)),
    ] {
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        let _ = wire.send(chunks.as_bytes()).await;
        let answer = wire.end().await;
        assert!(
            (400..500).contains(&answer.status) || answer.head.is_empty(),
            "{chunks}: {answer:?}"
        );
        server.nothing_stays().await;
    }
    // And well-made ones are taken, however small.
    let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
    let chunks: String = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    wire.send(format!("{chunks}0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let answer = wire.answer().await;
    assert!(answer.body.contains("\"size\":5"), "{answer:?}");
}
