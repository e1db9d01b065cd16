//! Memory: an upload's size is on the disk, and never in the process.

use crate::support::{
    Parts, Program, TestApp, Wire,
    multipart::{CONTENT_TYPE, envelope},
};

const MEBIBYTE: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_takes_no_more_memory_than_a_small_one() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let alice = alice.at(&process.base);
    let upload = async |mebibytes: usize| {
        let answer = alice.post_zeros(envelope(), mebibytes).await;
        assert_eq!(answer.data("/uploadFile/size"), mebibytes * MEBIBYTE);
        process.peak_memory()
    };

    let small = upload(8).await;
    let large = upload(256).await;

    let growth = large.saturating_sub(small) / 1024;
    assert!(growth < 32 * 1024, "it grew by {growth} KiB");
}

/// Whatever has no end is refused long before its size could matter: a part's headers, the text before the first
/// boundary, `operations`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_file_is_never_gathered_without_limit() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let alice = alice.at(&process.base);
    let before = process.peak_memory();
    let endless_header = [
        &Parts::upload_file().so_far()[..],
        b"--frontier\r\nContent-Disposition: form-data; name=\"0\"; filename=\"",
    ]
    .concat();
    let endless_operations =
        b"--frontier\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n".to_vec();
    for (what, start, code) in [
        ("headers", endless_header, "BAD_USER_INPUT"),
        ("preamble", Vec::new(), "BAD_USER_INPUT"),
        ("operations", endless_operations, "PAYLOAD_TOO_LARGE"),
    ] {
        let answer = alice.post_zeros((start, Vec::new()), 24).await;
        assert!(answer.status.is_client_error(), "{what}: {answer:?}");
        assert_eq!(answer.code(), code, "{what}");
    }
    let growth = process.peak_memory().saturating_sub(before) / 1024;
    assert!(growth < 12 * 1024, "it grew by {growth} KiB");
    server.nothing_stays().await;
}

/// Requests side by side that have sent most of their body.
const MANY: usize = 12;
const SENT_BYTES: usize = 60_000;

/// Bytes as they are sent, in chunks of so many.
fn chunked(bytes: &[u8], size: usize) -> Vec<u8> {
    let chunks = bytes.chunks(size).map(|chunk| {
        let head = format!("{:x}\r\n", chunk.len());
        [head.as_bytes(), chunk, b"\r\n"].concat()
    });
    chunks.collect::<Vec<_>>().concat()
}

/// What each of many bodies takes that have come in chunks of `size` so far.
async fn memory_of_each(headers: &[&str], body: &[u8], size: usize, program: &Program) -> u64 {
    let server = program.serve();
    let sent = chunked(body, size);
    let send = async || {
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", headers).await;
        wire.send(&sent).await.unwrap();
        wire
    };
    // What the first of all takes is not theirs.
    let first = send().await;
    server.is_idle().await;
    let before = server.peak_memory();
    let mut wires = vec![first];
    for _ in 0..MANY {
        wires.push(send().await);
    }
    server.is_idle().await;
    server.peak_memory().saturating_sub(before) / MANY as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_takes_no_more_memory_however_it_is_cut() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let authorization = format!("Authorization: Bearer {}", alice.token("[WRITE]").await);
    let program = Program::of(&server);
    let file = [envelope().0, vec![b'x'; SENT_BYTES]].concat();
    let document = [b"{\"query\": \"".to_vec(), vec![b' '; SENT_BYTES]].concat();
    for (what, content_type, body) in [
        ("an upload", CONTENT_TYPE, file),
        ("a document", "application/json", document),
    ] {
        let content_type = format!("Content-Type: {content_type}");
        let headers = [&content_type, "Transfer-Encoding: chunked", &authorization];
        for size in [SENT_BYTES, 4096, 1] {
            let each = memory_of_each(&headers, &body, size, &program).await / 1024;
            eprintln!("{what} in chunks of {size}: {each} KiB");
            assert!(each < 512, "{what} in chunks of {size}: {each} KiB");
        }
    }
}
