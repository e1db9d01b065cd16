//! Full disks: whoever writes is told so, everybody else goes on, and room is all it takes to recover.

use std::time::Duration;

use cloakroom::config::Secret;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Answer, Person, TestApp,
    person::PASSWORD,
    program::Program,
    volume::{Volume, with_mounts},
};

const HOURS: Duration = Duration::from_secs(2 * 60 * 60);
const DAYS: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// A server whose content lies on `volume`, and its database elsewhere.
pub async fn content_on(volume: &Volume) -> TestApp {
    TestApp::start_with(|options| {
        options.user_quota = Some("100MiB".to_owned());
        let database = options.data_dir.clone();
        options.data_dir = volume.path().join("data").display().to_string();
        if options.database_url.is_none() {
            std::fs::create_dir_all(&database).unwrap();
            options.database_url = Some(Secret::from(format!("sqlite:{database}/db.sqlite3")));
        }
    })
    .await
}

/// A server whose database is SQLite on `volume`, and its content elsewhere.
pub async fn database_on(volume: &Volume) -> TestApp {
    TestApp::start_with(|options| {
        options.user_quota = Some("100MiB".to_owned());
        let url = format!("sqlite:{}/db.sqlite3", volume.path().display());
        options.database_url = Some(Secret::from(url));
    })
    .await
}

pub async fn try_upload(person: &Person, bytes: &[u8]) -> Answer {
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    person.upload_with(query, json!({}), "a.bin", bytes).await
}

#[track_caller]
pub fn assert_full(answer: &Answer) {
    assert_eq!(answer.code(), "STORAGE_FULL", "{answer:?}");
    // What fails while the operation runs has 200, as GraphQL over HTTP wants it; what fails before, its own status.
    let status = answer.status.as_u16();
    assert!(
        status == 507 || answer.body.get("data").is_some(),
        "{answer:?}"
    );
    let message = answer.body.pointer("/errors/0/message").unwrap();
    assert!(message.as_str().unwrap().contains("full"), "{message}");
}

/// The status and text of `/readyz`, once it tells of the present: it may tell of a second ago.
async fn readiness(server: &TestApp) -> (u16, String) {
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = reqwest::get(format!("{}/readyz", server.base)).await;
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[test]
fn a_full_content_disk_refuses_uploads_and_nothing_else() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(16);
        let server = content_on(&volume).await;
        let alice = server.person("alice").await;
        let bob = server.person("bob").await;
        let (kept, old) = (
            alice.upload("kept.txt", b"hello").await,
            alice.upload("old.txt", b"old").await,
        );
        volume.fill();

        assert_full(&try_upload(&alice, b"small").await);
        assert_full(&try_upload(&alice, &vec![1; 1 << 20]).await);

        alice.share_with(&kept, "bob").await;
        assert_eq!(bob.get(&bob.ticket(&kept).await).await.bytes, b"hello");
        let again = server.anonymous();
        again.sign_in("alice", PASSWORD).await.data("/signIn");
        assert_eq!(again.me().await, "alice");
        let (status, text) = readiness(&server).await;
        assert!(
            status == 503 && text.contains("storage cannot be written: its disk is full"),
            "{status} {text}"
        );
        assert_eq!(alice.delete(&old).await.text("/deleteFile"), old);
        let query = "mutation($f: ID!) { purgeFile(id: $f) }";
        let purged = alice.ask_with(query, json!({ "f": old })).await;
        assert_eq!(purged.text("/purgeFile"), old);
        server.only_files_stay(1).await;

        volume.make_room();
        assert_eq!(readiness(&server).await.0, 200);
        alice.upload("new.txt", &vec![1; 1 << 20]).await;
        server.only_files_stay(2).await;
    });
}

#[test]
fn an_upload_that_fills_the_disk_gives_all_of_it_back() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(8);
        let server = content_on(&volume).await;
        let alice = server.person("alice").await;
        let ones = vec![1; 6 << 20];

        for _ in 0..3 {
            assert_full(&try_upload(&alice, &vec![2; 12 << 20]).await);
            server.nothing_stays().await;
        }

        // Of two that fit alone, at least one finds no room beside the other.
        let both = join_all([try_upload(&alice, &ones), try_upload(&alice, &ones)]).await;
        let kept = both.iter().filter(|answer| answer.code() == "").count();
        for refused in both.iter().filter(|answer| answer.code() != "") {
            assert_full(refused);
        }
        assert!(kept < 2);
        server.only_files_stay(kept).await;
        if kept == 0 {
            alice.upload("ones.bin", &ones).await;
        }
    });
}

#[test]
fn a_full_database_disk_stops_writers_alone() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(16);
        let server = database_on(&volume).await;
        let alice = server.person("alice").await;
        let token = alice.with_token(&alice.token("[READ, WRITE]").await);
        let file = alice.upload("kept.txt", b"hello").await;
        let ticket = alice.ticket(&file).await;
        volume.fill();
        // The session is to be prolonged by its next request, which cannot be stored.
        server.advance(DAYS);

        for _ in 0..3 {
            for person in [&alice, &token] {
                assert_eq!(person.me().await, "alice");
                assert_eq!(person.list("files").await, json!([{ "id": file }]));
                let fresh = person.ticket(&file).await;
                assert_eq!(person.get(&fresh).await.bytes, b"hello");
                assert_full(&try_upload(person, &vec![1; 1 << 20]).await);
                assert_full(&person.delete(&file).await);
            }
            let stranger = server.anonymous();
            assert_full(&stranger.sign_in("alice", PASSWORD).await);
            assert_eq!(stranger.cookie(), "", "nobody is half signed in");
        }
        assert_eq!(alice.get(&ticket).await.code(), "TICKET_EXPIRED");
        let (status, text) = readiness(&server).await;
        assert!(
            status == 503 && text.contains("database cannot be written: its disk is full"),
            "{status} {text}"
        );

        volume.make_room();
        assert_eq!(readiness(&server).await.0, 200);
        let again = server.anonymous();
        again.sign_in("alice", PASSWORD).await.data("/signIn");
        again.upload("new.txt", b"new").await;
        // What could not even be taken back is the janitor's.
        server.sweep().await;
        server.advance(HOURS);
        server.sweep().await;
        server.only_files_stay(2).await;
    });
}

/// Writes that share a commit share its failure, and the writer's connection serves the next ones.
#[test]
fn no_write_of_a_failed_group_is_acknowledged() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(16);
        let server = database_on(&volume).await;
        let alice = server.person("alice").await;
        let token = alice.token("[READ, WRITE]").await;
        let people: Vec<_> = (0..24).map(|_| alice.with_token(&token)).collect();
        let mut kept = Vec::new();
        let mut refused = 0;
        for round in 0..6 {
            let name = format!("{round}.txt");
            let uploads = people.iter().map(|person| async {
                let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
                person.upload_with(query, json!({}), &name, b"bytes").await
            });
            let filled = async {
                volume.fill();
                tokio::time::sleep(Duration::from_millis(20)).await;
                volume.fill();
            };
            let (answers, ()) = futures_util::join!(join_all(uploads), filled);
            for answer in answers {
                match answer.code() {
                    "" => kept.push(answer.text("/uploadFile/id")),
                    _ => {
                        assert_full(&answer);
                        refused += 1;
                    }
                }
            }
            volume.make_room();
            // At once, and every time: no connection is left in a transaction that is none.
            kept.push(alice.upload("between.txt", b"bytes").await);
        }
        assert!(refused > 24, "only {refused} were refused");

        server.sweep().await;
        server.advance(HOURS);
        server.sweep().await;
        server.only_files_stay(kept.len()).await;
        for file in &kept {
            assert_eq!(alice.get(&alice.ticket(file).await).await.bytes, b"bytes");
        }
    });
}

/// Here the two tell on each other: the upload that fills the disk must not keep the database from noting its end.
#[test]
fn one_disk_for_all_recovers_by_itself() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(8);
        let server = TestApp::start_with(|options| {
            options.database_url = None;
            options.data_dir = volume.path().join("data").display().to_string();
            options.user_quota = Some("100MiB".to_owned());
        })
        .await;
        let alice = server.person("alice").await;
        for _ in 0..3 {
            assert_full(&try_upload(&alice, &vec![2; 12 << 20]).await);
            server.nothing_stays().await;
        }
        alice.upload("small.txt", b"small").await;
    });
}

/// A line in the log is about what is so: it comes after the commit.
#[test]
fn what_was_not_committed_is_not_in_the_log() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(16);
        let url = format!("sqlite:{}/db.sqlite3", volume.path().display());
        let program = Program::new().await.set("DATABASE_URL", &url);
        let serving = program.serve();
        let alice = Person::anonymous(&serving.base);
        alice.sign_up("alice").await;
        let file = alice.upload("kept.txt", b"hello").await;
        volume.fill();
        assert_full(&alice.delete(&file).await);
        volume.make_room();
        let query = "mutation($f: ID!) { renameFile(id: $f, name: \"new.txt\") { name } }";
        let renamed = alice.ask_with(query, json!({ "f": file })).await;
        assert_eq!(renamed.text("/renameFile/name"), "new.txt");

        let log = serving.log().await;

        let kinds = ["SignedUp", "Uploaded", "Renamed", "Trashed"];
        let told = kinds.map(|kind| log.contains(&format!("kind={kind}")));
        assert_eq!(told, [true, true, true, false], "{log}");
    });
}
