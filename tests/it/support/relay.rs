//! A network between the server and its database, which can drop every packet.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Relay {
    port: u16,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy)]
struct State {
    silences: u64,
    silent: bool,
}

impl Relay {
    /// Passes on what comes to the host and port `to`.
    pub async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, state) = watch::channel(State {
            silences: 0,
            silent: false,
        });
        let to = to.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, to.clone(), state.clone()));
            }
        });
        Self {
            port,
            state: sender,
        }
    }

    /// The same database, through this network.
    pub async fn before(url: &str) -> (Self, String) {
        let (front, name) = url.rsplit_once('/').unwrap();
        let (user, server) = front.rsplit_once('@').unwrap();
        let relay = Self::start(server).await;
        let url = format!("{user}@127.0.0.1:{}/{name}", relay.port);
        (relay, url)
    }

    /// Passes nothing on any more, and closes nothing either.
    pub fn fall_silent(&self) {
        self.state.send_modify(|state| {
            state.silences += 1;
            state.silent = true;
        });
    }

    /// Serves new connections again; those that fell silent stay so.
    pub fn come_back(&self) {
        self.state.send_modify(|state| state.silent = false);
    }
}

async fn pass_on(mut client: TcpStream, to: String, mut state: watch::Receiver<State>) {
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let State { silences, silent } = *state.borrow();
    let falls_silent = async move {
        let fallen = |state: &State| state.silences > silences;
        silent || state.wait_for(fallen).await.is_ok()
    };
    tokio::select! {
        biased;
        _ = falls_silent => std::future::pending().await,
        _ = copy_bidirectional(&mut client, &mut server) => {}
    }
}
