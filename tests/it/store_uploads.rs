//! Uploads into an object store: what arrives is what was sent, or nothing is kept, whatever the store does.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Store, TestApp, content::bytes, multipart::UPLOAD_FILE};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_arrive_as_they_were() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    // Around a part, and in parts of which the last is short.
    let sizes = [
        0,
        1,
        40_000,
        100_000,
        8 * MIB - 1,
        8 * MIB,
        8 * MIB + 1,
        35 * MIB + 7,
    ];
    for size in sizes {
        let bytes = bytes(size);
        let answer = alice
            .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes)
            .await;
        assert_eq!(answer.data("/uploadFile/size"), size);
        let sha256 = cloakroom::hex::encode(&Sha256::digest(&bytes));
        assert_eq!(answer.text("/uploadFile/sha256"), sha256);
        let ticket = alice.ticket(&answer.text("/uploadFile/id")).await;
        assert!(alice.get(&ticket).await.bytes == bytes, "{size}");
    }
    server.only_files_stay(sizes.len()).await;
}
