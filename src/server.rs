//! The server: accepting connections, and stopping without cutting anybody off.

use std::{
    convert::Infallible,
    future::Future,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tower::ServiceExt;

use crate::{
    app::{App, SharedApp},
    auth::client::Peer,
    http::{self, Sockets},
    log_limit::LogLimit,
};

mod answer;
mod background;
mod connections;
mod crowd;
mod listener;
pub mod metrics;
mod stream;

pub use background::Background;
pub use listener::Listener;

use answer::Held;
use connections::Connections;
use crowd::{Admission, Crowd};
use stream::{Stream, Watched};

/// What one connection may buffer of what it reads; larger buffers do not make uploads faster.
const BUFFER_BYTES: usize = 32 * 1024;
/// Pause after a failed accept: out of descriptors, most likely, and trying at once would only burn a processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is ready, and while it drains; then lets requests under way end within the configured time, and then
/// `background`.
pub async fn serve(
    app: SharedApp,
    listener: Listener,
    background: Background,
    stop: impl Future<Output = ()>,
) {
    let sockets = Sockets::new(&app);
    let watching = sockets.watch(&app);
    let router = http::router_with(&app, sockets.clone());
    let connections = Connections::new();
    let crowd = Crowd::new(&app.config);
    let unaccepted = LogLimit::new();
    let mut end = std::pin::pin!(drained(&app, stop));
    loop {
        tokio::select! {
            () = &mut end => break,
            accepted = accept(&listener, &crowd) => match accepted {
                Ok(accepted) => spawn(&app, &connections, &router, accepted),
                Err(error) => {
                    if let Some(left_out) = unaccepted.turn() {
                        tracing::warn!(%error, left_out, "a connection was not accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!(
        connections = connections.count(),
        "stopping; requests under way may end"
    );
    // Their clients come back, to whatever serves then.
    let end = async {
        sockets.end().await;
        connections.shutdown().await;
    };
    if tokio::time::timeout(app.config.server.shutdown_timeout, end)
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    watching.abort();
    background.end().await;
}

/// Ready some time after `stop` is, when others have had the time to turn to other instances.
async fn drained(app: &App, stop: impl Future<Output = ()>) {
    stop.await;
    let time = app.config.server.drain_time;
    if !time.is_zero() {
        tracing::info!(?time, "draining; requests are still taken");
        app.is_draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
    }
}

/// A connection that has a place.
struct Accepted {
    stream: Box<dyn Stream>,
    peer: Peer,
    admission: Admission,
}

/// The next connection for which there is a place.
async fn accept(listener: &Listener, crowd: &Arc<Crowd>) -> io::Result<Accepted> {
    loop {
        let (stream, peer) = listener.accept().await?;
        match crowd.admit(peer).await {
            Some(admission) => {
                return Ok(Accepted {
                    stream,
                    peer,
                    admission,
                });
            }
            None => tracing::debug!(?peer, "an address has all the connections it may have"),
        }
    }
}

fn spawn(app: &SharedApp, connections: &Connections, router: &Router, accepted: Accepted) {
    let Accepted {
        stream,
        peer,
        admission: Admission { place, wait, leave },
    } = accepted;
    let mut leave = leave;
    let takes_its_time = peer == Peer::Local;
    let place = (Arc::clone(&wait), place);
    let stream = Watched::new(stream, place, &app.config, takes_its_time);
    let (app, router) = (SharedApp::clone(app), router.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let in_request = wait.request();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(in_request.clone());
        let (app, answer) = (SharedApp::clone(&app), router.clone().oneshot(request));
        async move {
            let mut answer: Response = answer.await?;
            // A WebSocket is no connection that another request could come by.
            if app.is_draining.load(Ordering::Relaxed) && !answer.status().is_informational() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(answer.map(|body| Held::new(body, in_request)))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // The stream has its own, which is told apart from taking an answer.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let connection = connections
        .stop()
        .watch(connection, |connection| connection.graceful_shutdown());
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => {
                // A client that breaks off is nothing to report.
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            _ = &mut leave => tracing::debug!("a connection gives way"),
        }
    });
}
