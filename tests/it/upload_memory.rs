//! Memory: an upload's size is on the disk, and never in the process.

use futures_util::stream;
use reqwest::{Body, header};

use crate::support::{
    Answer, Parts, Person, Program, TestApp,
    multipart::{CONTENT_TYPE, envelope},
};

const MEBIBYTE: usize = 1 << 20;

/// Sends a body made of `before`, `mebibytes` of zeros, and `after`, one piece at a time.
async fn send(person: &Person, before: Vec<u8>, mebibytes: usize, after: Vec<u8>) -> Answer {
    let zeros = bytes::Bytes::from(vec![0; MEBIBYTE]);
    let pieces = [before.into()]
        .into_iter()
        .chain(std::iter::repeat_n(zeros, mebibytes))
        .chain([after.into()]);
    let body = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let request = person.post().header(header::CONTENT_TYPE, CONTENT_TYPE);
    Answer::of(request.body(body).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_takes_no_more_memory_than_a_small_one() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let alice = alice.at(&process.base);
    let upload = async |mebibytes: usize| {
        let (before, after) = envelope();
        let answer = send(&alice, before, mebibytes, after).await;
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
        let answer = send(&alice, start, 24, Vec::new()).await;
        assert!(answer.status.is_client_error(), "{what}: {answer:?}");
        assert_eq!(answer.code(), code, "{what}");
    }
    let growth = process.peak_memory().saturating_sub(before) / 1024;
    assert!(growth < 12 * 1024, "it grew by {growth} KiB");
    server.nothing_stays().await;
}
