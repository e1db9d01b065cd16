//! Janitors of several instances at once: none sweeps what lives at another, whatever its clock says.

use std::time::Duration;

use cloakroom::{metrics, storage::ContentKey};
use entity::{upload, user};
use sea_orm::{ActiveModelTrait, EntityTrait};
use serde_json::json;

use crate::support::{Person, TestApp};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_kills_no_upload_of_another_instance() {
    for off in [HOUR, DAY] {
        let server = TestApp::start().await;
        let alice = server.person("alice").await;
        let ahead = server.another().await;
        ahead.advance(off);
        let on_time = alice.slow_upload().await;
        let early = alice.at(&ahead.base).slow_upload().await;
        for round in 0..5 {
            for upload in [&on_time, &early] {
                assert!(upload.send(vec![round; 1 << 18]).await);
            }
            server
                .eventually("both have begun", async |server| {
                    server.rows("upload").await == 2
                })
                .await;
            tokio::join!(server.sweep(), ahead.sweep());
            // For longer in all than an upload may be silent.
            for instance in [&server, &ahead] {
                instance.advance(HOUR / 3);
            }
        }

        for upload in [on_time, early] {
            let answer = upload.finish().await;
            assert_eq!(answer.data("/uploadFile/size"), 5 << 18);
        }
        server.only_files_stay(2).await;
    }
}

/// A clock that is set back gives signs of life as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_stands_still_kills_no_upload() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let other = server.another().await;
    let upload = alice.slow_upload().await;
    server
        .eventually("it has begun", async |server| {
            server.rows("upload").await == 1
        })
        .await;
    for _ in 0..5 {
        server.sweep().await;
        other.sweep().await;
        other.advance(HOUR / 3);
    }

    let answer = upload.finish().await;

    assert_eq!(answer.data("/uploadFile/size"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_janitors_sweep_what_nobody_owns_and_leave_the_rest() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let kept = alice.upload("kept.txt", b"hello").await;
    let data = server.app.config.storage.data_dir.clone();
    let foreign = ["content/notes.txt", "content/ab/README", "staging/lost"];
    std::fs::create_dir_all(data.join("content/ab")).unwrap();
    for name in foreign {
        std::fs::write(data.join(name), b"not ours").unwrap();
    }
    // More than a batch of each: what a crash leaves.
    for _ in 0..230 {
        leave(&server).await;
    }
    let other = server.another().await;

    tokio::join!(server.sweep(), other.sweep());
    assert_eq!(
        server.rows("upload").await,
        230,
        "they may be alive elsewhere"
    );
    for instance in [&server, &other] {
        instance.advance(HOUR);
    }
    tokio::join!(server.sweep(), other.sweep());
    tokio::join!(server.sweep(), other.sweep());

    for table in ["upload", "discarded_content"] {
        assert_eq!(server.rows(table).await, 0, "{table}");
    }
    let reserved = "SELECT CAST(SUM(reserved_bytes) AS BIGINT) AS number FROM \"user\"";
    assert_eq!(server.number(reserved).await, 0);
    for name in foreign {
        assert_eq!(
            std::fs::read(data.join(name)).unwrap(),
            b"not ours",
            "{name}"
        );
    }
    assert_eq!(server.stored().len(), 1 + foreign.len());
    assert_eq!(alice.get(&alice.ticket(&kept).await).await.bytes, b"hello");
}

/// A file in the trash, a share that ends in a week, and what the janitor may destroy of `alice`'s when their time has come.
async fn what_has_an_end(server: &TestApp, alice: &Person) -> String {
    let kept = alice.upload("kept.txt", b"hello").await;
    let query = "mutation($f: ID!, $e: DateTime) { shareWithAuthenticated(fileId: $f, expiresAt: $e) { id } }";
    let end = server.date_in(7 * DAY);
    let share = alice.ask_with(query, json!({ "f": kept, "e": end })).await;
    share.data("/shareWithAuthenticated");
    let file = alice.upload("a.txt", b"hello").await;
    alice.delete(&file).await.data("/deleteFile");
    file
}

/// How many rows there are of what is destroyed when its time has come.
async fn rows(server: &TestApp) -> [i64; 4] {
    let mut rows = [0; 4];
    let tables = ["file", "share", "session", "event"];
    for (rows, table) in rows.iter_mut().zip(tables) {
        *rows = server.rows(table).await;
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_for_a_moment_destroys_nothing() {
    for ahead in [40 * DAY, 400 * DAY, 40_000 * DAY] {
        let server = TestApp::start().await;
        let alice = server.person("alice").await;
        let file = what_has_an_end(&server, &alice).await;
        server.sweep().await;
        let before = rows(&server).await;

        server.set_ahead(ahead);
        for _ in 0..3 {
            server.sweep().await;
            // By this clock the session has ended, and the browser is not told to forget it.
            assert_eq!(alice.me().await, json!(null));
            server.advance(Duration::from_secs(200));
        }
        server.set_back(ahead);
        server.sweep().await;

        assert_eq!(rows(&server).await, before, "{ahead:?}");
        assert_eq!(alice.me().await, json!("alice"), "{ahead:?}");
        let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
        let restored = alice.ask_with(restore, json!({ "f": file })).await;
        assert_eq!(restored.text("/restoreFile/id"), file);
        assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_clock_that_is_ahead_destroys_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    what_has_an_end(&server, &alice).await;
    server.sweep().await;
    let before = rows(&server).await;
    server.set_ahead(400 * DAY);
    let mut server = server;
    for _ in 0..3 {
        server = server.restart_with(|_| {}).await;
        server.sweep().await;
        server.advance(HOUR / 2);
        server.sweep().await;
        assert_eq!(rows(&server).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_keeps_its_pace_again_is_believed_and_what_was_due_did_not_wait() {
    let server = TestApp::start_with(|options| options.trash_ttl = "1h".into()).await;
    let alice = server.person("alice").await;
    let program = alice.with_token(&alice.token("[READ, WRITE]").await);
    let trash = async |name: &str| {
        let file = program.upload(name, b"a").await;
        program.delete(&file).await.data("/deleteFile");
    };
    trash("first").await;
    server.advance(HOUR / 2);
    trash("second").await;
    server.sweep().await;

    server.set_ahead(2 * HOUR);
    server.sweep().await;
    assert_eq!(server.rows("file").await, 2);
    server.advance(HOUR / 2);
    server.sweep().await;
    assert_eq!(
        server.rows("file").await,
        1,
        "its hour is over by any clock"
    );
    trash("third").await;
    server.advance(HOUR / 2);
    server.sweep().await;

    assert_eq!(
        server.rows("file").await,
        1,
        "the third, for which it is early"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_destroys_nothing_early() {
    let server = TestApp::start().await;
    server.set_back(100 * DAY);
    let alice = server.person("alice").await;
    what_has_an_end(&server, &alice).await;
    let before = rows(&server).await;
    server.sweep().await;
    // Right again: by the clock, the file has been in the trash for a hundred days.
    server.set_ahead(100 * DAY);
    server.sweep().await;

    assert_eq!(rows(&server).await, before);
}

/// Each finds rows that the other has just removed.
#[tokio::test(flavor = "multi_thread")]
async fn two_janitors_empty_the_trash_side_by_side() {
    metrics::turn_on("test");
    let server = TestApp::start_with(|options| options.clock_grace = "0s".to_owned()).await;
    let other = server.another().await;
    let alice = server.person("alice").await;
    for _ in 0..60 {
        let file = alice.upload("a.txt", b"hello").await;
        alice.delete(&file).await.data("/deleteFile");
    }
    for instance in [&server, &other] {
        instance.advance(100 * DAY);
    }

    tokio::join!(server.sweep(), other.sweep());

    server.nothing_stays().await;
    let written = metrics::written();
    let failed = written.lines().find(|line| {
        let failures = line.strip_prefix(r#"cloakroom_sweep_errors_total{sweep="trash"}"#);
        failures.is_some_and(|it| it != " 0")
    });
    assert_eq!(failed, None);
}

/// As many as a sweep takes at once, and older than the others.
#[tokio::test(flavor = "multi_thread")]
async fn content_that_can_never_be_removed_holds_up_no_other() {
    let server = TestApp::start_with(|options| options.clock_grace = "0s".to_owned()).await;
    let content = server.app.config.storage.data_dir.join("content");
    let stuck: Vec<_> = (0..100).map(|_| ContentKey::random()).collect();
    for key in &stuck {
        // A directory that is not empty is removed by nobody.
        std::fs::create_dir_all(content.join(key.path()).join("foreign")).unwrap();
    }
    server.note_discarded(&stuck, HOUR).await;
    let other = ContentKey::random();
    let path = content.join(other.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"bytes").unwrap();
    server.note_discarded(&[other], Duration::ZERO).await;

    server.sweep().await;
    server.sweep().await;

    assert!(!path.exists());
    assert_eq!(server.rows("discarded_content").await, 100);
    for key in &stuck {
        std::fs::remove_dir_all(content.join(key.path())).unwrap();
    }
    server.sweep().await;
    assert_eq!(
        server.rows("discarded_content").await,
        100,
        "it was tried again without a pause"
    );
    server.advance(HOUR);
    server.sweep().await;
    assert_eq!(server.rows("discarded_content").await, 0);
}

/// What a crash leaves of an upload, and of a purge: rows and bytes that nobody goes on with.
async fn leave(server: &TestApp) {
    let now = server.app.clock.now();
    let (staged, discarded) = (ContentKey::random(), ContentKey::random());
    let data = &server.app.config.storage.data_dir;
    std::fs::write(data.join("staging").join(staged.as_str()), b"half").unwrap();
    let content = data.join("content").join(discarded.path());
    std::fs::create_dir_all(content.parent().unwrap()).unwrap();
    std::fs::write(content, b"whole").unwrap();
    let leave = server.app.db.write(move |transaction| {
        Box::pin(async move {
            let alice = user::Entity::find().one(transaction).await?.unwrap();
            let mut reserved: user::ActiveModel = alice.clone().into();
            reserved.reserved_bytes = sea_orm::Set(alice.reserved_bytes + 10);
            reserved.update(transaction).await?;
            let upload = upload::Model {
                drop_id: None,
                network: None,
                id: cloakroom::random::id(now),
                user_id: alice.id,
                content_key: staged.to_string(),
                reserved_bytes: 10,
                created_at: now,
                touched_at: now,
                is_resumable: false,
                multipart_id: None,
                is_completing: false,
            };
            upload::ActiveModel::from(upload)
                .reset_all()
                .insert(transaction)
                .await?;
            Ok(())
        })
    });
    leave.await.unwrap();
    server.note_discarded(&[discarded], Duration::ZERO).await;
}
