//! Fields that are selected more than once (GraphQL §5.3.2, §6.3.2): they run once, with all their selections.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_is_selected_twice_runs_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let field =
        |inside: &str| format!("createApiToken(name: \"a\", scopes: [READ]) {{ {inside} }}");
    let (secret, id) = (field("secret"), field("apiToken { id }"));
    for mutation in [
        format!("mutation {{ {secret} {id} }}"),
        format!(
            "mutation {{ ...a ...b }} fragment a on Mutation {{ {secret} }} fragment b on Mutation {{ {id} }}"
        ),
        format!(
            "mutation {{ ... {{ {secret} }} ... on Mutation {{ {id} ...c }} }} fragment c on Mutation {{ {id} }}"
        ),
        format!(
            "mutation {{ {secret} ... @skip(if: true) {{ {id} }} ... @include(if: true) {{ {id} }} }}"
        ),
    ] {
        let before = server.rows("api_token").await;
        let made = alice.ask(&mutation).await;
        assert_eq!(server.rows("api_token").await, before + 1, "{mutation}");
        let (secret, id) = (
            made.text("/createApiToken/secret"),
            made.text("/createApiToken/apiToken/id"),
        );
        alice
            .ask(&format!("mutation {{ revokeApiToken(id: \"{id}\") }}"))
            .await
            .data("");
        let program = alice.with_token(&secret);
        assert_eq!(
            program.ask("{ me { id } }").await.code(),
            "UNAUTHENTICATED",
            "{mutation}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_selected_twice_is_one_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } ...more }
        fragment more on Mutation { uploadFile(file: $file) { name owner { username } } }";
    let made = alice.upload_with(query, json!({}), "a.txt", b"hello").await;
    assert_eq!(made.text("/uploadFile/name"), "a.txt");
    assert_eq!(made.text("/uploadFile/owner/username"), "alice");
    assert_eq!(server.rows("file").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn selections_are_merged_at_every_depth_in_the_order_of_the_query() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a", b"x").await;
    alice.share_with(&file, "bob").await;
    let query = "query($yes: Boolean! = true) {
        files { nodes { name ...f } }
        ...q
        files { nodes { shares { nodes { user { id @skip(if: $yes) } } } } edges { node { name } } }
    }
    fragment q on Query { files { pageInfo { hasNextPage } nodes { size ... @include(if: $yes) { name } } } }
    fragment f on File { owner { username } shares { nodes { audience user { username } } } ...g }
    fragment g on File { owner { username } }";
    let expected = r#"{"data":{"files":{"nodes":[{"name":"a","owner":{"username":"alice"},"shares":{"nodes":[{"audience":"USER","user":{"username":"bob"}}]},"size":1}],"pageInfo":{"hasNextPage":false},"edges":[{"node":{"name":"a"}}]}}}"#;
    // As text: maps that are read compare without their order.
    let request = alice.post().json(&json!({ "query": query }));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_cannot_be_one_are_refused_at_every_depth() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for refused in [
        "{ me { id id: username } }",
        "{ files(first: 1) { nodes { id } } files(first: 2) { nodes { id } } }",
        "{ files { nodes { id } } files { nodes { id: name } } }",
        "{ me { usage { files } } ...q } fragment q on Query { me { usage { files: maxFiles } } }",
        "{ files { ...a ...b } } fragment a on FileConnection { nodes { shares(first: 1) { nodes { id } } } }
            fragment b on FileConnection { nodes { shares(first: 2) { nodes { id } } } }",
        "{ me { id @skip(if: true) ... on User { id: username } } }",
        "query($a: Int, $b: Int) { files(first: $a) { nodes { id } } files(first: $b) { nodes { id } } }",
        "{ a: me { id } a: limits { maxPageSize } }",
    ] {
        let answer = alice.ask(refused).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{refused}");
        assert_eq!(answer.body.get("data"), None, "{refused}");
    }
    for fine in [
        "{ me { id id: id ... { id } } }",
        "{ files(first: 1, after: null) { nodes { id } } files(after: null, first: 1) { nodes { name } } }",
        "query($a: Int) { files(first: $a) { nodes { id } } files(first: $a) { nodes { id } } }",
    ] {
        alice.ask(fine).await.data("");
    }
}

/// An object of which nothing is selected in the end is there, and not null.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_selections_are_all_skipped_is_empty() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    alice.upload("a", b"x").await;
    let query =
        "{ me { id @skip(if: true) } files { nodes { owner { id @include(if: false) } } } }";
    let answer = alice.ask(query).await;
    assert_eq!(
        answer.data(""),
        json!({ "me": {}, "files": { "nodes": [{ "owner": {} }] } })
    );
    let none = server
        .anonymous()
        .ask("{ me { id @skip(if: true) } }")
        .await;
    assert_eq!(none.data(""), json!({ "me": null }));
    let nothing = alice.ask("{ me @skip(if: true) { id } }").await;
    assert_eq!(nothing.data(""), json!({}));
}
