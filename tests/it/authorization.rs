//! The third lock on permissions: every field and every route has a row in the table of who gets what, and each row is
//! run as each kind of caller.

use std::{collections::BTreeSet, time::Duration};

use cloakroom::http::ROUTES;
use reqwest::Method;
use serde_json::json;

use crate::support::{Person, TestApp};

mod classes;
mod routes;
mod sdl;
mod table;
mod tables;
mod things;
mod world;

use classes::{Caller, outcome};
use routes::{CHANGED_BY_ROUTES, RouteRow};
use sdl::Types;
use table::{CHANGED_ALL_THE_SAME, FIELDS, Row};
use tables::{Rows, Tables, changed, changed_since};
use world::World;

const SDL: &str = include_str!("../../schema.graphql");

#[test]
fn every_field_of_the_schema_has_a_row() {
    let rows = FIELDS.iter().map(|row| row.field.to_owned()).collect();
    compare("FIELDS", Types::of(SDL).fields(), rows);
}

#[test]
fn every_row_asks_for_its_field() {
    let types = Types::of(SDL);
    let mut rows = BTreeSet::new();
    for row in FIELDS {
        let is_new = rows.insert((row.field, row.operation));
        assert!(is_new, "FIELDS has {} twice", row.field);
        let path = types.path(&world::document(row.operation));
        assert!(
            path.iter().any(|field| field == row.field),
            "the operation of {} asks for {path:?}",
            row.field
        );
    }
}

#[test]
fn every_route_has_a_row() {
    let routes = ROUTES.iter().flat_map(|route| {
        let methods = route.methods.iter();
        methods.map(|method| format!("{method} {}", route.path))
    });
    let rows = routes::ROUTES.iter().map(|row| row.route.to_owned());
    compare("ROUTES", routes.collect(), rows.collect());
}

#[track_caller]
fn compare(list: &str, there_are: Vec<String>, rows: Vec<String>) {
    let (known, covered) = (BTreeSet::from_iter(&there_are), BTreeSet::from_iter(&rows));
    let missing: Vec<_> = known.difference(&covered).collect();
    let surplus: Vec<_> = covered.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "nobody has said who may use {missing:?}: add a row for each to {list} in tests/it/authorization"
    );
    assert!(
        surplus.is_empty(),
        "{surplus:?} are no more: take their rows out of {list} in tests/it/authorization"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_held_against_every_table_there_is() {
    let server = TestApp::start().await;
    let tables = Tables::of(&server.app.db).await;
    let entities = include_str!("../../entity/src/lib.rs").lines();
    let entities = entities.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for entity in entities {
        assert!(tables.names.contains(entity), "{entity} is not looked at");
    }

    let before = tables.rows().await;
    server.person("alice").await;
    let expected = [
        "concern",
        "event",
        "feed_position",
        "session",
        "throttle",
        "user",
    ];
    // On PostgreSQL, the event gets its place in the feed a moment later.
    let seen = async |_: &TestApp| {
        changed(&before, &tables.rows().await)
            .into_iter()
            .eq(expected)
    };
    server.eventually("all of it is seen", seen).await;
}

/// Runs every row as `caller`, and reports every cell that is not as the table has it.
async fn holds_for(caller: Caller) {
    let mut wrong = Vec::new();
    // What only reads comes first: it finds the world as it was made.
    let mut world = World::of(caller).await;
    let mut rows = Some(world.rows().await);
    for row in FIELDS.iter().filter(|row| !row.is_mutation()) {
        rows = check(&world, row, rows, &mut wrong).await;
    }
    for row in FIELDS.iter().filter(|row| row.is_mutation()) {
        if row.is_alone {
            check(&World::of(caller).await, row, None, &mut wrong).await;
        } else {
            if rows.is_none() {
                world.renew().await;
            }
            rows = check(&world, row, rows, &mut wrong).await;
        }
    }
    let world = World::of(caller).await;
    for row in routes::ROUTES {
        check_route(&world, row, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "as {caller:?}:\n{}", wrong.join("\n"));
}

/// Runs one row. A refusal or a query leaves every table as it was: then the rows of all tables come back, which are `before` of
/// the next one.
async fn check(
    world: &World,
    row: &Row,
    before: Option<Rows>,
    wrong: &mut Vec<String>,
) -> Option<Rows> {
    let expected = outcome(row.class, world.caller);
    let before = match before {
        Some(before) => before,
        None => world.rows().await,
    };
    let began = world.now();
    let found = world.run(row.operation).await;
    if found != expected {
        wrong.push(format!("{}: {found:?}, not {expected:?}", row.field));
    }
    if row.is_mutation() && !found.is_refusal() {
        return None;
    }
    let mut after = world.rows().await;
    let mut differ = changed_since(began, &before, &after);
    // A file that came before it was refused is taken back a moment later.
    for _ in 0..200 {
        if differ.is_empty() || !row.operation.contains("$upload") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        after = world.rows().await;
        differ = changed_since(began, &before, &after);
    }
    for table in differ {
        let mut excepted = CHANGED_ALL_THE_SAME.iter();
        if !excepted.any(|(field, except, _)| (*field, *except) == (row.field, table.as_str())) {
            let rows = |rows: &Rows| rows.get(&table).cloned().unwrap_or_default();
            let (old, new) = (rows(&before), rows(&after));
            let differ: Vec<_> = old.symmetric_difference(&new).collect();
            wrong.push(format!(
                "{}: {found:?}, and yet it changed {table}: {differ:?}",
                row.field
            ));
        }
    }
    Some(after)
}

/// Sends one request. A refusal or a safe method (RFC 9110 §9.2.1) leaves every table as it was.
async fn check_route(world: &World, row: &RouteRow, wrong: &mut Vec<String>) {
    let expected = row.class.of(world.caller);
    let before = world.rows().await;
    let found = world.status(row).await;
    if found != expected {
        wrong.push(format!("{}: {found}, not {expected}", row.route));
    }
    let is_safe = row.route.starts_with("GET ") || row.route.starts_with("HEAD ");
    if !is_safe && found < 400 {
        return;
    }
    for table in changed(&before, &world.rows().await) {
        let mut excepted = CHANGED_BY_ROUTES.iter();
        if !excepted.any(|(except, _)| *except == table) {
            wrong.push(format!(
                "{}: {found}, and yet it changed {table}",
                row.route
            ));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_nobody() {
    holds_for(Caller::Anonymous).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_stranger() {
    holds_for(Caller::Stranger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_recipient_of_a_share() {
    holds_for(Caller::Recipient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_member_of_a_group() {
    holds_for(Caller::Member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_everyone_whom_a_share_reaches() {
    holds_for(Caller::Everyone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_owner() {
    holds_for(Caller::Owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_disabled_owner() {
    holds_for(Caller::Disabled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_token_that_reads() {
    holds_for(Caller::Reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_token_that_writes() {
    holds_for(Caller::Writer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_visitor_of_a_link() {
    holds_for(Caller::LinkVisitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_visitor_of_a_drop() {
    holds_for(Caller::DropVisitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_an_administrator() {
    holds_for(Caller::Administrator).await;
}

/// The audiences of the shares of `file` that `person` sees, with the names in them.
async fn shares_seen(person: &Person, file: &str) -> Vec<String> {
    let query = "query($f: ID!) { file(id: $f) { shares(last: 100) { nodes { audience user { username } } } } }";
    let answer = person.ask_with(query, json!({ "f": file })).await;
    let shares = answer.data("/file/shares/nodes");
    let seen = shares.as_array().unwrap().iter().rev().map(|share| {
        let name = share.pointer("/user/username");
        name.unwrap_or(&share["audience"])
            .as_str()
            .unwrap()
            .to_owned()
    });
    seen.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_see_only_the_shares_that_reach_them() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, file) = (
        server.person("carol").await,
        alice.upload("a.txt", b"a").await,
    );
    alice.share_with(&file, "bob").await;
    alice.share_with(&file, "carol").await;
    assert_eq!(shares_seen(&alice, &file).await, ["bob", "carol"]);
    assert_eq!(shares_seen(&bob, &file).await, ["bob"]);

    alice.share_with_everyone(&file).await;
    let dora = server.person("dora").await;
    for members in [&["carol"][..], &["dora"], &["bob", "dora"]] {
        let group = alice.group_of(members).await;
        alice.share_with_group(&file, &group).await;
    }
    assert_eq!(
        shares_seen(&alice, &file).await,
        ["bob", "carol", "AUTHENTICATED", "GROUP", "GROUP", "GROUP"]
    );
    assert_eq!(
        shares_seen(&carol, &file).await,
        ["carol", "AUTHENTICATED", "GROUP"]
    );
    assert_eq!(
        shares_seen(&dora, &file).await,
        ["AUTHENTICATED", "GROUP", "GROUP"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_through_the_graph_leads_past_the_policy() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    alice.share_with(&file, "bob").await;
    alice
        .share_with(&file, server_name(&server, "carol").await)
        .await;

    let query = "{ sharedWithMe(first: 5) { edges { node { owner { usage { usedBytes } }
        shares(first: 5) { nodes { user { username usage { usedBytes } } file { shares { nodes { user { username } } } } } } } } } }";
    let node = bob.ask(query).await.data("/sharedWithMe/edges/0/node");

    let bobs = json!([{
        "user": { "username": "bob", "usage": { "usedBytes": 0 } },
        "file": { "shares": { "nodes": [{ "user": { "username": "bob" } }] } },
    }]);
    assert_eq!(
        node,
        json!({ "owner": { "usage": null }, "shares": { "nodes": bobs } })
    );
}

async fn server_name<'n>(server: &TestApp, username: &'n str) -> &'n str {
    server.person(username).await;
    username
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_refuses_the_methods_it_does_not_list() {
    let server = TestApp::start().await;
    for route in ROUTES {
        let url = format!("{}{}", server.base, route.path);
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
            if route.methods.contains(&method) {
                continue;
            }
            let request = server.anonymous().request(method.clone(), &url);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 405, "{method} {}", route.path);
            assert!(answer.headers().contains_key("allow"), "{}", route.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_never_runs_by_get() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = format!("{}/graphql?query=mutation{{signOut}}", server.base);

    let refused = alice.request(Method::GET, &url).send().await.unwrap();

    assert_eq!(refused.status(), 405);
    assert_eq!(
        alice.ask("{ me { username } }").await.text("/me/username"),
        "alice"
    );
}
