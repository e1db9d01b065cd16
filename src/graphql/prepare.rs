//! From a request's text to a document that may run: scanned, parsed, measured, validated.

use std::{sync::Arc, thread::available_parallelism};

use async_graphql::{
    Request, Response, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationType},
};
use futures_util::FutureExt;
use serde_json::{Map, Value as Json};
use tokio::sync::Semaphore;

use super::{Schema, charges::ValidateOnly, completion, document, types::TYPES};
use crate::{
    config::QueryLimits,
    error::{Code, Error, Result},
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

/// A document that may run, with its variables. It does not print either.
pub struct Prepared {
    pub document: ExecutableDocument,
    pub operation: OperationType,
    pub operation_name: Option<String>,
    pub variables: Variables,
    /// Otherwise it is validated where it runs, being small.
    pub is_validated: bool,
    /// Whether it is a small query, and none about the schema.
    pub is_plain: bool,
}

/// Why a document does not run.
pub enum Unfit {
    Refused(Error),
    /// It is not of this schema.
    Invalid(Vec<ServerError>),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
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
            return Ok(asked.prepared(document));
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
        self.prepared(document).validated(schema)
    }

    fn check(&self, limits: &QueryLimits) -> Result<document::Document> {
        let operation_name = self.operation_name.as_deref();
        document::check(&self.query, operation_name, &self.variables, limits)
    }

    fn prepared(self, mut document: document::Document) -> Prepared {
        completion::ask_types(&TYPES, &mut document.parsed);
        Prepared {
            document: document.parsed,
            operation: document.operation,
            operation_name: self.operation_name,
            variables: Variables::from_json(self.variables.into()),
            is_validated: false,
            is_plain: document.is_plain && document.nodes <= SMALL.nodes,
        }
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
    /// The request that runs the document, or validates it.
    pub fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.clone());
        request
    }

    fn validated(self, schema: &Schema) -> Result<Self, Unfit> {
        let request = self.request().data(ValidateOnly);
        // Nothing in it waits, so the first look has the answer.
        let answer = schema.charged.execute(request).now_or_never();
        match answer {
            Some(Response { errors, .. }) if errors.is_empty() => Ok(Self {
                is_validated: true,
                ..self
            }),
            Some(Response { errors, .. }) => Err(Unfit::Invalid(errors)),
            None => Err(Error::new(Code::Internal, "The document could not be validated.").into()),
        }
    }
}
