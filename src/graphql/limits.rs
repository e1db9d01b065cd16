//! Limits: what a client can find out instead of running into it.

use async_graphql::{Context, Object, SimpleObject};

use super::{ContextExt, pagination::MAX_PAGE, scalars::Int64};
use crate::{
    clock::millis,
    config::{Drops, LinkPassword, Links, SignUp},
};

/// What this server allows.
#[derive(SimpleObject)]
pub struct Limits {
    /// The largest file, bytes.
    max_file_size: Int64,
    /// How many files one request may upload.
    max_files_per_request: i32,
    /// How many unfinished resumable uploads a user may have.
    max_uploads_per_user: i32,
    /// How long a resumable upload waits for more bytes, seconds.
    resumable_ttl_seconds: Int64,
    /// How many rows one page may have.
    max_page_size: i32,
    /// How long a download ticket lives at most, seconds.
    ticket_ttl_seconds: i32,
    /// How long a deleted file stays in the trash, seconds.
    trash_ttl_seconds: Int64,
    /// How many bytes a user may keep; null when there is no limit.
    user_quota_bytes: Option<Int64>,
    /// How many files a user may keep, those in the trash included.
    max_files_per_user: i32,
    /// How many shares a file may have.
    max_shares_per_file: i32,
    /// How many groups a user may own.
    max_groups_per_user: i32,
    /// How many members a group may have, its owner included.
    max_members_per_group: i32,
    /// How many groups of others a user may be a member of.
    max_memberships_per_user: i32,
    /// How many API tokens a user may have.
    max_tokens_per_user: i32,
    /// How many changes a user may make in an hour, uploads not counted; they come back evenly.
    changes_per_hour: i32,
    /// Whether anyone may sign up with a password.
    sign_up_open: bool,
    /// Whether passwords sign people in.
    password_sign_in_on: bool,
    /// What the provider is called by which one signs in at `/auth/oidc`, with `?return=` a path of the page to come back to; null
    /// where there is none.
    oidc_name: Option<String>,
    /// Whether files may be shared by link.
    links_on: bool,
    /// Whether a link needs a password.
    link_password_required: bool,
    /// How long a link may live, seconds; null when there is no limit.
    link_max_ttl_seconds: Option<Int64>,
    /// Whether there may be drops.
    drops_on: bool,
    /// How many open drops a user may have.
    max_drops_per_user: i32,
}

#[derive(Default)]
pub struct LimitsQueries;

#[Object]
impl LimitsQueries {
    /// What this server allows.
    async fn limits(&self, context: &Context<'_>) -> Limits {
        let config = &context.app().config;
        let bytes = |size: u64| Int64(i64::try_from(size).unwrap_or(i64::MAX));
        let seconds = |duration| millis(duration) / 1000;
        let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        Limits {
            max_file_size: bytes(config.uploads.max_file_size),
            max_files_per_request: i32::try_from(config.uploads.max_files_per_request)
                .unwrap_or(i32::MAX),
            max_uploads_per_user: small(config.uploads.max_uploads_per_user.into()),
            resumable_ttl_seconds: Int64(seconds(config.uploads.resumable_ttl)),
            max_page_size: i32::try_from(MAX_PAGE).unwrap_or(i32::MAX),
            ticket_ttl_seconds: small(seconds(config.tickets.ticket_ttl)),
            trash_ttl_seconds: Int64(seconds(config.sweeps.trash_ttl)),
            user_quota_bytes: config.users.user_quota.map(bytes),
            max_files_per_user: small(config.users.max_files_per_user.into()),
            max_shares_per_file: small(config.users.max_shares_per_file.into()),
            max_groups_per_user: small(config.users.max_groups_per_user.into()),
            max_members_per_group: small(config.users.max_members_per_group.into()),
            max_memberships_per_user: small(config.users.max_memberships_per_user.into()),
            max_tokens_per_user: small(config.users.max_tokens_per_user.into()),
            changes_per_hour: small(config.users.changes_per_hour.into()),
            sign_up_open: config.takes_passwords() && config.accounts.sign_up == SignUp::Open,
            password_sign_in_on: config.takes_passwords(),
            oidc_name: config.has_provider().then(|| config.oidc.oidc_name.clone()),
            links_on: config.strangers.links == Links::On,
            link_password_required: config.strangers.link_password == LinkPassword::Required,
            drops_on: config.strangers.drops == Drops::On,
            max_drops_per_user: small(config.strangers.max_drops_per_user.into()),
            link_max_ttl_seconds: config.strangers.link_max_ttl.map(seconds).map(Int64),
        }
    }
}
