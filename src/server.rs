//! The server: listening on TCP or a unix socket, and stopping without cutting anybody off.

use std::{future::Future, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use axum::{Router, body::Body, extract::Request};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::oneshot,
};
use tower::ServiceExt;

use crate::{
    app::SharedApp,
    auth::client::Peer,
    config::{Config, Listen},
    domain::events,
    http,
};

/// What one connection may buffer of what it reads; larger buffers do not make uploads faster.
const BUFFER_BYTES: usize = 32 * 1024;
/// Pause after a failed accept: out of descriptors, most likely, and trying at once would only burn a processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the last events may take to be written.
const LAST_EVENTS: Duration = Duration::from_secs(15);
/// nginx's workers and the server share a group.
const SOCKET_MODE: u32 = 0o660;

/// A bound address.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds the address. A socket file that a dead process left behind is replaced; a living one's is an error.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Listen::Unix(path) => bind_unix(path).await.map(Self::Unix),
        }
    }

    /// Where clients connect, with the port that the system chose where the configuration says 0.
    pub fn address(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => Ok(Listen::Tcp(listener.local_addr()?)),
            Self::Unix(listener) => Ok(Listen::Unix(
                listener
                    .local_addr()?
                    .as_pathname()
                    .unwrap_or(Path::new(""))
                    .into(),
            )),
        }
    }
}

async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens on this socket",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

/// Serves until `stop` is ready, then lets requests under way end within the configured time.
pub async fn serve(app: SharedApp, listener: Listener, stop: impl Future<Output = ()>) {
    let router = http::router(&app);
    let (all_served, ended) = oneshot::channel::<()>();
    let events = app.tasks.keep(events::TASK, {
        let (app, ended) = (SharedApp::clone(&app), ended.map(drop).shared());
        move || {
            let (app, ended) = (SharedApp::clone(&app), ended.clone());
            async move { events::run(&app, ended).await }
        }
    });
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => match accepted {
                Ok((stream, peer)) => spawn(&app.config, &connections, &router, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
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
    if tokio::time::timeout(app.config.shutdown_timeout, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    drop(all_served);
    // One that panics each time would be started for ever.
    let written = tokio::time::timeout(LAST_EVENTS, events).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::error!("the last events are lost");
    }
}

/// A TCP or unix stream.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn accept(listener: &Listener) -> io::Result<(Box<dyn Stream>, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // Answers are small and complete; waiting for more to send only delays them.
            stream.set_nodelay(true)?;
            Ok((Box::new(stream), Peer::Address(peer.ip().to_canonical())))
        }
        Listener::Unix(listener) => Ok((Box::new(listener.accept().await?.0), Peer::Local)),
    }
}

fn spawn(
    config: &Config,
    connections: &GracefulShutdown,
    router: &Router,
    stream: Box<dyn Stream>,
    peer: Peer,
) {
    let service = router
        .clone()
        .map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request
        });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.client_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // A client that breaks off is nothing to report.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
