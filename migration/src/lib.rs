//! The schema's history, one reversible step a file. A step that has landed never changes.

use sea_orm_migration::prelude::{MigrationTrait, async_trait};
pub use sea_orm_migration::{Migration, MigrationStatus, MigratorTrait, SchemaManager};

mod m20261124_000000_create_installation;
mod m20261124_000001_create_user;
mod m20261124_000002_create_session;
mod m20261124_000003_create_api_token;
mod m20261124_000004_create_file;
mod m20261124_000005_create_group;
mod m20261124_000006_create_group_member;
mod m20261124_000007_create_share;
mod m20261124_000008_create_upload;
mod m20261124_000009_create_discarded_content;
mod m20261124_000010_create_throttle;
mod m20261124_000011_create_event;
mod m20261124_000012_create_settled_time;
mod m20261124_000013_create_event_once;
mod m20261124_000014_create_link;
mod m20261124_000015_create_link_download;
mod m20261124_000016_create_drop;
mod m20261124_000017_create_dropped_file;
mod m20261124_000018_create_resumable_upload;
mod m20261124_000020_create_listed_file;
mod m20261124_000021_add_sign_in_to_session;
mod m20261124_000022_create_concern;
mod m20261124_000030_add_parts_to_upload;
mod m20261124_000031_create_upload_part;
mod m20261126_000040_alter_user;
mod m20261126_000041_create_deleted_user;
mod m20261126_000050_create_oidc_identity;
mod m20261126_000060_create_webhook;
mod m20261127_000070_add_joined_after_to_group_member;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            // First, so that it is the last to be taken back.
            Box::new(m20261124_000000_create_installation::Migration),
            Box::new(m20261124_000001_create_user::Migration),
            Box::new(m20261124_000002_create_session::Migration),
            Box::new(m20261124_000003_create_api_token::Migration),
            Box::new(m20261124_000004_create_file::Migration),
            Box::new(m20261124_000005_create_group::Migration),
            Box::new(m20261124_000006_create_group_member::Migration),
            Box::new(m20261124_000007_create_share::Migration),
            Box::new(m20261124_000008_create_upload::Migration),
            Box::new(m20261124_000009_create_discarded_content::Migration),
            Box::new(m20261124_000010_create_throttle::Migration),
            Box::new(m20261124_000011_create_event::Migration),
            Box::new(m20261124_000012_create_settled_time::Migration),
            Box::new(m20261124_000013_create_event_once::Migration),
            Box::new(m20261124_000014_create_link::Migration),
            Box::new(m20261124_000015_create_link_download::Migration),
            Box::new(m20261124_000016_create_drop::Migration),
            Box::new(m20261124_000017_create_dropped_file::Migration),
            Box::new(m20261124_000018_create_resumable_upload::Migration),
            Box::new(m20261124_000020_create_listed_file::Migration),
            Box::new(m20261124_000021_add_sign_in_to_session::Migration),
            Box::new(m20261124_000022_create_concern::Migration),
            Box::new(m20261124_000030_add_parts_to_upload::Migration),
            Box::new(m20261124_000031_create_upload_part::Migration),
            Box::new(m20261126_000040_alter_user::Migration),
            Box::new(m20261126_000041_create_deleted_user::Migration),
            Box::new(m20261126_000050_create_oidc_identity::Migration),
            Box::new(m20261126_000060_create_webhook::Migration),
            Box::new(m20261127_000070_add_joined_after_to_group_member::Migration),
        ]
    }
}
