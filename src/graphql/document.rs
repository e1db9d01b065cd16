//! What a GraphQL document may ask for: measured before it runs, first as text, then as a tree.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value,
    parser::{
        parse_query,
        types::{
            ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
        },
    },
};
use serde_json::{Map, Value as Json};

use super::pagination::{CONNECTIONS, DEFAULT_PAGE, MAX_PAGE};
use crate::{
    config::QueryLimits,
    error::{Code, Error, Result},
};

/// A document that is within the limits, and the kind of the operation that is to run.
#[derive(Debug)]
pub struct Document {
    pub parsed: ExecutableDocument,
    pub operation: OperationType,
}

/// Parses and measures `source`. `BAD_USER_INPUT` when it is no document or has no operation of that name,
/// `QUERY_TOO_COMPLEX` past a limit. The work is linear in the length, which is limited first.
pub fn check(
    source: &str,
    operation_name: Option<&str>,
    variables: &Map<String, Json>,
    limits: &QueryLimits,
) -> Result<Document> {
    within("bytes", source.len(), limits.bytes)?;
    scan(source, limits)?;
    let parsed = parse_query(source).map_err(|error| {
        Error::bad_input("query", format!("The document cannot be parsed: {error}"))
    })?;
    let operation = select(&parsed, operation_name)?;
    let kind = operation.ty;
    within(
        "variables",
        operation.variable_definitions.len().max(variables.len()),
        limits.directives,
    )?;
    Measure::new(&parsed, variables, limits).operation(operation)?;
    Ok(Document {
        parsed,
        operation: kind,
    })
}

/// The operation that is to run (GraphQL §6.1, GetOperation).
pub fn select<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Result<&'d OperationDefinition> {
    let mut candidates = document
        .operations
        .iter()
        .filter(|(candidate, _)| name.is_none_or(|name| candidate.is_some_and(|it| it == name)));
    match (candidates.next(), candidates.next()) {
        (Some((_, operation)), None) => Ok(&operation.node),
        (None, _) => Err(Error::bad_input(
            "operationName",
            "The document has no operation of this name.",
        )),
        (Some(_), Some(_)) => Err(Error::bad_input(
            "operationName",
            "The document has several operations; say which one to run.",
        )),
    }
}

fn within(what: &str, count: usize, limit: usize) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::new(
        Code::QueryTooComplex,
        format!("The query has too many {what}: {limit} are allowed. Ask for less at once."),
    )
    .with("limit", limit))
}

/// Counts tokens and nesting without building anything, so that what the parser would choke on never reaches it.
fn scan(source: &str, limits: &QueryLimits) -> Result<()> {
    // An argument's lists and objects nest as well.
    let max_nesting = limits.depth * 2;
    let (mut tokens, mut nesting, mut directives) = (0, 0_usize, 0);
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        match bytes[start] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => continue,
            b'#' => {
                at += line_length(&bytes[at..]);
                continue;
            }
            b'"' => at += string_length(&bytes[start..]) - 1,
            b'{' | b'[' | b'(' => nesting += 1,
            b'}' | b']' | b')' => nesting = nesting.saturating_sub(1),
            b'@' => directives += 1,
            byte if is_word(byte) => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| is_word(**byte))
                    .count()
            }
            _ => {}
        }
        tokens += 1;
        within("tokens", tokens, limits.tokens)?;
        within("levels", nesting, max_nesting)?;
        within("directives", directives, limits.directives)?;
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| !b"\r\n".contains(byte))
        .count()
}

/// The length of the string or block string that `bytes` begins with, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let quotes: &[u8] = match bytes.starts_with(b"\"\"\"") {
        true => b"\"\"\"",
        false => b"\"",
    };
    let mut at = quotes.len();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            _ if bytes[at..].starts_with(quotes) => return at + quotes.len(),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What a selection costs.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Fields, those of a page once for each row.
    fields: usize,
    depth: usize,
    /// Fields at the top level, those of fragments included.
    roots: usize,
}

/// Measures one document; each fragment once, however often it is spread.
struct Measure<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Map<String, Json>,
    limits: &'d QueryLimits,
    fragments: HashMap<&'d str, Cost>,
    /// Fragments being measured: to meet one again is a cycle.
    open: Vec<&'d str>,
    aliases: usize,
}

impl<'d> Measure<'d> {
    fn new(
        document: &'d ExecutableDocument,
        variables: &'d Map<String, Json>,
        limits: &'d QueryLimits,
    ) -> Self {
        Self {
            document,
            variables,
            limits,
            fragments: HashMap::new(),
            open: Vec::new(),
            aliases: 0,
        }
    }

    fn operation(&mut self, operation: &'d OperationDefinition) -> Result<()> {
        let cost = self.selection_set(&operation.selection_set)?;
        within("root fields", cost.roots, self.limits.aliases)?;
        within("aliases", self.aliases, self.limits.aliases)?;
        within("levels", cost.depth, self.limits.depth)?;
        within("fields", cost.fields, self.limits.complexity)
    }

    fn selection_set(&mut self, set: &'d Positioned<SelectionSet>) -> Result<Cost> {
        let mut sum = Cost::default();
        for selection in &set.node.items {
            let cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node)?
                }
            };
            sum.fields = sum.fields.saturating_add(cost.fields);
            sum.roots = sum.roots.saturating_add(cost.roots);
            sum.depth = sum.depth.max(cost.depth);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'d Field) -> Result<Cost> {
        self.aliases += usize::from(field.alias.is_some());
        let below = self.selection_set(&field.selection_set)?;
        let rows = self.rows(field);
        Ok(Cost {
            fields: below.fields.saturating_mul(rows).saturating_add(1),
            depth: below.depth + 1,
            roots: 1,
        })
    }

    fn fragment(&mut self, name: &'d Name) -> Result<Cost> {
        if let Some(cost) = self.fragments.get(name.as_str()) {
            return Ok(*cost);
        }
        if self.open.contains(&name.as_str()) {
            return Err(Error::bad_input(
                "query",
                format!("Fragment {name} spreads itself."),
            ));
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Err(Error::bad_input(
                "query",
                format!("There is no fragment {name}."),
            ));
        };
        self.open.push(name);
        let cost = self.selection_set(&fragment.node.selection_set)?;
        self.open.pop();
        self.fragments.insert(name, cost);
        Ok(cost)
    }

    /// How many rows a field may answer with.
    fn rows(&self, field: &Field) -> usize {
        if !CONNECTIONS.contains(&field.name.node.as_str()) {
            return 1;
        }
        let argument = |name| {
            let value = field.get_argument(name)?.node.clone();
            let value = value.into_const_with(|variable| {
                let value = self.variables.get(variable.as_str()).cloned().ok_or(())?;
                Value::from_json(value).map_err(|_| ())
            });
            // What is not a page size costs as much as the largest, and is refused later.
            match value {
                Ok(Value::Number(number)) => Some(number.as_u64().unwrap_or(MAX_PAGE)),
                Ok(Value::Null) => None,
                _ => Some(MAX_PAGE),
            }
        };
        let rows = argument("first")
            .or_else(|| argument("last"))
            .unwrap_or(DEFAULT_PAGE);
        usize::try_from(rows.min(MAX_PAGE)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueryLimits = QueryLimits {
        bytes: 64 << 10,
        tokens: 4000,
        depth: 20,
        complexity: 10_000,
        aliases: 30,
        directives: 50,
    };

    fn code(source: &str) -> Option<Code> {
        check(source, None, &Map::new(), &LIMITS)
            .err()
            .map(|error| error.code)
    }

    #[test]
    fn what_people_ask_is_within_the_limits() {
        for source in [
            "{ me { username } }",
            "{ files(first: 100) { edges { node { id name owner { username } shares { id user { username } } } } } }",
            "query A { me { id } }",
        ] {
            assert_eq!(code(source), None, "{source}");
        }
    }

    #[test]
    fn floods_are_refused_in_every_shape() {
        let aliases: String = (0..10_000).map(|i| format!("a{i}: me {{ id }} ")).collect();
        let fewer_aliases: String = (0..40).map(|i| format!("a{i}: me {{ id }} ")).collect();
        let deep = "{ me ".repeat(1000) + &"}".repeat(1000);
        let directives = format!("{{ me {} {{ id }} }}", "@include(if: true) ".repeat(10_000));
        let large = format!("{{ me {{ id }} }} #{}", "x".repeat(1 << 20));
        let lists = format!(
            "{{ file(id: {}{}) {{ id }} }}",
            "[".repeat(500),
            "]".repeat(500)
        );
        let doubling: String = (0..25)
            .map(|i| format!("fragment f{i} on Query {{ ...f{} ...f{} }} ", i + 1, i + 1))
            .collect();
        let doubling = format!("{{ ...f0 }} {doubling} fragment f25 on Query {{ me {{ id }} }}");
        let rows = "{ files(first: 100) { nodes { shares { file { id name size contentType sha256 createdAt \
                    owner { id username createdAt } shares { id createdAt expiresAt user { id } } } } } } }";
        let rows = format!(
            "{{ {} }}",
            (0..7)
                .map(|i| format!("r{i}: {}", &rows[1..rows.len() - 1]))
                .collect::<String>()
        );
        for source in [
            format!("{{ {aliases} }}"),
            format!("{{ {fewer_aliases} }}"),
            deep,
            directives,
            large,
            lists,
            doubling,
            rows,
        ] {
            let start: String = source.chars().take(60).collect();
            assert_eq!(code(&source), Some(Code::QueryTooComplex), "{start}");
        }
    }

    #[test]
    fn nonsense_is_bad_input() {
        for source in [
            "",
            "{",
            "{ ...a } fragment a on Query { ...a }",
            "{ ...gone }",
            "\"\"\"",
            "query A { me { id } } query B { me { id } }",
        ] {
            assert_eq!(code(source), Some(Code::BadUserInput), "{source}");
        }
    }
}
