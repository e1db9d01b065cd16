//! Passwords of links and drops that a page of another site makes a browser send: they use up no tries.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Download, Parts, TestApp, link::fetch, multipart};

/// What a browser says of a request that a page of another site made it send.
const FROM_ELSEWHERE: &[&[(&str, &str)]] = &[
    &[
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ],
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[
        ("sec-fetch-site", "same-site"),
        ("origin", "http://other.example"),
    ],
    // To an address without https, and from old browsers.
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
];

/// Each try that counts is one of two.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_uses_up_no_tries_of_passwords_by_forms() {
    let server = TestApp::behind_nginx(|options| {
        options.sign_in_tries_per_address = "2".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link_with(&file, json!({ "password": "knock" })).await;
    let drop = alice.drop_with(json!({ "password": "knock" })).await;
    let tries = server.rows("throttle").await;
    let link_form = |password: &str| format!("password={password}");
    let drop_form = |password: &str| {
        let parts = Parts::new().text("password", password);
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"";
        String::from_utf8(parts.part(disposition, b"a").end()).unwrap()
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let parts = ("content-type", multipart::CONTENT_TYPE);
    let send = async |url: &str, headers: &[(&str, &str)], body: String| {
        let headers = [&[("accept", "text/html")][..], headers].concat();
        fetch(Method::POST, url, &headers, &body).await
    };
    for with in FROM_ELSEWHERE.iter().copied() {
        for _ in 0..3 {
            let by_link = send(&link.url, &[with, &[form][..]].concat(), link_form("wrong")).await;
            let by_drop = send(
                &drop.url,
                &[with, &[parts][..]].concat(),
                drop_form("wrong"),
            )
            .await;
            for refused in [by_link, by_drop] {
                assert_eq!(refused.status, 403, "{with:?}");
                let page = String::from_utf8(refused.bytes.clone()).unwrap();
                assert!(page.contains("page of another site"), "{page}");
                assert_eq!(refused.header("content-type"), "text/html; charset=utf-8");
            }
        }
    }
    server.only_files_stay(1).await;
    assert_eq!(server.rows("throttle").await, tries);
    // Our own page's form says where it is from, with and without https, and a program says nothing.
    let base = server.base.as_str();
    let own: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "same-origin"), ("origin", base)],
        &[("origin", base)],
        &[("sec-fetch-site", "none")],
        &[],
    ];
    for with in own.iter().copied() {
        let opened = send(&link.url, &[with, &[form][..]].concat(), link_form("knock")).await;
        assert_eq!(opened.status, 303, "{with:?}");
        let left = send(
            &drop.url,
            &[with, &[parts][..]].concat(),
            drop_form("knock"),
        )
        .await;
        assert_eq!(left.status, 200, "{with:?}");
    }
    // A link that somebody follows from elsewhere shows its page.
    for url in [&link.url, &drop.url] {
        let headers = [("accept", "text/html"), ("sec-fetch-site", "cross-site")];
        let page = fetch(Method::GET, url, &headers, "").await;
        assert_eq!(page.status, 200);
    }
    // The tries are counted still, by a link that does not know the address yet.
    let fresh = alice.link_with(&file, json!({ "password": "knock" })).await;
    for status in [403, 403, 429] {
        let wrong = send(&fresh.url, &[form], link_form("wrong")).await;
        assert_eq!(wrong.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_a_link_or_drop_never_comes_in_a_url() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries_per_address = "2".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link_with(&file, json!({ "password": "knock" })).await;
    let drop = alice.drop_with(json!({ "password": "knock" })).await;
    let tries = server.rows("throttle").await;
    let ask = async |query: &str, with: &[(&str, &str)]| {
        let url = format!("{}/graphql", server.base);
        let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
        let request = server.anonymous().client.get(url);
        let request = with.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        Answer::of(request.send().await.unwrap()).await
    };
    let query = |field: &str, token: &str, password: &str| {
        format!("{{ {field}(token: \"{token}\"{password}) {{ hasPassword }} }}")
    };
    for (field, token) in [("sharedLink", &link.token), ("dropTarget", &drop.token)] {
        for with in [&[][..], &[("sec-fetch-site", "cross-site")]] {
            for password in ["wrong", "knock", ""] {
                let password = format!(", password: \"{password}\"");
                let refused = ask(&query(field, token, &password), with).await;
                assert_eq!(refused.code(), "CSRF_REFUSED", "{field} {with:?}");
            }
            for none in ["", ", password: null"] {
                let told = ask(&query(field, token, none), with).await;
                assert_eq!(told.data(&format!("/{field}/hasPassword")), true);
            }
        }
    }
    // A browser names the site where something made it fetch a link by an address with a password in it.
    let basic = ("authorization", "Basic Ondyb25n");
    for site in ["cross-site", "same-site"] {
        let headers = [basic, ("accept", "image/*"), ("sec-fetch-site", site)];
        let refused: Download = fetch(Method::GET, &link.url, &headers, "").await;
        assert_eq!(
            (refused.status.as_u16(), &refused.code()[..]),
            (403, "CSRF_REFUSED")
        );
    }
    assert_eq!(server.rows("throttle").await, tries);
    let wrong = fetch(Method::GET, &link.url, &[basic], "").await;
    assert_eq!(wrong.status, 401);
    let visited = server.anonymous().visit(&link.token, Some("knock")).await;
    assert_eq!(visited.data("/sharedLink/file/name"), "a.txt");
}
