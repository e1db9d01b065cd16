//! `explainAccess`: the owner of a file asks what somebody gets of it, and is told what that user really gets.

use std::time::Duration;

use cloakroom::domain::accounts;
use entity::{file, share, user};
use serde_json::{Value, json};

use crate::{
    policy::world::World,
    query_limits::is_too_complex,
    support::{Answer, Person, TestApp},
};

const WORLDS: u64 = 4;
const EXPLAIN: &str = "query($f: ID!, $u: String!) { explainAccess(fileId: $f, username: $u) {
    allowed owns grants { id } obstacles } }";

/// The answer to the question what `username` gets of `file`.
async fn explain(asks: &Person, file: &str, username: &str) -> Answer {
    asks.ask_with(EXPLAIN, json!({ "f": file, "u": username }))
        .await
}

/// What is told, with `grants` by the ids of shares.
async fn explained(owner: &Person, file: &str, username: &str) -> Value {
    let answer = explain(owner, file, username).await;
    let mut explained = answer.data("/explainAccess");
    let grants = explained["grants"].as_array().unwrap().iter();
    let ids = grants.map(|grant| grant["id"].clone()).collect();
    explained["grants"] = Value::Array(ids);
    explained
}

/// The rule and all that stands against it, read plainly.
fn model(world: &World, user: &user::Model, file: &file::Model) -> Value {
    let reaching = world.shares.iter().filter(|share| {
        let to_user = share.audience == share::Audience::User && share.audience_id == user.id;
        let to_all = share.audience == share::Audience::Authenticated;
        let to_group = share.audience == share::Audience::Group
            && (world.members.iter())
                .any(|member| (member.group_id, member.user_id) == (share.audience_id, user.id));
        share.file_id == file.id && (to_user || to_all || to_group)
    });
    let reaching: Vec<_> = reaching.collect();
    let lives = |share: &share::Model| share.expires_at.is_none_or(|end| end > world.now);
    let grants = reaching.iter().filter(|share| lives(share));
    let mut grants: Vec<_> = grants.map(|share| share.id.to_string()).collect();
    grants.sort_unstable_by(|one, other| other.cmp(one));
    let owns = file.owner_id == user.id;
    let is_granted = owns || !grants.is_empty();
    let obstacles = [
        (user.disabled, "USER_DISABLED"),
        (file.trashed_at.is_some(), "FILE_TRASHED"),
        (!is_granted && !reaching.is_empty(), "SHARE_EXPIRED"),
        (!is_granted && reaching.is_empty(), "NO_SHARE"),
    ];
    let obstacles = obstacles.iter().filter(|(stands, _)| *stands);
    let obstacles: Vec<_> = obstacles.map(|(_, obstacle)| *obstacle).collect();
    json!({
        "allowed": !user.disabled && file.trashed_at.is_none() && is_granted,
        "owns": owns,
        "grants": grants,
        "obstacles": obstacles,
    })
}

/// Whether this person can see the file and redeem a ticket for it.
async fn gets(person: &Person, file: &str) -> bool {
    let query = "query($f: ID!) { file(id: $f) { id } downloadTicket(fileId: $f) { url } }";
    let answer = person.ask_with(query, json!({ "f": file })).await;
    if !answer.code().is_empty() {
        return false;
    }
    let url = answer.text("/downloadTicket/url");
    // The bytes would come from nginx: these files have none.
    let (_, ticket) = url.split_once("/download/").unwrap();
    let redeemed = person
        .get(&format!("{}/download/{ticket}", person.base))
        .await;
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    assert!(redeemed.headers.contains_key("x-accel-redirect"));
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_is_what_the_user_gets_in_every_world() {
    let server = TestApp::start_with(|options| options.delivery = "x-accel".to_owned()).await;
    let (mut allowed, mut refused) = (0, 0);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..WORLDS {
        let mut world = World::new(seed, server.app.clock.now());
        world.write(&server).await;
        world.end_credentials(seed, &server).await;
        world.end_memberships(seed, &server).await;
        let tokens = world.tokens(&server).await;
        let people: Vec<_> = tokens
            .iter()
            .map(|token| server.anonymous().with_token(token.expose()))
            .collect();
        for file in &world.files {
            let owner = world.users.iter().position(|it| it.id == file.owner_id);
            let owner = owner.unwrap();
            if world.users[owner].disabled {
                continue;
            }
            let id = file.id.to_string();
            for (user, person) in world.users.iter().zip(&people) {
                let told = explained(&people[owner], &id, &user.username).await;
                let context = format!("world {seed}: {user:?}, {file:?}");
                assert_eq!(told, model(&world, user, file), "{context}");
                let gets = gets(person, &id).await;
                assert_eq!(told["allowed"], gets, "{context}");
                match gets {
                    true => allowed += 1,
                    false => refused += 1,
                }
                seen.insert(told["obstacles"].to_string());
            }
        }
    }
    assert!(allowed > 20 && refused > 50, "{allowed} {refused}");
    assert!(seen.len() > 6, "obstacles of all kinds: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_asks_and_learns_what_stands_against_a_user() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let (bob, carol) = (server.person("Bob").await, server.person("carol").await);
    let file = alice.upload("a.txt", b"a").await;
    let share = alice.share_with(&file, "bob").await;
    alice.link(&file).await;
    let told = |allowed, owns, grants: &[&String], obstacles: &[&str]| json!({ "allowed": allowed, "owns": owns, "grants": grants, "obstacles": obstacles });
    let granted = told(true, false, &[&share], &[]);
    // In any case, as everywhere else.
    assert_eq!(explained(&alice, &file, "BOB").await, granted);
    let reader = alice.with_token(&alice.token("[READ]").await);
    assert_eq!(explained(&reader, &file, "bob").await, granted);
    // A link reaches whoever has it, and no user.
    let no_share = told(false, false, &[], &["NO_SHARE"]);
    assert_eq!(explained(&alice, &file, "carol").await, no_share);
    let own = told(true, true, &[], &[]);
    assert_eq!(explained(&alice, &file, "alice").await, own);
    let everyone = alice.share_with_everyone(&file).await;
    let both = told(true, false, &[&everyone, &share], &[]);
    assert_eq!(explained(&alice, &file, "bob").await, both);
    let details = "query($f: ID!) { explainAccess(fileId: $f, username: \"bob\") {
        grants { audience user { username } file { name } } } }";
    let details = alice.ask_with(details, json!({ "f": file })).await;
    let all = json!({ "audience": "AUTHENTICATED", "user": null, "file": { "name": "a.txt" } });
    let one =
        json!({ "audience": "USER", "user": { "username": "Bob" }, "file": { "name": "a.txt" } });
    assert_eq!(details.data("/explainAccess/grants"), json!([all, one]));

    // Who sees the file is told that this is the owner's; others, that there is no such file, whomever they ask about.
    for username in ["bob", "carol", "nobody"] {
        assert_eq!(explain(&bob, &file, username).await.code(), "FORBIDDEN");
    }
    alice.revoke(&everyone).await.data("/revokeShare");
    for username in ["bob", "carol", "nobody"] {
        let refused = explain(&carol, &file, username).await;
        assert_eq!((refused.code(), refused.field()), ("NOT_FOUND", ""));
    }
    for username in ["nobody", "", "a b", "\u{202e}"] {
        let unknown = explain(&alice, &file, username).await;
        let shared =
            "mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }";
        let shared = alice
            .ask_with(shared, json!({ "f": file, "u": username }))
            .await;
        for part in ["message", "extensions"] {
            let told = |answer: &Answer| answer.body["errors"][0][part].clone();
            assert_eq!(told(&unknown), told(&shared), "{username:?}");
        }
        assert_eq!((unknown.code(), unknown.field()), ("NOT_FOUND", "username"));
    }

    // What the file goes through, and a user.
    accounts::set_disabled(&server.app, "bob", true)
        .await
        .unwrap();
    let disabled = told(false, false, &[&share], &["USER_DISABLED"]);
    assert_eq!(explained(&alice, &file, "bob").await, disabled);
    alice.delete(&file).await.data("/deleteFile");
    let trashed = told(false, false, &[&share], &["USER_DISABLED", "FILE_TRASHED"]);
    assert_eq!(explained(&alice, &file, "bob").await, trashed);
    let own = told(false, true, &[], &["FILE_TRASHED"]);
    assert_eq!(explained(&alice, &file, "alice").await, own);
    assert_eq!(
        explain(&bob, &file, "alice").await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(explain(&carol, &file, "alice").await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_has_ended_is_an_obstacle_until_it_is_swept() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    let share = "mutation($f: ID!, $e: DateTime) { shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { id } }";
    let hour = Duration::from_secs(3600);
    let end = json!({ "f": file, "e": server.date_in(hour) });
    alice.ask_with(share, end).await.data("/shareWithUser");
    server.advance(hour);

    let told = explained(&alice, &file, "bob").await;

    let expected =
        json!({ "allowed": false, "owns": false, "grants": [], "obstacles": ["SHARE_EXPIRED"] });
    assert_eq!(told, expected);
    // Another grant takes the obstacle away.
    let everyone = alice.share_with_everyone(&file).await;
    let told = explained(&alice, &file, "bob").await;
    let expected = json!({ "allowed": true, "owns": false, "grants": [everyone], "obstacles": [] });
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shares_that_may_be_told_count() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let ask = |fields: usize| {
        let grants = "grants { id audience createdAt } ".repeat(fields);
        format!("{{ explainAccess(fileId: \"x\", username: \"bob\") {{ {grants} }} }}")
    };
    assert_eq!(alice.ask(&ask(30)).await.code(), "NOT_FOUND");
    is_too_complex(&alice, "a hundred shares each", &ask(40), json!({})).await;
}
