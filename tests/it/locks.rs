//! The second lock on permissions: the lint bans SeaORM's finders and writers, and the exceptions are a closed list.
//!
//! The first lock is the compiler's: the documentation tests of `access` show that proof cannot be made up.

use std::{collections::BTreeSet, fs, path::Path};

/// What no module may call without an exception.
const BANNED: [&str; 39] = [
    "sea_orm::EntityTrait::find",
    "sea_orm::EntityTrait::find_by_id",
    "sea_orm::EntityTrait::find_related_rev",
    "sea_orm::EntityTrait::insert",
    "sea_orm::EntityTrait::insert_many",
    "sea_orm::EntityTrait::update",
    "sea_orm::EntityTrait::update_many",
    "sea_orm::EntityTrait::delete",
    "sea_orm::EntityTrait::delete_many",
    "sea_orm::EntityTrait::delete_by_id",
    "sea_orm::ActiveModelTrait::insert",
    "sea_orm::ActiveModelTrait::update",
    "sea_orm::ActiveModelTrait::update_without_returning",
    "sea_orm::ActiveModelTrait::save",
    "sea_orm::ActiveModelTrait::delete",
    "sea_orm::ActiveModelTrait::find_related",
    "sea_orm::ModelTrait::delete",
    "sea_orm::ModelTrait::find_related",
    "sea_orm::ModelTrait::find_linked",
    "sea_orm::ModelTrait::find_linked_recursive",
    "sea_orm::FromQueryResult::find_by_statement",
    "sea_orm::ConnectionTrait::execute",
    "sea_orm::ConnectionTrait::execute_raw",
    "sea_orm::ConnectionTrait::execute_unprepared",
    "sea_orm::ConnectionTrait::query_one",
    "sea_orm::ConnectionTrait::query_one_raw",
    "sea_orm::ConnectionTrait::query_all",
    "sea_orm::ConnectionTrait::query_all_raw",
    "sea_orm::StreamTrait::stream",
    "sea_orm::StreamTrait::stream_raw",
    "rusqlite::Connection::prepare",
    "rusqlite::Connection::prepare_cached",
    "rusqlite::Connection::query_row",
    "std::time::SystemTime::now",
    "time::OffsetDateTime::now_utc",
    "rand::rng",
    "rand::random",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v7",
];

/// Where exceptions may stand: the owners of rows, of the time and of randomness, and what is said of each.
const OWNERS: [(&str, &str); 23] = [
    ("src/access.rs", "the policy, which loads files and shares"),
    ("src/access/lists.rs", "the policy's lists"),
    (
        "src/access/redemptions/postgres.rs",
        "the policy, for tickets",
    ),
    (
        "src/access/redemptions/sqlite.rs",
        "the policy, for tickets",
    ),
    ("src/access/shares.rs", "the policy, which loads shares"),
    ("src/auth/api_token.rs", "credentials"),
    ("src/auth/mod.rs", "credentials"),
    ("src/auth/session.rs", "sessions"),
    ("src/auth/sqlite.rs", "credentials"),
    ("src/auth/throttle.rs", "throttles"),
    ("src/clock.rs", "the time"),
    ("src/db.rs", "a lock that reads no row"),
    ("src/domain/accounts.rs", "users"),
    ("src/domain/api_tokens.rs", "API tokens"),
    ("src/domain/events.rs", "events"),
    ("src/domain/files.rs", "changes of files"),
    ("src/domain/quota.rs", "reservations"),
    ("src/domain/shares.rs", "changes of shares"),
    ("src/domain/uploads/rows.rs", "uploads"),
    ("src/http/health.rs", "a query that reads no row"),
    ("src/janitor.rs", "the sweeps"),
    ("src/keys.rs", "randomness and ids"),
    ("src/verify.rs", "a look at every row"),
];

#[test]
fn the_lint_bans_every_way_past_the_policy() {
    let banned = source("clippy.toml");
    for method in BANNED {
        let entry = format!("{{ path = \"{method}\", reason = \"");
        assert!(banned.contains(&entry), "clippy.toml does not ban {method}");
    }
}

#[test]
fn exceptions_stand_with_the_owners_alone_and_say_why() {
    let owners: BTreeSet<_> = OWNERS.iter().map(|(file, _)| (*file).to_owned()).collect();
    let mut excepted = BTreeSet::new();
    for file in sources("src") {
        // Attributes as rustfmt may have broken them, on one line.
        let source = source(&file)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for (at, _) in source.match_indices("clippy::disallowed_methods") {
            let before = source[..at].trim_end();
            assert!(
                before.ends_with("#[expect("),
                "{file}: an exception is one #[expect(…)] on one item: …{}",
                &before[before.floor_char_boundary(before.len().saturating_sub(40))..]
            );
            let after = &source[at..];
            let attribute = &after[..after.find(")]").unwrap()];
            assert!(
                attribute.contains("reason = \""),
                "{file}: {attribute}: why?"
            );
            excepted.insert(file.clone());
        }
    }
    let strangers: Vec<_> = excepted.difference(&owners).collect();
    assert!(
        strangers.is_empty(),
        "{strangers:?} reach around `access` and `domain`. If they own rows, add them to OWNERS in tests/it/locks.rs"
    );
    let idle: Vec<_> = owners.difference(&excepted).collect();
    assert!(
        idle.is_empty(),
        "{idle:?} need no exception: take them out of OWNERS"
    );
}

fn source(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Every file below `directory`, as `src/http/mod.rs`.
fn sources(directory: &str) -> Vec<String> {
    let mut files = Vec::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{directory}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(sources(&name)),
            false if name.ends_with(".rs") => files.push(name),
            false => {}
        }
    }
    files
}
