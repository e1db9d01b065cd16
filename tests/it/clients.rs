//! Other people's clients, unchanged: they do the main job, and an audit finds nothing to complain about.
//!
//! They live in `tests/clients`, where `scripts/test` installs what they need.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::TestApp;

pub fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a script for Node.js; panics with what it printed when it fails.
pub fn node(script: &str, arguments: &[&str]) {
    assert!(
        clients().join("node_modules").exists(),
        "the clients are not installed: run `npm ci` in tests/clients"
    );
    node_at(&clients().join(script), arguments);
}

/// The same for a script at any place; what it printed.
pub fn node_at(script: &Path, arguments: &[&str]) -> String {
    run(Path::new("node"), script, arguments)
}

/// Runs a script for Python; panics with what it printed when it fails.
fn python(script: &str, arguments: &[&str]) {
    run(&python_program(), &clients().join(script), arguments);
}

/// The same; what it printed.
pub fn python_printing(script: &str, arguments: &[&str]) -> String {
    run(&python_program(), &clients().join(script), arguments)
}

/// The same for a script at any place, run in `directory`; what it printed.
pub fn python_at(directory: &Path, script: &Path) -> String {
    let mut command = Command::new(python_program());
    command.arg(script).current_dir(directory);
    succeed(command, &script.display().to_string())
}

fn python_program() -> PathBuf {
    let python = clients().join(".venv/bin/python");
    assert!(
        python.exists(),
        "the clients are not installed: run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in \
         tests/clients"
    );
    python
}

/// Runs Schemathesis against `server` with an API token; panics with what it printed when it finds something.
fn schemathesis(server: &str, token: &str, ids: &str) {
    let program = clients().join(".schemathesis/bin/schemathesis");
    assert!(
        program.exists(),
        "Schemathesis is not installed: run `python3 -m venv .schemathesis && .schemathesis/bin/pip install -r \
         schemathesis.txt` in tests/clients"
    );
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command
        .args(["run", &format!("{server}/graphql"), "--header"])
        .arg(format!("Authorization: Bearer {token}"))
        .args([
            "--phases",
            "fuzzing",
            "--checks",
            "documented",
            "--max-examples",
            "40",
        ])
        .args(["--seed", "1", "--generation-database", "none", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", clients())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("IDS", ids)
        .current_dir(directory.path());
    succeed(command, "schemathesis");
}

fn run(program: &Path, script: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.arg(script).args(arguments);
    succeed(command, &script.display().to_string())
}

/// Runs `command`, and returns what it printed; panics with that when it fails.
fn succeed(mut command: Command, script: &str) -> String {
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    // The server runs on the other threads meanwhile.
    let output = tokio::task::block_in_place(|| command.output())
        .unwrap_or_else(|error| panic!("{script} does not run: {error}"));
    assert!(
        output.status.success(),
        "{script}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
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
async fn apollo_client_of_the_major_before_does_the_main_job() {
    assert!(
        clients().join("apollo-3/node_modules").exists(),
        "the older client is not installed: run `npm ci` in tests/clients/apollo-3"
    );
    let server = TestApp::start().await;
    node("apollo-3/apollo.mjs", &[&server.base]);
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_request_does_the_main_job() {
    let server = TestApp::start().await;
    node("graphql-request.mjs", &[&server.base]);
}

/// Its compiler takes the schema, and it pages as its components do.
#[tokio::test(flavor = "multi_thread")]
async fn relay_compiles_the_schema_and_does_the_main_job() {
    let server = TestApp::start().await;
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    node("relay.mjs", &[&server.base, schema]);
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

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_failure_and_no_answer_of_another_shape() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut ids = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        let file = alice.upload(name, b"content").await;
        ids.push(alice.share_with(&file, "bob").await);
        ids.push(file);
    }
    ids.push(bob.upload("e.txt", b"content").await);
    let token = alice.token("[READ, WRITE]").await;
    schemathesis(&server.base, &token, &ids.join(" "));
}
