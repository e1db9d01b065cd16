//! The world of a test: a server of its own, and people who use it.

#![allow(dead_code, reason = "each test takes what it needs")]

pub mod answer;
pub mod multipart;
pub mod nginx;
pub mod person;
pub mod process;
pub mod program;
pub mod server;
pub mod volume;
pub mod wire;

pub use answer::{Answer, Download};
pub use multipart::Parts;
pub use person::Person;
pub use process::Process;
pub use server::TestApp;
pub use wire::Wire;
