//! Who sends a request, and how they are to be reached again.

use tower_sessions::Session;

use super::{Actor, client::ClientAddress};

/// The caller of one request, whatever the transport.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks, by the credentials that came with the request.
    pub actor: Actor,
    /// The browser's session, to begin and to end.
    pub session: Session,
    pub client: ClientAddress,
    /// What the client's program calls itself, where it says so.
    pub user_agent: Option<String>,
}
