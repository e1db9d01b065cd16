//! Who may append to a resumable upload in an object store: an older request that comes late changes nothing any more.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait, Database as Connect, DatabaseConnection};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{
    Database, Store, TestApp,
    content::bytes,
    store_proxy::{Act, Call, StoreProxy},
    tus::metadata,
};

const MIB: usize = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);
/// Of somebody else's bytes.
const WRONG_SHA1: &str = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";

/// Somebody's transaction that has done `lock`, in the database of `server`; none on SQLite, where it would keep everybody out.
pub async fn holder(server: &TestApp, lock: &str) -> Option<DatabaseConnection> {
    if let Database::Sqlite = Database::chosen() {
        return None;
    }
    let mut options = ConnectOptions::new(server.app.config.database.database_url.expose());
    options.max_connections(1);
    let holder = Connect::connect(options).await.unwrap();
    holder.execute_unprepared("BEGIN").await.unwrap();
    holder.execute_unprepared(lock).await.unwrap();
    Some(holder)
}

/// How many of the database's transactions wait for a lock.
pub async fn waiting(server: &TestApp) -> i64 {
    let query = "SELECT COUNT(*) AS number FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    server.number(query).await
}

async fn epoch(server: &TestApp) -> i64 {
    let query = "SELECT epoch AS number FROM resumable_upload";
    server.number(query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_gives_back_nothing_of_what_a_newer_one_has_reserved() {
    let store = Store::create().await;
    // Without a quota, nothing is reserved.
    let first = TestApp::on(&store, |options| {
        options.user_quota = Some("1GiB".to_owned());
    })
    .await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let there = alice.at(&second.base);
    let name = metadata(&[("filename", "a.bin")]);
    let headers = [("upload-defer-length", "1"), ("upload-metadata", &*name)];
    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = alice.at_base(created.header("location"));
    let all = bytes(12 * MIB);
    let old = alice
        .tus_part(&url, 0)
        .header("upload-checksum", WRONG_SHA1);
    let old = alice.tus_slow_request(old, all.len());
    assert!(old.send(&all[1..]).await);
    let reserved = "SELECT reserved_bytes AS number FROM upload";
    // The last of it waits until there is more.
    let enough = i64::try_from(10 * MIB).unwrap();
    first
        .eventually("it has reserved what came", async |server| {
            server.number(reserved).await >= enough
        })
        .await;

    // What it gives back waits.
    let lock = "SELECT id FROM \"user\" FOR UPDATE";
    let Some(holder) = holder(&first, lock).await else {
        return;
    };
    assert!(old.send(&[1]).await);
    first
        .eventually("it gives back", async |server| waiting(server).await == 1)
        .await;
    let before = epoch(&first).await;
    let url = there.at_base(&url);
    let headers = [("upload-length", all.len().to_string())];
    let new = headers
        .iter()
        .fold(there.tus_part(&url, 0), |request, (name, value)| {
            request.header(*name, value)
        });
    let new = there.tus_slow_request(new, all.len());
    first
        .eventually("the newer one has taken it", async |server| {
            epoch(server).await > before
        })
        .await;
    assert!(new.send(&all[..MIB]).await);
    holder.execute_unprepared("COMMIT").await.unwrap();
    assert!([409, 460].contains(&old.finish().await.status));
    first
        .eventually("nobody waits", async |server| waiting(server).await == 0)
        .await;

    // Its first part is in the store, and counts besides.
    let of_both = enough + i64::try_from(8 * MIB).unwrap();
    assert!(first.number(reserved).await >= of_both);
    assert!(new.send(&all[MIB..]).await);
    let done = new.finish().await.expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == all);
    first.only_files_stay(1).await;
}

/// It has all bytes, and they are not those that were announced: that ends an upload, and not one that is another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_ends_no_upload_that_a_newer_one_has_taken() {
    let store = Store::create().await;
    let first = TestApp::on(&store, |_| {}).await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let there = alice.at(&second.base);
    let all = bytes(9 * MIB);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&all);
    let digits = cloakroom::hex::encode(&digest);
    let (sent, length) = (metadata(&[("sha256", &digits)]), all.len().to_string());
    let headers = [("upload-length", &*length), ("upload-metadata", &sent)];
    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = alice.at_base(created.header("location"));
    let old = alice.tus_slow_part(&url, 0, all.len()).await;
    assert!(old.send(&vec![0xEE; all.len() - 1]).await);
    first
        .eventually("a part is on its way", async |server| {
            server
                .number("SELECT COUNT(multipart_id) AS number FROM upload")
                .await
                == 1
        })
        .await;

    let lock = "SELECT id FROM upload FOR UPDATE";
    let Some(holder) = holder(&first, lock).await else {
        return;
    };
    assert!(old.send(&[0xEE]).await);
    first
        .eventually("it ends the upload", async |server| {
            waiting(server).await >= 1
        })
        .await;
    let url = there.at_base(&url);
    let new = there.tus_slow_part(&url, 0, all.len()).await;
    first
        .eventually("the newer one has taken it", async |server| {
            epoch(server).await > 1
        })
        .await;
    holder.execute_unprepared("COMMIT").await.unwrap();
    assert_ne!(old.finish().await.status, 204);

    assert!(new.send(&all).await);
    let done = new.finish().await.expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == all);
    first.only_files_stay(1).await;
}

/// An older request that ends must not give up the turn of a newer one: the newer one's bytes would be lost. No client sees that
/// it was given up before somebody else comes in between, so the row is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_lets_go_of_no_upload_that_a_newer_one_has_taken() {
    let (proxy, first) = StoreProxy::with_server().await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let there = alice.at(&second.base);
    let all = bytes(20 * MIB);
    let url = alice.tus_create("a.bin", all.len()).await;
    // Its first part is on its way for long.
    let go = Arc::new(Semaphore::new(0));
    proxy.fault(Call::Part, Act::Hold(Arc::clone(&go)), 1);
    let old = alice.tus_slow_part(&url, 0, all.len()).await;
    assert!(old.send(&all[..9 * MIB]).await);
    first
        .eventually("a part is on its way", async |_| {
            proxy.count(Call::Part) == 1
        })
        .await;
    let new = there
        .tus_slow_part(&there.at_base(&url), 0, all.len())
        .await;
    assert!(new.send(&all[..9 * MIB]).await);
    first
        .eventually("a part of the newer one is there", async |_| {
            proxy.count(Call::Part) == 2
        })
        .await;

    go.add_permits(1);
    assert_eq!(old.answer().await.status, 404);
    let held = "SELECT COUNT(*) AS number FROM resumable_upload WHERE is_held";
    for _ in 0..20 {
        assert_eq!(first.number(held).await, 1, "nobody has it");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert!(offset >= 8 * MIB, "{offset}");
    assert_eq!(new.answer().await.status, 409);
    let rest = alice.tus_patch(&url, offset, &all[offset..]).await;
    let file = rest.expect(204).header("cloakroom-file").to_owned();
    let ticket = alice.ticket(&file).await;
    assert!(alice.get(&ticket).await.bytes == all);
    first.only_files_stay(1).await;
}

/// Both have the store begin an upload in parts. The one that is noted is the newer one's, whichever hears of its own first.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_begins_no_parts_for_a_newer_one() {
    let (proxy, first) = StoreProxy::with_server().await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let there = alice.at(&second.base);
    let all = bytes(9 * MIB);
    let url = alice.tus_create("a.bin", all.len()).await;
    let [old_goes, new_goes] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    for goes in [&old_goes, &new_goes] {
        proxy.fault(Call::Begin, Act::Hold(Arc::clone(goes)), 1);
    }
    // A start has some begun as well, to see that it may.
    let before = proxy.count(Call::Begin);
    let begun = async |number| {
        first
            .eventually("parts begin", async |_| {
                proxy.count(Call::Begin) == before + number
            })
            .await;
    };
    let old = alice.tus_slow_part(&url, 0, all.len()).await;
    assert!(old.send(&all[..6 * MIB]).await);
    begun(1).await;
    let new = tokio::spawn({
        let (url, all) = (there.at_base(&url), all.clone());
        async move { there.tus_patch(&url, 0, &all).await }
    });
    begun(2).await;

    old_goes.add_permits(1);
    assert_eq!(old.answer().await.status, 404);
    new_goes.add_permits(1);
    let done = new.await.unwrap().expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == all);
}

/// One that has expired stays while bytes still come, on whichever instance, and ends when nothing has been heard of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_ends_no_upload_that_another_instance_appends_to() {
    let store = Store::create().await;
    let first = TestApp::on(&store, |options| {
        options.clock_grace = "0s".to_owned();
        options.resumable_ttl = "1h".to_owned();
        options.upload_ttl = "6h".to_owned();
    })
    .await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let all = bytes(12 * MIB);
    let url = alice.tus_create("a.bin", all.len()).await;
    let part = alice.tus_slow_part(&url, 0, all.len()).await;
    assert!(part.send(&all[..9 * MIB]).await);

    // However far its clock is ahead of the other's, it knows of no silence yet.
    second.advance(10 * HOUR);
    second.sweep().await;
    assert_eq!(second.rows("resumable_upload").await, 1);
    assert!(part.send(&all[9 * MIB..10 * MIB]).await);

    // Long after the last sign of life.
    second.advance(6 * HOUR);
    second.sweep().await;
    assert_eq!(second.rows("resumable_upload").await, 0);
    part.send(&all[10 * MIB..]).await;
    let late = part.finish().await;
    assert!([404, 409, 503].contains(&late.status), "{late:?}");
    second.advance(HOUR);
    second.sweep().await;
    second.nothing_stays().await;
    let usage = alice.ask("{ me { usage { usedBytes reservedBytes } } }");
    let nothing = json!({ "usedBytes": 0, "reservedBytes": 0 });
    assert_eq!(usage.await.data("/me/usage"), nothing);
}
