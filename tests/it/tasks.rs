//! The tasks that everybody leans on: whatever ends one of them, the server goes on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom::{
    db::Reader,
    error::{Code, Error},
    janitor,
};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::support::{Database, TestApp, person::PASSWORD};

/// How long an answer may take on a slow machine: far less than for ever.
const PATIENCE: Duration = Duration::from_secs(20);

fn expected() -> Vec<&'static str> {
    let mut names = vec![
        "aborted uploads",
        "events",
        "feed",
        "feed places",
        "file rows",
        "janitor",
        "small contents",
        "sockets",
        "upload rows",
        "webhooks",
    ];
    names.push(match Database::chosen() {
        Database::Sqlite => "database writer",
        Database::Postgres(_) => "facts",
    });
    names.sort_unstable();
    names
}

/// Everything that leans on a task.
async fn everything_works(server: &TestApp) {
    let work = async {
        let alice = server.anonymous();
        let signed_in = alice.sign_in("alice", PASSWORD).await;
        assert_eq!(signed_in.text("/signIn/username"), "alice");
        let events = server.rows("event").await;
        for bytes in [&[1; 10][..], &[2; 100_000]] {
            let file = alice.upload("a.bin", bytes).await;
            let ticket = alice.ticket(&file).await;
            assert_eq!(alice.get(&ticket).await.bytes, bytes);
        }
        server
            .eventually(
                "two uploads and two downloads are recorded",
                async |server| server.rows("event").await >= events + 4,
            )
            .await;
        let ready = alice.get(&format!("{}/readyz", server.base)).await;
        assert_eq!(ready.status.as_u16(), 200);
    };
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.expect("somebody was not answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_that_ends_is_started_again() {
    let server = TestApp::start().await;
    janitor::start(&server.app);
    server.person("alice").await;
    let tasks = &server.app.tasks;
    server
        .eventually("all tasks run", async |_| tasks.names() == expected())
        .await;

    for name in expected() {
        tasks.strike(name);
        everything_works(&server).await;
        server
            .eventually(name, async |_| tasks.names() == expected())
            .await;
    }
    // Twice in a row, and all at once.
    for _ in 0..2 {
        expected().iter().for_each(|name| tasks.strike(name));
        everything_works(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_task_that_ends_is_answered() {
    if let Database::Postgres(_) = Database::chosen() {
        return;
    }
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("notes.txt", b"hello").await;
    let db = server.app.db.clone();
    let (entered, inside) = oneshot::channel();
    let stuck = tokio::spawn(async move {
        let write = db.write::<(), _>(|_| {
            Box::pin(async move {
                entered.send(()).unwrap();
                std::future::pending().await
            })
        });
        write.await
    });
    inside.await.unwrap();
    let behind = tokio::spawn(async move { alice.delete(&file).await });
    server.app.tasks.strike("database writer");

    let stuck = tokio::time::timeout(PATIENCE, stuck).await;
    assert_eq!(
        stuck.unwrap().unwrap().unwrap_err().code,
        Code::Internal,
        "nobody knows whether it was done"
    );
    let behind = tokio::time::timeout(PATIENCE, behind).await;
    let behind = behind.unwrap().unwrap();
    assert!(["", "INTERNAL"].contains(&behind.code()), "{behind:?}");
    server.anonymous().sign_up("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_behind_a_commit_fails_neither_the_write_nor_those_after_it() {
    let server = TestApp::start().await;
    server.person("alice").await;
    for _ in 0..3 {
        let written = server.app.db.write(|transaction| {
            Box::pin(async {
                transaction.after_commit(|| panic!("on purpose"));
                Ok(7)
            })
        });
        assert_eq!(written.await.unwrap(), 7, "it is durable");
    }
    everything_works(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_follow_a_commit_follows_no_write_that_failed() {
    let server = TestApp::start().await;
    let followed = Arc::new(Mutex::new(Vec::new()));
    // Side by side, so that they share a commit where writes do.
    let writes = (0..20).map(|number| {
        let followed = Arc::clone(&followed);
        server.app.db.write(move |transaction| {
            Box::pin(async move {
                transaction.after_commit(move || followed.lock().unwrap().push(number));
                match number % 2 {
                    0 => Ok(number),
                    _ => Err(Error::not_found()),
                }
            })
        })
    });

    let done = join_all(writes).await;

    let done: Vec<_> = done.into_iter().filter_map(Result::ok).collect();
    let mut followed = followed.lock().unwrap().clone();
    followed.sort_unstable();
    assert_eq!(followed, done);
    assert_eq!(done.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_look_up_is_its_caller_s_alone() {
    let server = TestApp::start().await;
    server.person("alice").await;
    if let Reader::Sqlite { lookups, .. } = server.app.db.reader() {
        let failed = lookups.run::<(), _>(|_| panic!("on purpose")).await;
        assert_eq!(failed.unwrap_err().code, Code::Internal);
    }
    everything_works(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_stands_still_makes_the_server_unready_and_is_named() {
    let server = TestApp::start().await;
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", server.base)).await;
        answer.unwrap().text().await.unwrap()
    };
    server.app.tasks.expect("idler", Duration::ZERO);
    let said = ready().await;
    assert!(said.contains("\"code\":\"UNAVAILABLE\""), "{said}");
    assert!(said.contains("idler"), "{said}");
}
