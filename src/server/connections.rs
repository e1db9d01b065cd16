//! The connections that are served, told together to end after their request under way.
//!
//! hyper-util has the same for connections that are not upgraded.

use std::{
    future::Future,
    pin::{Pin, pin},
};

use tokio::sync::watch;

/// Connections, each of which holds a receiver for as long as it is served.
pub struct Connections(watch::Sender<bool>);

/// Tells one connection to end.
pub struct Stop(watch::Receiver<bool>);

impl Connections {
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// For one more connection.
    pub fn stop(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    pub fn count(&self) -> usize {
        self.0.receiver_count()
    }

    /// Tells all to end, and waits until they have.
    pub async fn shutdown(self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

impl Stop {
    /// Runs `connection` to its end, and calls `end` with it when it is told to end.
    pub async fn watch<C: Future>(
        mut self,
        connection: C,
        end: impl FnOnce(Pin<&mut C>),
    ) -> C::Output {
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            // An error is that the server is gone, which comes to the same.
            _ = self.0.wait_for(|stop| *stop) => {}
        }
        end(connection.as_mut());
        connection.await
    }
}
