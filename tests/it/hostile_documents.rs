//! Ten thousand documents that ask for as much as they can with few words, always the same ones: none costs more than it is
//! measured to cost.

use std::{fs, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use cloakroom::{
    graphql::{self, Asked, Schema, Source, document},
    http,
};
use serde_json::json;
use tower::ServiceExt;

use crate::support::{Numbers, TestApp};

mod grammar;

use grammar::{Hostile, hostile};

const SEED: u64 = 0x5eed_d0c5;
const DOCUMENTS: usize = 10_000;
/// What a release build is held to; without optimisation the same steps take some ten times as long.
const SLOWER: u32 = if cfg!(debug_assertions) { 10 } else { 1 };
const BEFORE_EXECUTION: Duration = Duration::from_millis(50);
const IN_ALL: Duration = Duration::from_secs(1);
const MEMORY_KIB: usize = 64 * 1024;
const ANSWER_BYTES: usize = 4 << 20;

/// What this thread has computed so far.
fn processor_time() -> Duration {
    // The kernel brings the figure up to date when the thread gives way.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// A figure of this process's memory, KiB.
fn memory(figure: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with(figure))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How large the answer is.
async fn answer(router: &Router, token: &str, hostile: &Hostile) -> usize {
    let body = json!({
        "query": hostile.query,
        "operationName": hostile.operation_name,
        "variables": hostile.variables,
    });
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()));
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    assert!(status.as_u16() < 500, "{status}: {}", hostile.query);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    body.unwrap().len()
}

fn prepare(schema: &Schema, server: &TestApp, hostile: &Hostile) -> bool {
    let limits = &server.app.config.query_limits();
    if document::scan(&hostile.query, limits).is_err() {
        return false;
    }
    let asked = Asked {
        query: Source::Text(hostile.query.clone()),
        operation_name: hostile.operation_name.map(str::to_owned),
        variables: hostile.variables.clone(),
    };
    asked.prepare_here(schema, limits).is_ok()
}

#[tokio::test]
async fn ten_thousand_hostile_documents_cost_no_more_than_measured() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    for name in ["a", "b", "c"] {
        let file = alice.upload(name, b"x").await;
        alice.share_with(&file, "bob").await;
        alice.share_with_everyone(&file).await;
    }
    let token = alice.token("[READ]").await;
    let (router, schema) = (http::router(&server.app), graphql::schema(&server.app));
    println!("seed {SEED:#x}, {DOCUMENTS} documents");
    let mut numbers = Numbers(SEED);
    let (mut fit, mut largest) = (0, 0);
    let (mut slowest, mut longest) = ((Duration::ZERO, ""), (Duration::ZERO, ""));
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let began = memory("VmRSS");
    for at in 0..DOCUMENTS {
        let (kind, hostile) = hostile(&mut numbers);
        let start = processor_time();
        let is_fit = prepare(&schema, &server, &hostile);
        let before = processor_time() - start;
        fit += usize::from(is_fit);
        slowest = slowest.max((before, kind));
        let of = || format!("document {at}, {kind}: {:.200}", hostile.query);
        assert!(
            before <= BEFORE_EXECUTION * SLOWER,
            "{before:?} for {}",
            of()
        );
        // Most that are refused are refused alike by the server.
        if is_fit || at % 100 == 0 {
            let start = processor_time();
            let bytes = answer(&router, &token, &hostile).await;
            let all = processor_time() - start;
            longest = longest.max((all, kind));
            largest = largest.max(bytes);
            assert!(all <= IN_ALL * SLOWER, "{all:?} for {}", of());
            assert!(bytes <= ANSWER_BYTES, "{bytes} bytes for {}", of());
        }
    }
    let grown = memory("VmHWM").saturating_sub(began);
    println!("{fit} ran; before execution at most {slowest:?}, in all {longest:?}");
    println!("the largest answer had {largest} bytes; memory grew by {grown} KiB");
    assert!(grown <= MEMORY_KIB, "memory grew by {grown} KiB");
    assert!(fit > DOCUMENTS / 50 && fit < DOCUMENTS, "{fit} ran");
}
