//! Arguments that may be absent, where that is not the same as null.

use async_graphql::{Context, MaybeUndefined};
use async_graphql_value::Value;

/// `value` of the field's `argument`. It is undefined as well where the argument is a variable for which the request has no
/// value (GraphQL §6.4.1): the library takes that for null.
pub fn given<T>(
    context: &Context<'_>,
    argument: &str,
    value: MaybeUndefined<T>,
) -> MaybeUndefined<T> {
    match value.is_null() && is_left_out(context, argument) {
        true => MaybeUndefined::Undefined,
        false => value,
    }
}

fn is_left_out(context: &Context<'_>, argument: &str) -> bool {
    let mut arguments = context.item.node.arguments.iter();
    let Some((_, value)) = arguments.find(|(name, _)| name.node == argument) else {
        return true;
    };
    let Value::Variable(variable) = &value.node else {
        return false;
    };
    let query = context.query_env;
    let mut definitions = query.operation.node.variable_definitions.iter();
    let has_default = definitions.any(|definition| {
        definition.node.name.node == *variable && definition.node.default_value.is_some()
    });
    !has_default && !query.variables.contains_key(variable)
}
