//! When the live feed ends, and for whom.

use std::time::{Duration, Instant};

use cloakroom::domain::accounts;
use serde_json::json;

use crate::{
    live::{event_of, rename},
    support::{
        TestApp,
        live::{BEGINNING, Live},
        person::PASSWORD,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_credential() {
    let server = TestApp::start().await;
    for how in [
        "sign out",
        "revoke session",
        "password",
        "token",
        "disabled",
        "expired",
    ] {
        let name = how.replace(' ', "");
        let alice = server.person(&name).await;
        let elsewhere = server.anonymous();
        elsewhere.sign_in(&name, PASSWORD).await.data("/signIn");
        let token = alice.token("[READ]").await;
        let mut live = match how {
            "token" => Live::open(&alice.with_token(&token)).await,
            "expired" => {
                let query = "mutation($e: DateTime) { createApiToken(name: \"x\", scopes: [READ], expiresAt: $e) { secret } }";
                let end = server.date_in(Duration::from_secs(60));
                let made = alice.ask_with(query, json!({ "e": end })).await;
                let token = made.text("/createApiToken/secret");
                Live::open(&alice.with_token(&token)).await
            }
            _ => Live::open(&alice).await,
        };
        live.follow(Some(BEGINNING), "kind").await;
        assert_eq!(live.event().await["kind"], "SIGNED_UP");

        let began = Instant::now();
        match how {
            "sign out" => drop(alice.ask("mutation { signOut }").await.data("/signOut")),
            "revoke session" => {
                let all = elsewhere
                    .ask("{ sessions { id isCurrent } }")
                    .await
                    .data("/sessions");
                let all = all.as_array().unwrap().iter();
                for session in all.filter(|it| it["isCurrent"] == false) {
                    let query = "mutation($s: ID!) { revokeSession(id: $s) }";
                    elsewhere
                        .ask_with(query, json!({ "s": session["id"] }))
                        .await
                        .data("/revokeSession");
                }
            }
            "password" => {
                let query = "mutation($p: String!) { changePassword(current: $p, new: \"something else\") { id } }";
                elsewhere
                    .ask_with(query, json!({ "p": PASSWORD }))
                    .await
                    .data("/changePassword");
            }
            "token" => {
                let id = alice
                    .ask("{ apiTokens { id } }")
                    .await
                    .text("/apiTokens/0/id");
                let query = "mutation($t: ID!) { revokeApiToken(id: $t) }";
                alice
                    .ask_with(query, json!({ "t": id }))
                    .await
                    .data("/revokeApiToken");
            }
            "disabled" => {
                accounts::set_disabled(&server.app, &name, true)
                    .await
                    .unwrap();
            }
            _ => server.advance(Duration::from_secs(61)),
        }
        assert_eq!(live.closed().await, 4401, "{how}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{how}: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_sight_hears_no_more() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let group = alice.group_of(&["bob"]).await;
    let mut live = Live::open(&bob).await;
    live.follow(None, "kind detail").await;
    let rename_group = async |name: &str| {
        let query = "mutation($g: ID!, $n: String!) { renameGroup(id: $g, name: $n) { name } }";
        alice
            .ask_with(query, json!({ "g": group, "n": name }))
            .await
            .data("/renameGroup");
    };
    rename_group("one").await;
    assert_eq!(event_of(&mut live, "GROUP_RENAMED").await["detail"], "one");
    alice.remove_member(&group, "bob").await.data("/group");
    event_of(&mut live, "GROUP_MEMBER_REMOVED").await;
    rename_group("two").await;
    assert!(live.is_silent(Duration::from_millis(700)).await);

    // Who comes later, or again, reads nothing of what happened in between, up to this very moment.
    rename_group("between").await;
    alice.add_member(&group, "bob").await.data("/group");
    event_of(&mut live, "GROUP_MEMBER_ADDED").await;
    rename_group("three").await;
    assert_eq!(
        event_of(&mut live, "GROUP_RENAMED").await["detail"],
        "three"
    );
    let seen = bob
        .ask("{ events { edges { node { kind detail } } } }")
        .await;
    let seen = seen.data("/events/edges");
    let renamed = seen.as_array().unwrap().iter().map(|edge| &edge["node"]);
    let renamed: Vec<_> = renamed
        .filter(|event| event["kind"] == "GROUP_RENAMED")
        .collect();
    assert_eq!(
        renamed,
        [&json!({ "kind": "GROUP_RENAMED", "detail": "three" })]
    );
}

/// Nobody's memory grows for one who does not read: they are cut off, and come back by a cursor.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_off_and_comes_back() {
    let server = TestApp::start_with(|options| {
        options.client_timeout = "1s".into();
        options.changes_per_hour = "1000000".into();
    })
    .await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    for number in 0..400 {
        rename(&alice, &file, &format!("{number:0200}")).await;
    }
    let mut live = Live::open(&alice).await;
    // Some 50 KiB an event: more in all than the system takes for a client that does not read.
    let fields =
        "cursor detail file { events(first: 100) { edges { node { id at kind detail cursor } } } }";
    live.follow(Some(BEGINNING), fields).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (mut seen, mut last) = (0, String::new());
    let closed = loop {
        match live.frame().await {
            Ok(message) => {
                seen += 1;
                let cursor = &message["payload"]["data"]["events"]["cursor"];
                last = cursor.as_str().unwrap().to_owned();
            }
            Err(code) => break code,
        }
    };
    assert_eq!(closed, 1006, "after {seen} events");
    assert!(seen < 402, "all of it went out");
    let mut live = Live::open(&alice).await;
    live.follow(Some(&last), "detail").await;
    while seen < 402 {
        live.event().await;
        seen += 1;
    }
    assert!(live.is_silent(Duration::from_millis(300)).await);
}
