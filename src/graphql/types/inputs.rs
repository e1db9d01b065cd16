//! What may be given: the types of arguments and variables.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Positioned, ScalarType,
    parser::types::{DirectiveLocation, InputObjectType, InputValueDefinition, Type, TypeKind},
};
use async_graphql_value::ConstValue;

use crate::graphql::{
    scalars::{DateTime, Int64},
    uploads::Upload,
};

/// What an argument takes, or a field of an input object.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub kind: Type,
    pub default: Option<ConstValue>,
}

impl Input {
    /// Whether it has to be there.
    pub fn is_required(&self) -> bool {
        !self.kind.nullable && self.default.is_none()
    }
}

/// A type that can be given.
#[derive(Debug)]
pub enum InputType {
    Scalar(Scalar),
    Enum(HashSet<String>),
    /// With exactly one of its fields if it is `one_of`.
    Object {
        fields: Vec<Input>,
        one_of: bool,
    },
}

/// A scalar, and what it takes.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    Boolean,
    Float,
    Id,
    Int,
    String,
    /// One of this schema's own.
    Own(Takes),
}

/// Whether a scalar takes a value.
pub type Takes = fn(&ConstValue) -> bool;

/// A directive that documents may have, once at a place: the library's parser of SDL does not tell which may be repeated,
/// and this schema has none.
#[derive(Debug)]
pub struct DirectiveType {
    pub arguments: Vec<Input>,
    pub locations: Vec<DirectiveLocation>,
}

/// The scalars that every schema has.
pub const SCALARS: [(&str, Scalar); 5] = [
    ("Boolean", Scalar::Boolean),
    ("Float", Scalar::Float),
    ("ID", Scalar::Id),
    ("Int", Scalar::Int),
    ("String", Scalar::String),
];

/// What the schema's own scalars take. A scalar that is not here takes anything, for its resolver to refuse; a test holds
/// that all are here.
pub const OWN_SCALARS: [(&str, Takes); 3] = [
    ("DateTime", is::<DateTime>),
    ("Int64", is::<Int64>),
    ("Upload", is::<Upload>),
];

fn is<T: ScalarType>(value: &ConstValue) -> bool {
    T::parse(value.clone()).is_ok()
}

impl Scalar {
    pub fn own(name: &str) -> Self {
        let mut own = OWN_SCALARS.into_iter();
        let takes = own.find_map(|(scalar, takes)| (scalar == name).then_some(takes));
        Self::Own(takes.unwrap_or(|_| true))
    }

    /// Whether the scalar takes the literal `value` (GraphQL §3.5).
    pub fn takes_literal(self, value: &ConstValue) -> bool {
        match (self, value) {
            (Self::Boolean, ConstValue::Boolean(_)) | (Self::Float, ConstValue::Number(_)) => true,
            (Self::Id | Self::String, ConstValue::String(_)) => true,
            (Self::Id, ConstValue::Number(number)) => !number.is_f64(),
            (Self::Int, ConstValue::Number(number)) => number.as_i64().is_some_and(is_int),
            (Self::Own(takes), value) => takes(value),
            _ => false,
        }
    }

    /// The value that a variable's `value` stands for, if the scalar takes it. JSON has one kind of numbers: `1.0` is a
    /// whole one.
    pub fn take(self, value: ConstValue) -> Option<ConstValue> {
        match (self, &value) {
            (Self::Int | Self::Id, ConstValue::Number(number)) if number.is_f64() => {
                let whole = number.as_f64().filter(|number| number.fract() == 0.0)?;
                // Written out it has no fraction and no exponent, if it is no longer than a number of 64 bits.
                let whole: i64 = format!("{whole:.0}").parse().ok()?;
                self.take(whole.into())
            }
            (Self::Id, ConstValue::Number(number)) => Some(number.to_string().into()),
            _ => self.takes_literal(&value).then_some(value),
        }
    }
}

fn is_int(number: i64) -> bool {
    i32::try_from(number).is_ok()
}

impl InputType {
    /// The type that variables can have, if `kind` is one.
    pub fn of(name: &str, kind: &TypeKind, one_of: bool) -> Option<Self> {
        Some(match kind {
            TypeKind::Scalar => Self::Scalar(Scalar::own(name)),
            TypeKind::Enum(values) => {
                let values = values.values.iter();
                Self::Enum(values.map(|it| it.node.value.node.to_string()).collect())
            }
            TypeKind::InputObject(InputObjectType { fields }) => Self::Object {
                fields: inputs(fields),
                one_of,
            },
            _ => return None,
        })
    }
}

pub fn inputs(definitions: &[Positioned<InputValueDefinition>]) -> Vec<Input> {
    let inputs = definitions.iter().map(|definition| Input {
        name: definition.node.name.node.to_string(),
        kind: definition.node.ty.node.clone(),
        default: definition
            .node
            .default_value
            .as_ref()
            .map(|it| it.node.clone()),
    });
    inputs.collect()
}

/// The scalars that need no definition, by name.
pub fn standard() -> HashMap<String, InputType> {
    let standard = SCALARS.into_iter();
    standard
        .map(|(name, scalar)| (name.to_owned(), InputType::Scalar(scalar)))
        .collect()
}
