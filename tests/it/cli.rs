//! The command line: what an operator types, and what the program says.

use std::fs;

use crate::support::{
    Person,
    person::PASSWORD,
    program::{Printed, Program},
};

pub fn succeeded(printed: &Printed) {
    assert_eq!(printed.status, Some(0), "{printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_prints_the_committed_schema_whatever_the_configuration() {
    let printed = Program::new()
        .await
        .set("LISTEN", "nonsense")
        .run(&["schema"]);
    succeeded(&printed);
    assert!(printed.out == include_str!("../../schema.graphql"));
    assert_eq!(printed.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_by_the_operator_signs_in() {
    let program = Program::new().await.set("SIGN_UP", "closed").migrated();

    let made = program.run_with(&["create-user", "alice"], &format!("{PASSWORD}\n"));

    succeeded(&made);
    assert!(made.out.ends_with(" alice\n"), "{made:?}");
    assert!(!format!("{made:?}").contains(PASSWORD));
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    assert_eq!(
        alice
            .sign_in("alice", PASSWORD)
            .await
            .text("/signIn/username"),
        "alice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_made_is_explained() {
    let program = Program::new().await.migrated();
    let made = program.run_with(&["create-user", "alice\u{a0}\n"], PASSWORD);
    succeeded(&made);
    assert!(made.out.ends_with(" alice\n"), "{made:?}");
    for (name, password, said) in [
        ("ALICE", PASSWORD, "CONFLICT"),
        (" alice ", PASSWORD, "CONFLICT"),
        ("no name", PASSWORD, "BAD_USER_INPUT"),
        ("bob", "short", "BAD_USER_INPUT"),
        ("bob", "", "BAD_USER_INPUT"),
    ] {
        let printed = program.run_with(&["create-user", name], password);
        assert_eq!(printed.status, Some(1), "{printed:?}");
        assert!(printed.err.contains(said), "{printed:?}");
        assert_eq!(printed.out, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_stops_an_account_of_a_running_server() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;

    let stopped = program.run(&["disable-user", "Alice"]);
    succeeded(&stopped);
    // The audit line, which is in the database as well.
    assert!(
        stopped.err.contains("AccountDisabled") && stopped.err.contains("user:alice"),
        "{stopped:?}"
    );

    assert_eq!(
        alice.ask("{ files { nodes { id } } }").await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    let restored = program.run(&["enable-user", "alice"]);
    succeeded(&restored);
    assert!(restored.err.contains("AccountEnabled"), "{restored:?}");
    assert_eq!(
        alice
            .sign_in("alice", PASSWORD)
            .await
            .text("/signIn/username"),
        "alice"
    );
    assert_eq!(program.run(&["disable-user", "nobody"]).status, Some(1));
}

const ANOTHER: &str = "another long walk home";

/// It was forgotten, or is known to somebody who should not have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_the_operator_sets_ends_sessions_tokens_and_tickets() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let by_token = alice.with_token(&alice.token("[READ]").await);
    let file = alice.upload("a.txt", b"hello").await;
    let ticket = alice.ticket(&file).await;
    let bob = Person::anonymous(&server.base);
    bob.sign_up("bob").await;

    let set = program.run_with(&["set-password", "Alice"], &format!("{ANOTHER}\n"));

    succeeded(&set);
    assert!(set.out.contains(" alice: 1 files"), "{set:?}");
    for words in ["PasswordChanged", "Operator", "user:alice"] {
        assert!(set.err.contains(words), "{words}: {set:?}");
    }
    assert!(!set.err.contains(ANOTHER));
    let files = "{ files { nodes { name } } }";
    for person in [&alice, &by_token] {
        assert_eq!(person.ask(files).await.code(), "UNAUTHENTICATED");
    }
    assert_eq!(alice.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    alice.sign_in("alice", ANOTHER).await.data("/signIn");
    assert_eq!(alice.ask(files).await.text("/files/nodes/0/name"), "a.txt");
    // Nobody else's.
    bob.ask(files).await.data("/files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_cannot_be_set_is_explained_and_changes_nothing() {
    let program = Program::new().await.migrated();
    succeeded(&program.run_with(&["create-user", "alice"], PASSWORD));
    succeeded(&program.run(&["disable-user", "alice"]));
    for (name, password, said) in [
        (
            "nobody",
            ANOTHER,
            "NOT_FOUND: There is no account of this name.",
        ),
        ("no name", ANOTHER, "NOT_FOUND"),
        ("alice", "short", "BAD_USER_INPUT"),
        ("alice", "", "BAD_USER_INPUT"),
    ] {
        let printed = program.run_with(&["set-password", name], password);
        assert_eq!(printed.status, Some(1), "{printed:?}");
        assert!(printed.err.contains(said), "{printed:?}");
    }
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    let signs_in = async |password: &str| alice.sign_in("alice", password).await.code().to_owned();
    assert_eq!(signs_in(PASSWORD).await, "UNAUTHENTICATED", "it is stopped");

    // A stopped account stays stopped.
    succeeded(&program.run_with(&["set-password", "alice"], ANOTHER));
    assert_eq!(signs_in(ANOTHER).await, "UNAUTHENTICATED");
    succeeded(&program.run(&["enable-user", "alice"]));
    assert_eq!(signs_in(ANOTHER).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_all_the_way_down_and_up_again() {
    let program = Program::new().await;
    let steps = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migration/src")).unwrap();
    let steps = steps.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with('m')
    });
    let steps = steps.count().to_string();
    succeeded(&program.run(&["migrate"]));
    succeeded(&program.run_with(&["create-user", "alice"], PASSWORD));
    succeeded(&program.run(&["migrate"]));

    succeeded(&program.run(&["migrate", "--down", &steps]));
    succeeded(&program.run(&["migrate"]));

    // Nothing of before is left, and everything works.
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with_everyone(&file).await;
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
    drop(server);
    // One step at a time as well, with rows in the tables.
    for _ in 0..steps.parse().unwrap() {
        succeeded(&program.run(&["migrate", "--down", "1"]));
    }
    succeeded(&program.run(&["migrate"]));
}
