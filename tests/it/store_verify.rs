//! `verify` over a bucket, and `check-store`.

use std::time::Duration;

use cloakroom::verify::{self, Options, Report};

use crate::support::{
    Program, Store, TestApp,
    store_engine::{Kind, SECRET},
};

async fn verify(server: &TestApp, hash: bool, repair: bool) -> Report {
    let options = Options {
        hash,
        repair,
        settled_after: Duration::from_secs(24 * 3600),
    };
    verify::run(&server.app, options, |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_and_the_rows_are_compared_and_only_old_orphans_removed() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| options.clock_grace = "0s".to_owned()).await;
    let alice = server.person("alice").await;
    for n in 0..30 {
        alice
            .upload(&format!("{n}.bin"), format!("whole {n}").as_bytes())
            .await;
    }
    let report = verify(&server, true, false).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.files, report.contents), (30, 30));

    let names = async |query: &str| {
        let key = server
            .text(&format!(
                "SELECT content_key AS text FROM file WHERE {query}"
            ))
            .await;
        (format!("content/{}/{}/{key}", &key[..2], &key[2..4]), key)
    };
    let (missing, _) = names("name = '0.bin'").await;
    store.delete(&missing).await;
    let (short, _) = names("name = '1.bin'").await;
    store.put(&short, b"sho").await;
    let (changed, _) = names("name = '2.bin'").await;
    store.put(&changed, b"whale 2").await;
    let orphans = ["00", "77", "ff"].map(|start| format!("{start}{}", "0".repeat(30)));
    for key in &orphans {
        store
            .put(&format!("content/{}/{}/{key}", &key[..2], &key[2..4]), b"x")
            .await;
    }
    store
        .put("content/ff/readme.txt", b"not ours to judge")
        .await;

    let report = verify(&server, true, true).await;
    let mut damaged: Vec<_> = report.damaged.iter().map(|damage| &*damage.what).collect();
    damaged.sort_unstable();
    assert_eq!(damaged.len(), 3, "{report:?}");
    assert!(
        damaged[0].starts_with("it has 3 bytes instead of 7"),
        "{damaged:?}"
    );
    assert!(damaged[1].starts_with("its SHA-256 is"), "{damaged:?}");
    assert_eq!(damaged[2], "its content is missing");
    // They are young: perhaps somebody's whom this database does not know.
    assert_eq!(
        (report.orphans.len(), report.unsettled),
        (0, 3),
        "{report:?}"
    );

    server.advance(Duration::from_secs(3 * 24 * 3600));
    server.sweep().await;
    let report = verify(&server, false, true).await;
    assert_eq!(report.orphans, orphans, "{report:?}");
    assert_eq!((report.removed, report.damaged.len()), (3, 2), "{report:?}");
    let report = verify(&server, false, false).await;
    assert_eq!(
        (report.contents, report.orphans.len()),
        (29, 0),
        "{report:?}"
    );
    assert!(store.get("content/ff/readme.txt").await.is_some());
    assert!(store.get("installation").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_of_the_tests_does_all_that_content_relies_on() {
    let store = Store::create().await;
    let program = store.configure_program(Program::new().await);
    let printed = program.run(&["check-store"]);
    assert_eq!(printed.status, Some(0), "{printed:?}");
    let verdicts = printed
        .out
        .lines()
        .map(|line| line.split(' ').next().unwrap());
    // Garage replaces an object under `If-None-Match: *`, and says so nowhere.
    let differ = match Kind::chosen().0 {
        Kind::SeaweedFs => 0,
        Kind::Garage => 1,
    };
    let good = verdicts.filter(|verdict| *verdict == "good").count();
    assert_eq!(good, 13 - differ, "{printed:?}");

    let printed = store
        .configure_program(Program::new().await)
        .set("S3_BUCKET", "no-such-bucket-here")
        .run(&["check-store"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(
        printed.out.contains("BAD") && printed.out.contains("NoSuchBucket"),
        "{printed:?}"
    );
    assert!(!format!("{printed:?}").contains(SECRET), "{printed:?}");
    let printed = Program::new().await.run(&["check-store"]);
    assert!(printed.err.contains("STORAGE is local"), "{printed:?}");
}
