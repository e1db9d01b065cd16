//! File names as clients write them: every script and every way to spell it ends as the name that was meant.

use serde_json::json;

use crate::support::{Answer, Parts, TestApp, multipart::CONTENT_TYPE};

/// The names of the files that parts with these `Content-Disposition` parameters become.
async fn names(dispositions: &[&str]) -> Vec<String> {
    names_by("", dispositions).await
}

/// The same for a client that calls itself `agent`.
async fn names_by(agent: &str, dispositions: &[&str]) -> Vec<String> {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut names = Vec::new();
    for disposition in dispositions {
        let headers = format!("Content-Disposition: form-data; name=\"0\"{disposition}");
        let body = Parts::upload_file().part(&headers, b"x").end();
        let request = alice.post().header("content-type", CONTENT_TYPE);
        let request = request.header("user-agent", agent).body(body);
        let answer = Answer::of(request.send().await.unwrap()).await;
        names.push(answer.text("/uploadFile/name"));
    }
    names
}

/// React Native and Expo write `encodeURIComponent(name)`, aiohttp all but the unreserved characters.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_a_client_percent_encodes_are_read_as_they_were() {
    let spellings = [
        ("photo%20(1).jpg", "photo (1).jpg"),
        ("it's%20(really)!*~.txt", "it's (really)!*~.txt"),
        ("%D0%9E%D1%82%D1%87%D1%91%D1%82%20'24.pdf", "Отчёт '24.pdf"),
        ("%E5%90%8D%E5%89%8D%20(2).png", "名前 (2).png"),
        ("a%2Cb%3Bc%3Dd%26e%2B.txt", "a,b;c=d&e+.txt"),
        ("50%25.txt", "50%.txt"),
        ("a%22b%22.txt", "a\"b\".txt"),
        // No client writes these: what is not encoded throughout is the name itself.
        ("100% sure.txt", "100% sure.txt"),
        ("100%2 sure.txt", "100%2 sure.txt"),
        ("%zz.txt", "%zz.txt"),
        ("%ff%fe.txt", "%ff%fe.txt"),
        ("a%20b c.txt", "a%20b c.txt"),
        ("naïve%20.txt", "naïve%20.txt"),
    ];
    let sent = spellings.map(|(name, _)| format!("; filename=\"{name}\""));
    let sent: Vec<_> = sent.iter().map(String::as_str).collect();
    for agent in [
        "",
        "okhttp/4.12.0",
        "MyApp/1 CFNetwork/1568.100.1 Darwin/24.0.0",
        "Expo/1017756 CFNetwork/1410.0.3 Darwin/22.6.0",
        "Python/3.13 aiohttp/3.12.2",
    ] {
        assert_eq!(
            names_by(agent, &sent).await,
            spellings.map(|(_, name)| name),
            "{agent}"
        );
    }
}

/// curl and browsers escape quotes and line breaks only: a name with `%20` in it is one that somebody gave.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_clients_that_write_them_as_they_are_stay_so() {
    let spellings = [
        ("100%20sure.txt", "100%20sure.txt"),
        ("photo%20(1).jpg", "photo%20(1).jpg"),
        ("50%25off.txt", "50%25off.txt"),
        ("a%2Fb.txt", "a%2Fb.txt"),
        ("a%22b%22.txt", "a\"b\".txt"),
    ];
    let sent = spellings.map(|(name, _)| format!("; filename=\"{name}\""));
    let sent: Vec<_> = sent.iter().map(String::as_str).collect();
    for agent in [
        "curl/7.88.1",
        "curl/8.11.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "node",
        "undici",
        "Bun/1.2",
    ] {
        assert_eq!(
            names_by(agent, &sent).await,
            spellings.map(|(_, name)| name),
            "{agent}"
        );
    }
    // `filename*` is always encoded.
    let extended = ["; filename=\"a%20b\"; filename*=UTF-8''a%20b"];
    assert_eq!(names_by("curl/8.11.0", &extended).await, ["a b"]);
}

/// The real thing: what curl is told to upload is what is kept.
#[tokio::test(flavor = "multi_thread")]
async fn curl_keeps_a_name_with_percent_signs() {
    let server = TestApp::start().await;
    let token = server.person("alice").await.token("[WRITE]").await;
    let directory = tempfile::tempdir().unwrap();
    for name in ["100%20sure.txt", "photo%20(1).jpg", "a \"b\" %41.txt"] {
        std::fs::write(directory.path().join(name), b"x").unwrap();
        let quoted = name.replace('"', "\\\"");
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", &format!("{}/graphql", server.base)])
            .args(["-H", &format!("Authorization: Bearer {token}")])
            .args(["-F", r#"operations={"query": "mutation($f: Upload!) { uploadFile(file: $f) { name } }", "variables": {"f": null}}"#])
            .args(["-F", r#"map={"0": ["variables.f"]}"#])
            .args(["-F", &format!("0=@\"{quoted}\"")])
            .current_dir(directory.path());
        let output = tokio::task::block_in_place(|| curl.output()).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["data"]["uploadFile"]["name"], name, "{answer}");
    }
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
        "Scotland 🏴󠁧󠁢󠁳󠁣󠁴󠁿.png",
        "🏴󠁧󠁢󠁷󠁬󠁳󠁿🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "Texas 🏴󠁵󠁳󠁴󠁸󠁿.txt",
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
        // A flag's characters without the flag, without an end, and with more than a region in them.
        "; filename=\"a\u{e0067}\u{e0062}\u{e007f}.txt\"",
        "; filename=\"a\u{1f3f4}\u{e0067}\u{e0062}.txt\"",
        &format!(
            "; filename=\"a\u{1f3f4}{}\u{e007f}.txt\"",
            "\u{e0061}".repeat(8)
        ),
        "; filename=\"\u{3164}\"",
        "; filename=\".\u{2800}\u{fe0f}.\"",
        "; filename*=UTF-8''%CD%8F%F3%A0%81%81",
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
            "a.txt",
            "a\u{1f3f4}.txt",
            "a\u{1f3f4}.txt",
            "unnamed",
            "unnamed",
            "unnamed",
        ]
    );
}

/// 255 as Windows, macOS and JavaScript count: a name that some file system could hold is never too long.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_too_long_is_refused_by_upload_and_rename_alike() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let rename = async |name: &str| {
        let query = "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { name } }";
        alice.ask_with(query, json!({ "f": file, "n": name })).await
    };
    let upload = async |name: &str| {
        let query = "mutation($file: Upload!) { uploadFile(file: $file) { name } }";
        alice.upload_with(query, json!({}), name, b"x").await
    };
    let named = async |name: &str| {
        let query =
            "mutation($file: Upload!, $n: String) { uploadFile(file: $file, name: $n) { name } }";
        alice
            .upload_with(query, json!({ "n": name }), "x", b"x")
            .await
    };

    for long in [
        "я".repeat(204),
        format!("{}.txt", "я".repeat(251)),
        "写".repeat(255),
        "x".repeat(255),
        "👩".repeat(127),
    ] {
        assert_eq!(rename(&long).await.text("/renameFile/name"), long);
        assert_eq!(upload(&long).await.text("/uploadFile/name"), long);
        assert_eq!(named(&long).await.text("/uploadFile/name"), long);
    }
    for too_long in [
        format!("{}.txt", "я".repeat(252)),
        "写".repeat(256),
        "x".repeat(256),
        "👩".repeat(128),
        "n".repeat(4000),
    ] {
        for refused in [
            rename(&too_long).await,
            upload(&too_long).await,
            named(&too_long).await,
        ] {
            assert_eq!(
                (refused.code(), refused.field()),
                ("BAD_USER_INPUT", "name"),
                "{refused:?}"
            );
            let message = refused.body["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("255 UTF-16 code units"), "{message}");
        }
    }
    server.only_files_stay(11).await;
}
