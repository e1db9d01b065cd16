//! Pages of allowed origins show and fetch what a ticket opens, from nginx and from the process itself; for all others
//! nothing is as much as mentioned.

use reqwest::{Client, Method, StatusCode, header::HeaderMap};

use crate::support::{Download, Person, TestApp};

const FRIEND: &str = "https://app.example";
const OTHER: &str = "https://other.example";
/// How a browser says which page it asks for: a script's requests, and those of elements.
const BY_SCRIPT: (&str, &str) = ("origin", FRIEND);
const BY_ELEMENT: (&str, &str) = ("referer", "https://app.example/album?page=2");

/// The two deliveries over the same data.
async fn deliveries() -> (TestApp, TestApp) {
    let server = TestApp::behind_nginx(|options| {
        options.allowed_origins = format!("http://localhost:3000, {FRIEND}");
    })
    .await;
    let direct = server.another_direct().await;
    (server, direct)
}

async fn send(method: Method, url: &str, headers: &[(&str, &str)]) -> Download {
    let mut request = Client::new().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Download::of(request.send().await.unwrap()).await
}

/// The only value of a header; empty when there is none.
#[track_caller]
fn only<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    assert!(values.len() < 2, "{name} comes {values:?}");
    values.first().map_or("", |value| value.to_str().unwrap())
}

#[track_caller]
fn assert_admitted(download: &Download, what: &str) {
    let headers = &download.headers;
    assert_eq!(
        only(headers, "access-control-allow-origin"),
        FRIEND,
        "{what}: {download:?}"
    );
    assert!(
        !headers.contains_key("access-control-allow-credentials"),
        "{what}"
    );
    let read = only(headers, "access-control-expose-headers");
    for name in ["ETag", "Content-Disposition", "Content-Range"] {
        assert!(read.split(", ").any(|read| read == name), "{what}: {read}");
    }
    assert_eq!(only(headers, "vary"), "Origin", "{what}");
}

type Headers = &'static [(&'static str, &'static str)];

/// Every answer that a ticket can get, with what leads to it: method, headers, status.
const REQUESTS: &[(&str, Headers, u16)] = &[
    ("GET", &[], 200),
    ("HEAD", &[], 200),
    ("GET", &[("range", "bytes=1-2")], 206),
    ("GET", &[("range", "bytes=99-")], 416),
    ("GET", &[("if-match", "\"another\"")], 412),
    ("GET", &[("if-none-match", "*")], 304),
];

/// The photographs of this person that are asked for, at each of `servers`.
async fn tickets(person: &Person, servers: [&TestApp; 2]) -> (String, [String; 2]) {
    let file = person.upload("photo.txt", b"hello").await;
    let ticket = person.ticket(&file).await;
    let urls = servers.map(|server| ticket.replace(&person.base, &server.base));
    (file, urls)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_show_and_fetch_what_a_ticket_opens() {
    let (server, direct) = deliveries().await;
    let alice = server.person("alice").await;
    let (_, urls) = tickets(&alice, [&server, &direct]).await;
    for url in &urls {
        for page in [BY_SCRIPT, BY_ELEMENT] {
            for (method, headers, status) in REQUESTS {
                let what = format!("{page:?} {method} {headers:?} {url}");
                let method = method.parse().unwrap();
                let answer = send(method, url, &[&[page], *headers].concat()).await;
                assert_eq!(answer.status, *status, "{what}");
                assert_admitted(&answer, &what);
                if answer.status.is_success() {
                    let policy = only(&answer.headers, "cross-origin-resource-policy");
                    assert_eq!(policy, "cross-origin", "{what}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_can_read_why_a_ticket_is_refused() {
    let (server, direct) = deliveries().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("photo.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    let revoked = bob.ticket(&file).await;
    alice.revoke(&share).await.data("/revokeShare");
    let lost = alice.ticket(&file).await;
    for path in server.stored() {
        std::fs::remove_file(path).unwrap();
    }
    for base in [&server.base, &direct.base] {
        for (url, refusal) in [
            (format!("{base}/download/garbage"), (404, "TICKET_INVALID")),
            (revoked.replace(&server.base, base), (403, "ACCESS_REVOKED")),
            // Behind nginx this is nginx's own answer.
            (lost.replace(&server.base, base), (404, "FILE_GONE")),
        ] {
            let answer = send(Method::GET, &url, &[BY_SCRIPT]).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                refusal,
                "{url}"
            );
            assert_admitted(&answer, &url);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_ask_with_headers_of_their_own() {
    let (server, direct) = deliveries().await;
    let alice = server.person("alice").await;
    let (_, urls) = tickets(&alice, [&server, &direct]).await;
    for url in &urls {
        for wanted in ["range", "if-none-match,if-range,traceparent", ""] {
            let mut headers = vec![BY_SCRIPT, ("access-control-request-method", "GET")];
            if !wanted.is_empty() {
                headers.push(("access-control-request-headers", wanted));
            }
            let answer = send(Method::OPTIONS, url, &headers).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{url}");
            assert_admitted(&answer, url);
            assert_eq!(
                only(&answer.headers, "access-control-allow-headers"),
                wanted
            );
            let methods = only(&answer.headers, "access-control-allow-methods");
            assert_eq!(methods, "GET, HEAD");
            assert_eq!(answer.bytes, b"");
        }
    }
    // Nor is a question a download. What was recorded is in the table once a server has stopped.
    direct.stop().await;
    let server = server.restart_with(|_| {}).await;
    let downloads = "SELECT COUNT(*) AS number FROM event WHERE kind = 'DOWNLOADED'";
    assert_eq!(server.number(downloads).await, 0);
}

/// The headers of an answer, but for those of one request or one server.
fn told(download: &Download) -> Vec<(String, String)> {
    let apart = ["date", "x-request-id", "connection", "keep-alive"];
    let headers = download.headers.iter();
    let mut told: Vec<_> = headers
        .filter(|(name, _)| !apart.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_get_what_programs_get() {
    let (server, direct) = deliveries().await;
    let alice = server.person("alice").await;
    let (_, urls) = tickets(&alice, [&server, &direct]).await;
    let pages: &[&[(&str, &str)]] = &[
        &[("origin", OTHER)],
        &[("origin", "null")],
        &[("origin", OTHER), BY_ELEMENT],
        &[("referer", "https://other.example/https://app.example/")],
        &[("referer", "https://app.example.other.example/")],
        &[("origin", "https://app.example:444")],
    ];
    for url in &urls {
        for (method, headers, status) in REQUESTS {
            let method: Method = method.parse().unwrap();
            let program = send(method.clone(), url, headers).await;
            assert_eq!(program.status, *status);
            for name in [
                "access-control-allow-origin",
                "access-control-expose-headers",
                "vary",
            ] {
                assert_eq!(only(&program.headers, name), "", "{name}");
            }
            if program.status.is_success() {
                let policy = only(&program.headers, "cross-origin-resource-policy");
                assert_eq!(policy, "same-origin");
            }
            for page in pages {
                let answer = send(method.clone(), url, &[page, *headers].concat()).await;
                assert_eq!(
                    told(&answer),
                    told(&program),
                    "{page:?} {method} {headers:?}"
                );
                assert_eq!(answer.bytes, program.bytes);
            }
        }
        let asked = [
            ("origin", OTHER),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "range"),
        ];
        let answer = send(Method::OPTIONS, url, &asked).await;
        let program = send(Method::OPTIONS, url, &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(told(&answer), told(&program));
    }
}
