//! The limits of GraphQL documents.
#![no_main]

use cloakroom::{config::QueryLimits, graphql::document};
use libfuzzer_sys::fuzz_target;
use serde_json::Map;

const LIMITS: QueryLimits = QueryLimits {
    bytes: 64 * 1024,
    tokens: 4000,
    depth: 20,
    complexity: 10_000,
    nodes: 10_000,
    aliases: 30,
    directives: 50,
    list: 100,
};

fuzz_target!(|text: &str| {
    let scanned = document::scan(text, &LIMITS);
    if scanned.is_err() {
        return;
    }
    if let Ok(document) = document::check(text, None, &Map::new(), &LIMITS) {
        assert!(document::select(&document.parsed, None).is_ok());
    }
});
