//! Names made to break something: they end as text in the database and in one header, and never as a path.

use std::{collections::HashSet, fmt::Write};

use serde_json::{Value, json};

use crate::{
    clients,
    support::{Download, Parts, Person, TestApp, multipart::CONTENT_TYPE},
};

/// What an uploaded part's header says: a name in RFC 8187's spelling, in which every byte can be said.
fn extended(name: &[u8]) -> String {
    let mut value = "filename*=UTF-8''".to_owned();
    for byte in name {
        let _ = write!(value, "%{byte:02x}");
    }
    value
}

/// Three hundred headers, each naming a file as somebody hostile would.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        ".",
        "..",
        "...",
        " ",
        "\t",
        "/",
        "\\",
        "//",
        "../",
        "..\\",
        "a/..",
        "a/../b",
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "..\\..\\windows\\system32\\cmd.exe",
        "C:\\autoexec.bat",
        "C:",
        "\\\\host\\share\\x",
        "....//....//etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "%c0%ae%c0%ae/",
        "file:///etc/passwd",
        "content/00/00/00",
        "staging/x",
        ".htaccess",
        "-rf",
        "--help",
        "~",
        "~root/.ssh/id",
        "$HOME",
        "`id`",
        "$(id)",
        "a;id",
        "a|id",
        "a&id",
        "a>b",
        "a<b",
        "*",
        "?",
        "a*b?",
        "[a]",
        "{a,b}",
        "#",
        "a#b",
        "a?b=c",
        "%",
        "%%",
        "%s%n%x",
        "100%",
        "%00",
        "%0d%0a",
        "a%0d%0aSet-Cookie: x=y",
        "a%zz",
        "%u0041",
        "+",
        "a+b",
        "a b",
        " a ",
        "a\u{a0}b",
        "\u{3000}a\u{3000}",
        "a\0b",
        "\0",
        "a.txt\0.png",
        "a\rb",
        "a\nb",
        "a\r\nSet-Cookie: x=y\r\n\r\n<html>",
        "a\tb",
        "a\u{7}b",
        "a\u{8}b",
        "\u{1b}[2Ja",
        "a\u{7f}b",
        "a\u{80}b",
        "a\u{85}b",
        "\"",
        "\"\"",
        "a\"b",
        "\"a\"",
        "a\\\"b",
        "\\\"; filename=\"evil",
        "a'b",
        "''",
        "UTF-8''a",
        "utf-8'en'a%20b",
        "a; filename=b",
        "a\"; filename*=UTF-8''b",
        "=?UTF-8?Q?a?=",
        "=?utf-8?b?YQ==?=",
        "a,b",
        "a=b",
        "(a)",
        "a@b",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "';DROP TABLE file;--",
        "{{7*7}}",
        "${7*7}",
        "javascript:alert(1)",
        "a\u{202e}gpj.exe",
        "\u{202d}a\u{202c}",
        "\u{2066}a\u{2069}",
        "a\u{200b}b",
        "a\u{200c}b",
        "a\u{200d}b",
        "\u{200e}a\u{200f}",
        "\u{feff}a",
        "a\u{ad}b",
        "\u{2060}",
        "\u{180e}a",
        "a\u{2028}b\u{2029}c",
        "\u{fff9}a",
        "\u{e0041}\u{e0042}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "e\u{301}",
        "é",
        "\u{301}",
        "a\u{300}\u{301}\u{302}",
        "ﬁ",
        "ſ",
        "K",
        "ı",
        "ß",
        "İ",
        "Å",
        "①",
        "／etc／passwd",
        "．．／",
        "․․",
        "‥",
        "…",
        "∕",
        "⧵",
        "＂",
        "＇",
        "：",
        "👩‍👧‍👦.png",
        "🏳️‍🌈",
        "🇩🇪",
        "☺\u{fe0f}",
        "日本語.txt",
        "русский.txt",
        "עברית.txt",
        "العربية.txt",
        "हिन्दी.txt",
        "ไทย.txt",
        "한국어.txt",
        "ﷺ",
        "z̸̢a̷l̴g̶o̷",
        "CON",
        "con",
        "CON.txt",
        "PRN",
        "AUX",
        "NUL",
        "nul.tar.gz",
        "COM1",
        "COM9.log",
        "LPT1",
        "CLOCK$",
        "CONIN$",
        "CON ",
        "CON.",
        "a.",
        "a..",
        "a. ",
        ".a",
        "..a",
        "a:b",
        "a::$DATA",
        "a:Zone.Identifier",
        "Thumbs.db",
        "desktop.ini",
        ".DS_Store",
        "lost+found",
        "index.html",
        "index.php",
        "a.php.jpg",
        "a.jpg.php",
        "web.config",
        "crossdomain.xml",
        "favicon.ico",
        "robots.txt",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["A", "Z", "0", "~", "é", "写"].map(|c| c.repeat(255)));
    names.push("👩".repeat(127));
    names.extend((242..252).map(|length| format!("{}.txt", "x".repeat(length))));
    names.extend([254, 255, 256].map(|length| "写".repeat(length / 3) + &"y".repeat(length % 3)));
    let spelled = names.iter().map(|name| extended(name.as_bytes()));
    let mut headers: Vec<String> = spelled.collect();
    // A long path; bytes that are no text; and the quoted form, as a browser writes it.
    headers.push(format!("filename=\"{}/n\"", "n".repeat(10_000)));
    headers.push(format!("filename=\"{}/写.jpeg\"", "写".repeat(3333)));
    headers.extend([&b"\xff\xfe"[..], b"a\xc0\xaf..", b"\xed\xa0\x80", b"\x80"].map(extended));
    let plain = names.iter().filter(|name| !name.contains(char::is_control));
    for name in plain.take(300 - headers.len()) {
        headers.push(format!("filename=\"{}\"", name.replace('"', "%22")));
    }
    assert_eq!(headers.len(), 300);
    headers
}

/// The ids of files with these `Content-Disposition` parameters, uploaded twenty at once.
async fn upload(person: &Person, headers: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    for headers in headers.chunks(20) {
        let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
        let nulls = vec![Value::Null; headers.len()];
        let operations = json!({ "query": query, "variables": { "files": nulls } });
        let map: serde_json::Map<_, _> = (0..headers.len())
            .map(|n| (n.to_string(), json!([format!("variables.files.{n}")])))
            .collect();
        let mut parts = Parts::new()
            .text("operations", &operations.to_string())
            .text("map", &Value::from(map).to_string());
        for (n, header) in headers.iter().enumerate() {
            let header = format!("Content-Disposition: form-data; name=\"{n}\"; {header}");
            parts = parts.part(&header, b"content");
        }
        let answer = person.post_body(CONTENT_TYPE, parts.end()).await;
        let files = answer.data("/uploadFiles");
        let new = files.as_array().unwrap().iter();
        ids.extend(new.map(|file| file["id"].as_str().unwrap().to_owned()));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_hostile_names_stay_names() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let headers = hostile();
    let ids = upload(&alice, &headers).await;

    for path in server.stored() {
        let below = path
            .strip_prefix(&server.app.config.storage.data_dir)
            .unwrap();
        let mut components = below.iter().map(|component| component.to_str().unwrap());
        assert_eq!(components.next(), Some("content"), "{below:?}");
        assert!(
            components.all(|component| component.bytes().all(|c| b"0123456789abcdef".contains(&c))),
            "{below:?}"
        );
    }
    let mut pairs = Vec::new();
    let mut names = HashSet::new();
    for (id, header) in ids.iter().zip(&headers) {
        let query = "query($f: ID!) { file(id: $f) { name downloadTicket { url } } }";
        let answer = alice.ask_with(query, json!({ "f": id })).await;
        let name = answer.text("/file/name");
        let length = name.encode_utf16().count();
        assert!((1..=255).contains(&length), "{name:?} from {header}");
        assert!(
            !name.contains(['/', '\\']) && name != "." && name != "..",
            "{name:?}"
        );
        assert!(
            !name.contains(|c: char| c.is_control() || "\u{202e}\u{200b}\u{2028}".contains(c)),
            "{name:?}"
        );
        let download: Download = alice.get(&answer.text("/file/downloadTicket/url")).await;
        assert_eq!(
            (download.status.as_u16(), &download.bytes[..]),
            (200, &b"content"[..]),
            "{name:?}"
        );
        let mut dispositions = download.headers.get_all("content-disposition").iter();
        pairs.push(json!([
            dispositions.next().unwrap().to_str().unwrap(),
            name
        ]));
        assert_eq!(dispositions.next(), None, "{name:?}");
        assert!(!download.headers.contains_key("set-cookie"), "{name:?}");
        names.insert(name);
    }
    assert!(
        names.len() > 150,
        "only {} different names are left",
        names.len()
    );

    // Somebody else's parser reads the same names.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headers.json");
    std::fs::write(&file, Value::from(pairs).to_string()).unwrap();
    clients::node("dispositions.mjs", &[file.to_str().unwrap()]);
}

/// By mutation a name is taken as it is, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_given_by_mutation_is_refused_or_kept_whole() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let rename = "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { name } }";
    for name in [
        "../x",
        "a/b",
        "a\\b",
        "..",
        "",
        " a",
        "a\0b",
        "a\r\nb",
        "a\u{202e}b",
        "a\u{200b}",
        "\u{3164}",
        "\u{2800}",
        "\u{115f}",
        "\u{1160}",
        "\u{ffa0}",
        "\u{34f}",
        "\u{fe0f}",
        "\u{e0100}",
        "\u{e0041}\u{e007f}",
        "\u{301}\u{302}",
        "\u{3164} \u{2800}",
        "\u{200c}\u{200d}",
        ".\u{3164}.",
        &"\u{3164}".repeat(85),
        &"x".repeat(256),
    ] {
        let answer = alice
            .ask_with(rename, json!({ "f": file, "n": name }))
            .await;
        assert_eq!(
            (answer.code(), answer.field()),
            ("BAD_USER_INPUT", "name"),
            "{name:?}"
        );
    }
    for name in [
        "CON",
        "a;b=\"c\"",
        "%2e%2e%2f",
        "<script>",
        "-rf",
        "👩‍👧.png",
        "☺\u{fe0f}",
        "葛\u{e0100}.txt",
        "a\u{34f}\u{308}",
        "⠁\u{2800}⠃",
        "ㅤ가",
        "نامه‌ای",
        &"x".repeat(255),
    ] {
        let answer = alice
            .ask_with(rename, json!({ "f": file, "n": name }))
            .await;
        assert_eq!(answer.text("/renameFile/name"), name);
    }
}
