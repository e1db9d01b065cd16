//! Cloakroom: leave a file, get a ticket, show the ticket, get the file.
//!
//! Imports point down only: [`http`] and [`graphql`] speak to clients; [`domain`] is what the program does; [`access`]
//! decides who may, and alone loads files and shares; [`storage`] keeps bytes; the `entity` crate is the tables.
//! [`app`] holds what a request needs. A test reads the `use` lines and holds this order.

pub mod access;
pub mod app;
pub mod auth;
pub mod batch;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod graphql;
pub mod hex;
pub mod http;
pub mod https;
pub mod installation;
pub mod janitor;
pub mod log;
pub mod log_limit;
pub mod metrics;
pub mod moving;
pub mod operator_error;
pub mod outbound;
pub mod pace;
pub mod patience;
pub mod private;
pub mod random;
pub mod scanner;
pub mod server;
pub mod storage;
pub mod tasks;
pub mod traces;
pub mod verify;
