//! The world of a test: a server of its own, and people who use it.

#![allow(dead_code, reason = "each test takes what it needs")]

pub mod answer;
pub mod person;
pub mod program;
pub mod server;

pub use answer::{Answer, Download};
pub use person::Person;
pub use server::TestApp;
