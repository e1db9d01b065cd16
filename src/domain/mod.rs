//! What Cloakroom does, one noun a file. Knows nothing of HTTP and GraphQL.

pub mod accounts;
pub mod api_tokens;
pub mod changes;
pub mod content_type;
pub mod drops;
mod emoji_flags;
pub mod events;
pub mod file_name;
pub mod files;
pub mod groups;
pub mod links;
pub mod names;
pub mod quota;
pub mod shares;
pub mod statistics;
pub mod tickets;
pub mod uploads;
pub mod visible;
pub mod webhooks;
