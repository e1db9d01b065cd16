//! What the operator is told of an event, by webhooks and by the command line. Files, drops, groups and tokens have no names here.

use std::collections::{BTreeSet, HashMap};

use entity::{
    event::{self, ActorKind, Kind, ObjectKind},
    share::Audience,
};
use sea_orm::ActiveEnum;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Entry, placed_after};
use crate::{
    app::App,
    clock,
    domain::accounts,
    error::{Error, Result},
};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    place: i64,
    kind: String,
    at: String,
    count: i32,
    actor: Party<'a>,
    object: Option<Party<'a>>,
    owner: Option<Party<'a>>,
    audience: Option<Party<'a>>,
    address: Option<&'a str>,
    reason: Option<&'a str>,
    missed: i64,
}

/// Somebody or something.
#[derive(Serialize)]
struct Party<'a> {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
}

/// Names of users, by their ids.
pub struct Names(HashMap<Uuid, String>);

impl Names {
    /// Those of all users that `entries` speak of, and that are there still.
    pub async fn of(app: &App, entries: &[Entry]) -> Result<Self> {
        let ids: BTreeSet<_> = entries
            .iter()
            .flat_map(|entry| users(&entry.event))
            .collect();
        if ids.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let accounts = accounts::by_ids(app, ids.into_iter().collect()).await?;
        let names = accounts.into_iter();
        let names = names.map(|account| (account.user.id, account.user.username));
        Ok(Self(names.collect()))
    }

    fn party(&self, kind: String, id: Option<Uuid>, is_user: bool) -> Party<'_> {
        let user = id.filter(|_| is_user);
        Party {
            kind,
            id: id.map(|id| id.to_string()),
            username: user.and_then(|id| self.0.get(&id)).map(String::as_str),
        }
    }
}

/// The users that an event speaks of.
fn users(event: &event::Model) -> impl Iterator<Item = Uuid> + use<> {
    let actor = event
        .actor_id
        .filter(|_| event.actor_kind == ActorKind::User);
    let object = event
        .object_id
        .filter(|_| event.object_kind == Some(ObjectKind::User));
    let audience = event
        .audience_id
        .filter(|_| event.audience == Some(Audience::User));
    [actor, object, audience, event.owner_id]
        .into_iter()
        .flatten()
}

/// An event as JSON, when `missed` events are missing before it.
pub fn body(entry: &Entry, missed: i64, names: &Names) -> Result<String> {
    let event = &entry.event;
    let object = event.object_kind.zip(event.object_id);
    let audience = event.audience.zip(event.audience_id);
    let message = Message {
        id: event.id.to_string(),
        place: entry.seq,
        kind: event.kind.to_value(),
        at: clock::to_date(event.at)
            .format(&Rfc3339)
            .unwrap_or_default(),
        count: event.count,
        actor: {
            let is_user = event.actor_kind == ActorKind::User;
            names.party(event.actor_kind.to_value(), event.actor_id, is_user)
        },
        object: object
            .map(|(kind, id)| names.party(kind.to_value(), Some(id), kind == ObjectKind::User)),
        owner: event
            .owner_id
            .map(|id| names.party(ActorKind::User.to_value(), Some(id), true)),
        audience: audience.map(|(audience, id)| {
            let id = Some(id).filter(|_| audience != Audience::Authenticated);
            names.party(audience.to_value(), id, audience == Audience::User)
        }),
        address: event.address.as_deref(),
        // Of every other kind it may be a name.
        reason: match event.kind {
            Kind::DownloadRefused | Kind::UploadRefused => event.detail.as_deref(),
            _ => None,
        },
        missed,
    };
    serde_json::to_string(&message).map_err(Error::internal)
}

/// The events that have later places than `after`, oldest first, and their places; no more than `limit`, and none once there are no
/// more.
pub async fn trail(app: &App, after: i64, limit: u64) -> Result<Vec<(i64, String)>> {
    let entries = placed_after(app, after, limit).await?;
    let names = Names::of(app, &entries).await?;
    let told = entries.iter();
    told.map(|entry| Ok((entry.seq, body(entry, 0, &names)?)))
        .collect()
}
