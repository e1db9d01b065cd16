//! Answers as the specification has them (GraphQL §6.4), made of those that async-graphql gives: since its version 7.1 it
//! leaves a failed field out of its object (async-graphql#1746), and puts members in the order in which they were ready.
//!
//! Here members follow the query, and a failed field is null, or else the nearest thing around it that may be null. What
//! comes before the execution, `document` does: parsing, validation, the values of variables, and collecting fields, so that
//! this knows each field that was asked for, of each type, and is told nothing of fragments, variables or directives.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{BaseType, Field, OperationDefinition, Selection, SelectionSet, Type},
};

use super::{
    document::CONCRETE,
    types::{Types, root},
};

/// Completes the data of `response`, which answers `operation`: one whose selections were collected.
pub fn complete(types: &Types, operation: &OperationDefinition, response: &mut Response) {
    let members = match std::mem::take(&mut response.data) {
        Value::Object(members) => members,
        _ => IndexMap::new(),
    };
    let mut failures = Failures::default();
    for error in &response.errors {
        failures.add(&error.path);
    }
    let completion = Completion { types };
    let failed = (!response.errors.is_empty()).then_some(&failures);
    let selected = &operation.selection_set.node;
    let data = completion.object(root(operation.ty), selected, members, failed);
    response.data = data.unwrap_or_default();
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

struct Completion<'t> {
    types: &'t Types,
}

impl Completion<'_> {
    /// The object with its members in order; `None` when one is null that must not be. `kind` is the type of the field, of
    /// which the object may be one type of several. `failed` are the errors in the object, if there are any.
    fn object(
        &self,
        kind: &str,
        selected: &SelectionSet,
        mut members: IndexMap<Name, Value>,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let concrete = match members.swap_remove(CONCRETE) {
            Some(Value::String(concrete)) => Some(concrete),
            _ => None,
        };
        let kind = concrete.as_deref().unwrap_or(kind);
        let selected = of_type(kind, selected);
        let mut completed = IndexMap::with_capacity(selected.items.len());
        for field in fields(selected) {
            let key = &field.response_key().node;
            let member = members.swap_remove(key).unwrap_or_default();
            let failed = failed.and_then(|failed| failed.fields.get(key.as_str()));
            let kind = &self.types.field(kind, &field.name.node)?.kind;
            completed.insert(key.clone(), self.value(kind, field, member, failed)?);
        }
        Some(Value::Object(completed))
    }

    /// The value of a field, or of an item of its list; `None` when it is null and must not be.
    fn value(
        &self,
        kind: &Type,
        field: &Field,
        value: Value,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let selected = &field.selection_set.node;
        let completed = match (&kind.base, value) {
            (BaseType::List(item), Value::List(items)) => self.list(item, field, items, failed),
            (BaseType::Named(name), Value::Object(members)) => {
                self.object(name, selected, members, failed)
            }
            // An object whose selected fields all failed.
            (BaseType::Named(name), Value::Null) if failed.is_some_and(Failures::is_below) => {
                self.object(name, selected, IndexMap::new(), failed)
            }
            (_, Value::Null) => None,
            (_, scalar) => Some(scalar),
        };
        match kind.nullable {
            true => Some(completed.unwrap_or_default()),
            false => completed,
        }
    }

    fn list(
        &self,
        kind: &Type,
        field: &Field,
        items: Vec<Value>,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let mut completed = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let failed = failed.and_then(|failed| failed.items.get(&index));
            completed.push(self.value(kind, field, item, failed)?);
        }
        Some(Value::List(completed))
    }
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
