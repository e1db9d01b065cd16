//! The database's tables as SeaORM entities: columns and relations, and the words by which names are found.

pub mod api_token;
pub mod concern;
pub mod deleted_user;
pub mod discarded_content;
pub mod drop;
pub mod dropped_file;
pub mod event;
pub mod event_once;
pub mod feed_position;
pub mod file;
mod folding;
pub mod group;
pub mod group_member;
pub mod installation;
pub mod link;
pub mod link_download;
pub mod listed_file;
pub mod oidc_identity;
pub mod resumable_upload;
pub mod session;
pub mod settled_time;
pub mod share;
pub mod throttle;
mod timestamp;

pub mod upload;
pub mod upload_part;
pub mod upload_tail;
pub mod user;
pub mod webhook;

pub use folding::{Words, fold, grams, name_key, words};
pub use timestamp::Timestamp;
