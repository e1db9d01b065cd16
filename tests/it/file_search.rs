//! `files` and `sharedWithMe` by a part of the name, and by another order.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

const FIELDS: &str = "nodes { name } edges { cursor node { name } }
    pageInfo { hasPreviousPage hasNextPage startCursor endCursor }";

/// A page of `list` with these arguments.
pub async fn page(person: &Person, list: &str, arguments: Value) -> Answer {
    let query = format!(
        "query($first: Int, $after: String, $last: Int, $before: String, $search: String, $orderBy: FileOrder! = CREATED) {{
            list: {list}(first: $first, after: $after, last: $last, before: $before, search: $search, orderBy: $orderBy) {{
            {FIELDS} }} }}"
    );
    person.ask_with(&query, arguments).await
}

pub fn names(page: &Answer) -> Vec<String> {
    let nodes = page.data("/list/nodes");
    let nodes = nodes.as_array().unwrap().iter();
    nodes
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn found(person: &Person, list: &str, search: &str) -> Vec<String> {
    let arguments = json!({ "search": search, "orderBy": "NAME", "first": 100 });
    names(&page(person, list, arguments).await)
}

const NAMES: [&str; 20] = [
    "Straße 7.txt",
    "İSTANBUL gezi.jpg",
    "ısparta.jpg",
    "تقرير سنوي.pdf",
    "مصر.pdf",
    "日本語の写真.png",
    "東京.png",
    "🎉🎂 Geburtstag.mp4",
    "👩‍👧.png",
    "100% sure.txt",
    "under_score.txt",
    "under-score.txt",
    "it's \"quoted\".txt",
    "back\u{ff3c}slash.txt",
    "cafe\u{301}.txt",
    "ПРИВЕТ мир.doc",
    "Σίσυφος.odt",
    "a",
    "*.* AND OR NOT",
    "x ' OR 1=1 --",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_name_finds_it_in_any_script_and_case() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    for name in NAMES {
        let file = alice.upload(name, b"x").await;
        alice.share_with(&file, "bob").await;
        bob.upload(&format!("bob's {name}"), b"x").await;
    }
    for (search, expected) in [
        ("STRASSE", &["Straße 7.txt"][..]),
        ("straße", &["Straße 7.txt"]),
        ("istanbul", &["İSTANBUL gezi.jpg"]),
        ("İstanbul", &["İSTANBUL gezi.jpg"]),
        ("ISTANBUL GEZİ", &["İSTANBUL gezi.jpg"]),
        ("ISPARTA", &["ısparta.jpg"]),
        ("سنوي", &["تقرير سنوي.pdf"]),
        ("مصر", &["مصر.pdf"]),
        ("ر", &["تقرير سنوي.pdf", "مصر.pdf"]),
        ("写真", &["日本語の写真.png"]),
        ("京", &["東京.png"]),
        ("🎂", &["🎉🎂 Geburtstag.mp4"]),
        ("🎉🎂 G", &["🎉🎂 Geburtstag.mp4"]),
        ("👩", &["👩‍👧.png"]),
        ("0%", &["100% sure.txt"]),
        ("%", &["100% sure.txt"]),
        ("_", &["under_score.txt"]),
        ("r_s", &["under_score.txt"]),
        ("\"quo", &["it's \"quoted\".txt"]),
        ("\"", &["it's \"quoted\".txt"]),
        ("'s", &["it's \"quoted\".txt"]),
        ("\\", &["back\u{ff3c}slash.txt"]),
        ("CAFÉ", &["cafe\u{301}.txt"]),
        ("привет МИР", &["ПРИВЕТ мир.doc"]),
        ("ΣΊΣΥΦΟΣ", &["Σίσυφος.odt"]),
        ("*.*", &["*.* AND OR NOT"]),
        ("AND", &["*.* AND OR NOT"]),
        ("' OR 1=1", &["x ' OR 1=1 --"]),
        ("no such", &[]),
        ("\0", &[]),
        ("a\0b'c\"", &[]),
    ] {
        assert_eq!(found(&alice, "files", search).await, expected, "{search:?}");
        let shared = found(&bob, "sharedWithMe", search).await;
        assert_eq!(shared, expected, "{search:?}");
        let bobs: Vec<_> = found(&bob, "files", search).await;
        assert!(
            bobs.iter().all(|name| name.starts_with("bob's ")),
            "{search:?} {bobs:?}"
        );
    }
    assert_eq!(found(&alice, "files", "").await.len(), NAMES.len());
    assert_eq!(found(&alice, "files", "BOB").await.len(), 0);
    assert_eq!(found(&alice, "sharedWithMe", "a").await.len(), 0);
    let long = page(&alice, "files", json!({ "search": "é".repeat(255) })).await;
    assert_eq!(names(&long).len(), 0);
    let longer = page(&alice, "files", json!({ "search": "é".repeat(256) })).await;
    assert_eq!(
        (longer.code(), longer.field()),
        ("BAD_USER_INPUT", "search")
    );
}

/// What the list is without any index: names and sizes in creation order.
fn expected(files: &[(String, usize)], search: &str, order: &str) -> Vec<String> {
    let mut all: Vec<_> = files.iter().enumerate().collect();
    all.retain(|(_, (name, _))| name.to_lowercase().contains(&search.to_lowercase()));
    match order {
        "CREATED" => all.reverse(),
        "NAME" => all.sort_by_key(|(at, (name, _))| (name.to_lowercase(), *at)),
        _ => all.sort_by_key(|(at, (_, size))| std::cmp::Reverse((*size, *at))),
    }
    all.into_iter().map(|(_, (name, _))| name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_pages_from_either_end_and_ties_are_broken_by_age() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let group = alice.group_of(&["bob"]).await;
    let names_and_sizes = [
        ("b.txt", 3),
        ("A.txt", 5),
        ("a.txt", 3),
        ("c", 0),
        ("B.txt", 5),
        ("a.txt", 9),
        ("日本", 3),
        ("É", 1),
    ];
    let mut files = Vec::new();
    for (at, (name, size)) in names_and_sizes.into_iter().enumerate() {
        let file = alice.upload(name, &vec![b'x'; size]).await;
        // By several ways at once, and still once in the list.
        if at % 2 == 0 {
            alice.share_with(&file, "bob").await;
        }
        if at % 3 == 0 {
            alice.share_with_everyone(&file).await;
        }
        if at % 2 == 1 || at % 4 == 0 {
            let with = alice.ask_share_with_group(&file, &group, Value::Null).await;
            with.text("/share/id");
        }
        files.push((name.to_owned(), size));
    }
    for (person, list) in [(&alice, "files"), (&bob, "sharedWithMe")] {
        for order in ["CREATED", "NAME", "SIZE"] {
            for search in ["", "a", ".txt", "本"] {
                let all = expected(&files, search, order);
                for (size, bound, backward) in [("first", "after", false), ("last", "before", true)]
                {
                    let mut seen: Vec<String> = Vec::new();
                    let mut arguments = json!({ "search": search, "orderBy": order, size: 2 });
                    loop {
                        let page = page(person, list, arguments.clone()).await;
                        let info = page.data("/list/pageInfo");
                        let these = names(&page);
                        let (behind, ahead) = match backward {
                            true => ("hasNextPage", "hasPreviousPage"),
                            false => ("hasPreviousPage", "hasNextPage"),
                        };
                        assert_eq!(info[behind], json!(!seen.is_empty()), "{list} {arguments}");
                        match backward {
                            true => seen.splice(0..0, these).for_each(drop),
                            false => seen.extend(these),
                        }
                        if info[ahead] != true {
                            break;
                        }
                        let cursor = if backward { "startCursor" } else { "endCursor" };
                        arguments[bound] = info[cursor].clone();
                    }
                    assert_eq!(seen, all, "{list} {order} {search:?} {size}");
                }
            }
        }
    }
    // Both ends of a range.
    let all = page(&alice, "files", json!({ "orderBy": "SIZE" })).await;
    let cursor = |at: usize| all.data(&format!("/list/edges/{at}/cursor"));
    let range = json!({ "orderBy": "SIZE", "after": cursor(1), "before": cursor(6), "last": 2 });
    assert_eq!(
        names(&page(&alice, "files", range).await),
        names(&all)[4..6]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_order_or_list_is_refused() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a", b"x").await;
    alice.share_with(&file, "bob").await;
    let trashed = alice.upload("t", b"x").await;
    alice.delete(&trashed).await.data("/deleteFile");
    let mut cursors = Vec::new();
    for (person, list) in [(&alice, "files"), (&bob, "sharedWithMe")] {
        for order in ["CREATED", "NAME", "SIZE"] {
            let page = page(person, list, json!({ "orderBy": order })).await;
            cursors.push((list, order, page.data("/list/edges/0/cursor")));
        }
    }
    let trash = alice.ask("{ trash { edges { cursor } } }").await;
    cursors.push(("trash", "CREATED", trash.data("/trash/edges/0/cursor")));
    for (person, list) in [(&alice, "files"), (&bob, "sharedWithMe")] {
        for order in ["CREATED", "NAME", "SIZE"] {
            for (of_list, of_order, cursor) in &cursors {
                for bound in ["after", "before"] {
                    let answer =
                        page(person, list, json!({ "orderBy": order, bound: cursor })).await;
                    let case = format!("{list} {order} {bound} of {of_list} {of_order}");
                    match (list, order) == (*of_list, *of_order) {
                        true => assert_eq!(names(&answer).len(), 0, "{case}"),
                        false => assert_eq!(
                            (answer.code(), answer.field()),
                            ("BAD_USER_INPUT", bound),
                            "{case}"
                        ),
                    }
                }
            }
        }
    }
    // An own file by a name with a NUL, which PostgreSQL takes for no text.
    let nul = json!({ "orderBy": "NAME", "after": "EgAAAAAAAAAAAAAAAAAAAAAA" });
    let refused = page(&alice, "files", nul).await;
    assert_eq!(
        (refused.code(), refused.field()),
        ("BAD_USER_INPUT", "after")
    );
    let (_, _, cursor) = &cursors[0];
    let refused = alice
        .ask(&format!(
            "{{ trash(after: {cursor}) {{ nodes {{ id }} }} }}"
        ))
        .await;
    assert_eq!(
        (refused.code(), refused.field()),
        ("BAD_USER_INPUT", "after")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_found_as_it_is_now() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let both = async |search: &str| {
        let (own, shared) = (
            found(&alice, "files", search).await,
            found(&bob, "sharedWithMe", search).await,
        );
        (own.len(), shared.len())
    };
    let file = alice.upload("before.txt", b"x").await;
    let share = alice.share_with(&file, "bob").await;
    assert_eq!(both("before").await, (1, 1));

    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"After.txt\") { name } }";
    alice
        .ask_with(rename, json!({ "f": file }))
        .await
        .data("/renameFile");
    assert_eq!(
        (both("before").await, both("after").await),
        ((0, 0), (1, 1))
    );
    assert_eq!(both("AF").await, (1, 1));

    alice.delete(&file).await.data("/deleteFile");
    assert_eq!(both("after").await, (0, 0));
    let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    alice
        .ask_with(restore, json!({ "f": file }))
        .await
        .data("/restoreFile");
    assert_eq!(both("after").await, (1, 1));

    // Again, with an end, and the end passes.
    let until = "mutation($f: ID!, $e: DateTime) { shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { id } }";
    let end = server.date_in(Duration::from_secs(60));
    alice
        .ask_with(until, json!({ "f": file, "e": end }))
        .await
        .data("/shareWithUser");
    assert_eq!(both("after").await, (1, 1));
    server.advance(Duration::from_secs(61));
    assert_eq!(both("after").await, (1, 0));
    alice.share_with(&file, "bob").await;
    assert_eq!(both("after").await, (1, 1));
    alice.revoke(&share).await.data("/revokeShare");
    assert_eq!(both("after").await, (1, 0));

    let group = alice.group_of(&["bob"]).await;
    alice
        .ask_share_with_group(&file, &group, Value::Null)
        .await
        .text("/share/id");
    assert_eq!(both("after").await, (1, 1));
    alice.remove_member(&group, "bob").await.data("/group");
    assert_eq!(both("after").await, (1, 0));
    alice.add_member(&group, "bob").await.data("/group");
    assert_eq!(both("after").await, (1, 1));
    // Alice belongs to the group; what is her own is not shared with her.
    assert_eq!(found(&alice, "sharedWithMe", "").await.len(), 0);
    alice
        .ask_with(
            "mutation($g: ID!) { deleteGroup(id: $g) }",
            json!({ "g": group }),
        )
        .await
        .data("/deleteGroup");
    assert_eq!(both("after").await, (1, 0));

    alice.delete(&file).await.data("/deleteFile");
    let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
    alice
        .ask_with(purge, json!({ "f": file }))
        .await
        .data("/purgeFile");
    assert_eq!(both("after").await, (0, 0));
    assert_eq!(server.rows("listed_file").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_schema_lists_what_is_there() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let group = alice.group_of(&["bob"]).await;
    for at in 0..5 {
        let file = alice.upload(&format!("Straße {at}"), b"x").await;
        match at {
            0 => drop(alice.share_with(&file, "bob").await),
            1 => drop(alice.share_with_everyone(&file).await),
            2 => drop(
                alice
                    .ask_share_with_group(&file, &group, Value::Null)
                    .await
                    .text("/share/id"),
            ),
            3 => drop(alice.link_with(&file, json!({})).await),
            _ => drop(alice.delete(&file).await.data("/deleteFile")),
        }
    }
    let steps = server.number(
        "SELECT COUNT(*) AS number FROM seaql_migrations WHERE version >= 'm20261124_000020'",
    );
    let steps = u32::try_from(steps.await).unwrap();
    server.app.db.migrate_down(steps).await.unwrap();
    server.app.db.migrate().await.unwrap();
    assert_eq!(found(&alice, "files", "STRASSE").await.len(), 4);
    assert_eq!(found(&bob, "sharedWithMe", "se").await.len(), 3);
    assert_eq!(server.rows("listed_file").await, 7);
}
