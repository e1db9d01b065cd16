//! Where clients come from, as proxies write it.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::support::{Answer, TestApp};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Signs up behind a proxy that sends these lines, and returns the error's code.
async fn sign_up(server: &TestApp, username: &str, lines: &[&[u8]]) -> String {
    let lines = lines
        .iter()
        .map(|line| HeaderValue::from_bytes(line).unwrap());
    let headers: HeaderMap = lines.map(|line| (X_FORWARDED_FOR, line)).collect();
    let person = server.anonymous();
    let request = person.post().headers(HeaderMap::new());
    let mut request = request.build().unwrap();
    request.headers_mut().extend(headers);
    let query = "mutation($n: String!, $p: String!) { signUp(username: $n, password: $p) { id } }";
    let variables = json!({ "n": username, "p": "a long walk home" });
    let body = json!({ "query": query, "variables": variables }).to_string();
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert("content-type", json);
    *request.body_mut() = Some(body.into());
    let answer = person.client.execute(request).await.unwrap();
    Answer::of(answer).await.code().to_owned()
}

/// Some proxies add the port, brackets, quotes. Each client has one budget all the same, and its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_client_has_its_own_budget_however_its_proxy_writes_the_address() {
    let server = TestApp::start_with(|options| options.sign_ups_per_address = "1".to_owned()).await;
    let same: [&[&[&[u8]]]; 5] = [
        &[
            &[b"203.0.113.7:40001"],
            &[b"203.0.113.7:50002"],
            &[b"203.0.113.7"],
        ],
        &[
            &[b"203.0.113.8"],
            &[b"\"203.0.113.8:1\""],
            &[b"::ffff:203.0.113.8"],
        ],
        &[
            &[b"[2001:db8:1::1]:443"],
            &[b"\"[2001:db8:1::1]\""],
            &[b"2001:db8:1::1"],
        ],
        &[
            &[b" 203.0.113.9 , 127.0.0.2:99"],
            &[b"203.0.113.9", b"127.0.0.2"],
        ],
        // What the client itself sends before it hides nothing, whatever it is.
        &[
            &[b"\xff", b"203.0.113.10:7"],
            &[b"\xe9, 203.0.113.10:8"],
            &[b"198.51.100.1,203.0.113.10"],
        ],
    ];
    let mut number = 0;
    for client in same {
        for (nth, lines) in client.iter().enumerate() {
            number += 1;
            let code = sign_up(&server, &format!("user{number}"), lines).await;
            let expected = if nth == 0 { "" } else { "RATE_LIMITED" };
            assert_eq!(code, expected, "{lines:?}");
        }
    }
}
