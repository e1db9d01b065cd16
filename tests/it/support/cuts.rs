//! A bad network: it cuts connections in the middle of what a client sends, a few times.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Cuts {
    /// `http://127.0.0.1:port`
    pub base: String,
    to: watch::Sender<Option<String>>,
    left: Arc<AtomicUsize>,
}

impl Cuts {
    /// Cuts the first `times` connections that send so many bytes.
    pub async fn after(bytes: usize, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (sender, to) = watch::channel(None);
        let left = Arc::new(AtomicUsize::new(times));
        let cuts = Arc::clone(&left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, to.clone(), bytes, Arc::clone(&cuts)));
            }
        });
        Self {
            base,
            to: sender,
            left,
        }
    }

    /// Passes on to the server at `base`.
    pub fn lead_to(&self, base: &str) {
        let address = base.strip_prefix("http://").unwrap().to_owned();
        self.to.send_replace(Some(address));
    }

    /// How many cuts are still to come.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

async fn pass_on(
    client: TcpStream,
    mut to: watch::Receiver<Option<String>>,
    after: usize,
    left: Arc<AtomicUsize>,
) {
    let to = to.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let sending = async {
        let (mut sent, mut piece) = (0, vec![0; 1 << 16]);
        loop {
            let read = from_client.read(&mut piece).await.unwrap_or(0);
            if read == 0 || to_server.write_all(&piece[..read]).await.is_err() {
                let _ = to_server.shutdown().await;
                return false;
            }
            sent += read;
            let take = |left: usize| left.checked_sub(1);
            let (order, otherwise) = (Ordering::Relaxed, Ordering::Relaxed);
            if sent >= after && left.fetch_update(order, otherwise, take).is_ok() {
                return true;
            }
        }
    };
    let answering = copy(&mut from_server, &mut to_client);
    tokio::pin!(sending, answering);
    tokio::select! {
        // Both ends lose the connection when this returns.
        is_cut = &mut sending => if !is_cut {
            let _ = answering.await;
        },
        _ = &mut answering => {}
    }
}
