//! From a request's text to an operation that may run: scanned, parsed, measured, validated, given its variables, collected.

use std::{collections::HashMap, sync::Arc, thread::available_parallelism};

use async_graphql::{
    Pos, Positioned, Request,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection},
};
use async_graphql_value::Value;
use serde_json::{Map, Value as Json};
use tokio::sync::Semaphore;

use super::{
    Schema,
    document::{self, Unfit},
    types::TYPES,
};
use crate::{
    config::QueryLimits,
    error::{Error, Result},
};

/// What is no larger than this is prepared where it arrives, in some 50 µs; the rest elsewhere, for a thread that computes
/// answers nobody.
const SMALL: Size = Size {
    bytes: 2048,
    tokens: 256,
    nodes: 256,
    variables: 32,
};

/// At least so many documents are prepared at once, so that one that takes long is not waited for by all.
const THREADS_MIN: usize = 2;

/// Fields of one name may be looked at so often for each node of the document.
const STEPS_A_NODE: usize = 8;

struct Size {
    bytes: usize,
    tokens: usize,
    nodes: usize,
    variables: usize,
}

/// What a client asks for. It may hold passwords, so it does not print.
pub struct Asked {
    pub query: Source,
    pub operation_name: Option<String>,
    pub variables: Map<String, Json>,
}

/// A document, as text or as it was prepared before: then it is valid.
pub enum Source {
    Text(String),
    Known(Arc<Parsed>),
}

/// A document that was parsed, and how large its text is.
pub struct Parsed {
    document: ExecutableDocument,
    bytes: usize,
    tokens: usize,
}

/// What a token takes in memory once it is parsed, at most.
const TOKEN_BYTES: usize = 256;

impl Parsed {
    /// How much memory it takes, about.
    pub fn memory(&self) -> usize {
        self.bytes
            .saturating_add(self.tokens.saturating_mul(TOKEN_BYTES))
    }

    #[cfg(test)]
    pub fn of(source: &str) -> Self {
        Self {
            document: document::parse(source).unwrap(),
            bytes: source.len(),
            tokens: 3,
        }
    }
}

/// An operation that may run, with its variables in their places. It does not print either.
pub struct Prepared {
    /// Its selections are [collected](document::collect).
    pub operation: OperationDefinition,
    /// Whether it is a small query, and none about the schema.
    pub is_plain: bool,
    /// The document that it is of, which is valid.
    pub parsed: Arc<Parsed>,
}

/// The threads that prepare large documents.
#[derive(Clone, Debug)]
pub struct Preparing(Arc<Semaphore>);

impl Default for Preparing {
    fn default() -> Self {
        let threads = available_parallelism().map_or(THREADS_MIN, usize::from);
        Self(Arc::new(Semaphore::new(threads.max(THREADS_MIN))))
    }
}

/// Prepares what a client asks for. The first to ask is the first to be served. Who no longer waits gives up the place, and
/// work that has begun ends by itself: the limits see to it.
pub async fn prepare(
    schema: &Schema,
    limits: &QueryLimits,
    asked: Asked,
) -> Result<Prepared, Unfit> {
    let tokens = asked.query.scan(limits)?;
    if asked.is_small(tokens) {
        let parsed = asked.query.parse(tokens)?;
        let measured = asked.measure(&parsed, limits)?;
        if measured.nodes <= SMALL.nodes {
            return asked.prepared(schema, limits, parsed, measured);
        }
    }
    let permit = Arc::clone(&schema.preparing.0).acquire_owned().await;
    let permit = permit.map_err(Error::internal)?;
    let (schema, limits) = (schema.clone(), *limits);
    let prepared = tokio::task::spawn_blocking(move || {
        let prepared = asked.prepare_here(&schema, &limits);
        // Not earlier: the next document needs a free thread as well as a permit.
        drop(permit);
        prepared
    });
    prepared.await.map_err(Error::internal)?
}

impl Source {
    /// The first look at a text. Answers how many tokens there are.
    fn scan(&self, limits: &QueryLimits) -> Result<usize> {
        match self {
            Self::Text(source) => document::scan(source, limits),
            Self::Known(parsed) => Ok(parsed.tokens),
        }
    }

    fn parse(&self, tokens: usize) -> Result<Arc<Parsed>, Unfit> {
        match self {
            Self::Text(source) => Ok(Arc::new(Parsed {
                document: document::parse(source).map_err(|error| vec![error])?,
                bytes: source.len(),
                tokens,
            })),
            Self::Known(parsed) => Ok(Arc::clone(parsed)),
        }
    }
}

impl Asked {
    fn is_small(&self, tokens: usize) -> bool {
        let bytes = match &self.query {
            Source::Text(source) => source.len(),
            Source::Known(parsed) => parsed.bytes,
        };
        tokens <= SMALL.tokens
            && bytes <= SMALL.bytes
            && self.variables.len() <= SMALL.variables
            && self.variables.values().all(is_short)
    }

    /// Prepares a document on this thread.
    pub fn prepare_here(self, schema: &Schema, limits: &QueryLimits) -> Result<Prepared, Unfit> {
        let tokens = self.query.scan(limits)?;
        let parsed = self.query.parse(tokens)?;
        let measured = self.measure(&parsed, limits)?;
        self.prepared(schema, limits, parsed, measured)
    }

    fn measure(&self, parsed: &Parsed, limits: &QueryLimits) -> Result<document::Measured> {
        let operation_name = self.operation_name.as_deref();
        document::measure(&parsed.document, operation_name, &self.variables, limits)
    }

    fn prepared(
        self,
        schema: &Schema,
        limits: &QueryLimits,
        parsed: Arc<Parsed>,
        measured: document::Measured,
    ) -> Result<Prepared, Unfit> {
        let document = &parsed.document;
        let steps = limits.nodes.saturating_mul(STEPS_A_NODE);
        if matches!(self.query, Source::Text(_)) {
            document::validate(&TYPES, document, schema.introspection, steps)?;
        }
        let operation = document::select(document, self.operation_name.as_deref())?;
        let values = document::coerce(&TYPES, operation, self.variables)?;
        let selected = document::collect(&TYPES, document, operation, &values, steps)?;
        Ok(Prepared {
            operation: OperationDefinition {
                ty: operation.ty,
                variable_definitions: Vec::new(),
                directives: Vec::new(),
                selection_set: Positioned::new(selected, operation.selection_set.pos),
            },
            is_plain: measured.is_plain && measured.nodes <= SMALL.nodes,
            parsed,
        })
    }
}

/// Whether a variable is a plain value or a short list of them.
fn is_short(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
        Json::String(text) => text.len() <= SMALL.bytes,
        Json::Array(items) => {
            items.len() <= SMALL.variables
                && items.iter().all(|item| !item.is_array() && is_short(item))
        }
        // What stands for a file is one.
        Json::Object(members) => {
            members.len() == 1 && members.values().all(|it| it.is_string() && is_short(it))
        }
    }
}

impl Prepared {
    /// The cursor after which a subscription begins, where it names one.
    pub fn subscribed_after(&self) -> Option<String> {
        let root = self.operation.selection_set.node.items.first()?;
        let Selection::Field(field) = &root.node else {
            return None;
        };
        match &field.node.get_argument("after")?.node {
            Value::String(cursor) => Some(cursor.clone()),
            _ => None,
        }
    }

    /// The request that runs the operation.
    pub fn request(&self) -> Request {
        let operation = Positioned::new(self.operation.clone(), Pos::default());
        let mut request = Request::new(String::new());
        request.set_parsed_query(ExecutableDocument {
            operations: DocumentOperations::Single(operation),
            fragments: HashMap::new(),
        });
        request
    }
}
