//! The values of variables (GraphQL §6.1.2, CoerceVariableValues): each that the operation declares is looked at before
//! anything runs, used or not. Messages name variables and types, and repeat no value: it may be a password.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, ServerError,
    indexmap::IndexMap,
    parser::types::{BaseType, OperationDefinition, Type, VariableDefinition},
};
use async_graphql_value::ConstValue;
use serde_json::{Map, Value as Json};

use crate::graphql::types::{Input, InputType, Types};

/// The values of variables by name. What was not given and has no default is not here.
pub type Values = HashMap<Name, ConstValue>;

/// Why a value is not of its type, and where in the variable: the innermost place first.
struct Wrong {
    reason: String,
    path: Vec<String>,
}

impl Wrong {
    fn new<T>(reason: String) -> Result<T, Self> {
        Err(Self {
            reason,
            path: Vec::new(),
        })
    }

    fn below(mut self, place: impl ToString) -> Self {
        self.path.push(place.to_string());
        self
    }

    fn of(self, definition: &Positioned<VariableDefinition>) -> ServerError {
        let name = &definition.node.name.node;
        let mut field = format!("variables.{name}");
        for place in self.path.iter().rev() {
            field.push('.');
            field.push_str(place);
        }
        let message = format!("Variable \"${name}\" has a wrong value: {}", self.reason);
        let mut error = ServerError::new(message, Some(definition.pos));
        error.extensions.get_or_insert_default().set("field", field);
        error
    }
}

/// The values of the variables of `operation`, whose definitions were validated; or what is wrong with those that were
/// `given`.
pub fn coerce(
    types: &Types,
    operation: &OperationDefinition,
    mut given: Map<String, Json>,
) -> Result<Values, Vec<ServerError>> {
    let mut values = Values::with_capacity(operation.variable_definitions.len());
    let mut errors = Vec::new();
    for definition in &operation.variable_definitions {
        let VariableDefinition {
            name,
            var_type,
            default_value,
            ..
        } = &definition.node;
        let value = match (given.remove(name.node.as_str()), default_value) {
            (Some(value), _) => of_type(types, &var_type.node, value),
            (None, Some(default)) => Ok(default.node.clone()),
            (None, None) if var_type.node.nullable => continue,
            (None, None) => Wrong::new(format!("\"{}\" has to be given.", var_type.node)),
        };
        match value {
            Ok(value) => {
                values.insert(name.node.clone(), value);
            }
            Err(wrong) => errors.push(wrong.of(definition)),
        }
    }
    match errors.is_empty() {
        true => Ok(values),
        false => Err(errors),
    }
}

/// What `value` is as a value of the type `kind`.
fn of_type(types: &Types, kind: &Type, value: Json) -> Result<ConstValue, Wrong> {
    match (&kind.base, value) {
        (_, Json::Null) if kind.nullable => Ok(ConstValue::Null),
        (_, Json::Null) => Wrong::new(format!("\"{kind}\" cannot be null.")),
        (BaseType::List(item), Json::Array(items)) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(index, value)| {
                of_type(types, item, value).map_err(|wrong| wrong.below(index))
            });
            items.collect::<Result<_, _>>().map(ConstValue::List)
        }
        // One value stands for a list of it (GraphQL §3.11).
        (BaseType::List(item), value) => {
            of_type(types, item, value).map(|value| ConstValue::List(vec![value]))
        }
        (BaseType::Named(name), value) => match types.input(name) {
            Some(InputType::Scalar(scalar)) => ConstValue::from_json(value)
                .ok()
                .and_then(|value| scalar.take(value))
                .map_or_else(|| Wrong::new(format!("it is no \"{name}\".")), Ok),
            Some(InputType::Enum(values)) => match value {
                Json::String(text) if values.contains(&text) => {
                    Ok(ConstValue::Enum(Name::new(text)))
                }
                _ => Wrong::new(format!("it is no value of the enum \"{name}\".")),
            },
            Some(InputType::Object { fields, one_of }) => {
                let object = object(types, name, fields, value)?;
                match *one_of && !is_one(&object) {
                    true => Wrong::new(format!("\"{name}\" takes exactly one field, not null.")),
                    false => Ok(ConstValue::Object(object)),
                }
            }
            None => Wrong::new(format!("\"{name}\" is no type that a variable can have.")),
        },
    }
}

/// The members of a value of the input object `name` (GraphQL §3.10).
fn object(
    types: &Types,
    name: &str,
    fields: &[Input],
    value: Json,
) -> Result<IndexMap<Name, ConstValue>, Wrong> {
    let Json::Object(mut given) = value else {
        return Wrong::new(format!("it is no \"{name}\", which is an object."));
    };
    let mut members = IndexMap::with_capacity(given.len());
    for field in fields {
        let value = match (given.remove(&field.name), &field.default) {
            (Some(value), _) => of_type(types, &field.kind, value),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) if field.kind.nullable => continue,
            (None, None) => Wrong::new(format!("\"{}\" has to be given.", field.kind)),
        };
        let value = value.map_err(|wrong| wrong.below(&field.name))?;
        members.insert(Name::new(&field.name), value);
    }
    match given.is_empty() {
        true => Ok(members),
        false => Wrong::new(format!("\"{name}\" has no such field.")),
    }
}

fn is_one(members: &IndexMap<Name, ConstValue>) -> bool {
    members.len() == 1 && members.values().all(|value| *value != ConstValue::Null)
}
