//! The end of an account: at once for everybody, and by and by for the disk.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, person::PASSWORD, program::Program};

/// The answer to deleting the account of `person`.
pub async fn delete_account(person: &Person, password: &str) -> Answer {
    let query = "mutation($p: String!) { deleteAccount(password: $p) }";
    person.ask_with(query, json!({ "p": password })).await
}

/// Twenty files of a byte each.
async fn upload_twenty(person: &Person) {
    let names: Vec<_> = (0..20)
        .map(|n| (format!("variables.files.{n}"), n.to_string()))
        .collect();
    let parts: Vec<_> = names
        .iter()
        .map(|(path, name)| (path.as_str(), name.as_str(), &b"x"[..]))
        .collect();
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
    let variables = json!({ "files": vec![Value::Null; 20] });
    let uploaded = person.upload_all(query, variables, &parts).await;
    uploaded.data("/uploadFiles");
}

/// The tables in which an account leaves something, besides `event`.
const TABLES: [&str; 13] = [
    "\"user\"",
    "deleted_user",
    "file",
    "share",
    "link",
    "\"drop\"",
    "dropped_file",
    "\"group\"",
    "group_member",
    "upload",
    "resumable_upload",
    "api_token",
    "discarded_content",
];

async fn rows(server: &TestApp) -> Vec<(&'static str, i64)> {
    let mut rows = Vec::new();
    for table in TABLES {
        let number = server
            .number(&format!("SELECT count(*) AS number FROM {table}"))
            .await;
        rows.push((table, number));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_commit_on_nothing_of_a_deleted_account_opens_anything() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    let browser = alice.double();
    let files = [
        alice.upload("a.txt", b"a").await,
        alice.upload("b.txt", b"b").await,
        alice.upload("c.txt", b"c").await,
    ];
    let group = alice.group_of(&["bob"]).await;
    alice.share_with(&files[0], "bob").await;
    alice.share_with_everyone(&files[1]).await;
    alice.share_with_group(&files[2], &group).await;
    let bob_s = bob.upload("bob.txt", b"bob").await;
    bob.share_with_group(&bob_s, &group).await;
    let bobs_share = bob.share_with(&bob_s, "alice").await;
    let link = alice.link(&files[0]).await;
    let link_ticket = bob.link_ticket(&link.token, None).await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let unfinished = alice.tus_create("big", 10).await;
    let mut tickets = vec![link_ticket, alice.ticket(&files[0]).await];
    for file in &files {
        tickets.push(bob.ticket(file).await);
    }
    let id = alice.ask("{ me { id } }").await.text("/me/id");

    assert_eq!(
        delete_account(&alice, PASSWORD)
            .await
            .data("/deleteAccount"),
        true
    );

    for ticket in tickets {
        let answer = bob.get(&ticket).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.code(), "ACCESS_REVOKED");
    }
    assert_eq!(alice.me().await, Value::Null);
    assert_eq!(browser.me().await, Value::Null);
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    for arguments in [
        "",
        "(orderBy: NAME)",
        "(orderBy: SIZE)",
        "(search: \"t\")",
        "(search: \"a.txt\")",
    ] {
        let query = format!("{{ sharedWithMe{arguments} {{ nodes {{ id }} }} }}");
        let listed = bob.ask(&query).await.data("/sharedWithMe/nodes");
        assert_eq!(listed, json!([]), "{arguments}");
    }
    for file in &files {
        assert_eq!(bob.ask_ticket(file).await.code(), "NOT_FOUND");
    }
    assert_eq!(bob.visit(&link.token, None).await.code(), "NOT_FOUND");
    assert_eq!(visitor.leave("x", b"x").await.code(), "NOT_FOUND");
    assert_eq!(
        visitor.look_at_drop(&drop.token, None).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(alice.tus_patch(&unfinished, 0, b"x").await.status, 401);
    assert_eq!(bob.members(&group).await, Err("NOT_FOUND".to_owned()));
    let user = "{ user(username: \"alice\") { id } }";
    assert_eq!(bob.ask(user).await.data("/user"), Value::Null);
    let node = bob.ask_with("query($i: ID!) { node(id: $i) { id } }", json!({ "i": id }));
    assert_eq!(node.await.data("/node"), Value::Null);
    let share = "mutation($f: ID!) { shareWithUser(fileId: $f, username: \"alice\") { id } }";
    assert_eq!(
        bob.ask_with(share, json!({ "f": bob_s })).await.code(),
        "NOT_FOUND"
    );

    server.sweep().await;
    server.sweep().await;

    // What is others' stays, without what was shared with the user and the group.
    assert_eq!(
        rows(&server)
            .await
            .into_iter()
            .filter(|(_, rows)| *rows > 0)
            .collect::<Vec<_>>(),
        [("\"user\"", 1), ("file", 1)]
    );
    server.only_files_stay(1).await;
    assert_eq!(bob.revoke(&bobs_share).await.code(), "NOT_FOUND");
    let bob_s = bob.ticket(&bob_s).await;
    assert_eq!(bob.get(&bob_s).await.bytes, b"bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_deletes_nothing_and_counts() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "3".into()).await;
    let alice = server.person("alice").await;
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    assert_eq!(delete_account(&program, PASSWORD).await.code(), "FORBIDDEN");
    assert_eq!(
        delete_account(&server.anonymous(), PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    for _ in 0..3 {
        let refused = delete_account(&alice, "not this").await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "password")
        );
    }
    assert_eq!(
        delete_account(&alice, PASSWORD).await.code(),
        "RATE_LIMITED"
    );
    assert_eq!(alice.me().await, "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_may_be_taken_again_and_leads_to_nothing_of_before() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = bob.upload("bob.txt", b"bob").await;
    bob.share_with(&file, "alice").await;
    delete_account(&alice, PASSWORD)
        .await
        .data("/deleteAccount");

    let newcomer = server.person("alice").await;

    assert_eq!(newcomer.list("sharedWithMe").await, json!([]));
    assert_eq!(newcomer.ask_ticket(&file).await.code(), "NOT_FOUND");
    server.sweep().await;
    assert_eq!(newcomer.me().await, "alice");
    assert_eq!(server.rows("user").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_into_a_deleted_account_becomes_no_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let (own, dropped) = (alice.slow_upload().await, visitor.leave_slowly().await);
    let resumable = visitor.tus_create("big", 1 << 20).await;
    assert!(own.send(vec![1; 1 << 18]).await && dropped.send(vec![1; 1 << 18]).await);
    visitor
        .tus_patch(&resumable, 0, &[1; 100])
        .await
        .expect(204);
    server
        .eventually("all have begun", async |server| {
            server.rows("upload").await == 3
        })
        .await;

    delete_account(&alice, PASSWORD)
        .await
        .data("/deleteAccount");
    server.sweep().await;

    // The account stays as long as bytes are coming.
    assert_eq!(server.rows("user").await, 1);
    assert_eq!(own.finish().await.code(), "UNAUTHENTICATED");
    assert_eq!(dropped.finish().await.code(), "NOT_FOUND");
    server
        .eventually("nothing is left", async |server| {
            server.sweep().await;
            server.rows("user").await == 0
        })
        .await;
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_go_in_batches_and_the_figures_with_them() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    for _ in 0..13 {
        upload_twenty(&alice).await;
    }
    let figures = async || {
        let query = "{ statistics { users files bytes discardedContents } }";
        ada.ask(query).await.data("/statistics")
    };
    delete_account(&alice, PASSWORD)
        .await
        .data("/deleteAccount");
    assert_eq!(
        figures().await,
        json!({ "users": 1, "files": 260, "bytes": 260, "discardedContents": 0 })
    );

    let swept = cloakroom::domain::accounts::sweep_deleted(&server.app, 100).await;
    assert_eq!(swept.unwrap(), 100);
    assert_eq!(
        figures().await,
        json!({ "users": 1, "files": 160, "bytes": 160, "discardedContents": 100 })
    );
    server.sweep().await;
    assert_eq!(
        figures().await,
        json!({ "users": 1, "files": 0, "bytes": 0, "discardedContents": 0 })
    );
    server.nothing_stays().await;
}

/// Wherever it is killed, the next start goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_killed_ends_after_a_restart() {
    for pause in [0, 20, 100] {
        let program = Program::new()
            .await
            .set("JANITOR_INTERVAL", "1s")
            .migrated();
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        for _ in 0..6 {
            upload_twenty(&alice).await;
        }
        alice.drop_with(json!({})).await;
        alice.group_of(&[]).await;
        let deleted = program.run(&["delete-user", "alice"]);
        assert_eq!(deleted.status, Some(0), "{deleted:?}");
        // The janitor is at it some time in the next second.
        tokio::time::sleep(Duration::from_millis(900 + pause)).await;
        server.kill();

        let server = program.serve();

        let newcomer = Person::anonymous(&server.base);
        newcomer.sign_up("alice").await;
        let stored = || {
            let content = program.data_dir().join("content");
            let listed = std::process::Command::new("find")
                .arg(content)
                .args(["-type", "f"])
                .output()
                .unwrap();
            let listed = String::from_utf8(listed.stdout).unwrap();
            listed
                .lines()
                .filter(|line| !line.ends_with("/installation"))
                .count()
        };
        let mut left = usize::MAX;
        for _ in 0..300 {
            left = stored();
            let users = program.run(&["list-users"]).out;
            if left == 0 && users.lines().count() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(left, 0, "after {pause} ms");
        let verified = program.run(&["verify", "--older-than", "0s", "--json"]);
        assert_eq!(verified.status, Some(0), "{verified:?}");
        drop(server);
    }
}
