//! What a GraphQL document may ask for: measured before it runs, first as text, then as a tree.

use async_graphql::{
    ServerError,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType},
};
use serde_json::{Map, Value as Json};

use super::types::{TYPES, named};
use crate::{
    config::QueryLimits,
    error::{Code, Error, Result},
};

mod collect;
mod measure;
mod parse;
mod scan;
mod sizes;
mod validate;
mod variables;

pub use collect::{CONCRETE, collect};
use measure::Measure;
pub use parse::parse;
use sizes::Sizes;
pub use validate::validate;
pub use variables::{Values, coerce};

/// A document that is within the limits.
#[derive(Debug)]
pub struct Document {
    pub parsed: ExecutableDocument,
    pub measured: Measured,
}

/// What a document comes to.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How many selections, arguments and values its operations have with their fragments written out, or more.
    pub nodes: usize,
    /// Whether the operation that is to run is a query, and none about the schema.
    pub is_plain: bool,
}

/// Why a document does not run.
#[derive(Debug)]
pub enum Unfit {
    Refused(Error),
    /// It is no document, or not of this schema, or its variables are not of their types.
    Invalid(Vec<ServerError>),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Vec<ServerError>> for Unfit {
    fn from(errors: Vec<ServerError>) -> Self {
        Self::Invalid(errors)
    }
}

/// The first look at `source`, linear in its length: `QUERY_TOO_COMPLEX` for text that need not be parsed to be refused.
/// Answers how many tokens there are.
pub fn scan(source: &str, limits: &QueryLimits) -> Result<usize> {
    within("bytes", source.len(), limits.bytes)?;
    scan::scan(source, limits)
}

/// Parses and measures `source`, which was scanned. Refused when it is no document or has no operation of that name, and
/// `QUERY_TOO_COMPLEX` past a limit. The work is linear in the length.
///
/// All of the document counts, also operations that do not run and fragments that nobody uses, for all of it is validated.
pub fn check(
    source: &str,
    operation_name: Option<&str>,
    variables: &Map<String, Json>,
    limits: &QueryLimits,
) -> Result<Document, Unfit> {
    let parsed = parse(source).map_err(|error| vec![error])?;
    let measured = measure(&parsed, operation_name, variables, limits)?;
    Ok(Document { parsed, measured })
}

/// Measures a document. The work is linear in its length.
pub fn measure(
    parsed: &ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Map<String, Json>,
    limits: &QueryLimits,
) -> Result<Measured> {
    let selected = select(parsed, operation_name)?;
    within("variables", variables.len(), limits.directives)?;
    for (_, operation) in parsed.operations.iter() {
        check_variables(&operation.node, limits)?;
    }
    let sizes = Sizes::of(parsed, variables);
    let mut measure = Measure::new(parsed, Some(variables), &sizes, limits.list);
    let cost = measure.operation(selected)?;
    cost.check(limits)?;
    measure.all_fragments()?;
    let mut nodes = measure.nodes;
    let others = parsed.operations.iter();
    let others = others.filter(|(_, other)| !std::ptr::eq(&other.node, selected));
    // The variables are not meant for these.
    let mut measure = Measure::new(parsed, None, &sizes, limits.list);
    for (_, other) in others {
        measure.operation(&other.node)?.check(limits)?;
    }
    nodes = nodes.saturating_add(measure.nodes);
    within("nodes with its fragments written out", nodes, limits.nodes)?;
    Ok(Measured {
        nodes,
        is_plain: selected.ty == OperationType::Query && !cost.is_about_schema(),
    })
}

/// Refuses variables of types that no variable can have.
fn check_variables(operation: &OperationDefinition, limits: &QueryLimits) -> Result<()> {
    let definitions = &operation.variable_definitions;
    within("variables", definitions.len(), limits.directives)?;
    for definition in definitions {
        let name = named(&definition.node.var_type.node);
        if TYPES.input(name).is_none() {
            return Err(Error::bad_input(
                "query",
                format!("{name:?} is no type that a variable can have."),
            ));
        }
    }
    Ok(())
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
    match count <= limit {
        true => Ok(()),
        false => Err(too_many(what, limit)),
    }
}

fn too_many(what: &str, limit: usize) -> Error {
    Error::new(
        Code::QueryTooComplex,
        format!("The query has too many {what}: {limit} are allowed. Ask for less at once."),
    )
    .with("limit", limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const LIMITS: QueryLimits = QueryLimits {
        bytes: 64 << 10,
        tokens: 4000,
        depth: 20,
        complexity: 10_000,
        nodes: 10_000,
        aliases: 30,
        directives: 50,
        list: 100,
    };

    fn code(source: &str) -> Option<Code> {
        let checked = match scan(source, &LIMITS) {
            Ok(_) => check(source, None, &Map::new(), &LIMITS).map(drop),
            Err(error) => Err(error.into()),
        };
        match checked {
            Ok(()) => None,
            Err(Unfit::Refused(error)) => Some(error.code),
            Err(Unfit::Invalid(_)) => Some(Code::BadUserInput),
        }
    }

    #[test]
    fn what_people_ask_is_within_the_limits() {
        for source in [
            "{ me { username } }",
            "{ files(first: 100) { edges { node { id name owner { username } shares { nodes { id user { username } } } } } } }",
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
        let rows = "{ files(first: 100) { nodes { shares { nodes { file { id name size contentType sha256 createdAt \
                    owner { id username createdAt } shares { nodes { id createdAt expiresAt user { id } } } } } } } } }";
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
