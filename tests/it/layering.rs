//! Imports point down only: `http`, `graphql` → `domain` → `access`, `storage` → `entity`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

mod paths;

use paths::paths;

/// The modules of `src`, from the top down. A module names only modules of lines below its own.
const LAYERS: [&[&str]; 21] = [
    &["main"],
    &["commands"],
    &["server"],
    &["http"],
    &["graphql"],
    &["doctor", "moving", "verify"],
    &["app"],
    &["janitor"],
    &["domain"],
    &["access"],
    &["installation"],
    &["auth", "outbound", "scanner", "storage", "traces"],
    &["db"],
    &["batch"],
    &["patience", "tasks"],
    &["pace"],
    &["log"],
    &["config"],
    &["clock", "disk", "hex", "https", "private", "random"],
    &["error"],
    &["log_limit", "metrics", "operator_error"],
];

/// What points down, and yet may not be.
const NEVER: [(&str, &str); 2] = [("access", "storage"), ("graphql", "storage")];

/// Crates, and the modules that may name them.
const CRATES: [(&str, &[&str]); 9] = [
    ("async_graphql", &["graphql", "http"]),
    ("axum", &["http", "server"]),
    ("hyper", &["doctor", "http", "https", "server", "storage"]),
    ("metrics_exporter_prometheus", &["metrics"]),
    ("migration", &["db"]),
    ("rusqlite", &["access", "auth", "db", "error"]),
    (
        "sea_orm",
        &[
            "access",
            "auth",
            "db",
            "domain",
            "error",
            "installation",
            "janitor",
            "verify",
        ],
    ),
    ("tower_http", &["http"]),
    ("tower_sessions", &["auth", "http"]),
];

/// What points up all the same, and why. This list only gets shorter.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    (
        "domain",
        "crate::app",
        "takes all of the App for its database and storage",
    ),
    (
        "graphql",
        "tower_sessions",
        "begins and ends the request's session",
    ),
    (
        "janitor",
        "crate::app",
        "takes all of the App for its database and storage",
    ),
];

#[test]
fn every_module_has_its_layer() {
    let layers: Vec<_> = LAYERS.concat();
    let modules: BTreeSet<_> = graph().into_keys().collect();
    let listed = BTreeSet::from_iter(layers.iter().map(|module| (*module).to_owned()));
    assert_eq!(
        modules, listed,
        "LAYERS has the modules of src, each of them"
    );
    assert_eq!(layers.len(), listed.len(), "LAYERS has a module twice");
}

#[test]
fn imports_point_down_only() {
    let found: BTreeSet<_> = graph()
        .into_iter()
        .flat_map(|(from, named)| named.into_iter().map(move |to| (from.clone(), to)))
        .filter(|(from, to)| !may_name(from, to))
        .collect();
    let excepted = EXCEPTIONS.iter();
    let excepted = excepted.map(|(from, to, _)| ((*from).to_owned(), (*to).to_owned()));
    let excepted = excepted.collect();
    let wrong: Vec<_> = found.difference(&excepted).collect();
    assert!(wrong.is_empty(), "these point up or across: {wrong:#?}");
    let idle: Vec<_> = excepted.difference(&found).collect();
    assert!(
        idle.is_empty(),
        "{idle:?} are no more: take them out of EXCEPTIONS"
    );
}

/// Whether the module `from` may name `to`, a module as `crate::…` or a crate.
fn may_name(from: &str, to: &str) -> bool {
    let Some(to) = to.strip_prefix("crate::") else {
        let rule = CRATES.iter().find(|(name, _)| *name == to);
        return rule.is_none_or(|(_, modules)| modules.contains(&from));
    };
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    // What is in no layer, such as all of the crate by `*`, is nobody's.
    layer(to).is_some_and(|below| Some(below) > layer(from)) && !NEVER.contains(&(from, to))
}

/// What each module of `src` names: other modules as `crate::…`, and crates.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph = BTreeMap::new();
    for file in files_of("src") {
        let module = module_of(&file);
        // `lib.rs` lists the modules, and is none.
        let Some(from) = module.first() else {
            continue;
        };
        let named: &mut BTreeSet<_> = graph.entry(from.clone()).or_default();
        for path in paths(&fs::read_to_string(&file).unwrap(), &module) {
            let mut parts = path.split("::");
            let to = match (parts.next().unwrap(), parts.next()) {
                // What the library is to the program.
                ("crate" | "cloakroom", part) => format!("crate::{}", part.unwrap_or("*")),
                (name, _) => name.to_owned(),
            };
            if to != format!("crate::{from}") {
                named.insert(to);
            }
        }
    }
    graph
}

/// Others get a `db::Transaction`: what is to follow a commit hangs on it, and nobody but `db` begins or ends one.
#[test]
fn transactions_begin_in_the_database_s_module_alone() {
    let files = files_of("src").into_iter();
    for file in files.filter(|file| module_of(file).first().is_none_or(|name| name != "db")) {
        for path in paths(&fs::read_to_string(&file).unwrap(), &module_of(&file)) {
            let begins = ["DatabaseTransaction", "TransactionTrait"]
                .iter()
                .any(|name| path.ends_with(&format!("::{name}")));
            let is_of_all = ["sea_orm", "sea_orm::prelude", "sea_orm::entity::prelude"]
                .contains(&path.as_str());
            assert!(!begins && !is_of_all, "{}: {path}", file.display());
        }
    }
}

#[test]
fn the_tables_know_nobody() {
    for file in files_of("entity/src") {
        let source = fs::read_to_string(&file).unwrap();
        for path in paths(&source, &[]) {
            let name = path.split("::").next().unwrap();
            let is_wrong = ["async_graphql", "axum", "cloakroom", "migration"].contains(&name);
            assert!(!is_wrong, "{}: {path}", file.display());
        }
    }
}

/// The sources of a module: `path.rs`, and all below `path`.
fn files_of(path: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join(path), root.join(format!("{path}.rs"))];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "rs") && path.exists() {
            files.push(path);
        }
    }
    files
}

/// The module that a file of `src` is: `src/graphql/files.rs` is `[graphql, files]`.
fn module_of(file: &Path) -> Vec<String> {
    let text = file.with_extension("").display().to_string();
    let (_, below) = text.rsplit_once("/src/").unwrap();
    let parts = below
        .split('/')
        .filter(|part| !["mod", "lib"].contains(part));
    parts.map(str::to_owned).collect()
}
