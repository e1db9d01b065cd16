//! Variables (GraphQL §6.1.2): a wrong one ends the request before anything runs, and defaults apply where none is given.

use serde_json::{Value, json};

use crate::{
    graphql_http::{RESPONSE, post},
    support::{Answer, Person, TestApp},
};

/// The answer, by the media type whose status tells.
async fn ask(person: &Person, query: &str, variables: &Value) -> Answer {
    let body = json!({ "query": query, "variables": variables });
    post(person, RESPONSE, body.to_string()).await
}

/// How many tokens and shares there are.
async fn done(server: &TestApp) -> i64 {
    server.rows("api_token").await + server.rows("share").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_variable_ends_the_request_before_anything_runs() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    // What would be done first, if anything were.
    let token = "first: createApiToken(name: \"a\", scopes: [READ]) { secret }";
    let share = |kind: &str| {
        format!(
            "mutation($f: ID!, $at: {kind}) {{ {token} shareWithAuthenticated(fileId: $f, expiresAt: $at) {{ id }} }}"
        )
    };
    let scopes = |kind: &str| {
        format!(
            "mutation($s: {kind}) {{ {token} createApiToken(name: \"b\", scopes: $s) {{ secret }} }}"
        )
    };
    let include =
        format!("mutation($is: Boolean!) {{ {token} revokeShare(id: \"x\") @include(if: $is) }}");
    let named =
        format!("mutation($n: String!) {{ {token} renameFile(id: \"x\", name: $n) {{ id }} }}");
    let (share_maybe, share_surely) = (share("DateTime"), share("DateTime!"));
    let list = scopes("[ApiTokenScope!]!");
    for (query, variables, field) in [
        (
            &share_surely,
            json!({ "f": file, "at": null }),
            "variables.at",
        ),
        (&share_surely, json!({ "f": file }), "variables.at"),
        (
            &share_surely,
            json!({ "at": "2031-01-31T00:00:00Z" }),
            "variables.f",
        ),
        (
            &share_maybe,
            json!({ "f": file, "at": "Invalid Date" }),
            "variables.at",
        ),
        (
            &share_maybe,
            json!({ "f": file, "at": 1_900_000_000 }),
            "variables.at",
        ),
        (
            &share_maybe,
            json!({ "f": [file], "at": null }),
            "variables.f",
        ),
        (
            &share_maybe,
            json!({ "f": { "id": file }, "at": null }),
            "variables.f",
        ),
        (
            &share_maybe,
            json!({ "f": true, "at": null }),
            "variables.f",
        ),
        (&share_maybe, json!({ "f": 1.5, "at": null }), "variables.f"),
        (&list, json!({ "s": "READ_ALL" }), "variables.s"),
        (&list, json!({ "s": ["READ", "read"] }), "variables.s.1"),
        (&list, json!({ "s": ["READ", null] }), "variables.s.1"),
        (&list, json!({ "s": [["READ"]] }), "variables.s.0"),
        (&list, json!({ "s": [1] }), "variables.s.0"),
        (&list, json!({ "s": null }), "variables.s"),
        (&include, json!({ "is": "true" }), "variables.is"),
        (&include, json!({ "is": 1 }), "variables.is"),
        (&include, json!({}), "variables.is"),
        (&named, json!({ "n": 1 }), "variables.n"),
        (&named, json!({ "n": ["a"] }), "variables.n"),
    ] {
        let answer = ask(&alice, query, &variables).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query} {variables}");
        assert_eq!(answer.field(), field, "{query} {variables}");
        assert_eq!(answer.status, 400, "{query} {variables}");
        assert_eq!(answer.body.get("data"), None, "{query} {variables}");
        assert_eq!(done(&server).await, 0, "{query} {variables}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_held_to_their_variables_as_well() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for (query, variables) in [
        (
            "query($n: Int) { files(first: $n) { nodes { id } } }",
            json!({ "n": 2_147_483_648_i64 }),
        ),
        (
            "query($n: Int) { files(first: $n) { nodes { id } } }",
            json!({ "n": 1.5 }),
        ),
        (
            "query($n: Int) { files(first: $n) { nodes { id } } }",
            json!({ "n": "1" }),
        ),
        (
            "query($n: Int!) { files(first: $n) { nodes { id } } }",
            json!({ "n": null }),
        ),
        (
            "query($d: Disposition!) { downloadTicket(fileId: \"x\", disposition: $d) { url } }",
            json!({ "d": "inline" }),
        ),
        (
            "query($a: String) { files(after: $a) { nodes { id } } }",
            json!({ "a": 1 }),
        ),
        (
            "query($is: Boolean!) { me @skip(if: $is) { id } }",
            json!({ "is": null }),
        ),
        // Where a default lets it stand, null is null.
        (
            "query($is: Boolean = true) { me @skip(if: $is) { id } }",
            json!({ "is": null }),
        ),
        (
            "query($is: Boolean!) { me { ...f } } fragment f on User { id @include(if: $is) }",
            json!({ "is": 0 }),
        ),
    ] {
        let answer = ask(&alice, query, &variables).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query} {variables}");
        assert_eq!(answer.status, 400, "{query} {variables}");
        assert_eq!(answer.body.get("data"), None, "{query} {variables}");
    }
    // By GET the same.
    let request = alice.client.get(format!("{}/graphql", alice.base));
    let request = request.query(&[
        (
            "query",
            "query($n: Int!) { files(first: $n) { nodes { id } } }",
        ),
        ("variables", "{\"n\":\"1\"}"),
    ]);
    let refused = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(refused.field(), "variables.n");
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_apply_where_no_value_is_given() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    let ticket = |definition: &str| {
        format!(
            "query($f: ID!, {definition}) {{ downloadTicket(fileId: $f, disposition: $d) {{ url }} }}"
        )
    };
    // The schema's default, and the operation's own.
    for (definition, given, expected) in [
        ("$d: Disposition", json!({}), "attachment"),
        ("$d: Disposition", json!({ "d": "INLINE" }), "inline"),
        ("$d: Disposition = INLINE", json!({}), "inline"),
        ("$d: Disposition! = INLINE", json!({}), "inline"),
        (
            "$d: Disposition = INLINE",
            json!({ "d": "ATTACHMENT" }),
            "attachment",
        ),
    ] {
        let mut variables = given.clone();
        variables["f"] = json!(file);
        let url = ask(&alice, &ticket(definition), &variables)
            .await
            .text("/downloadTicket/url");
        let disposition = alice
            .get(&url)
            .await
            .header("content-disposition")
            .to_owned();
        assert!(
            disposition.starts_with(expected),
            "{definition} {given}: {disposition}"
        );
    }
    // Null is a value: the field takes it, or fails by itself.
    let variables = json!({ "f": file, "d": null });
    let answer = ask(&alice, &ticket("$d: Disposition"), &variables).await;
    assert_eq!(
        (answer.code(), answer.status.as_u16()),
        ("BAD_USER_INPUT", 200)
    );
    assert_eq!(answer.body["data"], Value::Null);
    // One that is not given leaves its argument out.
    let page = "query($n: Int, $a: String, $is: Boolean = false) {
        files(first: $n, after: $a) { nodes { id @skip(if: $is) } } }";
    let answer = ask(&alice, page, &json!({ "unknown": 1 })).await;
    assert_eq!(answer.text("/files/nodes/0/id"), file);
    let answer = ask(&alice, page, &json!({ "n": null, "a": null, "is": true })).await;
    assert_eq!(answer.data("/files/nodes/0"), json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_json_writes_otherwise_is_still_of_its_type() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    let page = "query($n: Int!) { files(first: $n) { nodes { id } } }";
    for whole in ["1", "1.0", "1e0"] {
        let body = format!(
            "{{\"query\":{},\"variables\":{{\"n\":{whole}}}}}",
            json!(page)
        );
        let answer = post(&alice, RESPONSE, body).await;
        assert_eq!(answer.text("/files/nodes/0/id"), file, "{whole}");
    }
    // One value stands for a list of it, and a number for an id.
    let token = "mutation($s: [ApiTokenScope!]!) { createApiToken(name: \"a\", scopes: $s) { apiToken { scopes } } }";
    let made = ask(&alice, token, &json!({ "s": "READ" })).await;
    assert_eq!(
        made.data("/createApiToken/apiToken/scopes"),
        json!(["READ"])
    );
    let by_number = ask(
        &alice,
        "query($f: ID!) { file(id: $f) { id } }",
        &json!({ "f": 1 }),
    )
    .await;
    assert_eq!(by_number.code(), "NOT_FOUND");
}

/// Where a variable may stand (GraphQL §5.8): the document is refused, whatever is given.
#[tokio::test(flavor = "multi_thread")]
async fn variables_stand_where_their_types_may() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for refused in [
        "query($f: ID) { file(id: $f) { id } }",
        "query($f: ID = null) { file(id: $f) { id } }",
        "query($f: String!) { file(id: $f) { id } }",
        "query($n: Float) { files(first: $n) { nodes { id } } }",
        "query($n: [Int]) { files(first: $n) { nodes { id } } }",
        "query($is: Boolean) { me @include(if: $is) { id } }",
        "query($f: ID!, $f: ID!) { file(id: $f) { id } }",
        "query($f: ID!) { me { id } }",
        "{ file(id: $f) { id } }",
        "query A { ...q } query B($f: ID!) { ...q } fragment q on Query { file(id: $f) { id } }",
        "query($f: ID) { ...q } fragment q on Query { file(id: $f) { id } }",
        "query($n: Int = \"1\") { files(first: $n) { nodes { id } } }",
        "query($n: Int! = null) { files(first: $n) { nodes { id } } }",
        "query($d: Disposition = \"INLINE\") { downloadTicket(fileId: \"x\", disposition: $d) { url } }",
        "query($f: File) { file(id: $f) { id } }",
        "mutation($s: ApiTokenScope!) { createApiToken(name: \"a\", scopes: $s) { secret } }",
        "mutation($s: [ApiTokenScope]!) { createApiToken(name: \"a\", scopes: $s) { secret } }",
        "mutation($s: ApiTokenScope) { createApiToken(name: \"a\", scopes: [$s]) { secret } }",
    ] {
        let variables = json!({ "f": "x", "n": 1, "is": true, "s": "READ", "d": "INLINE" });
        let body = json!({ "query": refused, "variables": variables, "operationName": null });
        let answer = post(&alice, RESPONSE, body.to_string()).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{refused}");
        assert_eq!(answer.status, 400, "{refused}");
    }
    for allowed in [
        "query($f: ID = \"x\") { file(id: $f) { id } }",
        "query($n: Int!) { files(first: $n) { nodes { id } } }",
        "query($is: Boolean = true) { me @include(if: $is) { id } }",
        "mutation($s: [ApiTokenScope!]!) { createApiToken(name: \"a\", scopes: $s) { secret } }",
        "mutation($s: ApiTokenScope! = READ) { createApiToken(name: \"a\", scopes: [$s]) { secret } }",
    ] {
        let variables = json!({ "n": 1, "s": "READ" });
        let answer = ask(&alice, allowed, &variables).await;
        assert!(
            ["", "NOT_FOUND"].contains(&answer.code()),
            "{allowed}: {answer:?}"
        );
    }
}
