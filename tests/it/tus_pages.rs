//! Resumable uploads from pages: of this site, of allowed origins, and of others; and through nginx.

use reqwest::{Method, header::HeaderMap};

use crate::support::{
    Person, TestApp,
    tus::{PART, TusAnswer},
};

const FRIEND: &str = "https://app.example";
const ENEMY: &str = "https://evil.example";

/// What tus clients in browsers read of answers.
const READ: [&str; 9] = [
    "location",
    "upload-offset",
    "upload-length",
    "tus-version",
    "tus-resumable",
    "tus-max-size",
    "tus-extension",
    "upload-expires",
    "cloakroom-file",
];

async fn preflight(server: &TestApp, path: &str, method: &str, origin: &str) -> HeaderMap {
    let url = format!("{}{path}", server.base);
    let request = server
        .anonymous()
        .request(Method::OPTIONS, &url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "tus-resumable,upload-length,upload-metadata,x-http-method-override",
        );
    request.send().await.unwrap().headers().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_upload_and_read_what_comes_back() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let alice = server.person("alice").await;
    for (path, method) in [
        ("/uploads", "POST"),
        ("/uploads/x", "PATCH"),
        ("/uploads/x", "HEAD"),
        ("/uploads/x", "DELETE"),
    ] {
        let told = preflight(&server, path, method, FRIEND).await;
        assert_eq!(told["access-control-allow-origin"], FRIEND);
        assert_eq!(told["access-control-allow-credentials"], "true");
        let methods = told["access-control-allow-methods"].to_str().unwrap();
        assert!(
            methods.split(',').any(|it| it.trim() == method),
            "{methods}"
        );
        let headers = told["access-control-allow-headers"].to_str().unwrap();
        assert!(headers.contains("upload-metadata"), "{headers}");
    }
    let url = format!("{}/uploads", server.base);
    let friendly = |request: reqwest::RequestBuilder| {
        request
            .header("origin", FRIEND)
            .header("sec-fetch-site", "cross-site")
    };
    for request in [
        alice.tus(Method::POST, &url).header("upload-length", "10"),
        alice.request(Method::OPTIONS, &url),
        // Refusals can be read as well.
        alice.request(Method::POST, &url),
    ] {
        let answer = TusAnswer::of(friendly(request).send().await.unwrap()).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            FRIEND,
            "{answer:?}"
        );
        let exposed = answer
            .header("access-control-expose-headers")
            .to_lowercase();
        for name in READ {
            assert!(
                exposed.split(',').any(|it| it.trim() == name),
                "{name}: {exposed}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_upload_nothing() {
    let server = TestApp::start_with(|options| options.allowed_origins = FRIEND.to_owned()).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    let collection = format!("{}/uploads", server.base);
    let told = preflight(&server, "/uploads", "POST", ENEMY).await;
    assert!(!told.contains_key("access-control-allow-origin"));
    for request in [
        alice
            .tus(Method::POST, &collection)
            .header("upload-length", "10"),
        alice.tus_part(&url, 0).body("0"),
        alice.tus(Method::DELETE, &url),
        // The method that results is looked at, not the one that seems to be harmless.
        alice
            .tus(Method::GET, &url)
            .header("x-http-method-override", "DELETE"),
        alice
            .tus_part(&url, 0)
            .header("x-http-method-override", "PATCH")
            .body("0"),
    ] {
        for with in [
            ("origin", ENEMY),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let request = request.try_clone().unwrap().header(with.0, with.1);
            let refused = TusAnswer::of(request.send().await.unwrap())
                .await
                .expect(403);
            assert_eq!(refused.code(), "CSRF_REFUSED");
            assert!(!refused.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
    assert_eq!(server.rows("upload").await, 1);
}

async fn at_nginx(person: &Person, url: &str, offset: usize, bytes: &[u8]) -> TusAnswer {
    person.tus_patch(&person.at_base(url), offset, bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_all_of_the_protocol_on() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 3 << 20).await;
    assert!(url.starts_with(&server.base), "{url}");
    // More than other addresses take.
    at_nginx(&alice, &url, 0, &vec![1; 2 << 20])
        .await
        .expect(204);
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 2 << 20);
    let posing = alice
        .tus(Method::POST, &url)
        .header("x-http-method-override", "PATCH")
        .header("content-type", PART)
        .header("upload-offset", 2 << 20)
        .body(vec![1; 1 << 20]);
    let done = TusAnswer::of(posing.send().await.unwrap())
        .await
        .expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes.len(), 3 << 20);
    let other = alice.tus_create("b.bin", 10).await;
    alice.tus_delete(&other).await.expect(204);
    let options = alice.request(Method::OPTIONS, &format!("{}/uploads", server.base));
    let told = TusAnswer::of(options.send().await.unwrap())
        .await
        .expect(204);
    assert_eq!(told.header("tus-version"), "1.0.0");
}

/// A client that hangs half open behind nginx.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_through_nginx_is_let_in_at_once() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 3 << 20).await;
    let part = alice.tus_slow_part(&url, 0, 3 << 20).await;
    part.send(&[1; 1 << 20]).await;
    server
        .eventually("the bytes are staged", async |server| {
            let staged = server.stored();
            staged
                .iter()
                .any(|path| path.metadata().is_ok_and(|it| it.len() > 0))
        })
        .await;
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert!(offset > 0, "{offset}");
    at_nginx(&alice, &url, offset, &vec![1; (3 << 20) - offset])
        .await
        .expect(204);
    server.only_files_stay(1).await;
}
