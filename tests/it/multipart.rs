//! Malformed multipart requests: each gets a clear refusal, and none leaves a trace.

use cloakroom::error::Code;
use serde_json::json;

use crate::support::{
    Answer, Parts, Person, TestApp,
    multipart::{CONTENT_TYPE, UPLOAD_FILE},
};

const MAP: &str = r#"{"0":["variables.file"]}"#;

fn operations() -> String {
    json!({ "query": UPLOAD_FILE, "variables": { "file": null } }).to_string()
}

/// A world in which every request is refused: with a status of the 400 class, a code of the closed list, and no trace.
struct Refusing {
    server: TestApp,
    alice: Person,
}

impl Refusing {
    async fn start() -> Self {
        let server = TestApp::start().await;
        let alice = server.person("alice").await;
        Self { server, alice }
    }

    #[track_caller]
    fn check(what: &str, answer: &Answer) {
        let known = Code::ALL.iter().any(|code| code.as_str() == answer.code());
        assert!(
            known && answer.status.is_client_error() && answer.body.get("data").is_none(),
            "{what}: {answer:?}"
        );
    }

    /// Sends `body` as `content_type`, and returns the code of the refusal.
    async fn send(&self, what: &str, content_type: &str, body: Vec<u8>) -> String {
        let answer = self.alice.post_body(content_type, body).await;
        Self::check(what, &answer);
        self.server.nothing_stays().await;
        answer.code().to_owned()
    }

    /// Sends bodies that are no such request.
    async fn all_bad(&self, bodies: impl IntoIterator<Item = (&str, Parts)>) {
        for (what, body) in bodies {
            let code = self.send(what, CONTENT_TYPE, body.end()).await;
            assert_eq!(code, "BAD_USER_INPUT", "{what}");
        }
    }

    /// Sends requests whose map is `map` and whose variables are `variables`, with the file that the map should name.
    async fn maps_are_bad<'m>(
        &self,
        variables: &serde_json::Value,
        maps: impl IntoIterator<Item = &'m str>,
    ) {
        let operations = json!({ "query": UPLOAD_FILE, "variables": variables }).to_string();
        let begin = Parts::new().text("operations", &operations);
        for map in maps {
            let body = begin.clone().text("map", map).file("0", b"x");
            self.all_bad([(map, body)]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boundaries_have_to_be_there_and_right() {
    let world = Refusing::start().await;
    let body = Parts::upload_file().file("0", b"x").end();
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=frontie",
        "multipart/form-data; charset=utf-8",
        "multipart/form-data boundary=frontier",
        "multipart/form-data; boundary=\"frontier",
    ] {
        let code = world.send(content_type, content_type, body.clone()).await;
        assert_eq!(code, "BAD_USER_INPUT", "{content_type}");
    }
    for (what, body) in [
        ("nothing", &b""[..]),
        ("no parts", b"--frontier--\r\n"),
        ("no boundary", b"hello"),
        ("one boundary", b"--frontier\r\n"),
        ("line feeds only", b"--frontier\nContent-Disposition: form-data; name=\"operations\"\n\n{}\n--frontier--\n"),
    ] {
        world.send(what, CONTENT_TYPE, body.to_vec()).await;
    }
}

/// The smallest request there is, with one byte less each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_anywhere_is_refused() {
    let world = Refusing::start().await;
    let whole = Parts::upload_file().file("0", b"hello").end();
    // The line break behind the last boundary is no part of it.
    for end in 0..whole.len() - 2 {
        let body = whole[..end].to_vec();
        let answer = world.alice.post_body(CONTENT_TYPE, body).await;
        Refusing::check(&format!("cut at {end}"), &answer);
    }
    world.server.nothing_stays().await;
    let kept = world.alice.post_body(CONTENT_TYPE, whole).await;
    assert_eq!(kept.data("/uploadFile/size"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_come_first_once_and_are_one_operation() {
    let world = Refusing::start().await;
    let operations = operations();
    world
        .all_bad([
            ("missing", Parts::new().text("map", MAP).file("0", b"x")),
            (
                "late",
                Parts::new()
                    .text("map", MAP)
                    .text("operations", &operations)
                    .file("0", b"x"),
            ),
            (
                "after the file",
                Parts::new()
                    .file("0", b"x")
                    .text("operations", &operations)
                    .text("map", MAP),
            ),
            (
                "twice",
                Parts::new()
                    .text("operations", &operations)
                    .text("operations", &operations)
                    .text("map", MAP)
                    .file("0", b"x"),
            ),
            (
                "twice, the second as a file",
                Parts::upload_file()
                    .text("operations", &operations)
                    .file("0", b"x"),
            ),
            (
                "another case",
                Parts::new()
                    .text("Operations", &operations)
                    .text("map", MAP)
                    .file("0", b"x"),
            ),
        ])
        .await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_variable = format!(r#"{{"query":"{{ me {{ id }} }}","variables":{{"a":{deep}}}}}"#);
    let batch = format!("[{operations}]");
    let batch_path = r#"{"0":["0.variables.file"]}"#;
    world
        .all_bad([(
            "a batch",
            Parts::new()
                .text("operations", &batch)
                .text("map", batch_path)
                .file("0", b"x"),
        )])
        .await;
    for no_request in [
        "",
        "{",
        "null",
        "1",
        "\"text\"",
        "{}",
        "[]",
        r#"{"query":null}"#,
        r#"{"query":"{ me { id } }","variables":[null]}"#,
        r#"{"query":"{ me { id } }","query":"{ me { id } }","variables":{"file":null}}"#,
        "{\"query\":\"\u{0}\"}",
        &deep_variable,
        &format!("{operations}{operations}"),
        &batch,
    ] {
        let body = Parts::new()
            .text("operations", no_request)
            .text("map", MAP)
            .file("0", b"x");
        world.all_bad([(no_request, body)]).await;
    }
    let not_utf8 = Parts::new()
        .part(
            "Content-Disposition: form-data; name=\"operations\"",
            b"{\"query\":\"\xff\xfe\"}",
        )
        .text("map", MAP)
        .file("0", b"x");
    world.all_bad([("not UTF-8", not_utf8)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_comes_second_once_and_is_a_map() {
    let world = Refusing::start().await;
    let begin = Parts::new().text("operations", &operations());
    world
        .all_bad([
            ("missing", begin.clone()),
            ("missing before a file", begin.clone().file("0", b"x")),
            ("late", begin.clone().file("0", b"x").text("map", MAP)),
            (
                "twice",
                begin
                    .clone()
                    .text("map", MAP)
                    .text("map", MAP)
                    .file("0", b"x"),
            ),
        ])
        .await;
    let null = json!({ "file": null });
    let not_maps = [
        "",
        "{",
        "null",
        "[]",
        "\"0\"",
        "{}",
        r#"{"0":"variables.file"}"#,
        r#"{"0":null}"#,
        r#"{"0":{}}"#,
        r#"{"0":[null]}"#,
        r#"{"0":[1]}"#,
        r#"{"0":[["variables.file"]]}"#,
        r#"{"0":[]}"#,
        r#"{"0":["variables.file"],"1":[]}"#,
        r#"{"0":["variables.file"],"0":["variables.file"]}"#,
        r#"{"0":["variables.file"]}{}"#,
    ];
    world.maps_are_bad(&null, not_maps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_names_null_variables_each_once() {
    let world = Refusing::start().await;
    let variables = json!({
        "file": null, "text": "x", "number": 0, "list": [null], "object": { "file": null, "": null }
    });
    let paths = [
        "",
        ".",
        "file",
        "variables",
        "variables.",
        "variables..file",
        ".variables.file",
        "variables.file.",
        "variables.file.0",
        " variables.file",
        "Variables.file",
        "variables.gone",
        "variables.text",
        "variables.number",
        "variables.list",
        "variables.list.1",
        "variables.list.-1",
        "variables.list.+0",
        "variables.list.00",
        "variables.list.99999999999999999999999",
        "variables.list.0.0",
        "variables.list[0]",
        "variables.object",
        "variables.object.gone",
        "variables.__proto__",
        "variables.__proto__.x",
        "variables.constructor.prototype",
        "variables/file",
        "/variables/file",
        "variables.a/b",
        "variables.f~1x",
        "variables.*",
        "variables.fil\u{e9}",
        "query",
        "operationName",
        "extensions.x",
        "0.variables.file",
    ];
    let maps: Vec<_> = paths
        .iter()
        .map(|path| json!({ "0": [path] }).to_string())
        .collect();
    world
        .maps_are_bad(&variables, maps.iter().map(String::as_str))
        .await;
    let twice = [
        r#"{"0":["variables.file","variables.file"]}"#,
        r#"{"0":["variables.file"],"1":["variables.file"]}"#,
        r#"{"0":["variables.list.0"],"1":["variables.list.00"]}"#,
    ];
    world.maps_are_bad(&variables, twice).await;
}
