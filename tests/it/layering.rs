//! Imports point down only: `http`, `graphql` → `domain` → `access`, `storage` → `entity`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What the code below a path must not name: another crate, or one of this crate's modules as `crate::…`.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "entity/src",
        &["async_graphql", "axum", "cloakroom", "migration"],
    ),
    (
        "src/storage",
        &[
            "async_graphql",
            "axum",
            "sea_orm",
            "crate::access",
            "crate::auth",
            "crate::domain",
            "crate::graphql",
            "crate::http",
            "crate::server",
        ],
    ),
    (
        "src/access",
        &[
            "async_graphql",
            "axum",
            "crate::domain",
            "crate::graphql",
            "crate::http",
            "crate::server",
            "crate::storage",
        ],
    ),
    (
        "src/auth",
        &[
            "async_graphql",
            "axum",
            "crate::domain",
            "crate::graphql",
            "crate::http",
            "crate::server",
        ],
    ),
    (
        "src/domain",
        &[
            "async_graphql",
            "axum",
            "http",
            "tower_http",
            "tower_sessions",
            "crate::graphql",
            "crate::http",
            "crate::janitor",
            "crate::server",
        ],
    ),
    (
        "src/graphql",
        &["axum", "crate::http", "crate::server", "crate::storage"],
    ),
];

#[test]
fn imports_point_down_only() {
    let mut wrong = Vec::new();
    for (layer, forbidden) in FORBIDDEN {
        let files = files_of(layer);
        assert!(!files.is_empty(), "there is no {layer}: correct FORBIDDEN");
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            let named = paths(&source, &module_of(&file));
            let climbs = named.iter().filter(|path| {
                let begins = |with: &&&str| {
                    path.strip_prefix(**with)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                forbidden.iter().any(|forbidden| begins(&forbidden))
            });
            wrong.extend(climbs.map(|path| format!("{}: {path}", file.display())));
        }
    }
    assert!(
        wrong.is_empty(),
        "these point up or across:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_way_to_name_a_path_is_seen() {
    let source = "
        use std::{fmt, io::{self, Read as _}};
        // use crate::not::code;
        use crate::{app::App, http::{request_id, problem::{self}}};
        use super::super::graphql::File;
        fn f(x: &axum::Router) { let s = \"crate::in::text\"; self::g(); super::h::<u8>(); }
    ";
    let module = ["domain".to_owned(), "files".to_owned()];
    assert_eq!(
        paths(source, &module),
        [
            "std::fmt",
            "std::io::self",
            "std::io::Read",
            "crate::app::App",
            "crate::http::request_id",
            "crate::http::problem::self",
            "crate::graphql::File",
            "axum::Router",
            "crate::domain::files::g",
            "crate::domain::h",
        ]
    );
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

/// Every path of two parts or more in `source`, with braces spread out and `super` and `self` resolved from `module`.
fn paths(source: &str, module: &[String]) -> Vec<String> {
    let tokens = tokens(source);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next == "::") {
            path(&tokens, &mut at, Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    let resolved = found.into_iter().map(|path| resolve(path, module));
    resolved.collect()
}

/// Reads one path, or one branch of a tree of them, that continues `path`.
fn path(tokens: &[String], at: &mut usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) {
    loop {
        match tokens.get(*at).map(String::as_str) {
            Some("{") => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| token != "}") {
                    self::path(tokens, at, path.clone(), found);
                    // `as name`, and the comma.
                    while tokens.get(*at).is_some_and(|it| it != "}" && it != ",") {
                        *at += 1;
                    }
                    *at += usize::from(tokens.get(*at).is_some_and(|token| token == ","));
                }
                *at += 1;
                return;
            }
            Some(name) if is_name(name) => path.push(name.to_owned()),
            _ => break,
        }
        *at += 1;
        if tokens.get(*at).is_none_or(|token| token != "::") {
            break;
        }
        *at += 1;
    }
    found.push(path);
}

fn resolve(path: Vec<String>, module: &[String]) -> String {
    let first = path[0].clone();
    if first != "super" && first != "self" {
        return path.join("::");
    }
    let above = path.iter().take_while(|part| *part == "super").count();
    let rest = path
        .iter()
        .skip_while(|part| ["super", "self"].contains(&part.as_str()));
    let mut resolved = vec!["crate".to_owned()];
    resolved.extend(module[..module.len().saturating_sub(above)].iter().cloned());
    resolved.extend(rest.cloned());
    resolved.join("::")
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters; without comments and literals.
fn tokens(source: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::new(), source);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            literal(rest)
        } else if is_name(rest) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            tokens.push(name.to_owned());
            name.len()
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// How long the string literal is that `text` begins with.
fn literal(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}
