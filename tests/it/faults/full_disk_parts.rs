//! Disks that fill up while a part of a resumable upload comes.

use serde_json::json;

use crate::support::volume::{Volume, with_mounts};

use super::full_disks::content_on;

/// What was acknowledged stays, nothing more of the part takes room, and the upload goes on when there is some.
#[test]
fn a_disk_that_fills_up_during_a_part_takes_nothing_back() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(32);
        let server = content_on(&volume).await;
        let alice = server.person("alice").await;
        let bytes: Vec<u8> = (0..6_u32 << 20).map(|at| (at % 251) as u8).collect();
        let staged = || {
            let files = server.stored().into_iter();
            files
                .map(|path| path.metadata().unwrap().len())
                .sum::<u64>()
        };
        let other = alice.tus_create("other.bin", 100).await;
        let url = alice.tus_create("a.bin", bytes.len()).await;
        alice
            .tus_patch(&url, 0, &bytes[..1 << 20])
            .await
            .expect(204);
        let part = alice.tus_slow_part(&url, 1 << 20, 5 << 20).await;
        part.send(&bytes[1 << 20..3 << 20]).await;
        server
            .eventually("some of the part is staged", async |_| staged() > (3 << 19))
            .await;
        volume.fill();

        part.send(&bytes[3 << 20..]).await;

        assert_eq!(part.answer().await.expect(507).code(), "STORAGE_FULL");
        assert_eq!(staged(), 1 << 20);
        assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 1 << 20);
        let refused = alice.tus_patch(&url, 1 << 20, &bytes[1 << 20..]).await;
        assert_eq!(refused.expect(507).code(), "STORAGE_FULL");
        // What makes room goes on.
        alice.tus_delete(&other).await.expect(204);

        volume.make_room();
        let done = alice.tus_patch(&url, 1 << 20, &bytes[1 << 20..]).await;
        let ticket = alice
            .ticket(done.expect(204).header("cloakroom-file"))
            .await;
        assert!(alice.get(&ticket).await.bytes == bytes);
        server.only_files_stay(1).await;
    });
}

/// A part that fills the disk itself gives back what it took.
#[test]
fn a_part_that_fills_the_disk_gives_all_of_it_back() {
    with_mounts(async || {
        let volume = Volume::of_mebibytes(8);
        let server = content_on(&volume).await;
        let alice = server.person("alice").await;
        let created = alice.tus_create_with(&[("upload-defer-length", "1")]).await;
        let url = created.expect(201).header("location").to_owned();
        alice.tus_patch(&url, 0, b"0123").await.expect(204);
        for _ in 0..3 {
            let refused = alice.tus_patch(&url, 4, &vec![2; 12 << 20]).await;
            assert_eq!(refused.expect(507).code(), "STORAGE_FULL");
            assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 4);
            let other = alice.upload("other.bin", &vec![1; 4 << 20]).await;
            alice.delete(&other).await.text("/deleteFile");
            let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
            let purged = alice.ask_with(purge, json!({ "f": other })).await;
            assert_eq!(purged.text("/purgeFile"), other);
        }
        let usage = alice.ask("{ me { usage { reservedBytes } } }").await;
        assert_eq!(usage.data("/me/usage/reservedBytes"), 4);
    });
}
