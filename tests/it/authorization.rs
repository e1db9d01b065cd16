//! The third lock on permissions: every field and every route has a row in the table of who gets what, and each row is
//! run as each actor.

use std::collections::BTreeSet;

use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use cloakroom::http::ROUTES;
use reqwest::Method;
use serde_json::json;

use crate::support::{Person, TestApp};

mod table;
mod world;

use table::{Actor, Denied, FIELDS, Hidden, Row, Unauth};
use world::World;

/// Fields that leave the actor somebody else.
const WORLD_OF_THEIR_OWN: [&str; 4] = [
    "Mutation.signUp",
    "Mutation.signIn",
    "Mutation.signOut",
    "Mutation.changePassword",
];

#[test]
fn every_field_of_the_schema_has_a_row() {
    let schema = parse_schema(include_str!("../../schema.graphql")).unwrap();
    let mut fields = Vec::new();
    for definition in schema.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let name = &definition.node.name.node;
        match &definition.node.kind {
            TypeKind::Object(object) => {
                let of_type = object.fields.iter().map(|field| &field.node.name.node);
                fields.extend(of_type.map(|field| format!("{name}.{field}")));
            }
            TypeKind::Interface(_) | TypeKind::Union(_) => {
                panic!("{name}: teach this test what an interface or union is")
            }
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => {}
        }
    }
    let rows = FIELDS.iter().map(|row| row.field.to_owned()).collect();
    compare("FIELDS", fields, rows);
}

#[test]
fn every_route_has_a_row() {
    let routes = ROUTES.iter().flat_map(|route| {
        let methods = route.methods.iter();
        methods.map(|method| format!("{method} {}", route.path))
    });
    let rows = table::ROUTES.iter().map(|row| row.route.to_owned());
    compare("ROUTES", routes.collect(), rows.collect());
}

#[track_caller]
fn compare(list: &str, there_are: Vec<String>, rows: Vec<String>) {
    let (known, covered) = (BTreeSet::from_iter(&there_are), BTreeSet::from_iter(&rows));
    let missing: Vec<_> = known.difference(&covered).collect();
    let surplus: Vec<_> = covered.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "nobody has said who may use {missing:?}: add a row for each to {list} in tests/it/authorization/table.rs"
    );
    assert!(
        surplus.is_empty(),
        "{surplus:?} are no more: take their rows out of {list} in tests/it/authorization/table.rs"
    );
    assert_eq!(covered.len(), rows.len(), "{list} has a row twice");
}

/// Runs every row as `actor`, and reports every cell that is not as the table has it.
async fn holds_for(actor: Actor) {
    let mut world = World::of(actor).await;
    let mut wrong = Vec::new();
    // What only reads comes first: it finds the world as it was made.
    let (reading, changing): (Vec<_>, Vec<_>) = FIELDS
        .iter()
        .partition(|row| !row.operation.starts_with("mutation"));
    for row in reading {
        check(&world, row, &mut wrong).await;
    }
    for row in table::ROUTES {
        let expected = row.statuses[actor as usize];
        let found = status(&world, row).await;
        if found != expected {
            wrong.push(format!("{}: {found}, not {expected}", row.route));
        }
    }
    for row in changing {
        if WORLD_OF_THEIR_OWN.contains(&row.field) {
            check(&World::of(actor).await, row, &mut wrong).await;
        } else {
            world.renew().await;
            check(&world, row, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "as {actor:?}:\n{}", wrong.join("\n"));
}

async fn check(world: &World, row: &Row, wrong: &mut Vec<String>) {
    let expected = row.outcomes[world.actor as usize];
    let before = world.state().await;
    let found = world.run(row.operation).await;
    if found != expected {
        wrong.push(format!("{}: {found:?}, not {expected:?}", row.field));
    }
    let is_refused = matches!(found, Unauth | Hidden | Denied);
    if is_refused && before != world.state().await {
        wrong.push(format!(
            "{}: {found:?}, and yet it did something",
            row.field
        ));
    }
}

async fn status(world: &World, row: &table::RouteRow) -> u16 {
    let (method, _) = row.route.split_once(' ').unwrap();
    let url = format!("{}{}", world.server.base, row.path).replace("TICKET", &world.ticket);
    let request = world
        .person
        .request(Method::from_bytes(method.as_bytes()).unwrap(), &url);
    let request = match method {
        "POST" => request.json(&json!({ "query": "{ me { id } }" })),
        _ => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_nobody() {
    holds_for(Actor::Anonymous).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_stranger() {
    holds_for(Actor::Stranger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_recipient_of_a_share() {
    holds_for(Actor::Recipient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_everyone_whom_a_share_reaches() {
    holds_for(Actor::Everyone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_the_owner() {
    holds_for(Actor::Owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_disabled_owner() {
    holds_for(Actor::Disabled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_token_that_reads() {
    holds_for(Actor::Reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_for_a_token_that_writes() {
    holds_for(Actor::Writer).await;
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
    assert_eq!(
        shares_seen(&alice, &file).await,
        ["bob", "carol", "AUTHENTICATED"]
    );
    assert_eq!(shares_seen(&carol, &file).await, ["carol", "AUTHENTICATED"]);
    assert_eq!(shares_seen(&dora, &file).await, ["AUTHENTICATED"]);
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
