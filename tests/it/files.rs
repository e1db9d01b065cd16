//! Files: what they are, what they are called, and ids that lead nowhere.

use serde_json::json;

use crate::support::{Answer, Person, TestApp};

/// A well-formed id that nothing has.
const ABSENT: &str = "0192f0c1-2345-7890-abcd-ef0123456789";

async fn rename(person: &Person, id: &str, name: &str) -> Answer {
    let query = "mutation($id: ID!, $n: String!) { renameFile(id: $id, name: $n) { name } }";
    person.ask_with(query, json!({ "id": id, "n": name })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_what_was_uploaded() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("héllo.txt", b"hello").await;

    let query = "query($f: ID!) { file(id: $f) {
        id name size contentType sha256 trashedAt owner { username } shares { nodes { id } } } }";
    let answer = alice.ask_with(query, json!({ "f": file })).await;

    let expected = json!({
        "id": file,
        "name": "héllo.txt",
        "size": 5,
        "contentType": "text/plain; charset=utf-8",
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "trashedAt": null,
        "owner": { "username": "alice" },
        "shares": { "nodes": [] },
    });
    assert_eq!(answer.data("/file"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_renames_and_everyone_sees_it() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("old.txt", b"x").await;
    alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;

    assert_eq!(
        rename(&alice, &file, "新しい.txt")
            .await
            .text("/renameFile/name"),
        "新しい.txt"
    );

    let shared = bob.ask("{ sharedWithMe { nodes { name } } }").await;
    assert_eq!(shared.text("/sharedWithMe/nodes/0/name"), "新しい.txt");
    let download = bob.get(&ticket).await;
    let disposition = download.header("content-disposition");
    assert!(
        disposition.contains("%E6%96%B0%E3%81%97%E3%81%84.txt"),
        "{disposition}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_gives_the_type_that_an_upload_of_that_name_has() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let text = alice.upload("table", b"a,b\n1,2\n").await;
    let archive = alice.upload("letter.zip", b"PK\x03\x04\x14\0\0\0").await;
    let picture = alice
        .upload("photo", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
        .await;
    let page = alice
        .upload("page", b"<html><script>alert(1)</script>")
        .await;
    let long = alice.upload("long", "a,b\n".repeat(5000).as_bytes()).await;
    let ticket = alice.ticket(&text).await;
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (file, name, expected) in [
        (&text, "table.csv", "text/csv; charset=utf-8"),
        (&text, "table.md", "text/markdown; charset=utf-8"),
        (&text, "table.mp4", "text/plain; charset=utf-8"),
        (&text, "TABLE.CSV", "text/csv; charset=utf-8"),
        (&long, "long.csv", "text/csv; charset=utf-8"),
        (&archive, "letter.docx", word),
        (
            &archive,
            "letter.apk",
            "application/vnd.android.package-archive",
        ),
        (&archive, "letter", "application/zip"),
        // What the bytes decide, no name changes.
        (&picture, "photo.html", "image/png"),
        (&picture, "photo.docx", "image/png"),
        (&page, "page.txt", "text/html"),
        (&page, "page.png", "text/html"),
    ] {
        let query =
            "mutation($id: ID!, $n: String!) { renameFile(id: $id, name: $n) { contentType } }";
        let renamed = alice
            .ask_with(query, json!({ "id": file, "n": name }))
            .await;
        assert_eq!(renamed.text("/renameFile/contentType"), expected, "{name}");
    }
    let download = alice.get(&ticket).await;
    assert_eq!(download.header("content-type"), "text/csv; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("kept.txt", b"x").await;
    let (long, longest) = ("x".repeat(256), "x".repeat(255));
    for name in [
        "",
        " ",
        ".",
        "..",
        " a",
        "a ",
        "a/b",
        "../a",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\u{202e}b",
        "\u{feff}a",
        &long,
    ] {
        let refused = rename(&alice, &file, name).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "name"),
            "{name:?}"
        );
    }
    let kept = alice.ask("{ files { nodes { name } } }").await;
    assert_eq!(kept.text("/files/nodes/0/name"), "kept.txt");
    let cyrillic = "я".repeat(255);
    let flags = "🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴󠁧󠁢󠁷󠁬󠁳󠁿.png";
    for name in [
        &longest,
        &cyrillic,
        ".hidden",
        "a b",
        "a'\"%;.txt",
        "👨‍👩‍👧.png",
        flags,
    ] {
        assert_eq!(
            rename(&alice, &file, name).await.text("/renameFile/name"),
            name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_s_answers_as_what_never_was() {
    let server = TestApp::start().await;
    let (alice, eve) = (server.person("alice").await, server.person("eve").await);
    let (file, trashed) = (
        alice.upload("a.txt", b"a").await,
        alice.upload("b.txt", b"b").await,
    );
    server.person("bob").await;
    let share = alice.share_with(&file, "bob").await;
    alice.delete(&trashed).await.data("/deleteFile");
    let fields = [
        "query($id: ID!) { file(id: $id) { id } }",
        "query($id: ID!) { downloadTicket(fileId: $id) { url } }",
        "mutation($id: ID!) { renameFile(id: $id, name: \"x\") { id } }",
        "mutation($id: ID!) { deleteFile(id: $id) }",
        "mutation($id: ID!) { restoreFile(id: $id) { id } }",
        "mutation($id: ID!) { purgeFile(id: $id) }",
        "mutation($id: ID!) { shareWithUser(fileId: $id, username: \"bob\") { id } }",
        "mutation($id: ID!) { shareWithUser(fileId: $id, username: \"nobody\") { id } }",
        "mutation($id: ID!) { shareWithAuthenticated(fileId: $id) { id } }",
        "mutation($id: ID!) { revokeShare(id: $id) }",
    ];
    let upper = file.to_uppercase();
    let braced = format!("{{{file}}}");
    let not_ids = [
        "",
        "x",
        "1",
        "../..",
        "' OR 1=1 --",
        &upper,
        &braced,
        &file.replace('-', ""),
    ];
    for field in fields {
        let absent = eve.ask_with(field, json!({ "id": ABSENT })).await;
        assert_eq!(absent.code(), "NOT_FOUND", "{field}");
        for id in [&file, &trashed, &share] {
            let foreign = eve.ask_with(field, json!({ "id": id })).await;
            assert_eq!(foreign.body, absent.body, "{field}");
        }
        for id in not_ids {
            // Even the owner: an id has one spelling.
            let answer = alice.ask_with(field, json!({ "id": id })).await;
            assert_eq!(answer.body, absent.body, "{field} {id:?}");
        }
        let number = eve.ask_with(field, json!({ "id": 7 })).await;
        assert_eq!(number.body, absent.body, "{field}");
    }
    assert_eq!(alice.list("files").await, json!([{ "id": file }]));
    assert_eq!(alice.list("trash").await, json!([{ "id": trashed }]));
}
