//! Delivery as clients see it: the bytes, their headers and their refusals, from nginx and from the process itself.

use std::{collections::BTreeMap, fs, path::Path};

use reqwest::{Client, header};

use crate::support::{
    Download, TestApp,
    nginx::{Nginx, Site},
};

/// A photograph's size, and no two places in it alike.
fn photograph() -> Vec<u8> {
    (0..3_000_000_u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes())
        .collect()
}

async fn range(url: &str, range: &str, more: &[(&str, &str)]) -> Download {
    let mut request = Client::new().get(url).header(header::RANGE, range);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    Download::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_from_nginx_byte_for_byte_and_is_resumed() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let photo = photograph();
    let file = alice.upload("photo.jpg", &photo).await;
    alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;

    let whole = bob.get(&ticket).await;
    assert_eq!(whole.status, 200);
    assert!(whole.bytes == photo, "the bytes differ");
    let rest = range(
        &ticket,
        "bytes=5000000-",
        &[("if-range", whole.header("etag"))],
    )
    .await;
    assert_eq!(rest.status, 206);
    assert!(rest.bytes == photo[5_000_000..], "the rest differs");
    let changed = range(&ticket, "bytes=5000000-", &[("if-range", "\"another\"")]).await;
    assert_eq!(
        (changed.status.as_u16(), changed.bytes.len()),
        (200, photo.len())
    );
    assert_eq!(range(&ticket, "bytes=99999999-", &[]).await.status, 416);
    let head = Client::new().head(&ticket).send().await.unwrap();
    assert_eq!(
        head.headers()[header::CONTENT_LENGTH],
        photo.len().to_string().as_str()
    );
    let known = Client::new()
        .get(&ticket)
        .header(header::IF_NONE_MATCH, whole.header("etag"));
    assert_eq!(known.send().await.unwrap().status(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_deliveries_send_the_same_headers() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let direct = server.another_direct().await;
    let alice = server.person("alice").await;
    let file = alice.upload("naïve \"名\".txt", b"hello").await;
    let ticket = alice.ticket(&file).await;
    let from_nginx = alice.get(&ticket).await;
    let from_process = alice.get(&ticket.replace(&server.base, &direct.base)).await;

    for download in [&from_nginx, &from_process] {
        assert!(
            download.header("etag").starts_with('"'),
            "a strong tag: {download:?}"
        );
        assert!(download.header("last-modified").ends_with("GMT"));
    }
    for validator in ["etag", "last-modified"] {
        let of_both = [&from_nginx, &from_process].map(|it| it.header(validator));
        assert_eq!(of_both[0], of_both[1]);
    }
    let expected = [
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-store"),
        (
            "content-disposition",
            "attachment; filename=\"na_ve ___.txt\"; filename*=UTF-8''na%C3%AFve%20%22%E5%90%8D%22.txt",
        ),
        ("content-length", "5"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-type", "text/plain; charset=utf-8"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(headers(&from_nginx), expected);
    assert_eq!(headers(&from_process), expected);
}

/// The headers of a download, but for those that another answer or another file has otherwise.
fn headers(download: &Download) -> BTreeMap<String, String> {
    const OTHERWISE: [&str; 7] = [
        "server",
        "date",
        "connection",
        "keep-alive",
        "x-request-id",
        "etag",
        "last-modified",
    ];
    let headers = download.headers.iter();
    let headers = headers.filter(|(name, _)| !OTHERWISE.contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    headers.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_deliveries_let_a_player_load_what_it_shows_and_nothing_else() {
    const INERT: &str = "default-src 'none'; sandbox";
    const PLAYED: &str = "default-src 'none'; media-src 'self'; sandbox allow-same-origin";
    let server = TestApp::behind_nginx(|_| {}).await;
    let direct = server.another_direct().await;
    let alice = server.person("alice").await;
    let flac = [b"fLaC\0\0\0\"".as_slice(), &[0; 40]].concat();
    let cases: [(&str, &[u8], &str, &str, &str); 9] = [
        (
            "a.webm",
            b"\x1A\x45\xDF\xA3\x87\x42\x82\x84webm",
            "INLINE",
            "inline",
            PLAYED,
        ),
        (
            "a.mp4",
            b"\0\0\0\x10ftypisom\0\0\0\0",
            "INLINE",
            "inline",
            PLAYED,
        ),
        (
            "a.mp3",
            b"ID3\x04\0\0\0\0\0\0\xFF\xFB\x90\0",
            "INLINE",
            "inline",
            PLAYED,
        ),
        (
            "a.ogg",
            b"OggS\0\x02\0\0\x01vorbis",
            "INLINE",
            "inline",
            PLAYED,
        ),
        (
            "a.mp4",
            b"\0\0\0\x10ftypisom\0\0\0\0",
            "ATTACHMENT",
            "attachment",
            INERT,
        ),
        ("a.flac", &flac, "INLINE", "attachment", INERT),
        (
            "a.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "INLINE",
            "inline",
            INERT,
        ),
        ("a.txt", b"hello", "INLINE", "inline", INERT),
        (
            "a.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "INLINE",
            "attachment",
            INERT,
        ),
    ];
    for (name, bytes, asked, disposition, policy) in cases {
        let file = alice.upload(name, bytes).await;
        let query =
            format!("{{ downloadTicket(fileId: \"{file}\", disposition: {asked}) {{ url }} }}");
        let ticket = alice.ask(&query).await.text("/downloadTicket/url");
        let from_nginx = alice.get(&ticket).await;
        let from_process = alice.get(&ticket.replace(&server.base, &direct.base)).await;
        assert_eq!(headers(&from_nginx), headers(&from_process), "{name}");
        assert_eq!(
            from_nginx.header("content-security-policy"),
            policy,
            "{name} {asked}"
        );
        assert!(
            from_nginx
                .header("content-disposition")
                .starts_with(disposition),
            "{name}"
        );
        // A player asks for parts.
        let part = range(&ticket, "bytes=1-", &[]).await;
        assert_eq!(part.status, 206);
        assert_eq!(
            part.header("content-security-policy"),
            policy,
            "{name} {asked}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_share_stops_the_next_request_at_nginx() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let eve = server.person("eve").await;
    let file = alice.upload("notes.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;
    assert_eq!(bob.get(&ticket).await.status, 200);
    assert_eq!(eve.ask_ticket(&file).await.code(), "NOT_FOUND");

    alice.revoke(&share).await.data("/revokeShare");

    let refused = bob.get(&ticket).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_REVOKED")
    );
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let part = range(&ticket, "bytes=0-1", &[]).await;
    assert_eq!(
        part.status, 403,
        "a part of a file is checked like the whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let body = vec![b'x'; 5_000_000];

    for _ in 0..20 {
        let anonymous = server.anonymous();
        let answer = anonymous
            .upload_with("mutation { a }", serde_json::json!({}), "x", &body)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, "UNAUTHENTICATED")
        );
    }
    assert_eq!(server.stored(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_of_nginx_has_a_ticket_or_a_query_in_it() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("notes.txt", b"hello").await;
    let ticket = alice.ticket(&file).await;
    let (_, secret) = ticket.split_once("/download/").unwrap();

    alice.get(&ticket).await;
    alice
        .get(&format!("{}/graphql?query=%7BsecretField%7D", server.base))
        .await;
    server
        .app
        .storage
        .delete(&key(&server), None)
        .await
        .unwrap();
    let gone = alice.get(&ticket).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code().as_str()),
        (404, "FILE_GONE")
    );

    let log = server.nginx().log();
    assert!(log.contains("GET /download/-"), "{log}");
    assert!(
        !log.contains(secret) && !log.contains(&secret[..20]),
        "{log}"
    );
    assert!(!log.contains("secretField"), "{log}");
}

/// The key of the one file stored.
fn key(server: &TestApp) -> cloakroom::storage::ContentKey {
    let path = server.stored().pop().unwrap();
    cloakroom::storage::ContentKey::parse(path.file_name().unwrap().to_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_serves_as_upstream_as_well_as_a_socket() {
    let port = crate::support::nginx::free_port();
    let server = TestApp::start_with(|options| options.delivery = "x-accel".to_owned()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("notes.txt", b"hello").await;
    let ticket = alice.ticket(&file).await;
    let upstream = server.base.trim_start_matches("http://");
    let directory = tempfile::tempdir().unwrap();
    let nginx = Nginx::start(
        port,
        upstream,
        &server.app.config.storage.data_dir,
        directory.path(),
        &Site::default(),
    )
    .await;

    let download = alice.get(&ticket.replace(&server.base, &nginx.base)).await;

    assert_eq!(download.bytes, b"hello");
}

/// `nginx/render` takes no site with a name that has no value: so whoever renders the site has to give them all.
#[test]
fn whoever_renders_the_site_gives_every_value_of_its_template() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let template = read("nginx/cloakroom.conf.template");
    let names = template.split("${").skip(1);
    let names: Vec<_> = names
        .map(|rest| rest.split_once('}').unwrap().0)
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .collect();
    assert!(names.contains(&"STORE_UPSTREAM"), "{names:?}");
    for file in [
        "packaging/cloakroom-site",
        "packaging/Containerfile",
        "docs/deploy.md",
        "scripts/up",
    ] {
        let text = read(file);
        let (_, text) = text.split_once("cloakroom.conf.template").unwrap();
        for name in &names {
            assert!(text.contains(&format!("{name}=")), "{file} has no {name}");
        }
    }
}
