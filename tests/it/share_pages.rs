//! Pages of the shares of a file: the whole list, newest first, in bounded pieces.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use cloakroom::random;
use entity::{file, share, user};
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Database, Person, TestApp, many_files, rows};

/// One page: whom its shares reach, and whether the list goes on before and after it, with the cursors of its ends.
async fn page(
    person: &Person,
    file: &str,
    arguments: &str,
) -> (Vec<String>, (bool, bool), [String; 2]) {
    let query = format!(
        "query($f: ID!) {{ file(id: $f) {{ shares({arguments}) {{ edges {{ cursor node {{ id audience user {{ username }} }} }}
            nodes {{ id }} pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} }} }} }}"
    );
    let answer = person.ask_with(&query, json!({ "f": file })).await;
    let edges = answer.data("/file/shares/edges");
    let edges = edges.as_array().unwrap();
    let nodes = answer.data("/file/shares/nodes");
    let ids = |of: &serde_json::Value| of["id"].clone();
    let of_edges: Vec<_> = edges.iter().map(|edge| ids(&edge["node"])).collect();
    assert_eq!(
        nodes
            .as_array()
            .unwrap()
            .iter()
            .map(ids)
            .collect::<Vec<_>>(),
        of_edges
    );
    let names = edges.iter().map(|edge| {
        let node = &edge["node"];
        let name = node.pointer("/user/username").unwrap_or(&node["audience"]);
        name.as_str().unwrap().to_owned()
    });
    let info = answer.data("/file/shares/pageInfo");
    let more = (info["hasPreviousPage"] == true, info["hasNextPage"] == true);
    let cursor = |which: &str| info[which].as_str().unwrap_or_default().to_owned();
    (
        names.collect(),
        more,
        [cursor("startCursor"), cursor("endCursor")],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_shares_are_the_whole_list_from_either_end() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    let other = alice.upload("b", b"x").await;
    for name in ["u0", "u1", "u2", "u3"] {
        server.person(name).await;
        alice.share_with(&file, name).await;
        alice.share_with(&other, name).await;
    }
    alice.share_with_everyone(&file).await;
    let all = ["AUTHENTICATED", "u3", "u2", "u1", "u0"];

    assert_eq!(page(&alice, &file, "first: 100").await.0, all);
    for (size, bound, pages) in [
        ("first", "after", [&all[..2], &all[2..4], &all[4..]]),
        ("last", "before", [&all[3..], &all[1..3], &all[..1]]),
    ] {
        let mut arguments = format!("{size}: 2");
        for (at, expected) in pages.into_iter().enumerate() {
            let (names, more, [start, end]) = page(&alice, &file, &arguments).await;
            assert_eq!(names, expected, "{arguments}");
            let (behind, ahead) = (at > 0, at < 2);
            let (expected, cursor) = match size {
                "first" => ((behind, ahead), end),
                _ => ((ahead, behind), start),
            };
            assert_eq!(more, expected, "{arguments}");
            arguments = format!("{size}: 2, {bound}: {cursor:?}");
        }
    }

    let (names, more, _) = page(&alice, &file, "first: 0").await;
    assert_eq!((names.len(), more), (0, (false, true)));
    for (arguments, field) in [
        ("first: 101", "first"),
        ("first: 1, last: 1", "last"),
        ("after: \"x\"", "after"),
    ] {
        let query = format!(
            "query($f: ID!) {{ file(id: $f) {{ shares({arguments}) {{ nodes {{ id }} }} }} }}"
        );
        let refused = alice.ask_with(&query, json!({ "f": file })).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", field),
            "{arguments}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_pages_through_what_reaches_them() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    server.person("carol").await;
    let file = alice.upload("a", b"x").await;
    alice.share_with(&file, "bob").await;
    alice.share_with(&file, "carol").await;
    alice.share_with_everyone(&file).await;

    assert_eq!(
        page(&bob, &file, "first: 100").await.0,
        ["AUTHENTICATED", "bob"]
    );
    let (names, more, [_, end]) = page(&bob, &file, "first: 1").await;
    assert_eq!((names[0].as_str(), more), ("AUTHENTICATED", (false, true)));
    let (names, more, _) = page(&bob, &file, &format!("first: 1, after: {end:?}")).await;
    assert_eq!((names[0].as_str(), more), ("bob", (true, false)));
    let (names, more, [start, _]) = page(&bob, &file, "last: 1").await;
    assert_eq!((names[0].as_str(), more), ("bob", (true, false)));
    let (names, more, _) = page(&bob, &file, &format!("last: 1, before: {start:?}")).await;
    assert_eq!((names[0].as_str(), more), ("AUTHENTICATED", (false, true)));
}

/// A page is as quick whether one share lies behind it or twenty thousand do; on this machine, whatever it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_takes_no_longer_for_the_shares_behind_it() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut files = Vec::new();
    for at in 0..20 {
        let file = alice.upload(&at.to_string(), b"x").await;
        alice.share_with(&file, "bob").await;
        files.push(file);
    }
    let query = "{ files(first: 20) { nodes { shares(first: 2) { nodes { id } pageInfo { hasNextPage } } } } }";
    let received = "{ sharedWithMe(first: 20) { nodes { shares { nodes { id } } } } }";
    let quickest = async || {
        let mut quickest = Duration::MAX;
        for _ in 0..10 {
            let began = Instant::now();
            alice
                .ask(query)
                .await
                .data("/files/nodes/19/shares/nodes/0");
            bob.ask(received)
                .await
                .data("/sharedWithMe/nodes/19/shares/nodes/0");
            quickest = quickest.min(began.elapsed());
        }
        quickest
    };
    let few = quickest().await;

    share_with_strangers(&server, &files[0], 20_000).await;

    let many = quickest().await;
    let page = alice.ask(query).await;
    assert_eq!(
        page.data("/files/nodes/19/shares/pageInfo/hasNextPage"),
        json!(true)
    );
    assert!(many < few * 4, "{few:?} before, {many:?} after");
}

/// More is shared with somebody than with most: PostgreSQL plans a query that it has seen often for what people have on average.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_takes_no_longer_for_whoever_has_much() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    alice.upload("first", b"x").await;
    let lists = [
        "sharedWithMe(first: 50)",
        "sharedWithMe(first: 50, orderBy: NAME)",
    ];
    let time = async |person: &Person, list: &str| {
        let began = Instant::now();
        let query = format!("{{ list: {list} {{ nodes {{ shares {{ nodes {{ id }} }} }} }} }}");
        let answer = person.ask(&query).await;
        answer.data("/list/nodes/49/shares/nodes/0");
        began.elapsed()
    };
    many_files::add(&server, 50, Some("bob"), |at| format!("a {at:05}")).await;
    let mut few = [Duration::MAX; 2];
    for _ in 0..20 {
        for (few, list) in few.iter_mut().zip(lists) {
            *few = time(&bob, list).await.min(*few);
        }
    }

    many_files::add(&server, 40_000, None, |at| format!("b {at:05}")).await;
    share_with_many(&server, 400).await;
    if !matches!(Database::chosen(), Database::Sqlite) {
        rows::run(&server.app.db, "ANALYZE").await;
    }
    // Its connections have planned nothing yet.
    let another = server.another().await;
    let there = bob.at(&another.base);
    for (few, list) in few.into_iter().zip(lists) {
        // Each connection has seen the queries often by then.
        for _ in 0..80 {
            time(&there, list).await;
        }
        let mut many = Duration::MAX;
        for _ in 0..100 {
            many = many.min(time(&there, list).await);
            if many < few * 2 {
                break;
            }
        }
        assert!(many < few * 2, "{list}: {few:?} before, {many:?} after");
    }
}

/// Of the files that nobody is shared with, shares half with bob, a quarter with everyone, and the others with `count` accounts
/// that nobody uses.
#[expect(
    clippy::disallowed_methods,
    reason = "a test fills the tables faster than any client"
)]
async fn share_with_many(server: &TestApp, count: usize) {
    let (now, database) = (server.app.clock.now(), &server.app.db);
    let users = database.all(user::Entity::find()).await.unwrap();
    let bob = users.iter().find(|user| user.username == "bob").unwrap();
    let strangers = strangers(server, count).await;
    let shared = database.all(share::Entity::find()).await.unwrap();
    let shared: HashSet<_> = shared.iter().map(|share| share.file_id).collect();
    let files = database.all(file::Entity::find()).await.unwrap();
    let files = files.iter().filter(|file| !shared.contains(&file.id));
    let shares = files.enumerate().map(|(at, file)| {
        let (audience, audience_id) = match at % 4 {
            0 | 1 => (share::Audience::User, bob.id),
            2 => (share::Audience::Authenticated, Uuid::nil()),
            _ => (share::Audience::User, strangers[at / 4 % count]),
        };
        share::Model {
            id: random::id(now),
            file_id: file.id,
            audience,
            audience_id,
            created_at: now,
            expires_at: None,
        }
    });
    rows::insert(database, shares.collect()).await;
}

/// Makes `count` accounts that nobody uses, and shares the file with each.
async fn share_with_strangers(server: &TestApp, file: &str, count: usize) {
    let file_id: Uuid = file.parse().unwrap();
    let now = server.app.clock.now();
    let strangers = strangers(server, count).await;
    let shares = strangers.into_iter().map(|audience_id| share::Model {
        id: random::id(now),
        file_id,
        audience: share::Audience::User,
        audience_id,
        created_at: now,
        expires_at: None,
    });
    rows::insert(&server.app.db, shares.collect()).await;
}

/// The ids of `count` new accounts that nobody uses.
#[expect(
    clippy::disallowed_methods,
    reason = "a test fills the tables faster than any client"
)]
async fn strangers(server: &TestApp, count: usize) -> Vec<Uuid> {
    let (now, database) = (server.app.clock.now(), &server.app.db);
    let like = database.one(user::Entity::find()).await.unwrap().unwrap();
    let strangers: Vec<_> = (0..count)
        .map(|at| user::Model {
            id: random::id(now),
            username: format!("stranger{at}"),
            username_key: format!("stranger{at}"),
            ..like.clone()
        })
        .collect();
    let ids = strangers.iter().map(|stranger| stranger.id).collect();
    rows::insert(database, strangers).await;
    ids
}
