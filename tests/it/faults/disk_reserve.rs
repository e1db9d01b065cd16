//! The reserve that uploads leave on a disk: whoever has filled the disk can empty it again.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Person, Wire,
    multipart::envelope,
    person::PASSWORD,
    program::Program,
    volume::{Volume, with_mounts},
};

use super::full_disks::{assert_full, try_upload};

/// A server of its own process with everything on a small disk, and somebody on it who has no limit.
async fn one_small_disk(mebibytes: u32) -> (Program, Volume) {
    let program = Program::with(None);
    let volume = Volume::at(&program.data_dir(), mebibytes);
    (program.set("JANITOR_INTERVAL", "1s"), volume)
}

/// Uploads files of so many bytes until there is no room; their ids.
async fn fill_by_uploads(person: &Person, bytes: usize, most: usize) -> Vec<String> {
    let mut kept = Vec::new();
    while kept.len() < most {
        let answer = try_upload(person, &vec![7; bytes]).await;
        if !answer.code().is_empty() {
            assert_full(&answer);
            return kept;
        }
        kept.push(answer.text("/uploadFile/id"));
    }
    kept
}

async fn purge(person: &Person, file: &str) {
    assert_eq!(person.delete(file).await.text("/deleteFile"), file);
    let query = "mutation($f: ID!) { purgeFile(id: $f) }";
    let purged = person.ask_with(query, json!({ "f": file })).await;
    assert_eq!(purged.text("/purgeFile"), file);
}

#[test]
fn who_filled_the_disk_can_empty_it_and_others_can_sign_in() {
    with_mounts(async || {
        let (program, _volume) = one_small_disk(32).await;
        let server = program.serve();
        let [hog, other] = ["hog", "other"].map(|_| Person::anonymous(&server.base));
        hog.sign_up("hog").await;
        other.sign_up("other").await;
        let large = fill_by_uploads(&hog, 1 << 20, 100).await;
        assert!(large.len() > 20, "only {}", large.len());
        // Small ones take what large ones left, a row and a block each.
        fill_by_uploads(&hog, 40_000, 100).await;
        let small = fill_by_uploads(&hog, 1, 600).await;
        assert!(small.len() < 600, "a byte each, without end");
        let shared = hog.share_with(&large[0], "other").await;

        for _ in 0..10 {
            let again = Person::anonymous(&server.base);
            again.sign_in("other", PASSWORD).await.data("/signIn");
            let again = again.with_token(&again.token("[READ, WRITE]").await);
            assert_eq!(
                again.list("sharedWithMe").await,
                json!([{ "id": large[0] }])
            );
            assert_full(&try_upload(&again, &vec![1; 1 << 20]).await);
        }
        hog.sign_in("hog", PASSWORD).await.data("/signIn");
        assert_eq!(hog.revoke(&shared).await.text("/revokeShare"), shared);
        for file in &large {
            purge(&hog, file).await;
        }

        for file in fill_by_uploads(&other, 1 << 20, 10).await {
            purge(&other, &file).await;
        }
        assert_eq!(fill_by_uploads(&other, 1 << 20, 10).await.len(), 10);
        let verified = program.run(&["verify", "--deep", "--older-than", "0s"]);
        assert_eq!(verified.status, Some(0), "{verified:?}");
    });
}

/// Bytes free on a disk.
fn free_on(volume: &Volume) -> u64 {
    let disk = rustix::fs::statvfs(volume.path()).unwrap();
    disk.f_bavail * disk.f_frsize
}

#[test]
fn uploads_side_by_side_leave_the_reserve_together() {
    with_mounts(async || {
        let (program, volume) = one_small_disk(48).await;
        let program = program.set("DISK_RESERVE", "16MiB");
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        // Neither has the size of what is to come, nor fits beside the others.
        let sending = (0..8).map(|_| async {
            let upload = alice.slow_upload().await;
            for _ in 0..32 {
                if !upload.send(vec![7; 256 * 1024]).await {
                    break;
                }
            }
            upload.finish().await
        });
        let mut least = u64::MAX;
        let mut sending = std::pin::pin!(join_all(sending));
        let answers = loop {
            match tokio::time::timeout(Duration::from_millis(2), &mut sending).await {
                Ok(answers) => break answers,
                Err(_) => least = least.min(free_on(&volume)),
            }
        };
        let refused = answers.iter().filter(|answer| !answer.code().is_empty());
        let refused = refused.inspect(|answer| assert_full(answer)).count();
        assert!((4..=8).contains(&refused), "{refused} refused");
        // The database's own rows are not uploads.
        assert!(least > 14 << 20, "{least} bytes were left");
    });
}

/// What cannot fit is refused before it is sent.
#[test]
fn an_upload_too_large_for_the_disk_is_refused_at_once() {
    with_mounts(async || {
        let (program, _volume) = one_small_disk(32).await;
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let cookie = format!("Cookie: {}", alice.cookie());
        let headers = [
            "Content-Type: multipart/form-data; boundary=frontier",
            "Content-Length: 1000000000",
            &cookie,
        ];
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        wire.send(&envelope().0).await.unwrap();
        let answer = wire.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (507, "STORAGE_FULL")
        );
    });
}

/// Each upload takes a little of the database's disk, which may be another.
#[test]
fn the_reserve_of_the_database_s_own_disk_is_left_as_well() {
    with_mounts(async || {
        let program = Program::with(None);
        let volume = Volume::at(&program.path("database"), 16);
        let url = format!("sqlite:{}/db.sqlite3", volume.path().display());
        let program = program
            .set("DATABASE_URL", &url)
            .set("DISK_RESERVE", "8MiB");
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let file = alice.upload("kept.txt", b"hello").await;
        let others = volume.path().join("others");
        std::fs::write(&others, vec![0; 9 << 20]).unwrap();

        for bytes in [0, 1, 1 << 20] {
            assert_full(&try_upload(&alice, &vec![1; bytes]).await);
        }
        let again = Person::anonymous(&server.base);
        again.sign_in("alice", PASSWORD).await.data("/signIn");
        purge(&again, &file).await;

        std::fs::remove_file(&others).unwrap();
        again.upload("new.txt", &vec![1; 1 << 20]).await;
    });
}
