//! Uploads that go well, and what their mutations refuse: what arrives is what was sent, or nothing is kept.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Parts, TestApp, multipart::CONTENT_TYPE, multipart::UPLOAD_FILE};

const UPLOAD_FILES: &str =
    "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id name size } }";

fn sha256(bytes: &[u8]) -> String {
    cloakroom::hex::encode(&Sha256::digest(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_as_it_was() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes: Vec<u8> = (0..1_000_003_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();

    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes)
        .await;

    assert_eq!(answer.data("/uploadFile/size"), bytes.len());
    assert_eq!(answer.text("/uploadFile/name"), "a.bin");
    assert_eq!(answer.text("/uploadFile/sha256"), sha256(&bytes));
    let ticket = alice.ticket(&answer.text("/uploadFile/id")).await;
    assert!(alice.get(&ticket).await.bytes == bytes);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_a_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;

    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "empty.txt", b"")
        .await;

    assert_eq!(answer.data("/uploadFile/size"), 0);
    assert_eq!(answer.text("/uploadFile/sha256"), sha256(b""));
    let ticket = alice.ticket(&answer.text("/uploadFile/id")).await;
    let download = alice.get(&ticket).await;
    assert_eq!((download.status.as_u16(), download.bytes.len()), (200, 0));
    server.only_files_stay(1).await;
}

/// The variables decide, whatever the order of the parts.
#[tokio::test(flavor = "multi_thread")]
async fn many_files_answer_in_the_order_of_the_list() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let files: [(&str, &str, &[u8]); 3] = [
        ("variables.files.2", "three", b"333"),
        ("variables.files.0", "one", b"1"),
        ("variables.files.1", "two", b"22"),
    ];

    let answer = alice
        .upload_all(UPLOAD_FILES, json!({ "files": [null, null, null] }), &files)
        .await;

    let uploaded = answer.data("/uploadFiles");
    let uploaded: Vec<_> = uploaded
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["name"].as_str().unwrap(),
                file["size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(uploaded, [("one", 1), ("two", 2), ("three", 3)]);
    server.only_files_stay(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_that_is_none_among_twenty_leaves_no_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let paths: Vec<_> = (0..20).map(|at| format!("variables.files.{at}")).collect();
    let names: Vec<_> = (0..20).map(|at| format!("{at}.txt")).collect();
    let too_long = "x".repeat(256);
    // Some are written as they come, and some with their row.
    let bytes = |at: usize| vec![1; if at.is_multiple_of(5) { 100_000 } else { 10 }];
    let bytes: Vec<_> = (0..20).map(bytes).collect();
    let variables = json!({ "files": vec![Value::Null; 20] });
    for bad in [0, 11, 19] {
        let mut files = Vec::new();
        for at in 0..20 {
            let name = if at == bad { &too_long } else { &names[at] };
            files.push((paths[at].as_str(), name.as_str(), bytes[at].as_slice()));
        }

        let refused = alice
            .upload_all(UPLOAD_FILES, variables.clone(), &files)
            .await;

        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "name")
        );
        server.nothing_stays().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_kept_all_or_none() {
    let server = TestApp::start_with(|options| options.max_file_size = "100".to_owned()).await;
    let alice = server.person("alice").await;
    let query =
        "mutation($a: Upload!, $b: Upload!) { uploadFiles(files: [$a, $b, $a]) { id name } }";
    let files: [(&str, &str, &[u8]); 2] =
        [("variables.a", "a", b"good"), ("variables.b", "b", b"good")];
    let twice = alice
        .upload_all(query, json!({ "a": null, "b": null }), &files)
        .await;
    assert_eq!(
        (twice.code(), twice.field()),
        ("BAD_USER_INPUT", "variables")
    );
    server.nothing_stays().await;

    let files: [(&str, &str, &[u8]); 2] = [
        ("variables.files.0", "a", b"good"),
        ("variables.files.1", "b", &[0; 101]),
    ];
    let large = alice
        .upload_all(UPLOAD_FILES, json!({ "files": [null, null] }), &files)
        .await;
    assert_eq!(large.code(), "FILE_TOO_LARGE");
    server.nothing_stays().await;

    let none = alice
        .ask_with(UPLOAD_FILES, json!({ "files": Value::Array(vec![]) }))
        .await;
    assert_eq!((none.code(), none.field()), ("BAD_USER_INPUT", "files"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_given_in_the_mutation_replaces_the_part_s() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query =
        "mutation($file: Upload!, $name: String) { uploadFile(file: $file, name: $name) { name } }";

    let named = alice
        .upload_with(query, json!({ "name": "Bericht – 報告.txt" }), "x", b"x")
        .await;
    assert_eq!(named.text("/uploadFile/name"), "Bericht – 報告.txt");
    let unnamed = alice
        .upload_with(query, json!({ "name": null }), "x", b"x")
        .await;
    assert_eq!(unnamed.text("/uploadFile/name"), "x");

    for bad in [
        "",
        " ",
        "..",
        "a/b",
        "a\\b",
        "a\nb",
        "a\u{202e}b",
        " a",
        &"x".repeat(256),
    ] {
        let refused = alice
            .upload_with(query, json!({ "name": bad }), "x", b"x")
            .await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "name"),
            "{bad:?}"
        );
    }
    server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_announced_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let query = "mutation($file: Upload!, $sha256: String) { uploadFile(file: $file, sha256: $sha256) { sha256 } }";
    let upload =
        async |sha256: &str| alice.upload_with(query, json!({ "sha256": sha256 }), "x", b"hello");

    let refused = upload(&sha256(b"hullo")).await.await;
    assert_eq!(refused.code(), "CHECKSUM_MISMATCH");
    assert_eq!(
        refused.body["errors"][0]["extensions"]["actualSha256"],
        sha256(b"hello")
    );
    for malformed in [
        "",
        "abc",
        &sha256(b"hello")[1..],
        &"g".repeat(64),
        &format!("{} ", sha256(b"hello")),
    ] {
        let refused = upload(malformed).await.await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "sha256"),
            "{malformed:?}"
        );
    }
    server.nothing_stays().await;

    for right in [sha256(b"hello"), sha256(b"hello").to_uppercase()] {
        let kept = upload(&right).await.await;
        assert_eq!(kept.text("/uploadFile/sha256"), sha256(b"hello"));
    }
    server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_tell_the_content_type_and_the_client_does_not() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (bytes, name, claimed, expected) in [
        (&png[..], "x.html", "text/html", "image/png"),
        (
            b"<script>alert(1)</script>",
            "x.png",
            "image/png",
            "text/html",
        ),
        (
            b"\0\x01\x02\x03",
            "x.mp4",
            "video/mp4",
            "application/octet-stream",
        ),
        (
            b"hello",
            "x.txt",
            "application/pdf",
            "text/plain; charset=utf-8",
        ),
    ] {
        let headers = format!(
            "Content-Disposition: form-data; name=\"0\"; filename=\"{name}\"\r\nContent-Type: {claimed}"
        );
        let body = Parts::upload_file().part(&headers, bytes).end();
        let answer = alice.post_body(CONTENT_TYPE, body).await;
        assert_eq!(answer.text("/uploadFile/contentType"), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_mutation_takes_is_removed() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let skipped =
        "mutation($file: Upload!) { uploadFile(file: $file) @skip(if: true) { id } __typename }";
    let answer = alice.upload_with(skipped, json!({}), "x", b"x").await;
    assert_eq!(answer.text("/__typename"), "Mutation");

    for refused in [
        // It does not use its variable, has an error, or fails before it comes to the file.
        "mutation($file: Upload!) { signOut }",
        "mutation($file: Upload!) { uploadFile(file: $file) { nothing } }",
        "mutation($file: Upload!) { uploadFile(file: $file, sha256: \"?\") { id } }",
        "mutation($file: Upload!",
    ] {
        let answer = alice.upload_with(refused, json!({}), "x", b"x").await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{refused}");
    }
    server.nothing_stays().await;
}
