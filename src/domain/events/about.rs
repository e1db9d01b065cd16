//! What an event is about, besides its object.

use entity::{
    event::{self, ActorKind, ObjectKind},
    share::Audience,
};
use uuid::Uuid;

use crate::access::ShareName;

/// The share that was made, changed or ended, or the link by which somebody came.
pub fn share(event: &event::Model) -> Option<ShareName> {
    let file_id = event.object_id;
    let file_id = file_id.filter(|_| event.object_kind == Some(ObjectKind::File))?;
    let (audience, audience_id) = match (event.actor_kind, event.actor_id) {
        // A link is its own audience.
        (ActorKind::Link, Some(id)) => (Audience::Link, id),
        _ => event.audience.zip(event.audience_id)?,
    };
    Some(ShareName {
        file_id,
        audience,
        audience_id,
    })
}

/// The drop by which somebody came, or what something was done to.
pub fn drop_id(event: &event::Model) -> Option<Uuid> {
    match (event.actor_kind, event.object_kind) {
        (ActorKind::Drop, _) => event.actor_id,
        (_, Some(ObjectKind::Drop)) => event.object_id,
        _ => None,
    }
}
