//! Crowds that wait for a lock of PostgreSQL: whoever does not need it is served meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cloakroom::{db::Db, error::Code, patience};
use futures_util::future::{join, join_all};
use sea_orm::{ConnectOptions, ConnectionTrait, Database as Connect, DatabaseConnection};
use serde_json::json;
use tokio::sync::watch;

use crate::support::{Answer, Database, Person, TestApp};

/// How long anybody may wait for a refusal: ten seconds in all, and some for a slow machine.
const BOUND: Duration = Duration::from_secs(15);
/// What is served at once takes less, also on a slow machine, and is not what waited for a lock.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A connection of somebody else's, in a transaction that has done `lock`.
async fn holder(server: &TestApp, lock: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(server.app.config.database.database_url.expose());
    options.max_connections(1);
    let holder = Connect::connect(options).await.unwrap();
    holder.execute_unprepared("BEGIN").await.unwrap();
    holder.execute_unprepared(lock).await.unwrap();
    holder
}

async fn try_upload(person: &Person) -> Answer {
    let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    person.upload_with(query, json!({}), "a.txt", b"a").await
}

/// Whether `done` is done at once, again and again, as long as others wait.
async fn served_meanwhile(others: &AtomicBool, mut done: impl AsyncFnMut()) {
    let mut times = 0;
    while !others.load(Ordering::Relaxed) {
        let asked = Instant::now();
        done().await;
        // The last one may have ended with the lock.
        if !others.load(Ordering::Relaxed) {
            let took = asked.elapsed();
            assert!(took < AT_ONCE, "{took:?}");
            times += 1;
        }
    }
    assert!(times > 3, "served {times} times only");
}

/// Alice's row is locked as `strength` says: her uploads wait, and nobody else's.
async fn uploads_beside_a_locked_row(quota: Option<&str>, strength: &str) {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let quota = quota.map(str::to_owned);
    let server = TestApp::start_with(|options| options.user_quota = quota).await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let lock = format!("SELECT id FROM \"user\" WHERE username = 'alice' FOR {strength}");
    let holder = holder(&server, &lock).await;

    let refused = AtomicBool::new(false);
    let waiting = async {
        let began = Instant::now();
        let uploads = (0..8).map(async |_| {
            let answer = try_upload(&alice).await;
            assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
            assert!(began.elapsed() > Duration::from_secs(9), "nobody waited");
        });
        join_all(uploads).await;
        refused.store(true, Ordering::Relaxed);
    };
    let others = served_meanwhile(&refused, async || {
        bob.upload("b.txt", b"b").await;
    });
    join(waiting, others).await;

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    alice.upload("new.txt", b"new").await;
    let files = alice.ask("{ files { nodes { name } } }").await;
    assert_eq!(files.data("/files/nodes"), json!([{ "name": "new.txt" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_of_one_user_holds_up_the_beginning_of_no_other_s_upload() {
    uploads_beside_a_locked_row(Some("1GiB"), "UPDATE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_of_one_user_holds_up_the_end_of_no_other_s_upload() {
    // So that uploads can begin, and only their end waits.
    uploads_beside_a_locked_row(None, "NO KEY UPDATE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_waits_for_the_throttle_keeps_nobody_from_reading_and_writing() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let holder = holder(&server, "LOCK TABLE throttle IN ACCESS EXCLUSIVE MODE").await;

    let refused = AtomicBool::new(false);
    let crowd = async {
        let began = Instant::now();
        let sign_ins = (0..64).map(async |number| {
            let somebody = server.anonymous();
            let answer = somebody.sign_in(&format!("user{number}"), "a guess").await;
            assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        });
        join_all(sign_ins).await;
        refused.store(true, Ordering::Relaxed);
    };
    let others = served_meanwhile(&refused, async || {
        alice.list("files").await;
        alice.upload("a.txt", b"a").await;
    });
    join(crowd, others).await;

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    let signed_in = server
        .anonymous()
        .sign_in("alice", crate::support::person::PASSWORD)
        .await;
    assert_eq!(signed_in.text("/signIn/username"), "alice");
}

/// Takes every connection that writes have, until something is sent.
async fn hold_all(db: &Db) -> watch::Sender<()> {
    let (release, released) = watch::channel(());
    let entered = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let (db, mut released) = (db.clone(), released.clone());
        let entered = Arc::clone(&entered);
        tokio::spawn(async move {
            let hold = db.write(move |_| {
                Box::pin(async move {
                    entered.fetch_add(1, Ordering::Relaxed);
                    let _ = released.changed().await;
                    Ok(())
                })
            });
            hold.await
        });
    }
    // SQLite has one, and what comes before the first in its transaction would wait with it.
    while entered.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let short = Duration::from_millis(500);
    let nothing = async || patience::within(short, db.write(|_| Box::pin(async { Ok(()) }))).await;
    while nothing().await.is_ok() {}
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_does_not_begin() {
    let server = TestApp::start().await;
    let db = &server.app.db;
    let release = hold_all(db).await;
    let begun = Arc::new(AtomicUsize::new(0));
    let write = || {
        let begun = Arc::clone(&begun);
        db.write(move |_| {
            Box::pin(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        })
    };

    let short = Duration::from_millis(200);
    let given_up = patience::within(short, write()).await;
    assert_eq!(given_up.unwrap_err().code, Code::Unavailable);
    let hung_up = tokio::time::timeout(short, write()).await;
    assert!(hung_up.is_err(), "nothing was held");

    release.send(()).unwrap();
    let later = write();
    later.await.unwrap();
    server
        .eventually("what was held has ended", async |server| {
            server.app.db.check_writing().await.is_ok()
        })
        .await;
    assert_eq!(begun.load(Ordering::Relaxed), 1, "begun for nobody");
}
