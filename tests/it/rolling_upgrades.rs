//! A rolling upgrade: instances of the version before go on while the schema is one step further, as the next version's first
//! instance leaves it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database as Connect};

use super::installation::refused;
use crate::support::{Person, Program, TestApp};

/// What a step of a next version may do: nothing that statements of this one do not bear.
const STEP: [&str; 4] = [
    "ALTER TABLE file ADD COLUMN colour INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE share ADD COLUMN note TEXT",
    "CREATE TABLE label (id INTEGER PRIMARY KEY)",
    "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000001_create_label', 0)",
];

#[expect(clippy::disallowed_methods, reason = "a step of the schema is SQL")]
async fn take_step(program: &Program) {
    let path = program.data_dir().join("cloakroom.sqlite3");
    let file = format!("sqlite:{}", path.display());
    let url = program.database_url().unwrap_or(&file);
    let connection = Connect::connect(url).await.unwrap();
    for statement in STEP {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_before_go_on_when_the_schema_has_grown() {
    let program = Program::new().await;
    let [first, second] = [program.serve(), program.serve()];
    let alice = Person::anonymous(&first.base);
    alice.sign_up("alice").await;
    let bob = Person::anonymous(&first.base);
    bob.sign_up("bob").await;
    // Statements are prepared by now, at both.
    let before = alice.upload("before.txt", b"before").await;
    let share = alice.share_with(&before, "bob").await;
    let ticket = bob.at(&second.base).ticket(&before).await;
    assert_eq!(bob.get(&ticket).await.bytes, b"before");
    let upload = alice.tus_create("across.bin", 10).await;
    alice.tus_patch(&upload, 0, b"01234").await.expect(204);

    take_step(&program).await;

    let there = alice.at(&second.base);
    let upload = there.at_base(&upload);
    there.tus_patch(&upload, 5, b"56789").await.expect(204);
    let after = there.upload("after.txt", b"after").await;
    assert_eq!(alice.get(&alice.ticket(&after).await).await.bytes, b"after");
    there.share_with(&after, "bob").await;
    let found = alice
        .ask("{ files(search: \"acro\") { nodes { name } } }")
        .await;
    assert_eq!(found.text("/files/nodes/0/name"), "across.bin");
    alice.revoke(&share).await.text("/revokeShare");
    assert_eq!(bob.get(&ticket).await.status, 403);
    alice.delete(&after).await.text("/deleteFile");
    let ready = reqwest::get(format!("{}/readyz", second.base)).await;
    assert_eq!(ready.unwrap().status(), 200);

    // But it does not start any more: then it would not know what the step means.
    let printed = program.run(&["serve"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("a newer cloakroom"), "{printed:?}");
    refused(&program.run(&["migrate"]), &["a newer cloakroom"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeps_of_before_go_on_when_the_schema_has_grown() {
    let program = Program::new().await.migrated();
    let server = TestApp::beside(&program, Duration::ZERO).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hers").await;
    alice.delete(&file).await;
    take_step(&program).await;
    server.advance(Duration::from_secs(40 * 24 * 3600));
    server.sweep().await;
    server.sweep().await;
    assert_eq!(server.rows("file").await, 0);
}
