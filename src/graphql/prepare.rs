//! From a request's text to an operation that may run: scanned, parsed, measured, validated, given its variables, collected.

use std::{collections::HashMap, sync::Arc, thread::available_parallelism};

use async_graphql::{
    Pos, Positioned, Request,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition},
};
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
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Map<String, Json>,
}

/// An operation that may run, with its variables in their places. It does not print either.
pub struct Prepared {
    /// Its selections are [collected](document::collect).
    pub operation: OperationDefinition,
    /// Whether it is a small query, and none about the schema.
    pub is_plain: bool,
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
    let tokens = document::scan(&asked.query, limits)?;
    if asked.is_small(tokens) {
        let document = asked.check(limits)?;
        if document.nodes <= SMALL.nodes {
            return asked.prepared(schema, limits, document);
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

impl Asked {
    fn is_small(&self, tokens: usize) -> bool {
        tokens <= SMALL.tokens
            && self.query.len() <= SMALL.bytes
            && self.variables.len() <= SMALL.variables
            && self.variables.values().all(is_short)
    }

    /// Prepares a document that was scanned, on this thread.
    pub fn prepare_here(self, schema: &Schema, limits: &QueryLimits) -> Result<Prepared, Unfit> {
        let document = self.check(limits)?;
        self.prepared(schema, limits, document)
    }

    fn check(&self, limits: &QueryLimits) -> Result<document::Document, Unfit> {
        let operation_name = self.operation_name.as_deref();
        document::check(&self.query, operation_name, &self.variables, limits)
    }

    fn prepared(
        self,
        schema: &Schema,
        limits: &QueryLimits,
        document: document::Document,
    ) -> Result<Prepared, Unfit> {
        let parsed = &document.parsed;
        let steps = limits.nodes.saturating_mul(STEPS_A_NODE);
        document::validate(&TYPES, parsed, schema.introspection, steps)?;
        let operation = document::select(parsed, self.operation_name.as_deref())?;
        let values = document::coerce(&TYPES, operation, self.variables)?;
        let selected = document::collect(&TYPES, parsed, operation, &values, steps)?;
        Ok(Prepared {
            operation: OperationDefinition {
                ty: operation.ty,
                variable_definitions: Vec::new(),
                directives: Vec::new(),
                selection_set: Positioned::new(selected, operation.selection_set.pos),
            },
            is_plain: document.is_plain && document.nodes <= SMALL.nodes,
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
        Json::Object(_) => false,
    }
}

impl Prepared {
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
