//! The extension that goes with every operation but small queries: it charges each value to the request's [`Budget`],
//! introspection included, and keeps a panic within the field that it happened in.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{
    CacheControl, PathSegment, QueryPathNode, QueryPathSegment, ServerError, ServerResult,
    ValidationResult, Value,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextResolve, NextValidation, ResolveInfo,
    },
};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::budget::Budget;
use crate::error::Error;

/// What a value takes in an answer apart from its name and text: quotes, a colon, a comma.
const VALUE_BYTES: usize = 6;
/// What an error takes apart from its message: its code, and where it happened.
const ERROR_BYTES: usize = 200;

/// Makes the extension that charges each field and each item of a list to the request's [`Budget`]. No field can be
/// forgotten: the library sends all of them through it.
pub struct Charges;

impl ExtensionFactory for Charges {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Charges {
    /// `document` has validated it by rules of its own.
    async fn validation(
        &self,
        _context: &ExtensionContext<'_>,
        _next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        Ok(ValidationResult {
            cache_control: CacheControl::default(),
            complexity: 0,
            depth: 0,
        })
    }

    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let budget = context.data_unchecked::<Budget>();
        let (path, field) = (info.path_node, info.field);
        let name = match path.segment {
            QueryPathSegment::Name(name) => name.len(),
            QueryPathSegment::Index(_) => 0,
        };
        budget.charge(1, name + VALUE_BYTES).await;
        let resolved = AssertUnwindSafe(next.run(context, info))
            .catch_unwind()
            .await;
        let resolved = resolved.unwrap_or_else(|_panic| {
            let error = async_graphql::Error::from(Error::internal("a resolver panicked"));
            let mut error = error.into_server_error(field.name.pos);
            error.path = segments(path);
            Err(error)
        });
        let bytes = match &resolved {
            Ok(value) => value.as_ref().map_or(0, length),
            Err(error) => ERROR_BYTES + error.message.len(),
        };
        budget.charge(0, bytes).await;
        resolved
    }
}

/// How long a value is. What is in objects and lists was charged when it was made.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Enum(name) => name.len(),
        Value::Binary(bytes) => bytes.len(),
        // The longest number, and the longest other word.
        Value::Number(_) => 20,
        Value::Null | Value::Boolean(_) => 5,
        Value::List(_) | Value::Object(_) => 0,
    }
}

fn segments(path: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let mut segments: Vec<_> = std::iter::once(path)
        .chain(path.parents())
        .map(|node| match node.segment {
            QueryPathSegment::Index(index) => PathSegment::Index(index),
            QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
        })
        .collect();
    segments.reverse();
    segments
}
