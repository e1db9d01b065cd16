//! Resumable uploads by tus 1.0.0: creation, the first of the extensions. The words before each test are the clause of the
//! protocol that it holds.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Person, TestApp,
    tus::{PART, TusAnswer, metadata},
};

const HELLO_SHA1: &str = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";

async fn name_of(person: &Person, id: &str) -> String {
    let query = "query($f: ID!) { file(id: $f) { name } }";
    person
        .ask_with(query, json!({ "f": id }))
        .await
        .text("/file/name")
}

/// The answer to beginning an upload with its first part.
async fn create_with_upload(
    person: &Person,
    headers: &[(&str, &str)],
    bytes: &'static str,
) -> TusAnswer {
    let url = format!("{}/uploads", person.base);
    let request = person.tus(Method::POST, &url).header("content-type", PART);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    TusAnswer::of(request.body(bytes).send().await.unwrap()).await
}

/// Creation, POST: "The Server MUST acknowledge a successful upload creation with the 201 Created status. The Server MUST set the
/// Location header to the URL of the created resource." "The new resource has an implicit offset of 0".
#[tokio::test(flavor = "multi_thread")]
async fn creation_tells_the_url() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = alice
        .tus_create_with(&[("upload-length", "10")])
        .await
        .expect(201);
    let url = created.header("location").to_owned();
    assert!(
        url.starts_with(&format!("{}/uploads/", server.base)),
        "{url}"
    );
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 0);
}

/// Creation, POST: "The request MUST include one of the following headers: a) Upload-Length […] b) Upload-Defer-Length: 1 […] If
/// the Upload-Defer-Length header contains any other value than 1 the server should return a 400 Bad Request status."
#[tokio::test(flavor = "multi_thread")]
async fn creation_needs_one_of_two_headers() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for headers in [
        &[][..],
        &[("upload-defer-length", "0")],
        &[("upload-defer-length", "true")],
        &[("upload-defer-length", "1"), ("upload-length", "10")],
    ] {
        let refused = alice.tus_create_with(headers).await.expect(400);
        assert_eq!(refused.code(), "BAD_USER_INPUT");
    }
    server.nothing_stays().await;
}

/// Creation, POST: "If the length was deferred using Upload-Defer-Length: 1, the Client MUST set the Upload-Length header in the
/// next PATCH request, once the length is known. Once set the length MUST NOT be changed. As long as the length of the upload is
/// not known, the Server MUST set Upload-Defer-Length: 1 in all responses to HEAD requests."
#[tokio::test(flavor = "multi_thread")]
async fn creation_defer_length() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = alice.tus_create_with(&[("upload-defer-length", "1")]).await;
    let url = created.expect(201).header("location").to_owned();
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.header("upload-defer-length"), "1");
    assert_eq!(head.header("upload-length"), "");
    let telling = async |offset: usize, length: &str, bytes: &'static str| {
        let request = alice.tus_part(&url, offset).header("upload-length", length);
        TusAnswer::of(request.body(bytes).send().await.unwrap()).await
    };

    // Fewer than there are.
    telling(4, "3", "").await.expect(413);
    telling(4, "10", "45").await.expect(204);
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.header("upload-defer-length"), "");
    assert_eq!(head.header("upload-length"), "10");
    let changed = telling(6, "11", "6").await.expect(400);
    assert_eq!(changed.code(), "BAD_USER_INPUT");
    telling(6, "10", "6789").await.expect(204);

    let done = alice.tus_head(&url).await.expect(200);
    assert_ne!(done.header("cloakroom-file"), "");
}

/// The length may also come when nothing else does any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_length_that_comes_last_finishes_the_upload() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = alice.tus_create_with(&[("upload-defer-length", "1")]).await;
    let url = created.expect(201).header("location").to_owned();
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let request = alice.tus_part(&url, 4).header("upload-length", "4");
    let done = TusAnswer::of(request.send().await.unwrap()).await;
    assert_ne!(done.expect(204).header("cloakroom-file"), "");
    server.only_files_stay(1).await;
}

/// Creation, POST: "The Upload-Length header MAY be set to 0, indicating that the Client wants to upload an empty file. Such an
/// upload is immediately complete after its creation without transferring data using PATCH requests."
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_upload_is_complete_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let created = alice
        .tus_create_with(&[("upload-length", "0")])
        .await
        .expect(201);
    let id = created.header("cloakroom-file");
    assert_eq!(alice.get(&alice.ticket(id).await).await.bytes, b"");
    let head = alice.tus_head(created.header("location")).await.expect(200);
    assert_eq!((head.offset(), head.header("cloakroom-file")), (0, id));
    server.only_files_stay(1).await;
}

/// Creation, Upload-Metadata: "If an upload contains additional metadata, responses to HEAD requests MUST include the
/// Upload-Metadata header and its value as specified by the Client during the creation."
#[tokio::test(flavor = "multi_thread")]
async fn upload_metadata_comes_back_as_it_was_sent() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for (sent, name) in [
        (
            metadata(&[("filename", "名前.txt"), ("filetype", "text/plain")]),
            "名前.txt",
        ),
        (metadata(&[("filename", "../../etc/passwd")]), "passwd"),
        (metadata(&[("filename", "C:\\x\\y.doc")]), "y.doc"),
        (metadata(&[("filename", "a\u{202e}gpj.exe")]), "agpj.exe"),
        ("is_confidential".to_owned(), "unnamed"),
        ("filename ,a".to_owned(), "unnamed"),
    ] {
        let headers = [("upload-length", "1"), ("upload-metadata", &*sent)];
        let created = alice.tus_create_with(&headers).await.expect(201);
        let url = created.header("location");
        for bytes in [&b""[..], b"x"] {
            alice.tus_patch(url, 0, bytes).await.expect(204);
            let head = alice.tus_head(url).await.expect(200);
            assert_eq!(head.header("upload-metadata"), sent);
        }
        let done = alice.tus_head(url).await;
        assert_eq!(name_of(&alice, done.header("cloakroom-file")).await, name);
    }
    let without = alice.tus_create_with(&[("upload-length", "1")]).await;
    let head = alice.tus_head(without.header("location")).await.expect(200);
    assert_eq!(head.header("upload-metadata"), "");
}

/// Creation, POST: "If the length of the upload exceeds the maximum, which MAY be specified using the Tus-Max-Size header, the
/// Server MUST respond with the 413 Request Entity Too Large status."
#[tokio::test(flavor = "multi_thread")]
async fn a_length_beyond_the_maximum_is_refused() {
    let server = TestApp::start_with(|options| options.max_file_size = "10".to_owned()).await;
    let alice = server.person("alice").await;
    for length in ["11", "9223372036854775808", "99999999999999999999999999"] {
        let refused = alice.tus_create_with(&[("upload-length", length)]).await;
        assert_eq!(refused.expect(413).code(), "FILE_TOO_LARGE");
    }
    // One that is told later, too.
    let created = alice.tus_create_with(&[("upload-defer-length", "1")]).await;
    let url = created.expect(201).header("location").to_owned();
    let request = alice.tus_part(&url, 0).header("upload-length", "11");
    let refused = TusAnswer::of(request.send().await.unwrap()).await;
    assert_eq!(refused.expect(413).code(), "FILE_TOO_LARGE");
    let refused = alice.tus_patch(&url, 0, b"01234567890").await.expect(413);
    assert_eq!(refused.code(), "FILE_TOO_LARGE");
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
}

/// Creation With Upload: "The Client MAY include either the entirety or a chunk of the upload data in the body of the POST
/// request. […] The Client MUST include the Content-Type: application/offset+octet-stream header. The Server […] MUST include
/// the Upload-Offset header in the response and MUST set its value to the offset of the upload after applying the accepted bytes."
#[tokio::test(flavor = "multi_thread")]
async fn creation_with_upload() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let begun = create_with_upload(&alice, &[("upload-length", "10")], "hello").await;
    assert_eq!(begun.expect(201).offset(), 5);
    let begun = create_with_upload(&alice, &[("upload-length", "10")], "hello").await;
    let url = begun.header("location").to_owned();
    assert_eq!(alice.tus_head(&url).await.offset(), 5);
    alice.tus_patch(&url, 5, b"world").await.expect(204);

    let whole = create_with_upload(&alice, &[("upload-length", "5")], "hello").await;
    let whole = whole.expect(201);
    assert_eq!(whole.offset(), 5);
    let ticket = alice.ticket(whole.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"hello");

    let deferred = create_with_upload(&alice, &[("upload-defer-length", "1")], "hello").await;
    assert_eq!(deferred.expect(201).offset(), 5);
}

/// What fails at its creation leaves nothing: nobody knows its URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_fails_leaves_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let checksum = ("upload-checksum", HELLO_SHA1);
    for (headers, bytes, status) in [
        (&[("upload-length", "4")][..], "hello", 413),
        (&[("upload-length", "6"), checksum], "hellos", 460),
        (
            &[("upload-length", "5"), ("upload-concat", "partial")],
            "hello",
            400,
        ),
    ] {
        create_with_upload(&alice, headers, bytes)
            .await
            .expect(status);
    }
    let url = format!("{}/uploads", server.base);
    let form = alice.tus(Method::POST, &url).header("upload-length", "5");
    let refused = form.header("content-type", "text/plain").body("hello");
    TusAnswer::of(refused.send().await.unwrap())
        .await
        .expect(415);
    server.nothing_stays().await;
    assert_eq!(server.rows("resumable_upload").await, 0);
}
