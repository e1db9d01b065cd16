//! Files: listing, renaming, and the way out by the trash.

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

/// A well-formed id that nothing has.
const ABSENT: &str = "0192f0c1-2345-7890-abcd-ef0123456789";

/// Runs a mutation of one id, such as `deleteFile(id: $id)`.
async fn mutate(person: &Person, field: &str, id: &str) -> Answer {
    let query = format!("mutation($id: ID!) {{ {field} }}");
    person.ask_with(&query, json!({ "id": id })).await
}

async fn delete(person: &Person, id: &str) -> Answer {
    mutate(person, "deleteFile(id: $id)", id).await
}

async fn restore(person: &Person, id: &str) -> Answer {
    mutate(person, "restoreFile(id: $id) { id }", id).await
}

async fn purge(person: &Person, id: &str) -> Answer {
    mutate(person, "purgeFile(id: $id)", id).await
}

async fn rename(person: &Person, id: &str, name: &str) -> Answer {
    let query = "mutation($id: ID!, $n: String!) { renameFile(id: $id, name: $n) { name } }";
    person.ask_with(query, json!({ "id": id, "n": name })).await
}

async fn upload_named(person: &Person, names: std::ops::Range<usize>) {
    for name in names {
        person.upload(&name.to_string(), b"x").await;
    }
}

/// One page of a list, such as `files(first: 2)`.
async fn page(person: &Person, list: &str) -> Answer {
    let query = format!(
        "{{ page: {list} {{ edges {{ cursor node {{ name }} }} nodes {{ name }}
            pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} }} }}"
    );
    person.ask(&query).await
}

/// The names on a page, in order.
fn names(page: &Answer) -> Vec<String> {
    let nodes = page.data("/page/nodes");
    let names = nodes.as_array().unwrap().iter();
    names
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Whether the list goes on before and after the page.
fn more(page: &Answer) -> (bool, bool) {
    let more = |which: &str| page.data(&format!("/page/pageInfo/{which}")) == json!(true);
    (more("hasPreviousPage"), more("hasNextPage"))
}

async fn usage(person: &Person) -> (i64, i64) {
    let answer = person
        .ask("{ me { usage { usedBytes trashedBytes } } }")
        .await;
    let bytes = |which: &str| answer.data(&format!("/me/usage/{which}")).as_i64().unwrap();
    (bytes("usedBytes"), bytes("trashedBytes"))
}

async fn list(person: &Person, list: &str) -> Value {
    let answer = person
        .ask(&format!("{{ {list} {{ nodes {{ id }} }} }}"))
        .await;
    answer.data(&format!("/{list}/nodes"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_what_was_uploaded() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("héllo.txt", b"hello").await;

    let query = "query($f: ID!) { file(id: $f) {
        id name size contentType sha256 trashedAt owner { username } shares { id } } }";
    let answer = alice.ask_with(query, json!({ "f": file })).await;

    let expected = json!({
        "id": file,
        "name": "héllo.txt",
        "size": 5,
        "contentType": "text/plain; charset=utf-8",
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "trashedAt": null,
        "owner": { "username": "alice" },
        "shares": [],
    });
    assert_eq!(answer.data("/file"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_forward_are_the_whole_list_newest_first() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    upload_named(&alice, 0..5).await;
    bob.upload("bob's", b"x").await;

    let first = page(&alice, "files(first: 2)").await;
    assert_eq!(names(&first), ["4", "3"]);
    assert_eq!(more(&first), (false, true));

    let after = first.text("/page/pageInfo/endCursor");
    let second = page(&alice, &format!("files(first: 2, after: {after:?})")).await;
    assert_eq!(names(&second), ["2", "1"]);
    assert_eq!(more(&second), (true, true));

    let after = second.text("/page/edges/1/cursor");
    let third = page(&alice, &format!("files(first: 2, after: {after:?})")).await;
    assert_eq!(names(&third), ["0"]);
    assert_eq!(more(&third), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_backward_are_the_same_list_from_its_end() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    upload_named(&alice, 0..5).await;

    let last = page(&alice, "files(last: 2)").await;
    assert_eq!(names(&last), ["1", "0"]);
    assert_eq!(more(&last), (true, false));

    let before = last.text("/page/pageInfo/startCursor");
    let middle = page(&alice, &format!("files(last: 2, before: {before:?})")).await;
    assert_eq!(names(&middle), ["3", "2"]);
    assert_eq!(more(&middle), (true, true));

    let before = middle.text("/page/pageInfo/startCursor");
    let first = page(&alice, &format!("files(last: 2, before: {before:?})")).await;
    assert_eq!(names(&first), ["4"]);
    assert_eq!(more(&first), (false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_bound_a_page_on_both_sides() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    upload_named(&alice, 0..5).await;
    let all = page(&alice, "files").await;
    let (newest, oldest) = (
        all.text("/page/edges/0/cursor"),
        all.text("/page/edges/4/cursor"),
    );

    let between = format!("files(after: {newest:?}, before: {oldest:?})");

    assert_eq!(names(&page(&alice, &between).await), ["3", "2", "1"]);
    let empty = format!("files(after: {oldest:?}, before: {newest:?})");
    assert_eq!(names(&page(&alice, &empty).await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_and_goes_between_pages_moves_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    upload_named(&alice, 0..4).await;
    let first = page(&alice, "files(first: 2)").await;
    assert_eq!(names(&first), ["3", "2"]);

    upload_named(&alice, 4..6).await;
    // The very file that the cursor is of.
    let two = alice.ask("{ files(first: 4) { nodes { id } } }").await;
    let two = two.text("/files/nodes/3/id");
    delete(&alice, &two).await.data("/deleteFile");

    let after = first.text("/page/pageInfo/endCursor");
    let second = page(&alice, &format!("files(first: 2, after: {after:?})")).await;
    assert_eq!(names(&second), ["1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_size_has_twenty() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    upload_named(&alice, 0..21).await;
    let default = page(&alice, "files").await;
    assert_eq!(names(&default).len(), 20);
    assert_eq!(more(&default), (false, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_none_still_tells_whether_there_are_more() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let none = page(&alice, "files(first: 0)").await;
    assert_eq!((names(&none).len(), more(&none)), (0, (false, false)));
    upload_named(&alice, 0..1).await;

    let forward = page(&alice, "files(first: 0)").await;
    let backward = page(&alice, "files(last: 0)").await;

    assert_eq!((names(&forward).len(), more(&forward)), (0, (false, true)));
    assert_eq!(
        (names(&backward).len(), more(&backward)),
        (0, (true, false))
    );
    assert_eq!(forward.data("/page/pageInfo/endCursor"), json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_cannot_be_are_refused_by_every_list() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for list in ["files", "sharedWithMe", "trash"] {
        for (arguments, field) in [
            ("first: 1, last: 1", "last"),
            ("first: 101", "first"),
            ("last: 101", "last"),
            ("first: -1", "first"),
            ("last: -1", "last"),
            ("after: \"\"", "after"),
            ("before: \"no cursor\"", "before"),
            ("after: \"AAAA\"", "after"),
            ("first: 1, after: \"AZLwwSNFeJCrze8BI0VniQ==\"", "after"),
        ] {
            let refused = page(&alice, &format!("{list}({arguments})")).await;
            let found = (refused.code(), refused.field());
            assert_eq!(found, ("BAD_USER_INPUT", field), "{list}({arguments})");
        }
        assert_eq!(
            page(&alice, &format!("{list}(first: 100)")).await.code(),
            ""
        );
    }
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

    assert_eq!(names(&page(&bob, "sharedWithMe").await), ["新しい.txt"]);
    let download = bob.get(&ticket).await;
    let disposition = download.header("content-disposition");
    assert!(
        disposition.contains("%E6%96%B0%E3%81%97%E3%81%84.txt"),
        "{disposition}"
    );
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
    assert_eq!(names(&page(&alice, "files").await), ["kept.txt"]);
    for name in [&longest, ".hidden", "a b", "a'\"%;.txt", "👨‍👩‍👧.png"] {
        assert_eq!(
            rename(&alice, &file, name).await.text("/renameFile/name"),
            name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_trash_is_gone_for_everybody() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with(&file, "bob").await;
    let tickets = [alice.ticket(&file).await, bob.ticket(&file).await];

    assert_eq!(delete(&alice, &file).await.text("/deleteFile"), file);

    for ticket in tickets {
        let gone = bob.get(&ticket).await;
        assert_eq!(
            (gone.status.as_u16(), gone.code().as_str()),
            (404, "FILE_GONE")
        );
    }
    for person in [&alice, &bob] {
        assert_eq!(person.ask_ticket(&file).await.code(), "NOT_FOUND");
        assert_eq!(delete(person, &file).await.code(), "NOT_FOUND");
        assert_eq!(rename(person, &file, "b").await.code(), "NOT_FOUND");
        assert_eq!(list(person, "files").await, json!([]));
        assert_eq!(list(person, "sharedWithMe").await, json!([]));
    }
    assert_eq!(list(&alice, "trash").await, json!([{ "id": file }]));
    assert_eq!(list(&bob, "trash").await, json!([]));
    let query = "{ trash { nodes { shares { id } } } }";
    assert_eq!(
        alice.ask(query).await.data("/trash/nodes/0/shares"),
        json!([])
    );
    let query = "{ trash { nodes { downloadTicket { url } } } }";
    assert_eq!(alice.ask(query).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_a_file_in_the_trash_cannot_be_touched() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    delete(&alice, &file).await.data("/deleteFile");

    for person in [&alice, &bob] {
        assert_eq!(person.revoke(&share).await.code(), "NOT_FOUND");
        let query = "mutation($id: ID!) { shareWithAuthenticated(fileId: $id) { id } }";
        let again = person.ask_with(query, json!({ "id": file })).await;
        assert_eq!(again.code(), "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_file_is_shared_as_before() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;
    delete(&alice, &file).await.data("/deleteFile");

    assert_eq!(restore(&alice, &file).await.text("/restoreFile/id"), file);

    assert_eq!(bob.get(&ticket).await.bytes, b"hello");
    assert_eq!(list(&alice, "files").await, json!([{ "id": file }]));
    assert_eq!(list(&bob, "sharedWithMe").await, json!([{ "id": file }]));
    assert_eq!(list(&alice, "trash").await, json!([]));
    assert_eq!(restore(&alice, &file).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_file_leaves_the_disk() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let (file, kept) = (
        alice.upload("a.txt", b"hello").await,
        alice.upload("b.txt", b"hello").await,
    );
    let ticket = alice.ticket(&file).await;
    assert_eq!(
        purge(&alice, &file).await.code(),
        "NOT_FOUND",
        "live files are deleted first"
    );
    delete(&alice, &file).await.data("/deleteFile");
    assert_eq!(server.stored().len(), 2);

    assert_eq!(purge(&alice, &file).await.text("/purgeFile"), file);

    assert_eq!(server.stored().len(), 1);
    assert_eq!(alice.get(&ticket).await.code(), "FILE_GONE");
    assert_eq!(restore(&alice, &file).await.code(), "NOT_FOUND");
    assert_eq!(purge(&alice, &file).await.code(), "NOT_FOUND");
    assert_eq!(alice.get(&alice.ticket(&kept).await).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_empties_itself_after_its_time() {
    let server = TestApp::start_with(|options| options.trash_ttl = "1h".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    delete(&alice, &file).await.data("/deleteFile");
    server.advance(std::time::Duration::from_secs(3599));
    server.sweep().await;
    assert_eq!(list(&alice, "trash").await, json!([{ "id": file }]));

    server.advance(std::time::Duration::from_secs(1));
    server.sweep().await;

    assert_eq!(list(&alice, "trash").await, json!([]));
    assert_eq!((server.stored().len(), usage(&alice).await), (0, (0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_counts_the_trash_and_ends_with_the_purge() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.upload("b.txt", b"abc").await;
    assert_eq!(usage(&alice).await, (8, 0));

    delete(&alice, &file).await.data("/deleteFile");
    assert_eq!(usage(&alice).await, (8, 5));
    restore(&alice, &file).await.data("/restoreFile");
    assert_eq!(usage(&alice).await, (8, 0));
    delete(&alice, &file).await.data("/deleteFile");
    purge(&alice, &file).await.data("/purgeFile");
    assert_eq!(usage(&alice).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_deletions_at_once_one_counts() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;

    let answers = tokio::join!(
        delete(&alice, &file),
        delete(&alice, &file),
        delete(&alice, &file)
    );

    let mut codes = [answers.0.code(), answers.1.code(), answers.2.code()];
    codes.sort_unstable();
    assert_eq!(codes, ["", "NOT_FOUND", "NOT_FOUND"]);
    assert_eq!(usage(&alice).await, (5, 5));
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
    delete(&alice, &trashed).await.data("/deleteFile");
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
    assert_eq!(list(&alice, "files").await, json!([{ "id": file }]));
    assert_eq!(list(&alice, "trash").await, json!([{ "id": trashed }]));
}
