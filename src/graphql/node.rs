//! Node: whatever an id names, so that clients such as Relay can ask for one thing again.
//!
//! Ids are UUIDs, as everywhere else, and do not say of what. So the types are tried one after the other: each by its primary
//! key, and by the same check as elsewhere. No id names two things, for all come from one generator. Ids that carry their
//! type would spare a few look-ups, and would be other ids than those in tickets, in the trail and in the log.

use async_graphql::{Context, ID, Interface, Object};

use super::{
    ContextExt, api_tokens::ApiToken, drops::Drop, events::Event, files::File, groups::Group,
    loaders::UserId, resumable_uploads::ResumableUpload, scalars::parse_id, shares::Share,
    users::User,
};
use crate::{
    access,
    domain::{api_tokens, events},
    error::Result,
};

/// Something with an id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and stable."))]
pub enum Node {
    File(File),
    Share(Share),
    User(User),
    Event(Event),
    ApiToken(ApiToken),
    Drop(Drop),
    Group(Group),
    ResumableUpload(ResumableUpload),
}

#[derive(Default)]
pub struct NodeQueries;

#[Object]
impl NodeQueries {
    /// What has this id, if you may see it: a file (your own in the trash, too), a share, a user, an event that concerns
    /// you, a drop or a resumable upload of yours, a group that you belong to, an API token (sessions only). Null otherwise,
    /// whether it exists or not.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of anything that has one.")] id: ID,
    ) -> Result<Option<Node>> {
        let (app, viewer) = (context.app(), context.actor().reader()?);
        let Ok(id) = parse_id(&id) else {
            return Ok(None);
        };
        if let Some(file) = access::visible_file(app, viewer, id).await? {
            return Ok(Some(Node::File(file.into())));
        }
        if let Some((share, file)) = access::visible_share(app, viewer, id).await? {
            let file = file.into();
            return Ok(Some(Node::Share(Share { share, file })));
        }
        if let Some(user) = context.loads().row(UserId(id)).await? {
            return Ok(Some(Node::User(User(user))));
        }
        if let Some(event) = events::visible(app, viewer, id).await? {
            return Ok(Some(Node::Event(Event(event))));
        }
        if let Some(drop) = access::visible_drop(app, viewer, id).await? {
            return Ok(Some(Node::Drop(Drop(drop))));
        }
        if let Some(group) = access::visible_group(app, viewer, id).await? {
            return Ok(Some(Node::Group(Group(group))));
        }
        if let Some(upload) = access::visible_upload(app, viewer, id).await? {
            return Ok(Some(Node::ResumableUpload(upload.into())));
        }
        // Those who may not manage tokens see none either.
        let Ok(owner) = context.actor().credential_owner() else {
            return Ok(None);
        };
        let token = api_tokens::of_id(app, owner, id).await?;
        Ok(token.map(|token| Node::ApiToken(ApiToken(token))))
    }
}
