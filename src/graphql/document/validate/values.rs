//! Literals (GraphQL §5.6). Messages repeat no value: it may be a password.

use async_graphql::{
    Name, Pos,
    indexmap::IndexMap,
    parser::types::{BaseType, Type},
};
use async_graphql_value::{ConstValue, Value};

use super::{Validation, uses::Usage};
use crate::graphql::types::{Input, InputType};

impl<'d> Validation<'d> {
    /// A value that is given to `input`.
    pub(super) fn input(&mut self, value: &'d Value, pos: Pos, input: &'d Input) {
        match value {
            Value::Variable(name) => self.uses.variables.push(Usage {
                name,
                pos,
                kind: &input.kind,
                has_default: input
                    .default
                    .as_ref()
                    .is_some_and(|it| *it != ConstValue::Null),
                is_one_of: false,
            }),
            value => self.value(value, pos, &input.kind),
        }
    }

    /// A value where one of the type `kind` is expected, and there is no default.
    fn value(&mut self, value: &'d Value, pos: Pos, kind: &'d Type) {
        match (&kind.base, value) {
            (_, Value::Variable(name)) => self.uses.variables.push(Usage {
                name,
                pos,
                kind,
                has_default: false,
                is_one_of: false,
            }),
            (_, Value::Null) if kind.nullable => {}
            (_, Value::Null) => self.error(pos, format!("\"{kind}\" cannot be null.")),
            (BaseType::List(item), Value::List(items)) => {
                for value in items {
                    self.value(value, pos, item);
                }
            }
            (BaseType::List(item), value) => self.value(value, pos, item),
            (BaseType::Named(name), value) => match self.types.input(name) {
                Some(InputType::Object { fields, one_of }) => {
                    let Value::Object(members) = value else {
                        return self.error(pos, format!("This is no \"{name}\": an object."));
                    };
                    self.object(members, pos, name, (fields, *one_of));
                }
                Some(InputType::Enum(values)) => match value {
                    Value::Enum(value) if values.contains(value.as_str()) => {}
                    _ => self.error(pos, format!("This is no value of the enum \"{name}\".")),
                },
                Some(InputType::Scalar(scalar)) => {
                    let value = value.clone().into_const();
                    if !value.is_some_and(|value| scalar.takes_literal(&value)) {
                        self.error(pos, format!("This is no \"{name}\"."));
                    }
                }
                // The variable that is of no such type was refused.
                None => {}
            },
        }
    }

    /// A literal of the input object `name`, which takes exactly one of its fields if the second is true.
    fn object(
        &mut self,
        members: &'d IndexMap<Name, Value>,
        pos: Pos,
        name: &str,
        (fields, one_of): (&'d [Input], bool),
    ) {
        for (member, value) in members {
            match fields.iter().find(|field| field.name == member.as_str()) {
                Some(field) => self.input(value, pos, field),
                None => self.error(pos, format!("\"{name}\" has no field \"{member}\".")),
            }
        }
        for field in fields.iter().filter(|field| field.is_required()) {
            if !members.contains_key(field.name.as_str()) {
                self.error(
                    pos,
                    format!("\"{name}\" needs the field \"{}\".", field.name),
                );
            }
        }
        if one_of {
            match members.values().next() {
                Some(Value::Null) | None => {}
                Some(value) if members.len() == 1 => {
                    if let (Value::Variable(_), Some(usage)) =
                        (value, self.uses.variables.last_mut())
                    {
                        usage.is_one_of = true;
                    }
                    return;
                }
                Some(_) => {}
            }
            let message = format!("\"{name}\" takes exactly one field, not null.");
            self.error(pos, message);
        }
    }

    /// The default of a variable, which has no variables inside.
    pub(super) fn constant(&mut self, value: &ConstValue, pos: Pos, kind: &Type) {
        if let Some(message) = self.wrong_constant(value, kind) {
            self.error(pos, message);
        }
    }

    fn wrong_constant(&self, value: &ConstValue, kind: &Type) -> Option<String> {
        match (&kind.base, value) {
            (_, ConstValue::Null) if kind.nullable => None,
            (_, ConstValue::Null) => Some(format!("\"{kind}\" cannot be null.")),
            (BaseType::List(item), ConstValue::List(items)) => items
                .iter()
                .find_map(|value| self.wrong_constant(value, item)),
            (BaseType::List(item), value) => self.wrong_constant(value, item),
            (BaseType::Named(name), value) => {
                let is_fine = match (self.types.input(name), value) {
                    (Some(InputType::Object { fields, one_of }), ConstValue::Object(members)) => {
                        return self.wrong_members(members, name, fields, *one_of);
                    }
                    (Some(InputType::Enum(values)), ConstValue::Enum(value)) => {
                        values.contains(value.as_str())
                    }
                    (Some(InputType::Scalar(scalar)), value) => scalar.takes_literal(value),
                    _ => false,
                };
                (!is_fine).then(|| format!("The default is no \"{name}\"."))
            }
        }
    }

    fn wrong_members(
        &self,
        members: &IndexMap<Name, ConstValue>,
        name: &str,
        fields: &[Input],
        one_of: bool,
    ) -> Option<String> {
        let is_known = |member: &Name| fields.iter().any(|field| field.name == member.as_str());
        let is_missing =
            |field: &Input| field.is_required() && !members.contains_key(field.name.as_str());
        let is_one = members.len() == 1 && members.values().all(|it| *it != ConstValue::Null);
        if !members.keys().all(is_known) || fields.iter().any(is_missing) || one_of && !is_one {
            return Some(format!("The default is no \"{name}\"."));
        }
        fields.iter().find_map(|field| {
            let value = members.get(field.name.as_str())?;
            self.wrong_constant(value, &field.kind)
        })
    }
}
