//! The command line about accounts: what administrators do in the API, and making the first of them.

use serde_json::{Value, json};

use crate::support::{
    Person,
    person::PASSWORD,
    program::{Printed, Program},
};

fn succeeded(printed: Printed) -> String {
    assert_eq!(printed.status, Some(0), "{printed:?}");
    printed.out
}

/// The accounts that `list-users --json` prints.
fn listed(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["list-users", "--json"], arguments].concat();
    let out = succeeded(program.run(&arguments));
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_makes_the_first_administrator() {
    let program = Program::new().await.migrated();
    let made = succeeded(program.run_with(&["create-user", "ada", "--admin", "--json"], PASSWORD));
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(
        (&made["username"], &made["role"]),
        (&json!("ada"), &json!("ADMIN"))
    );
    let server = program.serve();
    let (ada, bob) = (
        Person::anonymous(&server.base),
        Person::anonymous(&server.base),
    );
    ada.sign_in("ada", PASSWORD).await.data("/signIn");
    bob.sign_up("bob").await;
    let users = "{ users { nodes { username } } }";
    assert_eq!(ada.ask(users).await.text("/users/nodes/0/username"), "bob");
    assert_eq!(bob.ask(users).await.code(), "FORBIDDEN");

    // Of a running server, too.
    let set = succeeded(program.run(&["set-role", "Bob", "admin"]));
    assert!(set.contains(" bob admin: "), "{set}");
    assert_eq!(bob.ask(users).await.text("/users/nodes/1/username"), "ada");
    // The operator is not kept from anything.
    for name in ["ada", "bob"] {
        succeeded(program.run(&["set-role", name, "user"]));
    }
    assert_eq!(bob.ask(users).await.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_as_text_and_as_json() {
    let program = Program::new().await.set("USER_QUOTA", "1GiB").migrated();
    for name in ["alice", "bob"] {
        succeeded(program.run_with(&["create-user", name], PASSWORD));
    }
    let set = succeeded(program.run(&["set-quota", "alice", "2KiB", "--json"]));
    let set: Value = serde_json::from_str(&set).unwrap();
    assert_eq!(set["quotaBytes"], 2048);
    succeeded(program.run(&["disable-user", "bob"]));

    let users = listed(&program, &[]);
    let of = |key: &str| {
        users
            .iter()
            .map(|user| user[key].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("username"), ["bob", "alice"]);
    assert_eq!(of("disabled"), [true, false]);
    assert_eq!(of("quotaBytes"), [1 << 30, 2048]);
    assert_eq!(of("files"), [0, 0]);
    let text = succeeded(program.run(&["list-users"]));
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        lines,
        [
            "bob disabled: 0 files, 0 bytes of 1073741824",
            "alice: 0 files, 0 bytes of 2048"
        ]
    );
    assert_eq!(listed(&program, &["--search", "LIC"]).len(), 1);
    succeeded(program.run(&["set-quota", "alice", "none"]));
    assert_eq!(
        listed(&program, &["--search", "alice"])[0]["quotaBytes"],
        1 << 30
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_listed_without_names_of_files() {
    let program = Program::new().await.migrated();
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("my diagnosis.txt", b"x").await;
    let stopped = succeeded(program.run(&["disable-user", "alice", "--json"]));
    let stopped: Value = serde_json::from_str(&stopped).unwrap();
    assert_eq!(stopped["disabled"], true);
    let mut listed = Vec::new();
    // On PostgreSQL, the server gives an event its place a moment later.
    for _ in 0..100 {
        let out = succeeded(program.run(&["list-events"]));
        assert!(!out.contains("diagnosis"), "{out}");
        let lines = out.lines();
        listed = lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect();
        if listed.len() >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let kinds: Vec<_> = listed.iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["SIGNED_UP", "UPLOADED", "ACCOUNT_DISABLED"]);
    assert_eq!(listed[1]["object"]["id"], json!(file));
    assert_eq!(listed[1]["actor"]["username"], "alice");
    let place = listed[1]["place"].to_string();
    let rest = succeeded(program.run(&["list-events", "--after", &place]));
    assert_eq!(rest.lines().count(), 1, "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_is_gone_from_the_list_and_its_name_is_free() {
    let program = Program::new().await.migrated();
    succeeded(program.run_with(&["create-user", "alice"], PASSWORD));

    let deleted = program.run(&["delete-user", "Alice"]);
    assert!(deleted.err.contains("AccountDeleted"), "{deleted:?}");
    assert!(succeeded(deleted).contains(" alice: "));

    assert!(listed(&program, &[]).is_empty());
    assert_eq!(program.run(&["delete-user", "alice"]).status, Some(1));
    succeeded(program.run_with(&["create-user", "alice"], PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_explained() {
    let program = Program::new().await.migrated();
    for arguments in [
        &["set-role", "nobody", "admin"][..],
        &["set-quota", "nobody", "1GiB"],
        &["delete-user", "nobody"],
    ] {
        let refused = program.run(arguments);
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(
            refused.err.contains("There is no account of this name."),
            "{refused:?}"
        );
    }
    for arguments in [
        &["set-quota", "nobody", "much"][..],
        &["set-role", "nobody", "king"],
    ] {
        assert_eq!(program.run(arguments).status, Some(2));
    }
}
