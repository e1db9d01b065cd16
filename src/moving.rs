//! Moving house: an installation's content to another place, its rows to another database, and one user's files to another
//! installation.

pub mod content;
pub mod database;
mod directory;
pub mod export;
mod file_names;
pub mod import;
mod manifest;
