//! File names as clients write them: every script and every way to spell it ends as the name that was meant.

use crate::support::{Parts, TestApp, multipart::CONTENT_TYPE};

/// The names of the files that parts with these `Content-Disposition` parameters become.
async fn names(dispositions: &[&str]) -> Vec<String> {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut names = Vec::new();
    for disposition in dispositions {
        let headers = format!("Content-Disposition: form-data; name=\"0\"{disposition}");
        let body = Parts::upload_file().part(&headers, b"x").end();
        let answer = alice.post_body(CONTENT_TYPE, body).await;
        names.push(answer.text("/uploadFile/name"));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_every_script_stay_as_they_are() {
    let scripts = [
        "naïve café.txt",
        "Ελληνικά.txt",
        "русский.txt",
        "עברית.txt",
        "العربية.txt",
        "हिन्दी.txt",
        "ไทย.txt",
        "中文名.txt",
        "日本語 ファイル.txt",
        "한국어.txt",
        "👨‍👩‍👧‍👦.png",
        "e\u{301} decomposed.txt",
        "نامه‌ای.txt",
        ".hidden",
        "no extension",
        "100% sure; really, 'yes'.txt",
        "a+b&c=d#e?.txt",
    ];
    let dispositions: Vec<_> = scripts
        .iter()
        .map(|name| format!("; filename=\"{name}\""))
        .collect();
    let dispositions: Vec<_> = dispositions.iter().map(String::as_str).collect();
    assert_eq!(names(&dispositions).await, scripts);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_read_however_a_client_spells_them() {
    let spellings = [
        // Browsers, and Node's fetch: quotes and line breaks percent-encoded.
        ("; filename=\"a %22b%22.txt\"", "a \"b\".txt"),
        // aiohttp: all of it percent-encoded.
        ("; filename=\"na%C3%AFve%20%E5%90%8D.txt\"", "naïve 名.txt"),
        // requests: RFC 8187.
        ("; filename*=utf-8''na%C3%AFve.txt", "naïve.txt"),
        (
            "; filename=\"naive.txt\"; filename*=UTF-8''na%C3%AFve.txt",
            "naïve.txt",
        ),
        (
            "; filename*=UTF-8'en'%e2%82%ac.txt; filename=\"euro.txt\"",
            "€.txt",
        ),
        // curl: a backslash before quotes and backslashes.
        ("; filename=\"a \\\"b\\\".txt\"", "a \"b\".txt"),
        ("; filename=token.txt", "token.txt"),
        ("; FileName=\"case.txt\"", "case.txt"),
        // A broken extended name leaves the plain one.
        (
            "; filename=\"plain.txt\"; filename*=UTF-8''%ff%fe",
            "plain.txt",
        ),
        (
            "; filename=\"plain.txt\"; filename*=UTF-16''%00a",
            "plain.txt",
        ),
    ];
    let dispositions = spellings.map(|(disposition, _)| disposition);
    assert_eq!(
        names(&dispositions).await,
        spellings.map(|(_, expected)| expected)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_deceive_or_break_are_cleaned() {
    let long = format!("; filename=\"{}.jpeg\"", "写".repeat(300));
    let shortened = format!("{}.jpeg", "写".repeat(83));
    let names = names(&[
        "",
        "; filename=\"\"",
        "; filename=\"..\"",
        "; filename=\"../../etc/passwd\"",
        "; filename=\"C:\\\\dir\\\\x.txt\"",
        "; filename=\"%2e%2e%2fetc%2fpasswd\"",
        "; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd",
        "; filename=\"a\u{202e}gpj.exe\"",
        "; filename=\"a%0D%0ASet-Cookie: b\"",
        "; filename*=UTF-8''a%00b.txt",
        "; filename=\"\u{3164}\"",
        "; filename=\".\u{2800}\u{fe0f}.\"",
        "; filename*=UTF-8''%CD%8F%F3%A0%81%81",
        &long,
    ])
    .await;
    assert_eq!(
        names,
        [
            "unnamed",
            "unnamed",
            "unnamed",
            "passwd",
            "x.txt",
            "passwd",
            "passwd",
            "agpj.exe",
            "aSet-Cookie: b",
            "ab.txt",
            "unnamed",
            "unnamed",
            "unnamed",
            &shortened,
        ]
    );
}
