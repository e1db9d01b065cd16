//! How many bytes the values of a document take: each time a variable is used, the library makes a copy of its value.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, OperationDefinition},
};
use async_graphql_value::Value;
use serde_json::{Map, Value as Json};

/// What any value takes, apart from its text.
const VALUE_BYTES: usize = 64;

/// The sizes of variables by name.
pub struct Sizes<'d>(HashMap<&'d str, usize>);

impl<'d> Sizes<'d> {
    /// Those of `variables`, or of the defaults in the document where these are larger.
    pub fn of(document: &'d ExecutableDocument, variables: &'d Map<String, Json>) -> Self {
        let given = variables.iter();
        let mut sizes = Self(
            given
                .map(|(name, value)| (name.as_str(), of_json(value)))
                .collect(),
        );
        for (_, operation) in document.operations.iter() {
            sizes.add_defaults(&operation.node);
        }
        sizes
    }

    fn add_defaults(&mut self, operation: &'d OperationDefinition) {
        for definition in &operation.variable_definitions {
            if let Some(value) = &definition.node.default_value {
                let value = self.of_value(&value.node.clone().into_value());
                let size = self.0.entry(&definition.node.name.node).or_default();
                *size = value.max(*size);
            }
        }
    }

    pub fn arguments(&self, arguments: &[(Positioned<Name>, Positioned<Value>)]) -> usize {
        let sizes = arguments
            .iter()
            .map(|(name, value)| name.node.len().saturating_add(self.of_value(&value.node)));
        sizes.fold(0, usize::saturating_add)
    }

    fn of_value(&self, value: &Value) -> usize {
        let inside = match value {
            Value::Variable(name) => self.0.get(name.as_str()).copied().unwrap_or_default(),
            Value::String(text) => text.len(),
            Value::Enum(name) => name.len(),
            Value::Binary(bytes) => bytes.len(),
            Value::List(items) => {
                let sizes = items.iter().map(|item| self.of_value(item));
                sizes.fold(0, usize::saturating_add)
            }
            Value::Object(members) => {
                let sizes = members
                    .iter()
                    .map(|(name, value)| name.len().saturating_add(self.of_value(value)));
                sizes.fold(0, usize::saturating_add)
            }
            Value::Null | Value::Number(_) | Value::Boolean(_) => 0,
        };
        VALUE_BYTES.saturating_add(inside)
    }
}

fn of_json(value: &Json) -> usize {
    let inside = match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(of_json).sum(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + of_json(value))
            .sum(),
        Json::Null | Json::Number(_) | Json::Bool(_) => 0,
    };
    VALUE_BYTES + inside
}
