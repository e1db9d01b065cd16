//! The multipart reader, in the whole server: a user with a token uploads whatever the fuzzer writes.
#![no_main]

use std::sync::LazyLock;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use clap::Parser;
use cloakroom::{
    app::App,
    auth::{Scopes, client::ClientAddress},
    clock::Clock,
    config::{Options, Secret},
    domain::{accounts, api_tokens},
    http,
};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

struct Server {
    runtime: Runtime,
    router: Router,
    token: String,
    _directory: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Cli::parse_from(["fuzz"]).options;
    options.data_dir = directory.path().display().to_string();
    options.max_file_size = "64KiB".to_owned();
    let config = options
        .validate()
        .unwrap_or_else(|_| panic!("the options are wrong"));
    let runtime = Runtime::new().unwrap();
    let (router, token) = runtime.block_on(async {
        let app = App::open(config, Clock::System).await.unwrap();
        let password = Secret::from("a long walk home".to_owned());
        let user = accounts::create(&app, "fuzz", password).await.unwrap();
        let scopes = Scopes {
            read: true,
            write: true,
        };
        let nowhere = ClientAddress::default();
        let (token, _) = api_tokens::create(&app, &nowhere, &user, "fuzz", scopes, None)
            .await
            .unwrap();
        (http::router(&app), token.expose().to_owned())
    });
    Server {
        runtime,
        router,
        token,
        _directory: directory,
    }
});

fuzz_target!(|body: &[u8]| {
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {}", SERVER.token))
        .header(
            header::CONTENT_TYPE,
            "multipart/form-data; boundary=frontier",
        )
        .body(Body::from(body.to_vec()))
        .unwrap();
    let answer = SERVER.router.clone().oneshot(request);
    let status = SERVER.runtime.block_on(answer).unwrap().status();
    assert!(status.as_u16() < 500, "{status}");
});
