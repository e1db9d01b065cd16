//! What programs get of a link: curl and wget fetch the file under its name, and whoever only looks uses up nothing.

use std::{fs, path::Path, process::Command};

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, link::fetch};

const NAME: &str = "report of May.pdf";
const BYTES: &[u8] = b"%PDF-1.7 not really";

/// Runs a command in `directory`, and returns its output once it has succeeded.
async fn run(directory: &Path, command: &[&str]) -> String {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).current_dir(directory);
    let output = tokio::task::spawn_blocking(move || process.output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_wget_get_the_file_under_its_name() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload(NAME, BYTES).await;
    let open = alice.link(&file).await;
    let locked = alice
        .link_with(&file, json!({ "password": "le mot: é" }))
        .await;
    for command in [
        vec!["curl", "-sSfLOJ", &open.url],
        vec!["wget", "-q", "--content-disposition", &open.url],
        vec!["curl", "-sSfLOJ", "-u", ":le mot: é", &locked.url],
        vec![
            "wget",
            "-q",
            "--content-disposition",
            "--user=anybody",
            "--password=le mot: é",
            &locked.url,
        ],
    ] {
        let directory = tempfile::tempdir().unwrap();
        run(directory.path(), &command).await;
        let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{command:?}: {files:?}");
        let bytes = fs::read(directory.path().join(NAME));
        assert_eq!(bytes.unwrap(), BYTES, "{command:?}");
    }
    assert_eq!(alice.downloads(&file, &open).await, 2);
    assert_eq!(alice.downloads(&file, &locked).await, 2);

    // A download that broke off is resumed by the ticket that it began with.
    let limited = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let directory = tempfile::tempdir().unwrap();
    let redirect = "%{redirect_url}";
    let ask = [
        "curl",
        "-sSf",
        "-o",
        "/dev/null",
        "-w",
        redirect,
        &limited.url,
    ];
    let ticket = run(directory.path(), &ask).await;
    let mut whole = String::new();
    for range in ["0-9", "10-"] {
        whole += &run(directory.path(), &["curl", "-sSf", "-r", range, &ticket]).await;
    }
    assert_eq!(whole.as_bytes(), BYTES);
    assert_eq!(alice.downloads(&file, &limited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_at_a_link_uses_up_nothing() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload(NAME, BYTES).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    for accept in ["*/*", "text/html,*/*;q=0.8", "application/json"] {
        for method in [Method::GET, Method::HEAD] {
            for _ in 0..3 {
                let answer = fetch(method.clone(), &link.url, &[("accept", accept)], "").await;
                let status = if accept.starts_with("text") { 200 } else { 303 };
                assert_eq!(answer.status, status, "{method} {accept}");
            }
        }
    }
    let visitor = server.anonymous();
    for _ in 0..3 {
        visitor.visit(&link.token, None).await.data("/sharedLink");
        let ticket = visitor.link_ticket(&link.token, None).await;
        let looked = fetch(Method::HEAD, &ticket, &[], "").await;
        assert_eq!(looked.status, 200);
    }
    assert_eq!(alice.downloads(&file, &link).await, 0);

    let ticket = visitor.link_ticket(&link.token, None).await;
    assert_eq!(visitor.get(&ticket).await.bytes, BYTES);
    assert_eq!(alice.downloads(&file, &link).await, 1);
    let late = fetch(Method::GET, &link.url, &[], "").await;
    assert_eq!(
        (late.status.as_u16(), late.code().as_str()),
        (410, "LINK_EXHAUSTED")
    );
}
