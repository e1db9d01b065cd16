//! The second lock on permissions: the lint bans every way to the rows, and the exceptions are a closed list.
//!
//! The first lock is the compiler's: the documentation tests of `access` show that proof cannot be made up.

use std::{collections::BTreeSet, fs, path::Path};

mod api;

use api::Function;

/// Types, traits and functions that do not reach this program's rows, although they look as if they did.
const HARMLESS: [(&str, &str); 13] = [
    ("ActiveModelBehavior", "hooks, which SeaORM calls"),
    ("DatabaseConnection::load_rbac_from", "not compiled in"),
    ("InnerConnection", "not public"),
    ("MockDatabaseConnection", "not compiled in"),
    ("MockDatabaseTrait", "not compiled in"),
    ("ProxyDatabaseConnection", "not compiled in"),
    ("RbacContext", "not compiled in"),
    ("ReturningSelector", "not public"),
    ("RusqliteInnerConnection", "not compiled in"),
    ("RusqliteSharedConnection", "not compiled in"),
    ("SchemaBuilder", "tables, not rows"),
    ("SqlxMySqlPoolConnection", "not compiled in"),
    ("Transaction", "not compiled in"),
];

/// What else is banned: the program's own ways to read and delete rows, what the operator alone may, the time, randomness and
/// ids.
const BANNED: [&str; 12] = [
    "cloakroom::access::Destination::by_operator",
    "cloakroom::db::Db::all",
    "cloakroom::db::Db::one",
    "cloakroom::db::Db::delete_due",
    "cloakroom::db::Db::figures",
    "std::time::SystemTime::now",
    "time::OffsetDateTime::now_utc",
    "rand::rng",
    "rand::random",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v7",
    "uuid::Uuid::new_v7",
];

/// Where exceptions may stand: the operator's import, and the owners of rows, of connections, of the time and of randomness.
const OWNERS: [&str; 86] = [
    "src/access/drops.rs",
    "src/access/explanation.rs",
    "src/access/groups.rs",
    "src/access/facts/any_credentials.rs",
    "src/access/links.rs",
    "src/access/lists.rs",
    "src/access/lists/groups/postgres.rs",
    "src/access/lists/groups/sqlite.rs",
    "src/access/lists/sorted.rs",
    "src/access/lists/sorted/postgres.rs",
    "src/access/lists/sorted/sqlite.rs",
    "src/access/lists/sorted/statements.rs",
    "src/access/facts/links.rs",
    "src/access/facts/postgres.rs",
    "src/access/facts/sqlite.rs",
    "src/access/shares.rs",
    "src/access/uploads.rs",
    "src/auth/api_token.rs",
    "src/auth/credential.rs",
    "src/auth/drop.rs",
    "src/auth/link.rs",
    "src/auth/mod.rs",
    "src/auth/session.rs",
    "src/auth/session/store.rs",
    "src/auth/sqlite.rs",
    "src/auth/throttle/rows.rs",
    "src/clock.rs",
    "src/db.rs",
    "src/db/connect.rs",
    "src/db/due.rs",
    "src/db/figures.rs",
    "src/db/lookups.rs",
    "src/db/migrate.rs",
    "src/db/postgres.rs",
    "src/db/prepared.rs",
    "src/db/reader.rs",
    "src/db/shared_time.rs",
    "src/db/transaction.rs",
    "src/db/transfer.rs",
    "src/doctor.rs",
    "src/domain/accounts.rs",
    "src/domain/accounts/administration.rs",
    "src/domain/accounts/deletion.rs",
    "src/domain/accounts/linking.rs",
    "src/domain/accounts/passwords.rs",
    "src/domain/accounts/provider.rs",
    "src/domain/accounts/sign_up.rs",
    "src/domain/api_tokens.rs",
    "src/domain/drops.rs",
    "src/domain/drops/places.rs",
    "src/domain/events.rs",
    "src/domain/events/concerns.rs",
    "src/domain/events/feed.rs",
    "src/domain/events/forgetting.rs",
    "src/domain/events/queue/rows.rs",
    "src/domain/files.rs",
    "src/domain/files/listed.rs",
    "src/domain/files/stored.rs",
    "src/domain/files/sweep.rs",
    "src/domain/groups.rs",
    "src/domain/groups/deletion.rs",
    "src/domain/groups/members.rs",
    "src/domain/links.rs",
    "src/domain/links/downloads.rs",
    "src/domain/quota.rs",
    "src/domain/shares.rs",
    "src/domain/shares/change.rs",
    "src/domain/statistics.rs",
    "src/domain/uploads/resumable/fenced.rs",
    "src/domain/uploads/resumable/rows.rs",
    "src/domain/uploads/resumable/rows/parts.rs",
    "src/domain/uploads/resumable/sweep.rs",
    "src/domain/uploads/resumable/take_over.rs",
    "src/domain/uploads/rows/abort.rs",
    "src/domain/uploads/rows/beginning.rs",
    "src/domain/uploads/rows/commit.rs",
    "src/domain/uploads/rows/parted.rs",
    "src/domain/uploads/sweep.rs",
    "src/domain/uploads/unfinished.rs",
    "src/domain/uploads/unrecorded.rs",
    "src/domain/webhooks/rows.rs",
    "src/installation.rs",
    "src/janitor/settled.rs",
    "src/moving/import.rs",
    "src/random.rs",
    "src/verify.rs",
];

#[test]
fn the_lint_bans_every_way_to_the_rows() {
    let banned = banned();
    let of_sea_orm = api::functions("sea-orm").into_iter();
    let of_sea_orm = of_sea_orm
        .filter(|function| takes_a_connection(function) || begins_a_query(function))
        .map(|function| ("sea_orm", function));
    let of_rusqlite = api::functions("rusqlite").into_iter();
    let of_rusqlite = of_rusqlite
        .filter(|function| function.signature.contains("sql: &"))
        .map(|function| ("rusqlite", function));
    let ways = of_sea_orm.chain(of_rusqlite).filter(|(_, function)| {
        let mut harmless = HARMLESS.iter();
        !harmless.any(|(name, _)| *name == function.owner || *name == function.path())
    });
    // Whatever module the crate has it in.
    let is_banned = |of: &str, path: &str| {
        let path = format!("::{path}");
        let mut banned = banned.iter();
        banned.any(|entry| entry.starts_with(of) && entry.ends_with(&path))
    };
    let open: BTreeSet<_> = ways
        .map(|(of, function)| (of, function.path()))
        .filter(|(of, path)| !is_banned(of, path))
        .collect();
    assert!(
        open.is_empty(),
        "these lead past the policy: ban them in clippy.toml, or say in HARMLESS why they do not: {open:#?}"
    );
}

/// Whether it runs something in a database.
fn takes_a_connection(function: &Function) -> bool {
    let signs = [
        "ConnectionTrait",
        "StreamTrait",
        " db: &",
        "stmt: Statement",
    ];
    signs.iter().any(|sign| function.signature.contains(sign))
}

/// Whether it makes a query of nothing but a name.
fn begins_a_query(function: &Function) -> bool {
    const QUERIES: [&str; 12] = [
        "Delete",
        "DeleteMany",
        "DeleteOne",
        "Deleter",
        "Insert",
        "InsertMany",
        "Inserter",
        "Select",
        "SelectorRaw",
        "TryInsert",
        "UpdateMany",
        "UpdateOne",
    ];
    let returns = function.returns().replace("crate::query::", "");
    let end = returns
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(returns.len());
    let returns = match &returns[..end] {
        "Self" => &function.owner,
        returns => returns,
    };
    !function.consumes_self() && QUERIES.contains(&returns)
}

#[test]
fn the_lint_bans_nothing_that_is_not_there() {
    let known: BTreeSet<_> = ["sea-orm", "rusqlite"]
        .iter()
        .flat_map(|name| api::functions(name))
        .map(|function| function.path())
        .collect();
    let banned = banned();
    let gone = banned.iter().filter(|entry| {
        let is_known = || {
            known
                .iter()
                .any(|path| entry.ends_with(&format!("::{path}")))
        };
        let is_read = ["sea_orm::", "rusqlite::"]
            .iter()
            .any(|of| entry.starts_with(of));
        is_read && !is_known()
    });
    let gone: Vec<_> = gone.collect();
    assert!(
        gone.is_empty(),
        "clippy.toml bans {gone:?}, which are no more"
    );
}

#[test]
fn the_lint_bans_deleting_by_date_the_time_and_randomness() {
    let banned = banned();
    for method in BANNED {
        assert!(banned.contains(method), "clippy.toml does not ban {method}");
    }
}

/// The paths in clippy.toml, each of which gives a reason.
fn banned() -> BTreeSet<String> {
    let entries = source("clippy.toml");
    let entries = entries.lines().filter_map(|line| {
        let (path, rest) = line.trim().strip_prefix("{ path = \"")?.split_once('"')?;
        assert!(rest.starts_with(", reason = \""), "{path}: why?");
        Some(path.to_owned())
    });
    entries.collect()
}

#[test]
fn exceptions_stand_with_the_owners_alone_and_say_why() {
    let owners: BTreeSet<_> = OWNERS.iter().map(|file| (*file).to_owned()).collect();
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
