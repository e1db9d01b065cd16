//! The database's tables as SeaORM entities: columns and relations, nothing else.

pub mod api_token;
pub mod discarded_content;
pub mod drop;
pub mod dropped_file;
pub mod event;
pub mod event_once;
pub mod file;
pub mod group;
pub mod group_member;
pub mod installation;
pub mod link;
pub mod link_download;
pub mod resumable_upload;
pub mod session;
pub mod settled_time;
pub mod share;
pub mod throttle;
mod timestamp;

pub mod upload;
pub mod user;

pub use timestamp::Timestamp;
