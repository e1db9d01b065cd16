//! Links: what their visitors may see, and what their owners know of them.

use std::collections::HashMap;

use entity::{Timestamp, file, link, share};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, look,
    policy::{Decision, Refusal, State, decide},
};
use crate::{
    auth::{
        Identity,
        link::{LinkHolder, LinkKey},
    },
    error::{Error, Result},
};

/// What whoever has a link's URL may know before anything else.
#[derive(Clone, Copy, Debug)]
pub struct LinkFace {
    pub file_id: Uuid,
    pub has_password: bool,
    pub expires_at: Option<Timestamp>,
}

/// What a link allows, and how often it was used.
#[derive(Clone, Copy, Debug)]
pub struct LinkTerms {
    pub has_password: bool,
    pub max_downloads: Option<i32>,
    pub downloads: i64,
}

impl LinkTerms {
    fn of(link: &link::Model) -> Self {
        Self {
            has_password: link.password_hash.is_some(),
            max_downloads: link.max_downloads,
            downloads: link.downloads,
        }
    }

    /// How many more downloads there may be; `None` without a limit.
    pub fn downloads_left(&self) -> Option<i32> {
        let most = i64::from(self.max_downloads?);
        Some(i32::try_from((most - self.downloads).max(0)).unwrap_or(i32::MAX))
    }
}

/// What there is to know of the link of `key` before a password is given. `NOT_FOUND` alike when it was revoked or has ended,
/// its file is not live, or its owner is not active.
pub async fn link_face(access: &Access, key: &LinkKey) -> Result<LinkFace> {
    let (share, link) = find(access, key.share_id()).await?;
    // Nobody has opened the link: this asks what there would be to see, and gives no sight of it.
    let identity = Identity::Link {
        id: link.share_id,
        epoch: link.epoch,
    };
    let found = super::find(access, share.file_id, identity).await?;
    let (_, facts) = found.map_err(nothing_there)?;
    if let Decision::Refused(refusal) = decide(&facts, State::Live) {
        return Err(nothing_there(refusal));
    }
    Ok(LinkFace {
        file_id: share.file_id,
        has_password: link.password_hash.is_some(),
        expires_at: share.expires_at,
    })
}

/// The file of the link that `holder` has opened, and what the link allows. `NOT_FOUND` as above.
pub async fn linked_file(
    access: &Access,
    holder: &LinkHolder,
) -> Result<(Readable<file::Model>, LinkTerms)> {
    let (share, link) = find(access, holder.share_id()).await?;
    let file = look(access, holder.into(), share.file_id, State::Live).await?;
    Ok((file.map_err(nothing_there)?, LinkTerms::of(&link)))
}

/// Also when the owner is not active: a visitor has no account to sign in to.
fn nothing_there(_refusal: Refusal) -> Error {
    Error::not_found()
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
async fn find(access: &Access, id: Uuid) -> Result<(share::Model, link::Model)> {
    let share = access.db.one(share::Entity::find_by_id(id)).await?;
    let link = access.db.one(link::Entity::find_by_id(id)).await?;
    share.zip(link).ok_or_else(Error::not_found)
}

/// What their owner may know of those of `shares` that are links, by the ids of the shares.
#[expect(clippy::disallowed_methods, reason = "this is the loader of shares")]
pub async fn links_of(
    access: &Access,
    shares: &[&Owned<share::Model>],
) -> Result<HashMap<Uuid, LinkTerms>> {
    let ids = shares.iter().map(|share| share.id);
    let links = link::Entity::find().filter(link::Column::ShareId.is_in(ids));
    let links = access.db.all(links).await?;
    let links = links
        .iter()
        .map(|link| (link.share_id, LinkTerms::of(link)));
    Ok(links.collect())
}
