//! Resumable uploads: what a failed part, a closed drop or a janitor could leave behind, and what must be left alone.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Person, TestApp, tus::TusAnswer};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HELLO_SHA1: &str = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";

/// The bytes of the user's quota that are held for uploads.
async fn reserved(person: &Person) -> u64 {
    let answer = person.ask("{ me { usage { reservedBytes } } }").await;
    answer.data("/me/usage/reservedBytes").as_u64().unwrap()
}

/// Somebody whose sign-in does not end as days go by.
async fn lasting(server: &TestApp) -> Person {
    let alice = server.person("alice").await;
    alice.with_token(&alice.token("[READ, WRITE]").await)
}

/// The bytes that lie staged.
fn staged(server: &TestApp) -> u64 {
    let files = server.stored().into_iter();
    files.map(|path| path.metadata().unwrap().len()).sum()
}

/// What came before stays, and no more is held than that, and what was reserved for an announced length.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_refused_leaves_neither_bytes_nor_quota() {
    let server = TestApp::start_with(|options| {
        options.user_quota = Some("100MiB".to_owned());
        options.max_file_size = "3MiB".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let announced = [("upload-length", "3000000")];
    let deferred = [("upload-defer-length", "1")];
    for (person, length, reserved_bytes) in [
        (&alice, announced, 3_000_000),
        (&alice, deferred, 4),
        (&visitor, announced, 4),
        (&visitor, deferred, 4),
    ] {
        let created = person.tus_create_with(&length).await.expect(201);
        let url = created.header("location").to_owned();
        person.tus_patch(&url, 0, b"0123").await.expect(204);

        let part = person
            .tus_part(&url, 4)
            .header("upload-checksum", HELLO_SHA1);
        let refused = part.body(vec![1; 2_900_000]).send().await.unwrap();
        TusAnswer::of(refused).await.expect(460);
        assert_eq!(
            (reserved(&alice).await, staged(&server)),
            (reserved_bytes, 4)
        );

        // Of an unknown length, up to a byte too many.
        let slow = person.tus_slow_chunks(person.tus_part(&url, 4));
        let more = vec![1; 1 << 16];
        while slow.send(&more).await {}
        slow.answer().await.expect(413);
        assert_eq!(
            (reserved(&alice).await, staged(&server)),
            (reserved_bytes, 4)
        );

        assert_eq!(person.tus_head(&url).await.expect(200).offset(), 4);
        person.tus_patch(&url, 4, b"4567").await.expect(204);
        person.tus_delete(&url).await.expect(204);
        server.nothing_stays().await;
    }
}

/// Nobody can go on with them, and the drop's owner pays for them.
#[tokio::test(flavor = "multi_thread")]
async fn the_unfinished_uploads_of_a_drop_end_with_it() {
    let server = TestApp::start_with(|options| {
        options.user_quota = Some("100MiB".to_owned());
        options.resumable_ttl = "7d".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let ends = json!({ "expiresAt": server.date_in(DAY) });
    let [closed, ended, open] = [
        alice.drop_with(json!({})).await,
        alice.drop_with(ends).await,
        alice.drop_with(json!({})).await,
    ];
    let mut urls = Vec::new();
    for drop in [&closed, &ended, &open] {
        let visitor = server.anonymous().dropping(&drop.token, None);
        let url = visitor.tus_create("a.bin", 3000).await;
        visitor.tus_patch(&url, 0, &[1; 1000]).await.expect(204);
        urls.push((visitor, url));
    }
    let own = alice.tus_create("own.bin", 1000).await;
    server.sweep().await;
    assert_eq!(reserved(&alice).await, 4000);

    alice.close_drop(&closed).await.data("/closeDrop");
    server.all_let_go().await;
    server.sweep().await;

    assert_eq!(reserved(&alice).await, 3000);
    server.advance(DAY);
    server.sweep().await;
    assert_eq!(reserved(&alice).await, 2000);
    assert_eq!(server.stored().len(), 1);
    for (visitor, url) in &urls[..2] {
        visitor.tus_head(url).await.expect(404);
    }
    let (visitor, url) = &urls[2];
    visitor.tus_patch(url, 1000, &[1; 2000]).await.expect(204);
    alice.tus_delete(&own).await.expect(204);
    server.only_files_stay(1).await;
}

/// However few bytes come: as long as a request brings any, the upload is not silent.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_does_not_expire_under_a_request_that_adds_to_it() {
    let server = TestApp::start_with(|options| options.resumable_ttl = "7d".to_owned()).await;
    let alice = lasting(&server).await;
    let url = alice.tus_create("a.bin", 10).await;
    let part = alice.tus_slow_part(&url, 0, 10).await;
    part.send(b"01234").await;
    let expires_at = async || {
        let (_, id) = url.split_once("/uploads/").unwrap();
        let query = "query($u: ID!) { upload(id: $u) { expiresAt } }";
        let answer = alice.ask_with(query, json!({ "u": id })).await;
        answer.text("/upload/expiresAt")
    };
    for _ in 0..4 {
        let before = expires_at().await;
        server.advance(5 * DAY);
        server
            .eventually("it waits longer", async |_| expires_at().await > before)
            .await;
        server.sweep().await;
    }
    part.hang_up().await;
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 5);
    alice.tus_patch(&url, 5, b"56789").await.expect(204);
    server.only_files_stay(1).await;
}

/// Two janitors, each with a list of what has expired: whoever comes second to an upload leaves nothing where the first has
/// removed all.
#[tokio::test(flavor = "multi_thread")]
async fn janitors_of_several_instances_leave_nothing() {
    let server = TestApp::start_with(|options| options.resumable_ttl = "7d".to_owned()).await;
    let alice = lasting(&server).await;
    let others = [server.another().await, server.another().await];
    let uploads = (0..60).map(|_| alice.tus_create("a.bin", 10));
    join_all(uploads).await;
    for janitor in [&server, &others[0], &others[1]] {
        janitor.advance(8 * DAY);
    }
    let sweeps = [&server, &others[0], &others[1]].map(TestApp::sweep);
    join_all(sweeps).await;
    server.nothing_stays().await;
    assert_eq!(server.rows("resumable_upload").await, 0);
}

/// A part that ends while the janitor is at work on a list of what had expired by then.
#[tokio::test(flavor = "multi_thread")]
async fn the_janitor_ends_no_upload_that_has_just_gone_on() {
    let server = TestApp::start_with(|options| options.resumable_ttl = "7d".to_owned()).await;
    let alice = lasting(&server).await;
    for _ in 0..4 {
        let parts = (0..40).map(async |_| {
            let url = alice.tus_create("a.bin", 10).await;
            let part = alice.tus_slow_part(&url, 0, 5).await;
            part.send(b"0123").await;
            (url, part)
        });
        let parts = join_all(parts).await;
        server
            .eventually("all parts are being taken in", async |server| {
                server.app.live_uploads.ids().len() == parts.len()
            })
            .await;
        server.advance(7 * DAY);
        let (urls, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let finished = parts.into_iter().map(async |part| {
            part.send(b"4").await;
            part.finish().await
        });
        let (answers, ()) = futures_util::join!(join_all(finished), server.sweep());
        for (url, answer) in urls.iter().zip(answers) {
            assert_eq!(answer.expect(204).offset(), 5);
            assert_eq!(alice.tus_head(url).await.expect(200).offset(), 5);
            alice.tus_delete(url).await.expect(204);
        }
    }
    server.nothing_stays().await;
}
