//! Pages: Relay's connections over lists of files, newest first.

use serde_json::json;

use crate::support::{Answer, Person, TestApp};

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
    alice.delete(&two).await.data("/deleteFile");

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

/// Each list takes its own cursors, at both ends, and no other list's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_of_one_list() {
    let server = TestApp::start().await;
    let (alice, _bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a", b"x").await;
    alice.share_with(&file, "bob").await;
    let trashed = alice.upload("t", b"x").await;
    alice.delete(&trashed).await.data("/deleteFile");
    let group = alice.group_of(&["bob"]).await;
    alice
        .create_upload("u", Some(5))
        .await
        .data("/createUpload/id");
    let drop = alice
        .ask("mutation { createDrop(name: \"d\") { id url } }")
        .await;
    let token = drop.text("/createDrop/url");
    let token = token.rsplit('/').next().unwrap();
    let visitor = server
        .anonymous()
        .with_authorization(&format!("Drop {token}"));
    let left = "mutation($file: Upload!) { dropFile(file: $file) { name } }";
    visitor
        .upload_with(left, json!({}), "l", b"x")
        .await
        .data("/dropFile/name");
    let (file, group) = (
        format!("file(id: {file:?})"),
        format!("group(id: {group:?})"),
    );
    let lists = [
        ("page: files", ""),
        ("page: trash", ""),
        ("page: groups", ""),
        ("page: drops", ""),
        ("page: uploads", ""),
        (&format!("{file} {{ page: shares"), "/file"),
        (&format!("{file} {{ page: events"), "/file"),
        (&format!("{group} {{ page: members"), "/group"),
        ("drops { nodes { page: files", "/drops/nodes/0"),
    ];
    let ask = async |list: &str, arguments: &str| {
        let open = format!("{{ {list}{arguments} {{ edges {{ cursor }} }}");
        let close = "}".repeat(open.matches('{').count() - open.matches('}').count());
        alice.ask(&format!("{open} {close}")).await
    };
    let mut cursors = Vec::new();
    for (list, at) in lists {
        let page = ask(list, "").await;
        cursors.push(page.text(&format!("{at}/page/edges/0/cursor")));
    }
    for (at, (list, of)) in lists.iter().enumerate() {
        for (from, cursor) in cursors.iter().enumerate() {
            for bound in ["after", "before"] {
                let answer = ask(list, &format!("({bound}: {cursor:?})")).await;
                if at == from {
                    answer.data(&format!("{of}/page/edges"));
                } else {
                    let found = (answer.code(), answer.field());
                    let case = format!("{list} by a cursor of {}", lists[from].0);
                    assert_eq!(found, ("BAD_USER_INPUT", bound), "{case}");
                }
            }
        }
    }
}
