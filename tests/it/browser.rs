//! A real browser: GraphiQL works, and what people upload does not run.

use std::{path::Path, process::Command};

use crate::support::{TestApp, nginx::free_port, person::PASSWORD};

/// Runs a script of `web/test` with Chromium; panics with what it printed when it fails.
pub fn browse(script: &str, arguments: &[&str]) {
    browse_printing(script, arguments);
}

/// The same; what it printed.
pub fn browse_printing(script: &str, arguments: &[&str]) -> String {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    assert!(
        web.join("node_modules/playwright-core").exists(),
        "the browser's driver is not installed: run `npm ci` in web"
    );
    let mut command = Command::new("node");
    command.arg(web.join("test").join(script)).args(arguments);
    let output = tokio::task::block_in_place(|| command.output()).expect("node is not installed");
    assert!(
        output.status.success(),
        "{script}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_signs_in_queries_and_shows_the_documentation() {
    let server = TestApp::behind_nginx(|_| {}).await;
    server.person("alice").await;
    browse("graphiql.mjs", &[&server.base, "alice", PASSWORD]);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_documents_do_not_run_with_the_site_s_origin() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let script = "<script>document.title = 'ran'; fetch('/graphql?query={me{username}}')</script>";
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg'>{script}</svg>");
    let xml =
        format!("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>{script}</html>");
    let polyglot = [b"GIF89a/*".as_slice(), b"*/=1;", script.as_bytes()].concat();
    let mut tickets = Vec::new();
    for (name, bytes) in [
        ("page.html", script.as_bytes()),
        ("page.txt", format!("<!doctype html>{script}").as_bytes()),
        ("picture.svg", svg.as_bytes()),
        ("data.xml", xml.as_bytes()),
        (
            "paper.pdf",
            b"%PDF-1.7\n1 0 obj <</OpenAction <</S /JavaScript /JS (app.alert(1))>>>> endobj",
        ),
        ("polyglot.gif", &polyglot),
    ] {
        let file = alice.upload(name, bytes).await;
        let query = "query($f: ID!) { downloadTicket(fileId: $f, disposition: INLINE) { url } }";
        let answer = alice
            .ask_with(query, serde_json::json!({ "f": file }))
            .await;
        tickets.push(answer.text("/downloadTicket/url"));
    }
    let tickets: Vec<&str> = tickets.iter().map(String::as_str).collect();
    browse("downloads.mjs", &tickets);
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_and_video_play_in_the_browser_s_own_player() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let direct = server.another_direct().await;
    let alice = server.person("alice").await;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/content_types/files");
    let mut tickets = Vec::new();
    for name in [
        "clip.webm",
        "clip.mp4",
        "tagged.mp3",
        "vorbis.ogg",
        "opus.opus",
    ] {
        let bytes = std::fs::read(samples.join(name)).unwrap();
        let file = alice.upload(name, &bytes).await;
        let query = "query($f: ID!) { downloadTicket(fileId: $f, disposition: INLINE) { url } }";
        let answer = alice
            .ask_with(query, serde_json::json!({ "f": file }))
            .await;
        let ticket = answer.text("/downloadTicket/url");
        tickets.push(ticket.replace(&server.base, &direct.base));
        tickets.push(ticket);
    }
    let tickets: Vec<&str> = tickets.iter().map(String::as_str).collect();
    browse("media.mjs", &tickets);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_call_and_others_may_not() {
    let (allowed, other) = (free_port(), free_port());
    let server = TestApp::behind_nginx(|options| {
        options.allowed_origins = format!("http://127.0.0.1:{allowed}");
    })
    .await;
    browse(
        "cors.mjs",
        &[&server.base, &allowed.to_string(), &other.to_string()],
    );
}

/// A picture of one pixel.
const PICTURE: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_show_what_tickets_open_and_others_do_not() {
    let (allowed, other) = (free_port(), free_port());
    let server = TestApp::behind_nginx(|options| {
        options.allowed_origins = format!("http://127.0.0.1:{allowed}");
    })
    .await;
    let direct = server.another_direct().await;
    let alice = server.person("alice").await;
    let file = alice.upload("photo.png", PICTURE).await;
    let ticket = alice.ticket(&file).await;
    browse(
        "tickets.mjs",
        &[
            &allowed.to_string(),
            &other.to_string(),
            &ticket,
            &ticket.replace(&server.base, &direct.base),
        ],
    );
}

/// A form on our own page needs no `Sec-Fetch-Site`, which browsers send to addresses with https alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_link_works_where_a_browser_names_no_site_and_no_other_page_s_does() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let terms = serde_json::json!({ "password": "knock" });
    let link = alice.link_with(&file, terms).await;
    let (_, port) = server.base.rsplit_once(':').unwrap();
    let path = format!("/s/{}", link.token);
    browse(
        "forms.mjs",
        &[port, &free_port().to_string(), &path, "knock"],
    );
    let refused = "SELECT COUNT(*) AS number FROM event WHERE kind = 'LINK_REFUSED'";
    server
        .eventually("the one wrong password is recorded", async |server| {
            server.number(refused).await == 1
        })
        .await;
}
