//! Objects, resolved with less ado than by async-graphql, which boxes each field, queues it, and puts it where it is ready.
//! Most fields are at hand when they are asked for, and a page of files has a thousand of them.

use async_graphql::{
    ContainerType, ContextSelectionSet, Positioned, ServerResult, Value,
    parser::types::{Field, Selection},
};
use futures_util::{
    FutureExt,
    future::{self, BoxFuture},
};

use super::{budget::Budget, document::CONCRETE, json};

/// async-graphql, as its macros see it where they are told `crate = "crate::graphql::object::library"`.
pub mod library {
    pub use async_graphql::*;

    pub mod resolver_utils {
        pub use super::super::resolve_container;
        pub use async_graphql::resolver_utils::*;
    }
}

/// The fields of `object` that are selected, in the order of the query, and written as JSON where nothing has failed. Where each value
/// charges the budget, the library resolves them.
pub fn resolve_container<'a, T: ContainerType + ?Sized>(
    context: &'a ContextSelectionSet<'a>,
    object: &'a T,
) -> BoxFuture<'a, ServerResult<Value>> {
    let mut selections = context.item.node.items.iter();
    let are_fields = selections.all(|it| matches!(it.node, Selection::Field(_)));
    match are_fields && context.data_unchecked::<Budget>().is_by_list() {
        true => fields(context, object).map(Ok).boxed(),
        false => async_graphql::resolver_utils::resolve_container(context, object).boxed(),
    }
}

/// Those without fields of their own one after the other; beside them, the others side by side.
async fn fields<'a, T: ContainerType + ?Sized>(
    context: &'a ContextSelectionSet<'a>,
    object: &'a T,
) -> Value {
    let fields = || {
        let selections = context.item.node.items.iter();
        selections.filter_map(|it| match &it.node {
            Selection::Field(field) => Some(field),
            _ => None,
        })
    };
    let mut members = Vec::with_capacity(context.item.node.items.len());
    members.extend(fields().map(|field| (&field.node.response_key().node, None)));
    // As a list, whose length is known: their futures are large, and would be moved otherwise.
    let objects: Vec<_> = fields().filter(|field| !is_leaf(field)).collect();
    let leaves = async {
        for (field, (_, member)) in fields().zip(&mut members).filter(|(it, _)| is_leaf(it)) {
            *member = value(context, object, field).await;
        }
    };
    if objects.is_empty() {
        leaves.await;
    } else {
        let objects = objects
            .into_iter()
            .map(|field| value(context, object, field));
        let ((), objects) = future::join(leaves, future::join_all(objects)).await;
        let places = fields().zip(&mut members).filter(|(it, _)| !is_leaf(it));
        for ((_, (_, member)), object) in places.zip(objects) {
            *member = object;
        }
    }
    // What stands there for completion alone is no member of the answer.
    let is_marked = members.iter().any(|(name, _)| **name == CONCRETE);
    // The library makes null of an object whose fields have all failed, whether or not it may be: completion has to look at that.
    let has_failed = || {
        let errors = context.query_env.errors.lock();
        errors.map_or(true, |errors| !errors.is_empty())
    };
    let is_sound = !is_marked && !has_failed();
    let written = is_sound.then(|| json::written(&members)).flatten();
    written.unwrap_or_else(|| {
        let members = members.into_iter();
        let members = members.map(|(name, value)| (name.clone(), value.unwrap_or_default()));
        Value::Object(members.collect())
    })
}

fn is_leaf(field: &Positioned<Field>) -> bool {
    field.node.selection_set.node.items.is_empty()
}

/// The value of a field; `None` for one that failed, which `completion` makes null, or what is around it.
async fn value<'a, T: ContainerType + ?Sized>(
    context: &'a ContextSelectionSet<'a>,
    object: &'a T,
    field: &'a Positioned<Field>,
) -> Option<Value> {
    if field.node.name.node == "__typename" {
        let name = object.introspection_type_name();
        return Some(Value::String(name.into_owned()));
    }
    let context_of_field = context.with_field(field);
    let resolved = object.resolve_field(&context_of_field).await;
    resolved
        .map(Option::unwrap_or_default)
        .map_err(|error| context.add_error(error))
        .ok()
}
