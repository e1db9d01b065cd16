//! What a crate offers, as its source says: public functions of types and traits. Enough of Rust is read for code that
//! rustfmt has formatted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A public function of a type or trait.
pub struct Function {
    /// The type or trait.
    pub owner: String,
    pub name: String,
    /// From the name to the body.
    pub signature: String,
}

impl Function {
    /// `Select::one`
    pub fn path(&self) -> String {
        format!("{}::{}", self.owner, self.name)
    }

    /// What it returns; empty for nothing.
    pub fn returns(&self) -> &str {
        let returns = self.signature.rsplit_once("-> ");
        returns.map_or("", |(_, returns)| returns)
    }

    /// Whether it only continues what it is called on.
    pub fn consumes_self(&self) -> bool {
        ["(self", "(mut self"].iter().any(|receiver| {
            let arguments = self.signature.find('(').unwrap_or_default();
            self.signature[arguments..].starts_with(receiver)
        })
    }
}

/// The public functions of the dependency `name`, of the version this build has.
pub fn functions(name: &str) -> Vec<Function> {
    let mut open = vec![source_of(name)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "rs") {
            read(&fs::read_to_string(path).unwrap(), &mut found);
        }
    }
    assert!(!found.is_empty(), "{name} has no functions");
    found
}

/// Where cargo keeps the source of a dependency.
fn source_of(name: &str) -> PathBuf {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // For this platform alone: others' packages may not be here.
    let metadata = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", host.unwrap()])
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).with_file_name("src")
}

fn read(source: &str, found: &mut Vec<Function>) {
    // A `mod tests` ends the file.
    let mut lines = source
        .lines()
        .take_while(|line| !line.starts_with("mod tests"))
        .map(|line| line.split("//").next().unwrap_or_default());
    let mut owner = None;
    while let Some(line) = lines.next() {
        let is_header = ["impl", "trait ", "pub trait ", "pub(crate) trait "]
            .iter()
            .any(|keyword| line.starts_with(keyword));
        let is_function = line.strip_prefix("    ").is_some_and(is_function);
        if !is_header && !is_function {
            continue;
        }
        let mut text = line.trim().to_owned();
        while !text.contains('{') && !text.ends_with(';') {
            text.push(' ');
            text.push_str(lines.next().unwrap_or("{").trim());
        }
        let text = text.split('{').next().unwrap_or_default();
        if is_header {
            owner = owner_of(text);
        } else if let Some((owner, in_trait)) = &owner
            && (*in_trait || text.starts_with("pub "))
        {
            let (_, signature) = text.split_once("fn ").unwrap();
            let end = signature.find(['(', '<']).unwrap();
            found.push(Function {
                owner: owner.to_owned(),
                name: signature[..end].to_owned(),
                signature: signature.to_owned(),
            });
        }
    }
}

fn is_function(line: &str) -> bool {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.starts_with("fn ")
}

/// The type of an `impl`, or the public trait, and whether it is one. Implementations of traits add nothing new.
fn owner_of(header: &str) -> Option<(String, bool)> {
    let header = header.split(" where ").next().unwrap_or_default();
    let first_name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
        let path = &text[..end.unwrap_or(text.len())];
        path.trim_end_matches(':')
            .rsplit("::")
            .next()
            .map(str::to_owned)
    };
    if let Some(name) = header.strip_prefix("pub trait ") {
        return Some((first_name(name)?, true));
    }
    let of = after_generics(header.strip_prefix("impl")?);
    match of.contains(" for ") {
        true => None,
        false => Some((first_name(of)?, false)),
    }
}

/// `text` without the `<…>` that it may begin with.
fn after_generics(text: &str) -> &str {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text[at..].trim_start_matches('>');
        }
        before = c;
    }
    text
}

#[test]
fn functions_are_found_whatever_their_shape() {
    let source = "
impl<F: Fn() -> u8, E> Select<E>
where
    E: EntityTrait,
{
    pub fn one<C>(self, db: &C) -> Result<Option<E>>
    where
        C: ConnectionTrait,
    {
        fn inner() {}
    }
    fn private() {}
    pub(crate) fn hidden() {}
}
pub trait Finds: Sized {
    fn find() -> Select<Self> {
    }
    async fn all(&self) -> u8;
}
impl Finds for Model {
    fn find() -> Select<Self> {
    }
}
mod tests {
impl Select {
    pub fn not_me() {
    }
";
    let mut found = Vec::new();
    read(source, &mut found);
    let paths: Vec<_> = found.iter().map(Function::path).collect();
    assert_eq!(paths, ["Select::one", "Finds::find", "Finds::all"]);
    assert!(found[0].signature.contains("C: ConnectionTrait") && found[0].consumes_self());
    assert_eq!(found[1].returns().trim(), "Select<Self>");
}
