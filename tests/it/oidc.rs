//! Sign-ins by a provider, as they should go: accounts that come of them, and who gets into which.

use std::time::Duration;

use cloakroom::{
    domain::accounts::{self, Overseer},
    error::Code,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    Person, TestApp,
    oidc::{Provider, Signature, see, sent_to},
    person::PASSWORD,
    rows::{number, pairs},
};

/// Who `person` is to the API.
async fn me(person: &Person) -> Value {
    let answer = person.ask("{ me { username role hasPassword } }").await;
    answer.data("/me")
}

async fn signed_in(provider: &Provider, server: &TestApp, subject: &str) -> Person {
    let person = server.anonymous();
    let seen = provider.sign_in(server, &person, subject).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    person
}

async fn kinds(server: &TestApp) -> Vec<(String, String)> {
    let query = "SELECT kind, coalesce(detail, '') AS detail FROM event ORDER BY at, id";
    pairs(&server.app.db, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_provider_vouches_for_gets_an_account_and_finds_it_again() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = server.anonymous();
    let seen = provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    assert_eq!(seen.location.as_deref(), Some("/"));
    let expected = json!({ "username": "alice", "role": "USER", "hasPassword": false });
    assert_eq!(me(&alice).await, expected);
    let sessions = alice.ask("{ sessions { isCurrent } }").await;
    assert_eq!(sessions.data("/sessions"), json!([{ "isCurrent": true }]));
    let file = alice.upload("a.txt", b"hello").await;

    alice.ask("mutation { signOut }").await;
    assert_eq!(alice.me().await, Value::Null);
    provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(alice.list("files").await, json!([{ "id": file }]));
    let accounts = number(&server.app.db, "SELECT count(*) AS number FROM \"user\"").await;
    assert_eq!(accounts, 1);
    let kinds: Vec<_> = kinds(&server)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    for kind in ["SIGNED_UP", "SIGNED_IN"] {
        assert_eq!(
            kinds.iter().filter(|it| *it == kind).count(),
            1,
            "{kinds:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_under_a_new_id_and_the_one_before_ends() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = server.person("alice").await;
    let double = alice.double();
    let before = alice.cookie();
    provider.sign_in(&server, &alice, "bob").await;
    assert_ne!(alice.cookie(), before);
    assert_eq!(alice.me().await, "bob");
    assert_eq!(double.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_comes_back_to_where_one_wanted_to_go_and_to_no_other_site() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = server.anonymous();
    let begin = format!("{}/auth/oidc?return=", server.base);
    let sent_to = see(&alice, &format!("{begin}%2Fapp%2Ftrash%3Ffile%3Da")).await;
    let sent_to = sent_to.location.unwrap().parse().unwrap();
    let back = provider.grant(&server, &sent_to, "alice");
    let seen = see(&alice, back.as_str()).await;
    assert_eq!(seen.location.as_deref(), Some("/app/trash?file=a"));
    for elsewhere in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
    ] {
        let seen = see(&alice, &format!("{begin}{elsewhere}")).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{elsewhere}");
        assert_eq!(seen.location, None, "{elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_somebodys_is_never_taken_over() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let owner = server.person("alice").await;
    let file = owner.upload("a.txt", b"hello").await;
    provider.says(|script| {
        let claims = json!({ "preferred_username": "Alice@corp.example", "email": "alice@corp.example", "email_verified": true });
        script.claims = claims.as_object().unwrap().clone();
    });
    for expected in ["Alice-2", "Alice-3"] {
        let stranger = signed_in(&provider, &server, expected).await;
        assert_eq!(stranger.me().await, expected);
        assert_eq!(stranger.list("files").await, json!([]));
    }
    assert_eq!(owner.me().await, "alice");
    assert_eq!(owner.list("files").await, json!([{ "id": file }]));
    provider.says(|script| {
        script.claims = json!({ "preferred_username": null })
            .as_object()
            .unwrap()
            .clone()
    });
    let seen = provider
        .sign_in(&server, &server.anonymous(), "nameless")
        .await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert!(seen.text.contains("tells no user name"), "{seen:?}");
    let accounts = number(&server.app.db, "SELECT count(*) AS number FROM \"user\"").await;
    assert_eq!(accounts, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_the_token_lacks_come_from_userinfo_of_the_same_subject() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.oidc_username_claim = "nickname".to_owned())
        .await;
    provider.says(|script| {
        script.userinfo = json!({ "nickname": "ally" }).as_object().unwrap().clone()
    });
    let alice = signed_in(&provider, &server, "alice").await;
    assert_eq!(alice.me().await, "ally");
    provider.says(|script| {
        script.userinfo = json!({ "sub": "alice", "nickname": "ally" })
            .as_object()
            .unwrap()
            .clone();
    });
    let bob = server.anonymous();
    let seen = provider.sign_in(&server, &bob, "bob").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{seen:?}");
    assert_eq!(bob.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_to_strangers_only_linked_accounts_are_signed_in_to() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.oidc_sign_up = "closed".to_owned())
        .await;
    let owner = server.person("alice").await;
    let file = owner.upload("a.txt", b"hello").await;
    let person = server.anonymous();
    let seen = provider.sign_in(&server, &person, "a-17").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(seen.text.contains("no account for you"), "{seen:?}");
    assert_eq!(person.me().await, Value::Null);

    accounts::link(&server.app, "alice", "a-17").await.unwrap();
    let again = accounts::link(&server.app, "alice", "a-17").await;
    assert_eq!(again.unwrap_err().code, Code::Conflict);
    provider.sign_in(&server, &person, "a-17").await;
    assert_eq!(me(&person).await["hasPassword"], true);
    assert_eq!(person.list("files").await, json!([{ "id": file }]));

    assert_eq!(accounts::unlink(&server.app, "alice").await.unwrap(), 1);
    let seen = provider.sign_in(&server, &server.anonymous(), "a-17").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_refused_and_a_deleted_one_is_nobodys() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = signed_in(&provider, &server, "alice").await;
    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();
    assert_eq!(alice.me().await, Value::Null);
    let seen = provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert!(seen.text.contains("cannot be signed in to"), "{seen:?}");
    assert_eq!(alice.me().await, Value::Null);

    let account = accounts::find_account(&server.app, "alice").await.unwrap();
    accounts::delete(&server.app, Overseer::Operator, account.user.id)
        .await
        .unwrap();
    provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(alice.me().await, "alice");
    assert_eq!(alice.list("files").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_takes_none() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = signed_in(&provider, &server, "alice").await;
    let stranger = server.anonymous();
    for password in ["", PASSWORD, "no-password"] {
        let refused = stranger.sign_in("alice", password).await;
        assert_eq!(refused.code(), "UNAUTHENTICATED", "{password:?}");
        let wrong = stranger.sign_in("nobody", password).await;
        let message = "/errors/0/message";
        assert_eq!(refused.body.pointer(message), wrong.body.pointer(message));
        let change = "mutation($p: String!) { changePassword(current: $p, new: \"another password\") { id } }";
        let refused = alice.ask_with(change, json!({ "p": password })).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{password:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_is_deleted_soon_after_a_sign_in_alone() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    let alice = signed_in(&provider, &server, "alice").await;
    let delete = "mutation { deleteAccount(password: \"\") }";
    // Who is known to the provider signs in without being asked anything.
    assert_eq!(alice.ask(delete).await.code(), "FORBIDDEN");
    let seen = provider.sign_in_anew(&server, &alice, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    server.advance(Duration::from_secs(601));
    assert_eq!(alice.ask(delete).await.code(), "FORBIDDEN");
    assert_eq!(alice.me().await, "alice");
    // Each session says of itself alone how it began.
    let seen = provider.sign_in_anew(&server, &alice, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    let seen = provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    assert_eq!(alice.ask(delete).await.code(), "FORBIDDEN");
    provider.sign_in_anew(&server, &alice, "alice").await;
    assert_eq!(alice.ask(delete).await.data("/deleteAccount"), true);
    assert_eq!(alice.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_says_at_each_sign_in_who_is_an_administrator() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| {
            options.oidc_admin_claim = Some("groups".to_owned());
            options.oidc_admin_group = Some("cloakroom admins".to_owned());
        })
        .await;
    let groups = |groups: Value| {
        provider.says(|script| {
            script.claims.insert("groups".to_owned(), groups);
        });
    };
    groups(json!(["staff", "cloakroom admins"]));
    let alice = signed_in(&provider, &server, "alice").await;
    assert_eq!(me(&alice).await["role"], "ADMIN");
    // Nobody else looks after accounts: she stays, and gets in.
    groups(json!(["staff"]));
    provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(me(&alice).await["role"], "ADMIN");
    groups(json!("cloakroom admins"));
    let bob = signed_in(&provider, &server, "bob").await;
    assert_eq!(me(&bob).await["role"], "ADMIN");
    groups(json!([]));
    provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(me(&alice).await["role"], "USER");
    groups(json!(["cloakroom admins"]));
    provider.sign_in(&server, &alice, "alice").await;
    assert_eq!(me(&alice).await["role"], "ADMIN");
    let changes = kinds(&server).await.into_iter();
    let changes: Vec<_> = changes.filter(|(kind, _)| kind == "ROLE_CHANGED").collect();
    let expected = ["user:alice USER", "user:alice ADMIN"];
    let expected = expected.map(|detail| ("ROLE_CHANGED".to_owned(), detail.to_owned()));
    assert_eq!(changes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_passwords_off_the_provider_alone_signs_in() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.password_sign_in = "off".to_owned())
        .await;
    accounts::create(&server.app, "bob", PASSWORD.to_owned().into())
        .await
        .unwrap();
    let limits = "{ limits { signUpOpen passwordSignInOn oidcName } }";
    let limits = server.anonymous().ask(limits).await.data("/limits");
    let expected =
        json!({ "signUpOpen": false, "passwordSignInOn": false, "oidcName": "127.0.0.1" });
    assert_eq!(limits, expected);
    let alice = signed_in(&provider, &server, "alice").await;
    for refused in [
        "mutation($p: String!) { signIn(username: \"bob\", password: $p) { id } }",
        "mutation($p: String!) { signUp(username: \"carol\", password: $p) { id } }",
        "mutation($p: String!) { signInForToken(username: \"bob\", password: $p, name: \"x\", scopes: [READ]) { secret } }",
        "mutation($p: String!) { changePassword(current: $p, new: $p) { id } }",
    ] {
        let answer = alice.ask_with(refused, json!({ "p": PASSWORD })).await;
        assert_eq!(answer.code(), "FORBIDDEN", "{refused}");
    }
    // A password that the operator has chosen opens nothing, and is not asked for.
    let set = accounts::set_password(&server.app, "alice", PASSWORD.to_owned().into());
    set.await.unwrap();
    let alice = signed_in(&provider, &server, "alice").await;
    let mine = alice.ask("{ me { hasPassword } }").await;
    assert_eq!(mine.data("/me/hasPassword"), false);
    let delete = "mutation { deleteAccount(password: \"\") }";
    assert_eq!(alice.ask(delete).await.code(), "FORBIDDEN");
    provider.sign_in_anew(&server, &alice, "alice").await;
    assert_eq!(alice.ask(delete).await.data("/deleteAccount"), true);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_such_address_and_passwords_are_as_ever() {
    let server = TestApp::start().await;
    let person = server.anonymous();
    for path in ["/auth/oidc", "/auth/oidc/callback?code=a&state=b"] {
        let seen = see(&person, &format!("{}{path}", server.base)).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
    let limits = person.ask("{ limits { passwordSignInOn oidcName } }").await;
    let expected = json!({ "passwordSignInOn": true, "oidcName": null });
    assert_eq!(limits.data("/limits"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_provider_are_asked_for_and_not_at_every_token() {
    let provider = Provider::start().await;
    let server = provider.server(|_| {}).await;
    signed_in(&provider, &server, "alice").await;
    signed_in(&provider, &server, "bob").await;
    assert_eq!(provider.times_asked("/keys"), 1);
    provider.says(|script| {
        script.has_rotated = true;
        script.signature = Signature::SecondKey;
    });
    // A moment after the first time it is left in peace.
    let early = server.anonymous();
    let seen = provider.sign_in(&server, &early, "alice").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert_eq!(provider.times_asked("/keys"), 1);
    server.advance(Duration::from_secs(10));
    signed_in(&provider, &server, "alice").await;
    assert_eq!(provider.times_asked("/keys"), 2);
    provider.says(|script| script.has_rotated = false);
    for _ in 0..5 {
        signed_in(&provider, &server, "alice").await;
    }
    assert_eq!(provider.times_asked("/keys"), 2);
    // What is known is believed for an hour: then the second key is no more.
    server.advance(Duration::from_secs(3600));
    let seen = provider
        .sign_in(&server, &server.anonymous(), "alice")
        .await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert_eq!(provider.times_asked("/keys"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_takes_back_what_another_one_has_sent_away() {
    let provider = Provider::start().await;
    let server = provider
        .server(|options| options.public_url = Some("http://127.0.0.1:1".to_owned()))
        .await;
    let other = server.another().await;
    let alice = server.anonymous();
    let sent_to = sent_to(&alice).await;
    let back = provider.grant(&server, &sent_to, "alice");
    let at = |server: &TestApp| {
        format!(
            "{}?{}",
            server.base.clone() + back.path(),
            back.query().unwrap()
        )
    };
    let elsewhere = alice.double().at(&other.base);
    let seen = see(&elsewhere, &at(&other)).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    // And once, of all of them.
    let seen = see(&alice, &at(&server)).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
    other.stop().await;
}
