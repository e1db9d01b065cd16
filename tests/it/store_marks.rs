//! The mark in a bucket, and what a start says of a store that cannot be used.

use crate::support::{Program, Store, TestApp, store_engine::SECRET};

#[tokio::test(flavor = "multi_thread")]
async fn two_installations_do_not_share_a_prefix() {
    let store = Store::create().await;
    let first = TestApp::on(&store, |_| {}).await;
    let alice = first.person("alice").await;
    let ticket = alice.ticket(&alice.upload("a.txt", b"hers").await).await;
    assert!(store.get("installation").await.is_some());

    let second = store.configure_program(Program::new().await);
    let printed = second.run(&["serve"]);
    assert_ne!(printed.status, Some(0));
    assert!(
        printed.err.contains("belongs to another database"),
        "{printed:?}"
    );
    assert!(!printed.err.contains(SECRET), "{printed:?}");

    // A database of its own that has begun elsewhere.
    let elsewhere = Store::create().await;
    let third = elsewhere.configure_program(Program::new().await);
    drop(third.serve());
    let third = store.configure_program(third);
    let printed = third.run(&["serve"]);
    assert!(
        printed.err.contains("different installations"),
        "{printed:?}"
    );
    let printed = third.run(&["verify"]);
    assert!(
        printed.err.contains("different installations"),
        "{printed:?}"
    );
    assert_eq!(alice.get(&ticket).await.bytes, b"hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_mark_nothing_begins_and_nothing_counts_as_gone() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hers").await;
    let ticket = alice.ticket(&file).await;
    let mark = store.get("installation").await.unwrap();
    let key = server.text("SELECT content_key AS text FROM file").await;
    let name = format!("content/{}/{}/{key}", &key[..2], &key[2..4]);
    let bytes = store.get(&name).await.unwrap();
    assert_eq!(bytes, b"hers");

    store.delete("installation").await;
    store.delete(&name).await;
    let refused = alice.get(&ticket).await;
    assert_eq!(
        (refused.status.as_u16(), &*refused.code()),
        (503, "UNAVAILABLE")
    );
    let ready = reqwest::get(format!("{}/readyz", server.base))
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);

    store.put("installation", &mark).await;
    let gone = alice.get(&ticket).await;
    assert_eq!((gone.status.as_u16(), &*gone.code()), (404, "FILE_GONE"));
    store.put(&name, b"hers").await;
    assert_eq!(alice.get(&ticket).await.bytes, b"hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_mark_nothing_counts_as_gone_by_nginx_either() {
    let store = Store::create().await;
    let server = TestApp::behind_nginx_on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let ticket = alice.ticket(&alice.upload("a.txt", b"hers").await).await;
    let mark = store.get("installation").await.unwrap();
    let key = server.text("SELECT content_key AS text FROM file").await;
    let name = format!("content/{}/{}/{key}", &key[..2], &key[2..4]);
    let claimed = reqwest::Client::new()
        .get(&ticket)
        .header("X-Store-Missing", "1");
    let got = claimed.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(&got[..], b"hers", "a client's word counts");

    store.delete("installation").await;
    store.delete(&name).await;
    for _ in 0..2 {
        let refused = alice.get(&ticket).await;
        assert_eq!(
            (refused.status.as_u16(), &*refused.code()),
            (503, "UNAVAILABLE")
        );
    }
    store.put("installation", &mark).await;
    let gone = alice.get(&ticket).await;
    assert_eq!((gone.status.as_u16(), &*gone.code()), (404, "FILE_GONE"));
    store.put(&name, b"hers").await;
    assert_eq!(alice.get(&ticket).await.bytes, b"hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_names_all_that_is_wrong_with_the_store() {
    let store = Store::create().await;
    let program = store.configure_program(Program::new().await);
    for (setting, value, said) in [
        // Stores differ in the word for it.
        ("S3_SECRET_ACCESS_KEY", "another-secret", "answers 403"),
        ("S3_ACCESS_KEY_ID", "somebody", "answers 403"),
        ("S3_BUCKET", "no-such-bucket-here", "NoSuchBucket"),
        ("S3_ENDPOINT", "http://127.0.0.1:1", "cannot be reached"),
        ("S3_ENDPOINT", "https://127.0.0.1:1", "cannot be reached"),
    ] {
        let program = store
            .configure_program(Program::new().await)
            .set(setting, value);
        let printed = program.run(&["serve"]);
        assert_ne!(printed.status, Some(0), "{printed:?}");
        assert!(printed.err.contains(said), "{setting}: {printed:?}");
        for what in ["write an object", "list objects", "remove an object"] {
            assert!(printed.err.contains(what), "{setting}: {printed:?}");
        }
        assert!(!printed.err.contains("another-secret"), "{printed:?}");
    }
    // Nothing was made before the store was looked at.
    assert!(!program.data_dir().join("cloakroom.sqlite3").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_about_the_store_is_named_at_once() {
    let program = Program::new().await.set("STORAGE", "s3");
    let printed = program.run(&["serve"]);
    for setting in [
        "S3_ENDPOINT",
        "S3_BUCKET",
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
    ] {
        let said = format!("CLOAKROOM_{setting}: is not set, and STORAGE is s3");
        assert!(printed.err.contains(&said), "{setting}: {printed:?}");
    }

    let store = Store {
        endpoint: "http://key:hunter2@store.example/bucket".to_owned(),
        bucket: "a".to_owned(),
        prefix: "../up".to_owned(),
    };
    let program = store
        .configure_program(Program::new().await)
        .set("S3_SECRET_ACCESS_KEY", "two words hunter2")
        .set("S3_ACCESS_KEY_ID", "a/b")
        .set("S3_URL_STYLE", "flat")
        .set("S3_UPLOAD_MEMORY", "1MiB")
        .set("MAX_FILE_SIZE", "10TiB");
    let printed = program.run(&["serve"]);
    assert_eq!(printed.status, Some(2), "{printed:?}");
    for setting in [
        "S3_ENDPOINT",
        "S3_BUCKET",
        "S3_PREFIX",
        "S3_SECRET_ACCESS_KEY",
        "S3_ACCESS_KEY_ID",
        "S3_URL_STYLE",
        "S3_UPLOAD_MEMORY",
        "MAX_FILE_SIZE",
    ] {
        assert!(
            printed.err.contains(&format!("CLOAKROOM_{setting}: ")),
            "{setting}: {printed:?}"
        );
    }
    assert!(!printed.err.contains("hunter2"), "{printed:?}");
}
