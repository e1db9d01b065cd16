//! The server: accepting connections, and stopping without cutting anybody off.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tower::ServiceExt;

use crate::{app::SharedApp, auth::client::Peer, config::Config, http, log_limit::LogLimit};

mod answer;
mod background;
mod crowd;
mod listener;
mod stream;

pub use background::Background;
pub use listener::Listener;

use answer::Held;
use crowd::{Admission, Crowd};
use stream::{Stream, Watched};

/// What one connection may buffer of what it reads; larger buffers do not make uploads faster.
const BUFFER_BYTES: usize = 32 * 1024;
/// Pause after a failed accept: out of descriptors, most likely, and trying at once would only burn a processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is ready, then lets requests under way end within the configured time, and then `background`.
pub async fn serve(
    app: SharedApp,
    listener: Listener,
    background: Background,
    stop: impl Future<Output = ()>,
) {
    let router = http::router(&app);
    let connections = GracefulShutdown::new();
    let crowd = Crowd::new(&app.config);
    let unaccepted = LogLimit::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &crowd) => match accepted {
                Ok(accepted) => spawn(&app.config, &connections, &router, accepted),
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
    if tokio::time::timeout(app.config.server.shutdown_timeout, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    background.end().await;
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

fn spawn(config: &Config, connections: &GracefulShutdown, router: &Router, accepted: Accepted) {
    let Accepted {
        stream,
        peer,
        mut admission,
    } = accepted;
    let wait = Arc::clone(&admission.wait);
    let takes_its_time = peer == Peer::Local;
    let stream = Watched::new(stream, Arc::clone(&wait), config, takes_its_time);
    let router = router.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let in_request = wait.request();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(in_request.clone());
        let answer = router.clone().oneshot(request);
        async move {
            let answer: Response = answer.await?;
            Ok::<_, Infallible>(answer.map(|body| Held::new(body, in_request)))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // The stream has its own, which is told apart from taking an answer.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => {
                // A client that breaks off is nothing to report.
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            _ = &mut admission.leave => tracing::debug!("a connection gives way"),
        }
    });
}
