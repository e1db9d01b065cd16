//! Answers as the specification has them (GraphQL §6.4), made of those that async-graphql gives: since its version 7.1 it
//! leaves a failed field out of its object (async-graphql#1746), and puts members in the order in which they were ready.
//!
//! Here members follow the query, and a failed field is null, or else the nearest thing around it that may be null. What
//! comes before the execution, `document` does: parsing, validation, the values of variables, and collecting fields, so that
//! this knows each field that was asked for, of each type, and is told nothing of fragments, variables or directives.

use std::{collections::HashMap, mem};

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{BaseType, Field, OperationDefinition, Selection, SelectionSet, Type},
};

use super::{
    document::CONCRETE,
    types::{Types, named, root},
};

/// Completes the data of `response`, which answers `operation`: one whose selections were collected.
pub fn complete(types: &Types, operation: &OperationDefinition, response: &mut Response) {
    let mut failures = Failures::default();
    for error in &response.errors {
        failures.add(&error.path);
    }
    let failed = (!response.errors.is_empty()).then_some(&failures);
    let asked = Asked::of(types, root(operation.ty), &operation.selection_set.node);
    if !matches!(response.data, Value::Object(_)) {
        response.data = Value::Object(IndexMap::new());
    }
    if !object(&asked, &mut response.data, failed) {
        response.data = Value::Null;
    }
}

/// Where errors are, at one place and below it.
#[derive(Default)]
struct Failures<'e> {
    fields: HashMap<&'e str, Failures<'e>>,
    items: HashMap<usize, Failures<'e>>,
}

impl<'e> Failures<'e> {
    fn add(&mut self, path: &'e [PathSegment]) {
        path.iter().fold(self, |place, segment| match segment {
            PathSegment::Field(name) => place.fields.entry(name).or_default(),
            PathSegment::Index(index) => place.items.entry(*index).or_default(),
        });
    }

    fn is_below(&self) -> bool {
        !self.fields.is_empty() || !self.items.is_empty()
    }
}

/// What was asked of the objects in one place, found out once for all of them.
enum Asked<'d> {
    /// Objects of one type.
    Fields(Vec<Member<'d>>),
    /// Objects of several types, which say of which one they are.
    ByType(Vec<(&'d str, Vec<Member<'d>>)>),
}

/// A member of an object: its name, its type, and what was asked of the objects in it.
struct Member<'d> {
    key: &'d Name,
    kind: &'d Type,
    asked: Asked<'d>,
}

impl<'d> Asked<'d> {
    fn of(types: &'d Types, kind: &str, selected: &'d SelectionSet) -> Self {
        match types.possible(kind) {
            None => Self::Fields(Member::all(types, kind, selected)),
            Some(objects) => {
                let members = |object| Member::all(types, object, of_type(object, selected));
                let objects = objects.iter().map(|it| (it.as_str(), members(it)));
                Self::ByType(objects.collect())
            }
        }
    }
}

impl<'d> Member<'d> {
    fn all(types: &'d Types, kind: &str, selected: &'d SelectionSet) -> Vec<Self> {
        let members = fields(selected).filter_map(|field| {
            let kind = &types.field(kind, &field.name.node)?.kind;
            Some(Self {
                key: &field.response_key().node,
                kind,
                asked: Asked::of(types, named(kind), &field.selection_set.node),
            })
        });
        members.collect()
    }
}

/// Completes an object: its members in order. False when one is null that must not be. `failed` are the errors in the object,
/// if there are any.
fn object(asked: &Asked<'_>, object: &mut Value, failed: Option<&Failures<'_>>) -> bool {
    let Value::Object(members) = object else {
        return false;
    };
    let concrete = match asked {
        Asked::Fields(_) => None,
        Asked::ByType(_) => members.swap_remove(CONCRETE),
    };
    let expected = match (asked, &concrete) {
        (Asked::Fields(expected), _) => expected,
        (Asked::ByType(types), Some(Value::String(concrete))) => {
            match types.iter().find(|(kind, _)| kind == concrete) {
                Some((_, expected)) => expected,
                None => return false,
            }
        }
        (Asked::ByType(_), _) => return false,
    };
    let keys = expected.iter().map(|member| member.key);
    if !members.keys().eq(keys.clone()) {
        let mut given = mem::take(members);
        *members = keys
            .map(|key| (key.clone(), given.swap_remove(key).unwrap_or_default()))
            .collect();
    }
    let mut members = expected.iter().zip(members.values_mut());
    members.all(|(member, value)| {
        let failed = failed.and_then(|failed| failed.fields.get(member.key.as_str()));
        complete_value(member.kind, &member.asked, value, failed)
    })
}

/// Completes the value of a field, or of an item of its list; false when it is null and must not be.
fn complete_value(
    kind: &Type,
    asked: &Asked<'_>,
    value: &mut Value,
    failed: Option<&Failures<'_>>,
) -> bool {
    // An object whose selected fields all failed.
    if matches!(value, Value::Null)
        && matches!(kind.base, BaseType::Named(_))
        && failed.is_some_and(Failures::is_below)
    {
        *value = Value::Object(IndexMap::new());
    }
    let is_complete = match (&kind.base, &mut *value) {
        (BaseType::List(item), Value::List(items)) => {
            let mut items = items.iter_mut().enumerate();
            items.all(|(index, value)| {
                let failed = failed.and_then(|failed| failed.items.get(&index));
                complete_value(item, asked, value, failed)
            })
        }
        (BaseType::Named(_), Value::Object(_)) => object(asked, value, failed),
        (_, Value::Null) => false,
        _ => true,
    };
    if !is_complete {
        *value = Value::Null;
    }
    is_complete || kind.nullable
}

/// The selections of `selected` for objects of the type `kind`.
fn of_type<'d>(kind: &str, selected: &'d SelectionSet) -> &'d SelectionSet {
    let mut by_type = selected.items.iter().filter_map(|it| match &it.node {
        Selection::InlineFragment(inline) => Some(&inline.node),
        _ => None,
    });
    let own = by_type.find(|inline| {
        let on = inline.type_condition.as_ref();
        on.is_some_and(|on| on.node.on.node == *kind)
    });
    own.map_or(selected, |inline| &inline.selection_set.node)
}

/// The fields that a client asked for.
fn fields(selected: &SelectionSet) -> impl Iterator<Item = &Field> {
    selected.items.iter().filter_map(|it| match &it.node {
        Selection::Field(field) if field.node.response_key().node != CONCRETE => Some(&field.node),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
