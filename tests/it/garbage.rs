//! Garbage, in quantity and always the same: what reads what clients send neither panics nor is talked into anything.
//!
//! The targets in `fuzz/` look for more of it; this is the short form, which runs every time.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, header},
};
use cloakroom::{
    domain::{
        file_name,
        tickets::{self, Disposition},
    },
    graphql::{Unfit, document},
    http::{
        self,
        disposition::{self, Spelling},
    },
};
use serde_json::Map;
use tower::ServiceExt;

use crate::support::{Numbers, Parts, TestApp, multipart::CONTENT_TYPE};

const INPUTS: usize = 20_000;

#[test]
fn any_disposition_gives_a_name_that_our_own_spells_whole() {
    let seeds: [&[u8]; 4] = [
        b"form-data; name=\"0\"; filename=\"a \\\"b\\\".txt\"",
        "form-data; name=\"0\"; filename=\"naïve 名.txt\"; filename*=UTF-8''na%C3%AFve%20%E5%90%8D.txt".as_bytes(),
        b"form-data; name=\"0\"; filename=%2e%2e%2fx; filename*=utf-8'en'..%2f..%2fetc",
        b"attachment;filename=\"\xe2\x80\xae%0D%0A\";filename=\"b\"",
    ];
    let words: [&[u8]; 14] = [
        b"\"",
        b"\\",
        b";",
        b"=",
        b"%",
        b"%2",
        b"%00",
        b"%ff",
        b"filename*=",
        b"UTF-8''",
        b"../",
        b"'",
        b"\xe2\x80\xae",
        b" ",
    ];
    let mut numbers = Numbers(0x5eed_0001);
    let mut differing = 0;
    for n in 0..INPUTS {
        let input = numbers.mutated(seeds[n % seeds.len()], &words);
        let Ok(value) = HeaderValue::from_bytes(&input) else {
            continue;
        };
        let sent = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, value)]);
        let raw = disposition::file_name(&sent, Spelling::Unknown);
        let name = file_name::clean(&raw);
        assert_eq!(file_name::check(&name).unwrap(), name, "{input:?}");
        differing += usize::from(raw != name);

        let written = disposition::header(Disposition::Attachment, &name, "text/plain");
        assert!(
            written
                .to_str()
                .unwrap()
                .starts_with("attachment; filename=\"")
        );
        let read = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, written)]);
        assert_eq!(
            disposition::file_name(&read, Spelling::Unknown),
            name,
            "{input:?}"
        );
    }
    assert!(differing > 1000, "only {differing} names had to be cleaned");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_a_ticket_is_accepted() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let url = alice.ticket(&file).await;
    let ticket = url.rsplit_once('/').unwrap().1.as_bytes();
    let signer = &server.app.keyring.tickets;
    let claims = tickets::read(signer, std::str::from_utf8(ticket).unwrap());
    assert!(claims.is_some());
    let words: [&[u8]; 7] = [b"A", b"_", b"-", b"=", b"==", b"%3D", b"\n"];
    let mut numbers = Numbers(0x5eed_0002);
    let mut tried = 0;
    for _ in 0..INPUTS {
        let changed = String::from_utf8_lossy(&numbers.mutated(ticket, &words)).into_owned();
        if changed.as_bytes() != ticket {
            assert_eq!(tickets::read(signer, &changed), None, "{changed}");
            tried += 1;
        }
    }
    assert!(tried > INPUTS / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_document_is_measured_or_refused() {
    let server = TestApp::start().await;
    let limits = &server.app.config.query_limits();
    let seeds: [&[u8]; 5] = [
        b"{ me { id username usage { usedBytes } } }",
        b"query Q($n: Int = 5) { files(first: $n) { edges { node { ...F @include(if: true) } } } } fragment F on File { id name }",
        b"mutation { a: signOut b: signOut } query A { limits { maxFileSize } }",
        b"{ file(id: \"x\") { shares(first: 2) { nodes { file { shares { nodes { ... on Share { id } } } } } } } }",
        b"{ __schema { types { fields { type { ofType { ofType { name } } } } } } }",
    ];
    let words: [&[u8]; 17] = [
        b"{",
        b"}",
        b"(",
        b")",
        b"[",
        b"...",
        b"... F",
        b"\"",
        b"\"\"\"",
        b"@skip(if: true)",
        b"$n",
        b":",
        b"#",
        b"\\u0000",
        b"fragment F on File { ...F }",
        b"first: 999999999999",
        b"\xf0\x9f",
    ];
    let mut numbers = Numbers(0x5eed_0003);
    let (mut fine, mut refused) = (0, 0);
    for n in 0..INPUTS {
        let input = numbers.mutated(seeds[n % seeds.len()], &words);
        let text = String::from_utf8_lossy(&input);
        let checked = match document::scan(&text, limits) {
            Ok(_) => document::check(&text, None, &Map::new(), limits),
            Err(error) => Err(error.into()),
        };
        match checked {
            Ok(document) => {
                fine += 1;
                assert!(document::select(&document.parsed, None).is_ok(), "{text}");
            }
            // These are `BAD_USER_INPUT`.
            Err(Unfit::Invalid(errors)) => refused += usize::from(!errors.is_empty()),
            Err(Unfit::Refused(error)) => {
                refused += 1;
                let code = error.code.as_str();
                assert!(
                    ["BAD_USER_INPUT", "QUERY_TOO_COMPLEX"].contains(&code),
                    "{code}: {text}"
                );
            }
        }
    }
    assert!(fine > 500 && refused > 500, "{fine} and {refused}");
}

/// Through the whole server, without a socket: fewer, for those that happen to be good write to the disk.
#[tokio::test(flavor = "multi_thread")]
async fn any_multipart_body_is_a_whole_upload_or_leaves_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[WRITE]").await;
    let router = http::router(&server.app);
    let seed = Parts::upload_file().file("0", b"the bytes of a file").end();
    let words: [&[u8]; 16] = [
        b"\r\n",
        b"--",
        b"--frontier",
        b"\r\n--frontier\r\n",
        b"--frontier--\r\n",
        b"\n",
        b"\0",
        b"name=\"0\"",
        b"name=\"map\"",
        b"\"",
        b"variables.file",
        b"variables.file.0",
        b"null",
        b"{",
        b"Content-Transfer-Encoding: base64\r\n",
        b"\xff",
    ];
    let mut numbers = Numbers(0x5eed_0004);
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..INPUTS / 10 {
        let body = numbers.mutated(&seed, &words);
        let request = Request::post("/graphql")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(Body::from(body.clone()));
        let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let answer = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert!(
            status < 500,
            "{answer} to {}",
            String::from_utf8_lossy(&body)
        );
        match answer.pointer("/data/uploadFile/id") {
            Some(_) => kept += 1,
            None => refused += 1,
        }
    }
    assert!(kept > 20 && refused > 500, "{kept} and {refused}");
    server.only_files_stay(kept).await;
}
