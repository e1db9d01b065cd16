//! The session's cookie among others: whatever else a browser was told to keep for this host hides nobody's session.

use reqwest::header::{COOKIE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

/// Who is signed in by a request with these `Cookie` headers.
async fn me(server: &TestApp, lines: &[Vec<u8>]) -> Value {
    let lines = lines
        .iter()
        .map(|line| HeaderValue::from_bytes(line).unwrap());
    let headers: HeaderMap = lines.map(|line| (COOKIE, line)).collect();
    let request = reqwest::Client::new().post(format!("{}/graphql", server.base));
    let request = request.headers(headers);
    let request = request.json(&json!({ "query": "{ me { username } }" }));
    let answer = Answer::of(request.send().await.unwrap()).await;
    let me = answer.data("/me");
    me.get("username").cloned().unwrap_or_default()
}

/// `cloakroom=…` of somebody who is signed in.
fn cookie(person: &Person) -> String {
    let cookie = person.cookie();
    assert!(cookie.starts_with("cloakroom="), "{cookie}");
    cookie
}

/// Ways to send the pair `session`, whose value is `value`, among other cookies.
fn among_others(session: &str, value: &str) -> Vec<Vec<Vec<u8>>> {
    let latin = |before: &str, after: &str| {
        [before.as_bytes(), b"theme=caf\xe9", after.as_bytes()].concat()
    };
    let one = |line: String| vec![line.into_bytes()];
    vec![
        one(session.to_owned()),
        // Bytes that are no text.
        vec![latin("", &format!("; {session}"))],
        vec![latin(&format!("{session}; "), "")],
        vec![b"\xff\xfe=\x80".to_vec(), session.as_bytes().to_vec()],
        // Several headers, as HTTP/2 has them and some proxies pass them on.
        vec![
            b"a=b".to_vec(),
            session.as_bytes().to_vec(),
            b"c=d".to_vec(),
        ],
        vec![latin("", ""), session.as_bytes().to_vec()],
        // The same name twice: set by other software of the host for a path or a domain.
        one(format!("cloakroom=garbage; {session}")),
        one(format!("{session}; cloakroom=garbage")),
        one(format!("cloakroom=; {session}; cloakroom")),
        vec![b"cloakroom=\xe9".to_vec(), session.as_bytes().to_vec()],
        // The older specifications (RFC 2109, RFC 2965).
        one(format!(
            "$Version=\"1\"; cloakroom=\"{value}\"; $Path=\"/\""
        )),
        one(format!("$Version=1;cloakroom={value};$Path=/")),
        one(format!("cloakroom=\"{value}\"")),
        // Quotes, JSON, pairs without a name or a value.
        one(format!("theme=\"open; {session}")),
        one(format!("prefs={{\"a\":\"b,c\"}}; {session}")),
        one(format!("=; ;; a; b=; =c; {session};")),
        one(format!("percent=%zz%; {session}")),
        // White space.
        one(format!("a=b;{session}")),
        one(format!("a=b ;\t{session} ; c=d")),
        one(format!("cloakroom = {value}")),
        one(format!("a=\u{fc}; {session}; b=\u{1f600}")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_odd_cookie_hides_no_other() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let direct = server.another_direct().await;
    let session = cookie(&server.person("alice").await);
    let (_, value) = session.split_once('=').unwrap();
    for lines in among_others(&session, value) {
        for server in [&server, &direct] {
            let sent: Vec<_> = lines
                .iter()
                .map(|line| line.escape_ascii().to_string())
                .collect();
            assert_eq!(me(server, &lines).await, "alice", "{sent:?}");
        }
    }
}

/// A session that has ended, or never was, hides none that lives.
#[tokio::test(flavor = "multi_thread")]
async fn of_cookies_of_one_name_the_one_that_signs_in_counts() {
    let server = TestApp::start().await;
    let ended = server.person("bob").await;
    let old = cookie(&ended);
    ended.ask("mutation { signOut }").await.data("/signOut");
    let session = cookie(&server.person("alice").await);
    let made_up = "cloakroom=AAAAAAAAAAAAAAAAAAAAAA";
    for line in [
        format!("{old}; {session}"),
        format!("{session}; {old}"),
        format!("{made_up}; {old}; {session}"),
        format!("{session}; {session}"),
    ] {
        assert_eq!(me(&server, &[line.into_bytes()]).await, "alice");
    }
    assert_eq!(me(&server, &[old.into_bytes()]).await, Value::Null);
}

/// Nor does a cookie pose as the session's.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_like_the_session_s_cookie_signs_nobody_in() {
    let server = TestApp::start().await;
    let session = cookie(&server.person("alice").await);
    for line in [
        format!("x{session}"),
        format!("theme=a,{session}"),
        format!("theme={session}"),
        session.to_uppercase(),
        format!("__Host-{session}"),
        session.replace('=', ":"),
    ] {
        let line = line.into_bytes();
        let sent = line.escape_ascii().to_string();
        assert_eq!(me(&server, &[line]).await, Value::Null, "{sent}");
    }
}
