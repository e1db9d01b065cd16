//! `verify` finds what is amiss in a live installation, and nothing else.

use std::time::Duration;

use cloakroom::verify::{self, Options, Report};

use crate::support::TestApp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn verify(server: &TestApp, hash: bool, repair: bool) -> Report {
    let options = Options {
        hash,
        repair,
        settled_after: DAY,
    };
    verify::run(&server.app, options, |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_installation_is_clean_while_uploads_run() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let uploads = tokio::spawn({
        let alice = alice.clone();
        async move {
            for n in 0..40 {
                let file = alice.upload(&format!("{n}.bin"), &vec![n; 100_000]).await;
                if n % 3 == 0 {
                    alice
                        .ask(&format!("mutation {{ deleteFile(id: \"{file}\") }}"))
                        .await;
                    alice
                        .ask(&format!("mutation {{ purgeFile(id: \"{file}\") }}"))
                        .await;
                }
            }
        }
    });

    while !uploads.is_finished() {
        let report = verify(&server, true, false).await;
        assert!(report.is_clean(), "{report:?}");
    }
    uploads.await.unwrap();
    let report = verify(&server, true, false).await;
    assert_eq!((report.files, report.contents), (26, 26));
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_and_orphans_are_reported_and_only_orphans_removed() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for name in ["whole", "missing", "short", "changed", "unreadable"] {
        alice.upload(name, name.as_bytes()).await;
    }
    let stored = |name: &str| {
        let mut stored = server.stored().into_iter();
        stored
            .find(|path| std::fs::read(path).unwrap() == name.as_bytes())
            .unwrap()
    };
    std::fs::remove_file(stored("missing")).unwrap();
    std::fs::write(stored("short"), b"s").unwrap();
    std::fs::write(stored("changed"), b"CHANGED").unwrap();
    // A link to itself, which nothing can open: as a bad sector, it says so each time.
    let unreadable = stored("unreadable");
    std::fs::remove_file(&unreadable).unwrap();
    std::os::unix::fs::symlink(&unreadable, &unreadable).unwrap();
    let orphan = server
        .app
        .config
        .storage
        .data_dir
        .join("staging/0123456789abcdef0123456789abcdef");
    std::fs::write(&orphan, b"nobody's").unwrap();
    // Nobody's, or of an upload that this database is not going to know.
    let young = verify(&server, false, true).await;
    assert_eq!((young.orphans.len(), young.unsettled), (0, 1));
    assert!(orphan.exists());
    // The clock of this server stands still while the test runs; the file system's does not.
    server.advance(2 * DAY);
    // As with a copy of the database that was made two days ago.
    let copy = verify(&server, false, true).await;
    assert_eq!((copy.orphans.len(), copy.unsettled), (0, 1));
    assert!(orphan.exists());
    server.sweep().await;

    assert_eq!(
        verify(&server, false, false).await.damaged.len(),
        3,
        "sizes alone tell two, and one cannot be read"
    );
    let deep = verify(&server, true, true).await;

    let what: Vec<_> = deep
        .damaged
        .iter()
        .map(|damage| damage.what.as_str())
        .collect();
    assert_eq!(what.len(), 4, "{what:?}");
    assert!(
        what.iter().any(|what| what.contains("it cannot be read: ")),
        "{what:?}"
    );
    assert!(what.iter().any(|what| what.contains("missing")), "{what:?}");
    assert!(
        what.iter()
            .any(|what| what.contains("1 bytes instead of 5")),
        "{what:?}"
    );
    assert!(what.iter().any(|what| what.contains("SHA-256")), "{what:?}");
    assert_eq!((deep.orphans.len(), deep.removed), (1, 1));
    assert!(!orphan.exists() && !deep.is_clean());
}
