//! Accounts: signing up and in, passwords, and what ends with them.

use cloakroom::domain::accounts;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

async fn sign_up(person: &Person, username: &str, password: &str) -> Answer {
    let query =
        "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { username } }";
    let variables = json!({ "u": username, "p": password });
    person.ask_with(query, variables).await
}

async fn change_password(person: &Person, current: &str, new: &str) -> Answer {
    let query =
        "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { username } }";
    let variables = json!({ "c": current, "n": new });
    person.ask_with(query, variables).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_signs_in() {
    let server = TestApp::start().await;
    let alice = server.anonymous();
    assert_eq!(alice.me().await, json!(null));

    assert_eq!(
        sign_up(&alice, "Alice", PASSWORD)
            .await
            .text("/signUp/username"),
        "Alice"
    );

    assert_eq!(alice.me().await, json!("Alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_sign_up_is_forbidden() {
    let server = TestApp::start_with(|options| options.sign_up = "closed".into()).await;
    let alice = server.anonymous();

    assert_eq!(sign_up(&alice, "alice", PASSWORD).await.code(), "FORBIDDEN");

    assert_eq!(alice.me().await, json!(null));
    let limits = alice.ask("{ limits { signUpOpen } }").await;
    assert_eq!(limits.data("/limits/signUpOpen"), json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_in_every_case() {
    let server = TestApp::start().await;
    let alice = server.person("Alice").await;
    for name in ["Alice", "alice", "ALICE"] {
        let impostor = server.anonymous();
        let refused = sign_up(&impostor, name, PASSWORD).await;
        assert_eq!((refused.code(), refused.field()), ("CONFLICT", "username"));
        assert_eq!(impostor.me().await, json!(null));
    }
    assert_eq!(alice.me().await, json!("Alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_sign_up_under_one_name_at_once_one_succeeds() {
    let server = TestApp::start().await;
    let (one, other) = (server.anonymous(), server.anonymous());

    let answers = tokio::join!(
        sign_up(&one, "alice", PASSWORD),
        sign_up(&other, "ALICE", PASSWORD)
    );

    let mut codes = [answers.0.code(), answers.1.code()];
    codes.sort_unstable();
    assert_eq!(codes, ["", "CONFLICT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords_that_are_none_are_refused() {
    let server = TestApp::start().await;
    let person = server.anonymous();
    let long_name = "a".repeat(33);
    for name in [
        "", " ", "a b", "alicé", "аlice", ".alice", "alice-", "a/b", "a\0", &long_name,
    ] {
        let refused = sign_up(&person, name, PASSWORD).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "username"),
            "{name:?}"
        );
    }
    let long_password = "p".repeat(129);
    for password in ["", "1234567", &long_password] {
        let refused = sign_up(&person, "alice", password).await;
        let (code, field) = (refused.code(), refused.field());
        assert_eq!(
            (code, field),
            ("BAD_USER_INPUT", "password"),
            "{password:?}"
        );
    }
    // Characters count, not bytes, and both ends of the range are in it.
    for (name, password) in [
        ("a", "ωωωωωωωω".to_owned()),
        (&long_name[1..], "写".repeat(128)),
    ] {
        assert_eq!(
            sign_up(&person, name, &password)
                .await
                .text("/signUp/username"),
            name
        );
        let signed_in = server.anonymous().sign_in(name, &password).await;
        assert_eq!(signed_in.text("/signIn/username"), name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_case_signs_in() {
    let server = TestApp::start().await;
    server.person("Alice").await;
    let signed_in = server.anonymous().sign_in("aLICE", PASSWORD).await;
    assert_eq!(signed_in.text("/signIn/username"), "Alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let server = TestApp::start().await;
    server.person("alice").await;
    accounts::create(&server.app, "dora", PASSWORD.to_owned().into())
        .await
        .unwrap();
    accounts::set_disabled(&server.app, "dora", true)
        .await
        .unwrap();
    let visitor = server.anonymous();

    let wrong = visitor.sign_in("alice", "not the password").await;
    let unknown = visitor.sign_in("nobody", "not the password").await;
    let no_name = visitor.sign_in("no name at all", "").await;
    let disabled = visitor.sign_in("dora", PASSWORD).await;

    assert_eq!(wrong.code(), "UNAUTHENTICATED");
    for other in [unknown, no_name, disabled] {
        assert_eq!((other.status, &other.body), (wrong.status, &wrong.body));
        assert!(!other.headers.contains_key("set-cookie"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_everything_but_the_session_that_set_it() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let copy = alice.double();
    let elsewhere = server.anonymous();
    elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    let ticket = alice.ticket(&alice.upload("a.txt", b"a").await).await;
    assert_eq!(alice.get(&ticket).await.status, 200);

    change_password(&alice, PASSWORD, "a new password")
        .await
        .data("/changePassword");

    assert_eq!(alice.me().await, json!("alice"));
    assert_eq!(copy.me().await, json!(null));
    assert_eq!(elsewhere.me().await, json!(null));
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    let refused = alice.get(&ticket).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_REVOKED")
    );
    assert_eq!(
        alice.ask("{ apiTokens { id } }").await.data("/apiTokens"),
        json!([])
    );
    let old = server.anonymous().sign_in("alice", PASSWORD).await;
    assert_eq!(old.code(), "UNAUTHENTICATED");
    let new = server.anonymous().sign_in("alice", "a new password").await;
    assert_eq!(new.text("/signIn/username"), "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_of_password_changes_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let elsewhere = server.anonymous();
    elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");

    let wrong = change_password(&alice, "not the password", "a new password").await;
    assert_eq!((wrong.code(), wrong.field()), ("BAD_USER_INPUT", "current"));
    let short = change_password(&alice, PASSWORD, "short").await;
    assert_eq!((short.code(), short.field()), ("BAD_USER_INPUT", "new"));

    assert_eq!(alice.me().await, json!("alice"));
    assert_eq!(elsewhere.me().await, json!("alice"));
    let same = server.anonymous().sign_in("alice", PASSWORD).await;
    assert_eq!(same.text("/signIn/username"), "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_password_at_once_one_succeeds() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let elsewhere = server.anonymous();
    elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");

    let answers = tokio::join!(
        change_password(&alice, PASSWORD, "password number one"),
        change_password(&elsewhere, PASSWORD, "password number two"),
    );

    let mut signed_in = 0;
    for password in ["password number one", "password number two"] {
        let answer = server.anonymous().sign_in("alice", password).await;
        signed_in += usize::from(answer.code().is_empty());
    }
    assert_eq!(signed_in, 1);
    let succeeded = [answers.0, answers.1]
        .iter()
        .filter(|answer| answer.code().is_empty())
        .count();
    assert_eq!(succeeded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_loses_everything_at_once_and_for_good() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let program = alice.with_token(&alice.token("[WRITE]").await);
    let file = alice.upload("a.txt", b"a").await;
    let ticket = alice.ticket(&file).await;
    alice.share_with(&file, "bob").await;

    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();

    assert_eq!(alice.me().await, json!(null));
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    assert_eq!(alice.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    let nobody = bob.ask("{ user(username: \"alice\") { id } }").await;
    assert_eq!(nobody.data("/user"), json!(null));
    // What she shared stays shared: her files are live, and the shares are not hers alone.
    assert_eq!(bob.get(&bob.ticket(&file).await).await.status, 200);

    accounts::set_disabled(&server.app, "alice", false)
        .await
        .unwrap();

    assert_eq!(alice.me().await, json!(null));
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    assert_eq!(alice.get(&ticket).await.code(), "ACCESS_REVOKED");
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    assert_eq!(alice.get(&alice.ticket(&file).await).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_kept_as_argon2id_hashes() {
    let server = TestApp::start().await;
    server.person("alice").await;
    server.person("bob").await;

    let users = users(&server).await;

    assert!(
        users
            .iter()
            .all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"))
    );
    assert_ne!(users[0], users[1], "the same password without a salt");
}

#[expect(clippy::disallowed_methods, reason = "the test looks into the table")]
async fn users(server: &TestApp) -> Vec<String> {
    let users = server.app.db.all(entity::user::Entity::find()).await;
    users
        .unwrap()
        .into_iter()
        .map(|user| user.password_hash)
        .collect()
}

/// Phones' keyboards add a space after a word, and what is copied from a page has more around it.
#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_a_user_name_is_not_part_of_it() {
    let server = TestApp::start().await;
    let alice = server.anonymous();
    let made = sign_up(&alice, " \tAlice\u{a0}\n", PASSWORD).await;
    assert_eq!(made.text("/signUp/username"), "Alice");
    let bob = server.person("bob").await;
    let file = bob.upload("a.txt", b"a").await;
    for typed in [
        "alice ",
        " alice",
        "\talice\r\n",
        "\u{3000}alice\u{2003}",
        "\u{feff}alice\u{200b}",
        "\u{2028}ALICE\u{85}",
    ] {
        let visitor = server.anonymous();
        let signed_in = visitor.sign_in(typed, PASSWORD).await;
        assert_eq!(signed_in.text("/signIn/username"), "Alice", "{typed:?}");
        let for_token = "mutation($u: String!, $p: String!) {
            signInForToken(username: $u, password: $p, name: \"x\", scopes: [READ]) { secret } }";
        let variables = json!({ "u": typed, "p": PASSWORD });
        let answer = server.anonymous().ask_with(for_token, variables).await;
        answer.text("/signInForToken/secret");
        let found = "query($u: String!) { user(username: $u) { username } }";
        let found = bob.ask_with(found, json!({ "u": typed })).await;
        assert_eq!(found.text("/user/username"), "Alice", "{typed:?}");
        bob.share_with(&file, typed).await;
        let taken = sign_up(&server.anonymous(), typed, PASSWORD).await;
        assert_eq!(taken.code(), "CONFLICT", "{typed:?}");
    }
    // Within a name it is no name.
    for typed in ["al ice", "al\u{200b}ice", " ", "\u{3000}"] {
        assert_eq!(
            sign_up(&server.anonymous(), typed, PASSWORD).await.code(),
            "BAD_USER_INPUT",
            "{typed:?}"
        );
    }
}

/// Tries at `alice ` are tries at `alice`.
#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_a_user_name_wins_no_guesses() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "3".into()).await;
    server.person("alice").await;
    let mallory = server.anonymous();
    for typed in ["alice", "alice ", "\u{3000}alice"] {
        let refused = mallory.sign_in(typed, "a password made up").await;
        assert_eq!(refused.code(), "UNAUTHENTICATED");
    }
    assert_eq!(
        mallory.sign_in(" alice ", PASSWORD).await.code(),
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_a_password_is_part_of_it() {
    let server = TestApp::start().await;
    let password = " correct horse battery ";
    sign_up(&server.anonymous(), "alice", password)
        .await
        .data("/signUp");
    for typed in [password.trim(), password.trim_start(), password.trim_end()] {
        let refused = server.anonymous().sign_in("alice", typed).await;
        assert_eq!(refused.code(), "UNAUTHENTICATED", "{typed:?}");
    }
    let signed_in = server.anonymous().sign_in("alice", password).await;
    assert_eq!(signed_in.text("/signIn/username"), "alice");
}
