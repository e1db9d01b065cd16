//! The world of a test: a server of its own, and people who use it.

#![allow(dead_code, reason = "each test takes what it needs")]

pub mod answer;
pub mod clamd;
pub mod cluster;
pub mod content;
pub mod cuts;
pub mod database;
pub mod drop;
pub mod frames;
pub mod group;
pub mod link;
pub mod live;
pub mod many_files;
pub mod multipart;
pub mod nginx;
pub mod numbers;
pub mod oidc;
pub mod person;
pub mod program;
pub mod receiver;
pub mod relay;
pub mod rows;
pub mod server;
pub mod store;
pub mod store_engine;
pub mod store_proxy;
pub mod stored;
pub mod tus;
pub mod volume;
pub mod wire;

pub use answer::{Answer, Download};
pub use cluster::Cluster;
pub use database::Database;
pub use multipart::Parts;
pub use numbers::Numbers;
pub use person::Person;
pub use program::Program;
pub use server::TestApp;
pub use store::Store;
pub use wire::Wire;
