//! Lists of groups, and `sharedWithMe` of somebody in many groups.

use std::collections::{BTreeMap, BTreeSet};

use cloakroom::random;
use entity::{Timestamp, file, group, group_member, share, share::Audience};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Person, TestApp, rows};

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_members_page_as_other_lists_do() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    server.person("carol").await;
    let mut groups = Vec::new();
    for owner in [&alice, &bob, &alice] {
        groups.push(owner.group_of(&["alice", "bob", "carol"]).await);
    }
    let page = |size: &str| {
        format!(
            "{{ groups({size}) {{ nodes {{ id }} edges {{ node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage endCursor startCursor }} }} }}"
        )
    };
    let first = bob.ask(&page("first: 2")).await;
    assert_eq!(
        first.data("/groups/nodes"),
        json!([{ "id": groups[2] }, { "id": groups[1] }])
    );
    assert_eq!(first.text("/groups/edges/1/node/id"), groups[1]);
    assert_eq!(first.data("/groups/pageInfo/hasNextPage"), true);
    let cursor = first.data("/groups/pageInfo/endCursor");
    let rest = bob.ask(&page(&format!("first: 2, after: {cursor}"))).await;
    assert_eq!(rest.data("/groups/nodes"), json!([{ "id": groups[0] }]));
    assert_eq!(rest.data("/groups/pageInfo/hasNextPage"), false);
    let last = bob.ask(&page("last: 1")).await;
    assert_eq!(last.data("/groups/nodes"), json!([{ "id": groups[0] }]));
    assert_eq!(last.data("/groups/pageInfo/hasPreviousPage"), true);

    let members = |size: &str| {
        format!(
            "query($g: ID!) {{ group(id: $g) {{ members({size}) {{ edges {{ cursor node {{ username }} }} nodes {{ username }} pageInfo {{ hasNextPage }} }} }} }}"
        )
    };
    let first = alice
        .ask_with(&members("first: 2"), json!({ "g": groups[1] }))
        .await;
    let expected = json!([{ "username": "carol" }, { "username": "bob" }]);
    assert_eq!(first.data("/group/members/nodes"), expected);
    assert_eq!(first.data("/group/members/pageInfo/hasNextPage"), true);
    let cursor = first.data("/group/members/edges/1/cursor");
    let rest = members(&format!("first: 2, after: {cursor}"));
    let rest = alice.ask_with(&rest, json!({ "g": groups[1] })).await;
    assert_eq!(
        rest.data("/group/members/nodes"),
        json!([{ "username": "alice" }])
    );
    for (list, field) in [
        ("first: 101", "first"),
        ("first: 1, last: 1", "last"),
        ("after: \"x\"", "after"),
    ] {
        for refused in [
            alice.ask(&page(list)).await,
            alice
                .ask_with(&members(list), json!({ "g": groups[1] }))
                .await,
        ] {
            assert_eq!((refused.code(), refused.field()), ("BAD_USER_INPUT", field));
        }
    }
    // Pages of members inside a page of groups, each of its own group.
    bob.leave_group(&groups[2]).await.data("/leaveGroup");
    let inside = "{ groups { nodes { first: members(first: 1) { nodes { username } pageInfo { hasNextPage } }
        last: members(last: 2) { nodes { username } pageInfo { hasPreviousPage } } } } }";
    let inside = alice.ask(inside).await.data("/groups/nodes");
    let names = |nodes: &[&str]| -> Vec<_> {
        nodes
            .iter()
            .map(|name| json!({ "username": name }))
            .collect()
    };
    let page = |first: &str, last: [&str; 2], more: bool| {
        json!({
            "first": { "nodes": names(&[first]), "pageInfo": { "hasNextPage": true } },
            "last": { "nodes": names(&last), "pageInfo": { "hasPreviousPage": more } },
        })
    };
    let expected = json!([
        page("carol", ["carol", "alice"], false),
        page("carol", ["bob", "alice"], true),
        page("carol", ["bob", "alice"], true),
    ]);
    assert_eq!(inside, expected);
    // As many fields as the largest pages inside each other come to are too many.
    let nested = "{ groups(first: 100) { nodes { members(first: 100) { nodes { username } } } } }";
    assert_eq!(alice.ask(nested).await.code(), "QUERY_TOO_COMPLEX");
}

/// What a reader is granted, in groups and besides, made up at random: in very many groups, most files with several.
struct Shelf {
    reader: Person,
    /// The files of others that the reader may see, oldest first, and when the last share that grants it ends.
    seen: BTreeMap<Uuid, Option<i64>>,
}

const GROUPS: usize = 70;
const FILES: usize = 260;

impl Shelf {
    async fn new(server: &TestApp, seed: u64, groups: usize, shares_each: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (owner_name, reader_name) = (format!("owner{seed}"), format!("reader{seed}"));
        let owner = server.person(&owner_name).await;
        let reader = server.person(&reader_name).await;
        let id = async |person: &Person| -> Uuid {
            let me = person.ask("{ me { id } }").await;
            me.text("/me/id").parse().unwrap()
        };
        let (owner_id, reader_id) = (id(&owner).await, id(&reader).await);
        let now = server.app.clock.now();
        let end = |random: &mut StdRng| {
            [Some(now.0 - 1), Some(now.0 + 600_000), None][random.random_range(0..3)]
        };
        let groups: Vec<_> = (0..groups)
            .map(|n| group::Model {
                id: random::id(now),
                owner_id,
                name: n.to_string(),
                created_at: now,
                deleted_at: None,
            })
            .collect();
        // Of every tenth group the reader is no member.
        let joined: Vec<bool> = (0..groups.len()).map(|n| n % 10 != 9).collect();
        let files: Vec<_> = (0..FILES)
            .map(|n| file::Model {
                id: random::id(Timestamp(now.0 + n as i64)),
                owner_id: if random.random_ratio(1, 10) {
                    reader_id
                } else {
                    owner_id
                },
                name: n.to_string(),
                size: 0,
                content_type: "text/plain".to_owned(),
                sha256: vec![0; 32],
                content_key: format!("{seed:016x}{n:016x}"),
                created_at: now,
                trashed_at: random.random_ratio(1, 10).then_some(now),
            })
            .collect();
        let (mut shares, mut seen) = (Vec::new(), BTreeMap::new());
        for file in &files {
            let mut audiences = BTreeSet::new();
            for _ in 0..random.random_range(0..=shares_each) {
                audiences.insert(random.random_range(0..groups.len()));
            }
            let of_groups = audiences
                .iter()
                .map(|n| (Audience::Group, groups[*n].id, joined[*n]));
            let mut audiences: Vec<_> = of_groups.collect();
            if random.random_ratio(1, 8) && file.owner_id != reader_id {
                audiences.push((Audience::User, reader_id, true));
            }
            for (audience, audience_id, reaches) in audiences {
                let expires_at = end(&mut random);
                let is_live = file.trashed_at.is_none() && file.owner_id != reader_id;
                if reaches && is_live && expires_at.is_none_or(|end| end > now.0) {
                    let last = seen.entry(file.id).or_insert(expires_at);
                    *last = last.zip(expires_at).map(|(one, other)| one.max(other));
                }
                shares.push(share::Model {
                    id: random::id(now),
                    file_id: file.id,
                    audience,
                    audience_id,
                    created_at: now,
                    expires_at: expires_at.map(Timestamp),
                });
            }
        }
        let members = groups.iter().zip(joined).filter(|(_, joined)| *joined);
        let members: Vec<_> = members
            .map(|(group, _)| group_member::Model {
                group_id: group.id,
                user_id: reader_id,
                joined_after: 0,
            })
            .collect();
        let db = &server.app.db;
        rows::insert(db, files).await;
        rows::insert(db, groups).await;
        rows::insert(db, members).await;
        rows::insert(db, shares).await;
        Self { reader, seen }
    }

    /// The whole list by pages of `length`, newest first: each file, and when the ticket for it that comes with the list
    /// ends.
    async fn pages(
        &self,
        (size, bound, more, cursor): (&str, &str, &str, &str),
        length: usize,
    ) -> Vec<(Uuid, String)> {
        let (mut pages, mut arguments) = (Vec::new(), format!("{size}: {length}"));
        loop {
            let query = format!(
                "{{ sharedWithMe({arguments}) {{ nodes {{ id downloadTicket {{ expiresAt }} }} pageInfo {{ {more} {cursor} }} }} }}"
            );
            let page = self.reader.ask(&query).await;
            let nodes = page.data("/sharedWithMe/nodes");
            let nodes = nodes.as_array().unwrap().iter();
            let rows = nodes.map(|node| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let id = text(&node["id"]).parse().unwrap();
                (id, text(&node["downloadTicket"]["expiresAt"]))
            });
            let rows: Vec<_> = rows.collect();
            let is_full = rows.len() == length;
            pages.push(rows);
            assert!(pages.len() <= FILES + 1);
            if page.data(&format!("/sharedWithMe/pageInfo/{more}")) == json!(false) {
                break;
            }
            assert!(
                is_full,
                "a page that is not the last has as many rows as were asked for"
            );
            let cursor = page.text(&format!("/sharedWithMe/pageInfo/{cursor}"));
            arguments = format!("{size}: {length}, {bound}: {cursor:?}");
        }
        if size == "last" {
            pages.reverse();
        }
        pages.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_groups_are_shared_pages_as_one_list_each_file_once() {
    let server = TestApp::start_with(|options| options.ticket_ttl = "24h".into()).await;
    for (seed, groups, shares_each) in [
        (1, GROUPS, 3),
        (2, 5, 3),
        (3, 1, 1),
        (4, GROUPS, 40),
        (5, 20, 1),
    ] {
        let shelf = Shelf::new(&server, seed, groups, shares_each).await;
        let expected: Vec<Uuid> = shelf.seen.keys().rev().copied().collect();
        assert!(expected.len() > 60, "world {seed}: {}", expected.len());
        for ends in [
            ("first", "after", "hasNextPage", "endCursor"),
            ("last", "before", "hasPreviousPage", "startCursor"),
        ] {
            for length in [7, 50, 100] {
                let pages = shelf.pages(ends, length).await;
                let ids: Vec<Uuid> = pages.iter().map(|(id, _)| *id).collect();
                assert!(
                    ids == expected,
                    "world {seed}, {ends:?} {length}: {ids:?}, not {expected:?}"
                );
                // The ticket ends with the last of the shares that grant the file.
                let soon = server.date_in(std::time::Duration::from_secs(3600));
                for (id, end) in pages {
                    let ends_soon = end < soon;
                    assert_eq!(
                        ends_soon,
                        shelf.seen[&id].is_some(),
                        "world {seed}, {id}: {end}"
                    );
                }
            }
        }
    }
}
