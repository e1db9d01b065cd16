//! `GET /metrics`, for Prometheus, on a listener of its own: whoever gets there reads how much goes on, and nothing else.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, http::Method, response::Response};
use hyper::{
    StatusCode, body::Incoming, header, server::conn::http1::Builder, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::Semaphore,
    time::{interval, sleep, timeout},
};

use super::{ACCEPT_PAUSE, Listener, stream::Stream};
use crate::{
    app::{App, SharedApp},
    disk,
    domain::statistics,
    metrics,
};

/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often what histograms have gathered is added up; until then it takes memory.
const ADD_UP_EVERY: Duration = Duration::from_secs(1);
/// How many read at once, and how long each may take to ask and to take the answer.
const READERS: usize = 4;
const TAKES: Duration = Duration::from_secs(10);
/// How long the database may take to count. Without an answer, its figures stay what they were.
const COUNTS_WITHIN: Duration = Duration::from_secs(2);

/// What the tasks are called.
const ANSWERS: &str = "metrics";
const ADDS_UP: &str = "sums of metrics";

/// Answers on `listener` for as long as the process lives.
pub fn start(app: &SharedApp, listener: Listener) {
    let listener = Arc::new(listener);
    let shared = SharedApp::clone(app);
    app.tasks.keep(ANSWERS, move || {
        answer_all(SharedApp::clone(&shared), Arc::clone(&listener))
    });
    app.tasks.keep(ADDS_UP, || async {
        let mut ticks = interval(ADD_UP_EVERY);
        loop {
            ticks.tick().await;
            metrics::add_up();
        }
    });
}

async fn answer_all(app: SharedApp, listener: Arc<Listener>) {
    let places = Arc::new(Semaphore::new(READERS));
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = SharedApp::clone(&app);
                tokio::spawn(async move {
                    // Whoever is too slow, or breaks off, asks again.
                    let _ = timeout(TAKES, connection(app, stream)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "nobody reads the metrics");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One request; Prometheus asks seldom.
async fn connection(app: SharedApp, stream: Box<dyn Stream>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let app = SharedApp::clone(&app);
        async move { Ok::<_, Infallible>(answer(&app, &request).await) }
    });
    Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(app: &App, request: &Request<Incoming>) -> Response {
    let (status, body) = match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => (StatusCode::OK, written(app).await),
        ("/metrics", _) => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, TEXT)
        .body(Body::from(body));
    answer.expect("a status and a type are an answer")
}

/// All series, those that are looked up for whoever asks among them.
async fn written(app: &App) -> String {
    let counts = timeout(COUNTS_WITHIN, statistics::under_way(app)).await;
    let counts = counts.ok().and_then(Result::ok);
    metrics::set_number(metrics::DATABASE_UP, counts.iter().len());
    if let Some(statistics::UnderWay {
        sessions,
        resumable_uploads,
        webhooks_paused,
        webhook_missed,
        webhook_lag,
    }) = counts
    {
        metrics::set_count(metrics::WEBHOOKS_PAUSED, webhooks_paused);
        metrics::set_count(metrics::WEBHOOK_MISSED, webhook_missed);
        metrics::set_count(metrics::WEBHOOK_LAG_SECONDS, webhook_lag);
        metrics::set_count(metrics::SESSIONS, sessions);
        metrics::set_count(metrics::RESUMABLE_UPLOADS, resumable_uploads);
    }
    metrics::set_number(metrics::SILENT_TASKS, app.tasks.silent().len());
    let data_dir = app.config.storage.data_dir.clone();
    let write = move || {
        if let Some(free) = disk::free_bytes(&data_dir) {
            metrics::set_count(metrics::DISK_FREE_BYTES, free);
        }
        metrics::written()
    };
    let written = tokio::task::spawn_blocking(write).await;
    written.unwrap_or_default()
}
