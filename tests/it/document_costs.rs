//! What a document costs is counted before it is validated: all of it, and as much as it may come to.

use std::{ffi::OsStr, path::Path, time::Instant};

use serde_json::json;

use crate::{
    query_limits::{QUICK, is_too_complex},
    support::{Answer, TestApp},
};

/// Fragments that double: a thousand bytes that would be visited 2^30 times.
fn doubling(what: &str) -> String {
    let twice = match what {
        "inline fragments" => "... on Query { ...f@ } ... { ...f@ }",
        _ => "...f@ ...f@",
    };
    let fragments: String = (0..30)
        .map(|at| {
            let next = (at + 1).to_string();
            format!(
                "fragment f{at} on Query {{ {} }} ",
                twice.replace('@', &next)
            )
        })
        .collect();
    let operations = match what {
        "the operation that runs" => "query A { ...f0 }",
        "no operation" => "query A { me { id } }",
        "an operation of another kind" => "query A { me { id } } mutation B { ...f0 }",
        _ => "query A { me { id } } query B { ...f0 }",
    };
    format!("{operations} {fragments} fragment f30 on Query {{ me {{ id }} }}")
}

/// All of a document is validated, so all of it counts.
#[tokio::test(flavor = "multi_thread")]
async fn fragments_that_double_are_refused_wherever_they_are_spread() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    for what in [
        "the operation that runs",
        "another operation",
        "an operation of another kind",
        "no operation",
        "inline fragments",
    ] {
        let body = json!({ "query": doubling(what), "operationName": "A" });
        let began = Instant::now();
        let post = anyone.post().json(&body).send().await.unwrap();
        let post = Answer::of(post).await;
        assert_eq!(post.code(), "QUERY_TOO_COMPLEX", "{what}: {post:?}");
        let url = reqwest::Url::parse_with_params(
            &format!("{}/graphql", server.base),
            [("query", doubling(what).as_str()), ("operationName", "A")],
        );
        let get = anyone
            .client
            .get(url.unwrap())
            .header("Sec-Fetch-Site", "cross-site");
        let get = Answer::of(get.send().await.unwrap()).await;
        assert_eq!(get.code(), "QUERY_TOO_COMPLEX", "{what}: {get:?}");
        assert!(began.elapsed() < QUICK, "{what}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_such_documents_at_once_hold_up_nobody() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let body = json!({ "query": doubling("another operation"), "operationName": "A" });
    let ask = || async { Answer::of(anyone.post().json(&body).send().await.unwrap()).await };
    let healthy = async {
        let began = Instant::now();
        for _ in 0..10 {
            let health = anyone.client.get(format!("{}/healthz", server.base));
            assert_eq!(health.send().await.unwrap().status(), 200);
        }
        assert!(began.elapsed() < QUICK, "{:?}", began.elapsed());
    };
    let (a, b, c, ()) = tokio::join!(ask(), ask(), ask(), healthy);
    for answer in [a, b, c] {
        assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{answer:?}");
    }
}

/// Work that grows with the square of the text is counted too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_visited_once_for_each_use_counts_once_for_each_use() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let values: String = (0..900).map(|at| format!("$v{at} ")).collect();
    let operations: String = (0..200)
        .map(|at| format!("query Q{at} {{ ...f }} "))
        .collect();
    let fields: String = (0..900).map(|at| format!("f{at} ")).collect();
    let arguments: String = (0..300).map(|at| format!("a{at}: 1 ")).collect();
    let long = json!({ "v": "x".repeat(200_000) });
    let uses = "downloadTicket(disposition: $v) { url } ".repeat(100);
    for (what, query, variables) in [
        (
            "variables of many operations",
            format!(
                "query Q {{ me {{ id }} }} {operations} fragment f on Query {{ file(id: [{values}]) {{ id }} }}"
            ),
            json!({}),
        ),
        (
            "fields compared in many places",
            format!(
                "{{ {} }} fragment f on User {{ {fields} }}",
                "me { ...f } ".repeat(30)
            ),
            json!({}),
        ),
        (
            "arguments compared with each other",
            format!(
                "{{ {} }} fragment f on User {{ id({arguments}) id({arguments}) }}",
                "me { ...f } ".repeat(20)
            ),
            json!({}),
        ),
        (
            "a long variable",
            format!("query($v: Disposition!) {{ file(id: \"x\") {{ {uses} }} }}"),
            long,
        ),
        (
            "a long default",
            format!(
                "query($v: String = \"{}\") {{ file(id: \"x\") {{ {} }} }}",
                "x".repeat(40_000),
                "events(after: $v) { pageInfo { endCursor } } ".repeat(100)
            ),
            json!({}),
        ),
    ] {
        let body = json!({ "query": query, "variables": variables, "operationName": (what == "variables of many operations").then_some("Q") });
        let answer = Answer::of(alice.post().json(&body).send().await.unwrap()).await;
        assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{what}: {answer:?}");
    }
}

/// From a share to its file and back: every step counts as many rows as it may have.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_lead_back_to_where_they_began_multiply() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let back = |levels: usize, size: &str| {
        let down = format!("shares{size} {{ nodes {{ file {{ ").repeat(levels);
        format!(
            "{{ file(id: \"x\") {{ {down} id {} }} }}",
            "} } }".repeat(levels)
        )
    };
    for (levels, size) in [
        (3, ""),
        (3, "(first: 20)"),
        (2, "(first: 100)"),
        (3, "(last: 50)"),
        (6, "(first: 5)"),
    ] {
        is_too_complex(
            &alice,
            &format!("{levels} levels {size}"),
            &back(levels, size),
            json!({}),
        )
        .await;
    }
    let fine = alice.ask(&back(2, "(first: 3)")).await;
    assert_eq!(fine.code(), "NOT_FOUND", "{fine:?}");
    let tokens = "apiTokens { id name scopes createdAt expiresAt } ".repeat(29);
    is_too_complex(
        &alice,
        "lists without pages",
        &format!("{{ {tokens} }}"),
        json!({}),
    )
    .await;
}

/// In an operation that does not run, a variable may be anything.
#[tokio::test(flavor = "multi_thread")]
async fn sizes_by_variables_count_as_the_largest_where_they_are_not_known() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let fields = "nodes { id name size shares(first: 10) { nodes { id } } }";
    let pages: String = (0..5)
        .map(|at| format!("p{at}: files(first: $n) {{ {fields} }} "))
        .collect();
    let ask = async |query: String, name: &str| {
        let body = json!({ "query": query, "operationName": name, "variables": { "n": 1 } });
        Answer::of(alice.post().json(&body).send().await.unwrap()).await
    };
    let runs = format!("query A($n: Int = 100) {{ {pages} }} query B {{ me {{ id }} }}");
    ask(runs.clone(), "A").await.data("/p0");
    assert_eq!(ask(runs, "B").await.code(), "QUERY_TOO_COMPLEX");
    // A default counts where nothing is given.
    let default = |size: usize| {
        format!(
            "query($m: Int = {size}) {{ {} }}",
            pages.replace("$n", "$m")
        )
    };
    alice.ask(&default(2)).await.data("/p0");
    is_too_complex(&alice, "a default", &default(100), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_tells_the_schema_once_and_not_its_powers() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let six = "a: fields { ...G } b: fields { ...G } c: fields { ...G } d: fields { ...G } e: fields { ...G } f: fields { ...G }";
    for (what, query) in [
        ("fields in fields", "{ __schema { types { fields { type { fields { name } } } } } }".to_owned()),
        ("of one type", "{ __type(name: \"File\") { fields { type { ofType { fields { name } } } } } }".to_owned()),
        ("through arguments", "{ __schema { types { fields { args { type { ofType { inputFields { name } } } } } } } }".to_owned()),
        ("through fragments", format!(
            "{{ __schema {{ types {{ ...F }} }} }} fragment F on __Type {{ {six} }} \
             fragment G on __Field {{ type {{ ofType {{ ...H }} }} }} fragment H on __Type {{ possibleTypes {{ name }} }}"
        )),
        ("again and again", format!(
            "{{ __schema {{ {} }} }}",
            "types { fields { args { name description type { name ofType { name } } } } } ".repeat(60)
        )),
    ] {
        is_too_complex(&anyone, what, &query, json!({})).await;
    }
    for fine in [
        "{ __schema { types { name fields { name args { name type { name ofType { name ofType { name } } } } } } } }",
        "{ __type(name: \"File\") { name fields { name type { name } } interfaces { name } enumValues { name } } }",
    ] {
        let answer = anyone.ask(fine).await;
        assert_eq!(answer.code(), "", "{fine}: {answer:?}");
    }
}

/// The parser goes as deep as the text does: text that ends a string elsewhere than the first look has it would have ended
/// the process.
#[tokio::test(flavor = "multi_thread")]
async fn no_string_hides_brackets_from_the_first_look() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (string, code) in [
        (r#""""\\""" """"#, "QUERY_TOO_COMPLEX"),
        (r#""""a""#, "BAD_USER_INPUT"),
        (r#""\\""#, "QUERY_TOO_COMPLEX"),
        (r#""""#, "QUERY_TOO_COMPLEX"),
    ] {
        let query = format!("{{ file(id: [{string} {deep}]) {{ id }} }}");
        let answer = anyone.ask(&query).await;
        assert_eq!(answer.code(), code, "{string}: {answer:?}");
    }
    let text = anyone.ask("{ __typename }").await;
    assert_eq!(text.text("/__typename"), "Query");
}

/// A list inside a list is asked for once for each row of the outer one, and a loader makes one question of these.
#[test]
fn pages_inside_pages_are_read_by_loaders() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql");
    let (mut inner, mut of) = (Vec::new(), String::new());
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let Some("rs") = path.extension().and_then(OsStr::to_str) else {
            continue;
        };
        let source = std::fs::read_to_string(&path).unwrap();
        for function in source.split("    async fn ").skip(1) {
            let before = &source[..function.as_ptr() as usize - source.as_ptr() as usize];
            if let Some((_, name)) = before.rsplit_once("\nimpl ") {
                name.split_whitespace().next().unwrap().clone_into(&mut of);
            }
            let (name, body) = function.split_once('(').unwrap();
            let body = body.split("\n    }\n").next().unwrap();
            let is_list = body.contains("Connection> {");
            if is_list && !of.ends_with("Queries") {
                inner.push(format!("{of}.{name}"));
                assert!(
                    body.contains(".loads().row("),
                    "{of}.{name} asks for each row"
                );
            }
        }
    }
    inner.sort();
    let expected = ["Drop.files", "File.events", "File.shares", "Group.members"];
    assert_eq!(inner, expected);
}
