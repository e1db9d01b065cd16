//! The world of a test: a server of its own, and people who use it.

#![allow(dead_code, reason = "each test takes what it needs")]

pub mod answer;
pub mod cluster;
pub mod cuts;
pub mod database;
pub mod drop;
pub mod frames;
pub mod group;
pub mod link;
pub mod multipart;
pub mod nginx;
pub mod numbers;
pub mod person;
pub mod program;
pub mod relay;
pub mod rows;
pub mod server;
pub mod tus;
pub mod volume;
pub mod wire;

pub use answer::{Answer, Download};
pub use database::Database;
pub use multipart::Parts;
pub use numbers::Numbers;
pub use person::Person;
pub use program::Program;
pub use server::TestApp;
pub use wire::Wire;
