//! The paths that a source file names, without a parser of Rust.

/// Every path of two parts or more in `source`, with braces spread out and `super` and `self` resolved from `module`.
pub fn paths(source: &str, module: &[String]) -> Vec<String> {
    let tokens = tokens(source);
    let (mut resolved, mut at) = (Vec::new(), 0);
    let mut module = module.to_vec();
    // The modules within the file that are open, each with the braces around it.
    let (mut depth, mut open) = (0, Vec::new());
    while at < tokens.len() {
        let next = tokens.get(at + 1).map(String::as_str);
        // `use crate as other` hides what `other::…` names.
        let is_renamed = tokens[at] == "crate" && next == Some("as");
        if is_name(&tokens[at]) && (next == Some("::") || is_renamed) {
            let mut found = Vec::new();
            path(&tokens, &mut at, Vec::new(), &mut found);
            resolved.extend(found.into_iter().map(|path| resolve(path, &module)));
            continue;
        }
        match tokens[at].as_str() {
            "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                module.extend(next.map(str::to_owned));
                open.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if open.last() == Some(&depth) {
                    open.pop();
                    module.pop();
                }
            }
            _ => {}
        }
        at += 1;
    }
    resolved
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
        } else if let Some(length) = character(rest).or_else(|| raw_literal(rest)) {
            length
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

/// How long the character literal is that `text` begins with, if it does: `'a` alone is a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let escaped = if first == '\\' { 2 } else { first.len_utf8() };
    let end = escaped + inside.get(escaped..)?.find('\'')?;
    (first == '\\' || end == escaped).then_some(end + 2)
}

/// How long the raw string literal is that `text` begins with, if it does.
fn raw_literal(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = text.len() - inside.len();
    Some(begin + inside.find(&end)? + end.len())
}

#[test]
fn every_way_to_name_a_path_is_seen() {
    let source = "
        use std::{fmt, io::{self, Read as _}};
        // use crate::not::code;
        use crate::{app::App, http::{request_id, problem::{self}}};
        use super::super::graphql::File;
        use crate::*;
        use crate as other;
        const QUOTES: (char, u8, char) = ('\\'', b'\"', '\\u{22}');
        const RAW: &str = r#\"crate::in::raw \" text\"#;
        fn f<'a>(x: &'a axum::Router) { let s = \"crate::in::text\"; self::g(); super::h::<u8>(); }
        mod tests { use super::*; fn g() { super::super::i(); } }
        use super::j;
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
            "crate",
            "crate",
            "axum::Router",
            "crate::domain::files::g",
            "crate::domain::h",
            "crate::domain::files",
            "crate::domain::i",
            "crate::domain::j",
        ]
    );
}
