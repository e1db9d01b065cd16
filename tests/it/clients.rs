//! Other people's clients, unchanged: they do the main job, and an audit finds nothing to complain about.
//!
//! They live in `tests/clients`, where `scripts/test` installs what they need.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::TestApp;

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a script for Node.js; panics with what it printed when it fails.
pub fn node(script: &str, arguments: &[&str]) {
    assert!(
        clients().join("node_modules").exists(),
        "the clients are not installed: run `npm ci` in tests/clients"
    );
    run(Path::new("node"), script, arguments);
}

/// Runs a script for Python; panics with what it printed when it fails.
fn python(script: &str, arguments: &[&str]) {
    let python = clients().join(".venv/bin/python");
    assert!(
        python.exists(),
        "the clients are not installed: run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in \
         tests/clients"
    );
    run(&python, script, arguments);
}

fn run(program: &Path, script: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.arg(clients().join(script)).args(arguments);
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    // The server runs on the other threads meanwhile.
    let output = tokio::task::block_in_place(|| command.output())
        .unwrap_or_else(|error| panic!("{} does not run: {error}", program.display()));
    assert!(
        output.status.success(),
        "{script} {arguments:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_of_graphql_over_http_passes_whole() {
    let server = TestApp::start().await;
    node("audit.mjs", &[&format!("{}/graphql", server.base)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn apollo_client_does_the_main_job() {
    let server = TestApp::start().await;
    node("apollo.mjs", &[&server.base]);
}

#[tokio::test(flavor = "multi_thread")]
async fn urql_does_the_main_job_with_queries_by_get() {
    let server = TestApp::start().await;
    node("urql.mjs", &[&server.base]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gql_over_requests_does_the_main_job() {
    let server = TestApp::start().await;
    python("journey.py", &[&server.base, "requests"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gql_over_httpx_does_the_main_job() {
    for transport in ["httpx", "httpx-async"] {
        let server = TestApp::start().await;
        python("journey.py", &[&server.base, transport]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gql_over_aiohttp_does_the_main_job() {
    let server = TestApp::start().await;
    python("journey.py", &[&server.base, "aiohttp"]);
}
