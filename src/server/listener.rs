//! Binding a TCP address or a unix socket.

use std::{
    fs::{self, File, FileType, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, UnixListener, UnixStream},
    time::{sleep, timeout},
};

use super::stream::Stream;
use crate::{auth::client::Peer, config::Listen};

/// nginx's workers and the server share a group.
const SOCKET_MODE: u32 = 0o660;
/// How long a process may take to be connected to before it counts as alive and busy.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the kernel may hold of an answer beyond what is on its way. It makes room in halves of this, and whether a client
/// takes its answer is seen by that; by default it would hold megabytes.
const UNSENT_BYTES: u32 = 32 * 1024;

/// A bound address.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds the address. A socket file that a dead process left behind is replaced; a living one's is an error, and so is
    /// whatever else is there.
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

    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Both fail for a client that is gone already, which is no reason to pause. Answers are small and complete:
                // waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
                Ok((Box::new(stream), Peer::Address(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => Ok((Box::new(listener.accept().await?.0), Peer::Local)),
        }
    }
}

async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    // Of two starts at once, one replaces what is there, and the other finds it alive.
    let _lock = lock_directory_of(path).await?;
    if is_taken_by_a_dead_process(path).await? {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, PermissionsExt::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

async fn lock_directory_of(path: &Path) -> io::Result<File> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = File::open(parent.unwrap_or(Path::new(".")))?;
    let locked = async {
        loop {
            match directory.try_lock() {
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)).await,
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
    };
    match timeout(PATIENCE, locked).await {
        Ok(locked) => locked?,
        Err(_) => {
            return Err(io::Error::new(
                ErrorKind::WouldBlock,
                "another program holds the socket's directory locked",
            ));
        }
    }
    Ok(directory)
}

/// False when there is nothing at `path`. Anything but a socket that nobody listens on is an error.
async fn is_taken_by_a_dead_process(path: &Path) -> io::Result<bool> {
    if !is_socket(path)? {
        return Ok(false);
    }
    match timeout(PATIENCE, UnixStream::connect(path)).await {
        // It may have been replaced in the meantime.
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => is_socket(path),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(false),
        // WouldBlock: more clients wait for it already than may wait.
        Ok(Err(error)) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::new(
            ErrorKind::AddrInUse,
            "another process listens on this socket",
        )),
    }
}

fn is_socket(path: &Path) -> io::Result<bool> {
    let what = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        metadata => metadata?.file_type(),
    };
    if what.is_socket() {
        return Ok(true);
    }
    Err(io::Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "{} is {}, which is left as it is; have CLOAKROOM_LISTEN name a path where nothing is, or remove it yourself",
            path.display(),
            name(what)
        ),
    ))
}

fn name(what: FileType) -> &'static str {
    match what {
        _ if what.is_file() => "a regular file",
        _ if what.is_dir() => "a directory",
        _ if what.is_symlink() => "a symbolic link",
        _ if what.is_fifo() => "a FIFO",
        _ => "a device",
    }
}
