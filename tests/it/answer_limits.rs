//! Answers that grow too large are given up, whatever was counted before; errors are few and short.

use std::{fs, path::Path};

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

/// `answer` was given up, and has nothing of what was made.
fn is_given_up(what: &str, answer: &Answer) {
    assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{what}: {answer:?}");
    assert!(answer.body.get("data").is_none(), "{what}: {answer:?}");
    assert!(answer.body.to_string().len() < 1000, "{what}");
}

async fn files(person: &Person, count: usize) {
    for at in 0..count {
        person
            .upload(&format!("{at}-{}", "n".repeat(200)), b"x")
            .await;
    }
}

/// Lists charge in small queries, each value in the others: both are held to the same budget.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_too_many_values_is_given_up() {
    let server = TestApp::start_with(|options| options.max_answer_values = "60".to_owned()).await;
    let alice = server.person("alice").await;
    files(&alice, 10).await;
    let small = "{ files(first: 5) { nodes { id name } } }";
    alice.ask(small).await.data("/files/nodes/4");
    let page = "files { nodes { id name size contentType sha256 owner { id username } } }";
    let padding = "limits { maxFileSize } ".repeat(28);
    for (what, query) in [
        ("a small query", format!("{{ {page} }}")),
        (
            "a long one",
            format!("{{ {padding} {page} }} #{}", "x".repeat(4096)),
        ),
        (
            "introspection",
            "{ __schema { types { name fields { name } } } }".to_owned(),
        ),
    ] {
        is_given_up(what, &alice.ask(&query).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_too_many_bytes_is_given_up() {
    let server = TestApp::start_with(|options| options.max_answer_bytes = "2KiB".to_owned()).await;
    let alice = server.person("alice").await;
    files(&alice, 10).await;
    alice
        .ask("{ files(first: 5) { nodes { name } } }")
        .await
        .data("/files/nodes/4");
    for (what, query) in [
        ("a small query", "{ files { nodes { name } } }".to_owned()),
        (
            "a long one",
            format!("{{ files {{ nodes {{ name }} }} }} #{}", "x".repeat(4096)),
        ),
        (
            "introspection",
            "{ __schema { types { description } } }".to_owned(),
        ),
    ] {
        is_given_up(what, &alice.ask(&query).await);
    }
}

/// What ran before an answer was given up has run.
#[tokio::test(flavor = "multi_thread")]
async fn mutations_that_ran_before_an_answer_was_given_up_have_run() {
    let server = TestApp::start_with(|options| options.max_answer_values = "30".to_owned()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("before", b"x").await;
    let query = "mutation($id: ID!) { renameFile(id: $id, name: \"after\") { id name
        a: owner { id username createdAt } b: owner { id username createdAt } c: owner { id username createdAt }
        d: owner { id username createdAt } e: owner { id username createdAt } f: owner { id username createdAt }
        g: owner { id username createdAt } h: owner { id username createdAt } i: owner { id username createdAt } } }";
    is_given_up(
        "a mutation",
        &alice.ask_with(query, json!({ "id": file })).await,
    );
    let now = alice.ask_with(
        "query($id: ID!) { file(id: $id) { name } }",
        json!({ "id": file }),
    );
    assert_eq!(now.await.text("/file/name"), "after");
}

/// A resolver that answers with a `Vec` would charge no budget in a small query.
#[test]
fn resolvers_answer_with_lists_that_charge_the_budget() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql");
    let mut lists = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("list.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        // From each line that begins a type or its resolvers to the one that ends them.
        for start in ["#[Object", "SimpleObject)]"] {
            for (at, _) in source.match_indices(start) {
                let body = &source[at..];
                let body = &body[..body.find("\n}").unwrap_or(body.len())];
                let body: String = body.split_whitespace().collect();
                for unseen in ["->Vec<", "Result<Vec<", "->Option<Vec<", ",Vec<"] {
                    assert!(
                        !body.contains(unseen),
                        "{path:?}: answer with a List: {body}"
                    );
                }
                if start == "SimpleObject)]" {
                    assert!(
                        !body.contains(":Vec<"),
                        "{path:?}: answer with a List: {body}"
                    );
                }
                lists += body.matches("List<").count();
            }
        }
    }
    // Connections are written once, by a macro.
    assert!(lists >= 5, "{lists}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_repeat_no_more_than_a_little_of_what_was_sent() {
    let server = TestApp::start().await;
    let anyone = server.anonymous();
    let long = "x".repeat(200_000);
    let tickets: String = (0..30)
        .map(|at| format!("a{at}: downloadTicket(fileId: \"x\", disposition: $d) {{ url }} "))
        .collect();
    let fields: String = (0..240).map(|at| format!("unknown{at} ")).collect();
    let failing: String = (0..30)
        .map(|at| format!("a{at}: apiTokens {{ id }} "))
        .collect();
    for (what, query, variables) in [
        (
            "a variable",
            format!("query($d: Disposition!) {{ {tickets} }}"),
            json!({ "d": long }),
        ),
        (
            "one use",
            "query($d: Disposition!) { downloadTicket(fileId: \"x\", disposition: $d) { url } }"
                .to_owned(),
            json!({ "d": long }),
        ),
        (
            "unknown fields",
            format!("{{ me {{ {fields} }} }}"),
            json!({}),
        ),
        ("failing fields", format!("{{ {failing} }}"), json!({})),
        (
            "a fragment",
            format!("{{ ...{} }}", "f".repeat(250)),
            json!({}),
        ),
        (
            "no document",
            format!("{{ {} !", "me ".repeat(1000)),
            json!({}),
        ),
        ("a name", format!("{{ {} }}", "f".repeat(60_000)), json!({})),
    ] {
        let answer = anyone.ask_with(&query, variables).await;
        let errors = answer.body["errors"].as_array().unwrap();
        assert!((1..=20).contains(&errors.len()), "{what}");
        for error in errors {
            let message = error["message"].as_str().unwrap();
            assert!(message.chars().count() <= 201, "{what}: {message}");
        }
        let length = answer.body.to_string().len();
        assert!(length < 20_000, "{what}: {length}");
        if ["unknown fields", "failing fields"].contains(&what) {
            let left_out = &errors[19]["extensions"]["errorsLeftOut"];
            assert!(left_out.as_u64() >= Some(10), "{what}: {left_out}");
        }
    }
    let body = format!(
        "{{\"query\":\"{{ me {{ id }} }}\",\"variables\":{:?}}}",
        long
    );
    let answer = anyone
        .post()
        .header(CONTENT_TYPE, "application/json")
        .body(body);
    let answer = Answer::of(answer.send().await.unwrap()).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
    assert!(answer.body.to_string().len() < 1000);
}

/// Input that has no value is told so; nothing that runs before it in the document is lost.
#[tokio::test(flavor = "multi_thread")]
async fn dates_that_leave_the_calendar_are_bad_input() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a", b"x").await;
    let query = "mutation($f: ID!, $e: DateTime) {
        a: createApiToken(name: \"a\", scopes: [READ]) { secret }
        b: shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { expiresAt } }";
    for date in [
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59.999999999-23:59",
        "0000-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00+23:59",
        "-0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2030-01-01T00:00:00+24:00",
        "2030-13-01T00:00:00Z",
        "",
    ] {
        for asker in [&alice, &server.anonymous()] {
            let answer = asker.ask_with(query, json!({ "f": file, "e": date })).await;
            // The last error is the date's; nobody is told of a failure of the server's.
            let errors = answer.body["errors"].as_array().unwrap();
            let code = &errors.last().unwrap()["extensions"]["code"];
            assert_eq!(code, "BAD_USER_INPUT", "{date}: {answer:?}");
        }
    }
    for (date, told) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
        ("9999-12-31T23:59:59+23:59", "9999-12-31T00:00:59.000Z"),
        ("2030-06-30T23:59:60Z", "2030-06-30T23:59:59.999Z"),
    ] {
        let answer = alice.ask_with(query, json!({ "f": file, "e": date })).await;
        assert_eq!(answer.text("/b/expiresAt"), told, "{date}: {answer:?}");
        assert!(answer.text("/a/secret").starts_with("crm_"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_types_that_do_not_exist_are_bad_input() {
    let server = TestApp::start().await;
    for definition in [
        "[Nope] = [1]",
        "[[Nope!]] = [[1]]",
        "Nope",
        "[File] = [1]",
        "User",
    ] {
        let query = format!("query($v: {definition}) {{ me {{ id }} }}");
        let answer = server.anonymous().ask(&query).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{definition}: {answer:?}");
        assert_ne!(
            answer.body.pointer("/errors/0/extensions/requestId"),
            Some(&Value::Null)
        );
    }
}
