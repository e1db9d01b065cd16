//! Every integration test, in one binary: each starts a whole server and talks to it as a client would.
//!
//! `CLOAKROOM_TEST_DATABASE` is `sqlite` (the default) or the URL of a PostgreSQL server, in which every test makes a
//! database of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected should stop there"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test looks behind the scenes, and makes up bytes"
)]

mod support;

mod accounts;
mod answer_limits;
mod answers;
mod api_tokens;
mod audit;
mod audit_counts;
mod audit_log;
mod authorization;
mod browser;
mod cli;
mod client_addresses;
mod client_docs;
mod clients;
mod closed_files;
mod configuration;
mod connections;
mod content_marks;
mod content_types;
mod cookies;
mod cross_site;
mod cross_site_passwords;
mod data_directories;
mod dates;
mod document_costs;
mod drop_limits;
mod drop_pages;
mod drops;
mod env_files;
mod event_subjects;
mod explanations;
mod failed_sign_ins;
mod faults;
mod files;
mod garbage;
mod graphql_http;
mod graphql_refusals;
mod group_ends;
mod group_limits;
mod group_lists;
mod groups;
mod guessing;
mod hashing_lines;
mod hostile_documents;
mod hostile_names;
mod http2_uploads;
mod http_errors;
mod installation;
mod janitors;
mod judged_documents;
mod layering;
mod link_limits;
mod link_pages;
mod link_passwords;
mod link_programs;
mod link_terms;
mod links;
mod listening;
mod lock_outs;
mod locks;
mod log_floods;
mod log_readers;
mod merged_fields;
mod multipart;
mod multipart_parts;
mod nginx;
mod nginx_hostile;
mod nginx_networks;
mod nodes;
mod pages;
mod password_checks;
mod persisted_queries;
mod policy;
mod query_limits;
mod quotas;
mod readiness;
mod redemptions;
mod refused_tickets;
mod resilience;
mod schema;
mod security_table;
mod sessions;
mod settings;
mod share_pages;
mod shares;
mod sharing;
mod sign_ups;
mod slow_clients;
mod stream_resets;
mod tasks;
mod ticket_guesses;
mod ticket_pages;
mod tickets;
mod token_sign_ins;
mod trail;
mod trash;
mod tus;
mod tus_clients;
mod tus_creation;
mod tus_extensions;
mod tus_lives;
mod tus_pages;
mod tus_refusals;
mod tus_turns;
mod upload_lives;
mod upload_memory;
mod upload_names;
mod upload_refusals;
mod uploads;
mod variables;
mod verify;
mod wrong_clocks;
