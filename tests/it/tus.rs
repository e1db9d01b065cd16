//! Resumable uploads by tus 1.0.0: the core protocol. The words before each test are the clause of the protocol that it holds.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Person, TestApp,
    tus::{PART, TusAnswer},
};

async fn file(person: &Person, id: &str) -> Value {
    let query = "query($f: ID!) { file(id: $f) { name size contentType sha256 } }";
    let answer = person.ask_with(query, json!({ "f": id })).await;
    answer.data("/file")
}

/// An upload of ten bytes, of which there are four.
async fn begun(person: &Person) -> String {
    let url = person.tus_create("a.txt", 10).await;
    person.tus_patch(&url, 0, b"0123").await.expect(204);
    url
}

/// The requests of the protocol, each of which works on an upload as [`begun`] leaves it.
fn every_request(person: &Person, url: &str) -> Vec<reqwest::RequestBuilder> {
    let collection = format!("{}/uploads", person.base);
    let create = person.request(Method::POST, &collection);
    vec![
        create.header("upload-length", "10"),
        person.request(Method::HEAD, url),
        person
            .request(Method::PATCH, url)
            .header("content-type", PART)
            .header("upload-offset", "4")
            .body("4"),
        person.request(Method::DELETE, url),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_parts_becomes_a_file() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();

    for part in [bytes.len(), 100_000, 65_536] {
        let id = alice.tus_upload("a.bin", &bytes, part).await;

        let ticket = alice.ticket(&id).await;
        assert!(alice.get(&ticket).await.bytes == bytes, "parts of {part}");
    }
    server.only_files_stay(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_as_if_it_had_come_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let text = "Größe, 名前\n".repeat(10);
    let at_once = alice.upload("a.txt", text.as_bytes()).await;

    let resumed = alice.tus_upload("a.txt", text.as_bytes(), 7).await;

    assert_eq!(file(&alice, &resumed).await, file(&alice, &at_once).await);
}

/// Tus-Resumable: "The Tus-Resumable header MUST be included in every request and response except for OPTIONS requests."
/// "If the version specified by the Client is not supported by the Server, it MUST respond with the 412 Precondition Failed
/// status and MUST include the Tus-Version header into the response. In addition, the Server MUST NOT process the request."
#[tokio::test(flavor = "multi_thread")]
async fn tus_resumable() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    for version in [None, Some("0.2.2"), Some("1.0"), Some("1.0.0, 1.0.0")] {
        for request in every_request(&alice, &url) {
            let request = match version {
                Some(version) => request.header("tus-resumable", version),
                None => request,
            };
            let refused = TusAnswer::of(request.send().await.unwrap()).await;
            let refused = refused.expect(412);
            assert_eq!(refused.header("tus-version"), "1.0.0");
            assert_eq!(refused.header("tus-resumable"), "1.0.0");
        }
    }
    assert_eq!(server.rows("upload").await, 1);
    for request in every_request(&alice, &url) {
        let request = request.header("tus-resumable", "1.0.0");
        let answer = TusAnswer::of(request.send().await.unwrap()).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
    }
    let stranger = server.anonymous().tus_head(&url).await.expect(401);
    assert_eq!(stranger.header("tus-resumable"), "1.0.0");
}

/// HEAD: "The Server MUST always include the Upload-Offset header in the response for a HEAD request, even if the offset is 0,
/// or the upload is already considered completed. If the size of the upload is known, the Server MUST include the
/// Upload-Length header in the response."
#[tokio::test(flavor = "multi_thread")]
async fn head_always_tells_the_offset_and_the_length() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    for (offset, bytes) in [(0, &b"0123"[..]), (4, b""), (4, b"456789")] {
        let head = alice.tus_head(&url).await.expect(200);
        assert_eq!(head.offset(), offset);
        assert_eq!(head.header("upload-length"), "10");
        assert_eq!(head.header("cloakroom-file"), "");
        alice.tus_patch(&url, offset, bytes).await.expect(204);
    }
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.offset(), 10);
    assert_eq!(head.header("upload-length"), "10");
    let id = head.header("cloakroom-file");
    assert_eq!(file(&alice, id).await["size"], 10);
}

/// HEAD: "If the resource is not found, the Server SHOULD return either the 404 Not Found, 410 Gone or 403 Forbidden status
/// without the Upload-Offset header."
#[tokio::test(flavor = "multi_thread")]
async fn head_of_what_is_not_there_tells_no_offset() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let url = begun(&alice).await;
    let unknown = format!(
        "{}/uploads/01900000-0000-7000-8000-000000000000",
        server.base
    );
    let nonsense = format!("{}/uploads/nonsense", server.base);
    for (person, url) in [(&bob, &url), (&alice, &unknown), (&alice, &nonsense)] {
        let absent = person.tus_head(url).await.expect(404);
        assert_eq!(absent.header("upload-offset"), "");
    }
}

/// HEAD: "The Server MUST prevent the client and/or proxies from caching the response by adding the Cache-Control: no-store
/// header to the response."
#[tokio::test(flavor = "multi_thread")]
async fn head_is_not_cached() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.header("cache-control"), "no-store");
    let head = server.anonymous().tus_head(&url).await.expect(401);
    assert_eq!(head.header("cache-control"), "no-store");
}

/// PATCH: "All PATCH requests MUST use Content-Type: application/offset+octet-stream, otherwise the server SHOULD return a 415
/// Unsupported Media Type status."
#[tokio::test(flavor = "multi_thread")]
async fn patch_needs_its_media_type() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    for media_type in [None, Some("application/octet-stream"), Some("text/plain")] {
        let request = alice.tus(Method::PATCH, &url).header("upload-offset", "4");
        let request = match media_type {
            Some(media_type) => request.header("content-type", media_type),
            None => request,
        };
        let refused = request.body("456789").send().await.unwrap();
        let refused = TusAnswer::of(refused).await.expect(415);
        assert_eq!(refused.code(), "BAD_USER_INPUT");
    }
    assert_eq!(alice.tus_head(&url).await.offset(), 4);
}

/// PATCH: "The Upload-Offset header's value MUST be equal to the current offset of the resource. […] If the offsets do not
/// match, the Server MUST respond with the 409 Conflict status without modifying the upload resource."
#[tokio::test(flavor = "multi_thread")]
async fn patch_at_another_offset_is_a_conflict() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    let before = alice.tus_head(&url).await.headers;
    for offset in [0, 3, 5, 10, 11, usize::MAX] {
        let refused = alice.tus_patch(&url, offset, b"45").await.expect(409);
        assert_eq!(refused.code(), "CONFLICT");
        let told: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(told["offset"], 4);
    }
    let after = alice.tus_head(&url).await.headers;
    for name in ["upload-offset", "upload-length", "upload-expires"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    alice.tus_patch(&url, 4, b"456789").await.expect(204);
}

/// PATCH: "The Server MUST acknowledge successful PATCH requests with the 204 No Content status. It MUST include the
/// Upload-Offset header containing the new offset. The new offset MUST be the sum of the offset before the PATCH request and the
/// number of bytes received and processed or stored during the current PATCH request."
#[tokio::test(flavor = "multi_thread")]
async fn patch_tells_the_new_offset() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    for (offset, bytes) in [(0, &b"0"[..]), (1, b""), (1, b"123456"), (7, b"789")] {
        let answer = alice.tus_patch(&url, offset, bytes).await.expect(204);
        assert_eq!(answer.offset(), offset + bytes.len());
        assert_eq!(answer.body, "");
    }
}

/// PATCH: "If the server receives a PATCH request against a non-existent resource it SHOULD return a 404 Not Found status."
#[tokio::test(flavor = "multi_thread")]
async fn patch_of_what_is_not_there_is_not_found() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let url = begun(&alice).await;
    let unknown = format!(
        "{}/uploads/01900000-0000-7000-8000-000000000000",
        server.base
    );
    let absent = alice.tus_patch(&unknown, 0, b"x").await.expect(404);
    assert_eq!(absent.code(), "NOT_FOUND");
    let hidden = bob.tus_patch(&url, 4, b"x").await.expect(404);
    assert_eq!(hidden.body, absent.body);
    assert_eq!(alice.tus_head(&url).await.offset(), 4);
}

/// PATCH: "The Server SHOULD always attempt to store as much of the received data as possible."
#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_request_broke_off_is_kept() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes = vec![7; 3 << 20];
    let url = alice.tus_create("a.bin", bytes.len()).await;

    let part = alice.tus_slow_part(&url, 0, bytes.len()).await;
    part.send(&bytes[..2 << 20]).await;
    server
        .eventually("the bytes are staged", async |server| {
            let staged = server.stored();
            staged
                .iter()
                .any(|path| path.metadata().is_ok_and(|it| it.len() >= 1 << 20))
        })
        .await;
    part.hang_up().await;

    server
        .eventually("what came is acknowledged", async |_| {
            alice.upload_offset(&url).await >= 1 << 20
        })
        .await;
    let offset = alice.tus_head(&url).await.offset();
    let done = alice.tus_patch(&url, offset, &bytes[offset..]).await;
    assert_eq!(done.expect(204).offset(), bytes.len());
}

/// OPTIONS: "A successful response indicated by the 204 No Content or 200 OK status MUST contain the Tus-Version header. It MAY
/// include the Tus-Extension and Tus-Max-Size headers. The Client SHOULD NOT include the Tus-Resumable header in the request
/// and the Server MUST ignore the header."
#[tokio::test(flavor = "multi_thread")]
async fn options_tell_what_the_server_can_do() {
    let server = TestApp::start_with(|options| options.max_file_size = "5000".to_owned()).await;
    let anyone = server.anonymous();
    for path in ["/uploads", "/uploads/01900000-0000-7000-8000-000000000000"] {
        let url = format!("{}{path}", server.base);
        for version in [None, Some("0.2.2"), Some("1.0.0")] {
            let request = anyone.request(Method::OPTIONS, &url);
            let request = match version {
                Some(version) => request.header("tus-resumable", version),
                None => request,
            };
            let told = TusAnswer::of(request.send().await.unwrap()).await;
            let told = told.expect(204);
            assert_eq!(told.header("tus-version"), "1.0.0");
            assert_eq!(told.header("tus-resumable"), "1.0.0");
            assert_eq!(told.header("tus-max-size"), "5000");
            assert_eq!(told.header("tus-checksum-algorithm"), "sha256,sha1,md5");
            let extensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination";
            assert_eq!(told.header("tus-extension"), extensions);
        }
    }
}

/// X-HTTP-Method-Override: "[…] MUST be interpreted as the request's method by the Server, if the header is presented. The
/// actual method of the request MUST be ignored."
#[tokio::test(flavor = "multi_thread")]
async fn x_http_method_override() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    let posing = async |actual: Method, method: &str, url: &str| {
        let request = alice
            .tus(actual, url)
            .header("x-http-method-override", method)
            .header("content-type", PART)
            .header("upload-offset", "4")
            .body(if method == "PATCH" { "4" } else { "" });
        TusAnswer::of(request.send().await.unwrap()).await
    };
    assert_eq!(
        posing(Method::POST, "HEAD", &url)
            .await
            .expect(200)
            .offset(),
        4
    );
    assert_eq!(
        posing(Method::GET, "PATCH", &url)
            .await
            .expect(204)
            .offset(),
        5
    );
    posing(Method::POST, "OPTIONS", &url).await.expect(204);
    posing(Method::PATCH, "POST", &url).await.expect(405);
    posing(Method::POST, "NONSENSE", &url).await.expect(405);
    posing(Method::POST, "not a method", &url).await.expect(400);
    posing(Method::POST, "DELETE", &url).await.expect(204);
    alice.tus_head(&url).await.expect(404);

    // It counts here and nowhere else.
    let graphql = format!("{}/graphql", server.base);
    let query = alice
        .request(Method::POST, &graphql)
        .header("x-http-method-override", "DELETE")
        .json(&json!({ "query": "{ me { username } }" }));
    assert_eq!(query.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_not_allowed_and_say_which_are() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = begun(&alice).await;
    let collection = format!("{}/uploads", server.base);
    for (url, methods, allow) in [
        (
            &collection,
            &["GET", "HEAD", "PUT", "PATCH", "DELETE"][..],
            "OPTIONS, POST",
        ),
        (
            &url,
            &["GET", "PUT", "POST"],
            "OPTIONS, HEAD, PATCH, DELETE, POST",
        ),
    ] {
        for method in methods {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let refused = alice.tus(method, url).send().await.unwrap();
            let refused = TusAnswer::of(refused).await.expect(405);
            assert_eq!(refused.header("allow"), allow);
        }
    }
}
