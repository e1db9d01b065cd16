//! API tokens: what they may do, how they end, and that nobody finds them in the database.

use std::time::Duration;

use entity::api_token;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);
const ME: &str = "{ me { username } }";

async fn create(person: &Person, arguments: &str) -> Answer {
    let query = format!(
        "mutation {{ createApiToken({arguments}) {{
            secret apiToken {{ id name scopes createdAt expiresAt }} }} }}"
    );
    person.ask(&query).await
}

async fn revoke(person: &Person, id: &str) -> Answer {
    let query = "mutation($id: ID!) { revokeApiToken(id: $id) }";
    person.ask_with(query, json!({ "id": id })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs_a_program_in() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = create(&alice, r#"name: "phone", scopes: [WRITE, READ]"#).await;
    let secret = created.text("/createApiToken/secret");
    assert!(secret.starts_with("crm_") && secret.len() > 40, "{secret}");

    let program = alice.with_token(&secret);

    let answer = program.ask(ME).await;
    assert_eq!(answer.text("/me/username"), "alice");
    assert!(
        !answer.headers.contains_key("set-cookie"),
        "a program needs no session"
    );
    let listed = alice
        .ask("{ apiTokens { id name scopes createdAt expiresAt } }")
        .await;
    assert_eq!(
        listed.data("/apiTokens/0"),
        created.data("/createApiToken/apiToken")
    );
    assert_eq!(listed.data("/apiTokens/0/scopes"), json!(["READ", "WRITE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_reads_gets_tickets_and_changes_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let program = alice.with_token(&alice.token("[READ]").await);

    let ticket = program.ticket(&file).await;

    assert_eq!(program.get(&ticket).await.bytes, b"a");
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    let refused = program.upload_with(query, json!({}), "b.txt", b"b").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "FORBIDDEN")
    );
    assert_eq!(server.stored().len(), 1, "nothing of it was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_writes_uploads_shares_and_reads() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let program = alice.with_token(&alice.token("[WRITE]").await);

    let file = program.upload("a.txt", b"a").await;
    program.share_with(&file, "bob").await;

    assert_eq!(bob.get(&bob.ticket(&file).await).await.bytes, b"a");
    assert_eq!(alice.get(&program.ticket(&file).await).await.bytes, b"a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_at_its_expiry() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let arguments = format!(
        r#"name: "x", scopes: [READ], expiresAt: "{}""#,
        server.date_in(HOUR)
    );
    let secret = create(&alice, &arguments)
        .await
        .text("/createApiToken/secret");
    let program = alice.with_token(&secret);
    server.advance(HOUR - Duration::from_millis(1));
    assert_eq!(program.ask(ME).await.text("/me/username"), "alice");

    server.advance(Duration::from_millis(1));

    let refused = program.ask(ME).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "UNAUTHENTICATED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_at_once_and_the_others_go_on() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = create(&alice, r#"name: "lost", scopes: [READ]"#).await;
    let lost = alice.with_token(&created.text("/createApiToken/secret"));
    let kept = alice.with_token(&alice.token("[READ]").await);
    let id = created.text("/createApiToken/apiToken/id");

    assert_eq!(revoke(&alice, &id).await.text("/revokeApiToken"), id);

    assert_eq!(lost.ask(ME).await.code(), "UNAUTHENTICATED");
    assert_eq!(kept.ask(ME).await.text("/me/username"), "alice");
    assert_eq!(revoke(&alice, &id).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_s_token_answers_as_one_that_never_was() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let created = create(&alice, r#"name: "x", scopes: [READ]"#).await;
    let program = alice.with_token(&created.text("/createApiToken/secret"));

    let foreign = revoke(&bob, &created.text("/createApiToken/apiToken/id")).await;
    let absent = revoke(&bob, "0192f0c1-2345-7890-abcd-ef0123456789").await;

    assert_eq!(foreign.code(), "NOT_FOUND");
    assert_eq!(foreign.body, absent.body);
    assert_eq!(program.ask(ME).await.text("/me/username"), "alice");
    assert_eq!(
        bob.ask("{ apiTokens { id } }").await.data("/apiTokens"),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_manages_credentials() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    let id = alice
        .ask("{ apiTokens { id } }")
        .await
        .text("/apiTokens/0/id");

    let change = format!(
        r#"mutation {{ changePassword(current: "{PASSWORD}", new: "a new password") {{ id }} }}"#
    );
    assert_eq!(
        create(&program, r#"name: "y", scopes: [READ]"#)
            .await
            .code(),
        "FORBIDDEN"
    );
    assert_eq!(revoke(&program, &id).await.code(), "FORBIDDEN");
    assert_eq!(
        program.ask("{ apiTokens { id } }").await.code(),
        "FORBIDDEN"
    );
    assert_eq!(program.ask(&change).await.code(), "FORBIDDEN");

    assert_eq!(program.ask(ME).await.text("/me/username"), "alice");
    let same = server.anonymous().sign_in("alice", PASSWORD).await;
    assert_eq!(same.text("/signIn/username"), "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_refused_before_anything_runs() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let secret = alice.token("[READ]").await;
    let (cut, longer, upper) = (
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}A"),
        secret.to_uppercase(),
    );
    for garbage in [
        "",
        "x",
        "crm_",
        "crm_AAAA",
        &cut,
        &longer,
        &upper,
        &secret[4..],
    ] {
        // What the anonymous may ask, too: a program must learn that its token is no good.
        let refused = alice
            .with_token(garbage)
            .ask("{ limits { maxPageSize } }")
            .await;
        assert_eq!(refused.status, 401, "{garbage:?}");
        assert_eq!(refused.code(), "UNAUTHENTICATED", "{garbage:?}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(refused.body.get("data").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_not_made_good_by_a_session() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let request = alice.post().bearer_auth("crm_garbage");
    let request = request.json(&json!({ "query": ME }));
    let refused = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "UNAUTHENTICATED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_of_the_header_has_no_case() {
    let server = TestApp::start().await;
    let secret = server.person("alice").await.token("[READ]").await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = server.anonymous().post();
        let request = request.header("authorization", format!("{scheme} {secret}"));
        let answer = request.json(&json!({ "query": ME })).send().await.unwrap();
        assert_eq!(Answer::of(answer).await.text("/me/username"), "alice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_make_no_token_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let past = server.date_in(Duration::ZERO);
    let cases = [
        (r#"name: "", scopes: [READ]"#.to_owned(), "name"),
        (r#"name: "  ", scopes: [READ]"#.to_owned(), "name"),
        ("name: \"\u{3164}\", scopes: [READ]".to_owned(), "name"),
        (
            "name: \" \u{2800}\u{200b}\", scopes: [READ]".to_owned(),
            "name",
        ),
        (r#"name: "a\nb", scopes: [READ]"#.to_owned(), "name"),
        (
            format!(r#"name: "{}", scopes: [READ]"#, "x".repeat(101)),
            "name",
        ),
        (r#"name: "x", scopes: []"#.to_owned(), "scopes"),
        (
            format!(r#"name: "x", scopes: [READ], expiresAt: "{past}""#),
            "expiresAt",
        ),
    ];
    for (arguments, field) in cases {
        let refused = create(&alice, &arguments).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", field),
            "{arguments}"
        );
    }
    assert_eq!(
        alice.ask("{ apiTokens { id } }").await.data("/apiTokens"),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_shown_once_and_kept_by_nobody() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let secret = alice.token("[READ]").await;

    let rows = rows(&server).await;

    assert_eq!(rows[0].secret_hash.len(), 32);
    let kept = format!("{rows:?}");
    assert!(!kept.contains(&secret) && !kept.contains(&secret[4..]));
    // Nor is what is kept good for anything.
    let hash = cloakroom::hex::encode(&rows[0].secret_hash);
    for forged in [hash.clone(), format!("crm_{hash}")] {
        assert_eq!(
            alice.with_token(&forged).ask(ME).await.code(),
            "UNAUTHENTICATED"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_a_new_password_ended_leave_room_for_others() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for _ in 0..100 {
        alice.token("[READ]").await;
    }
    let one_more = create(&alice, r#"name: "x", scopes: [READ]"#).await;
    assert_eq!(one_more.code(), "QUOTA_EXCEEDED");

    let query = format!(
        r#"mutation {{ changePassword(current: "{PASSWORD}", new: "a new password") {{ id }} }}"#
    );
    alice.ask(&query).await.data("/changePassword");

    alice.token("[READ]").await;
    assert_eq!(rows(&server).await.len(), 1, "the ended ones are swept out");
}

#[expect(clippy::disallowed_methods, reason = "the test looks into the table")]
async fn rows(server: &TestApp) -> Vec<api_token::Model> {
    server.app.db.all(api_token::Entity::find()).await.unwrap()
}
