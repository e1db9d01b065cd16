//! Answers as the specification has them (GraphQL §6.4), made of those that async-graphql gives: since its version 7.1 it
//! leaves a failed field out of its object, and puts members in the order in which they were ready.
//!
//! Here members follow the query, and a failed field is null, or else the nearest thing around it that may be null.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
        SelectionSet, Type,
    },
};

use super::types::TYPES;

/// Completes the data of `response`, which answers `operation` of `document`.
pub fn complete(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    response: &mut Response,
) {
    let root = match operation.ty {
        OperationType::Mutation => "Mutation",
        _ => "Query",
    };
    let members = match std::mem::take(&mut response.data) {
        Value::Object(members) => members,
        _ => IndexMap::new(),
    };
    let mut failures = Failures::default();
    for error in &response.errors {
        failures.add(&error.path);
    }
    let completion = Completion { document };
    let failed = (!response.errors.is_empty()).then_some(&failures);
    let selected = [&operation.selection_set.node];
    let data = completion.object(Some(root), &selected, members, failed);
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

struct Completion<'d> {
    document: &'d ExecutableDocument,
}

impl<'d> Completion<'d> {
    /// The object with its members in order; `None` when one is null that must not be. The type of what introspection
    /// answers is not known, and may be null anywhere. `failed` are the errors in it, if there are any.
    fn object(
        &self,
        kind: Option<&str>,
        selected: &[&'d SelectionSet],
        mut members: IndexMap<Name, Value>,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let types = kind.and_then(|kind| TYPES.fields(kind));
        let mut groups = IndexMap::new();
        for set in selected {
            self.collect(set, &mut groups);
        }
        let mut completed = IndexMap::with_capacity(members.len());
        for (key, fields) in groups {
            let member = members.swap_remove(&key);
            let failed = failed.and_then(|failed| failed.fields.get(key.as_str()));
            let is_selected = member.is_some() || failed.is_some();
            let kind = types
                .and_then(|types| types.get(fields[0].name.node.as_str()))
                .map(|of| &of.kind);
            let member = self.value(kind, &fields, member.unwrap_or_default(), failed);
            // What is neither there nor failed was skipped, or is of another type's fragment.
            if is_selected {
                completed.insert(key, member?);
            }
        }
        Some(Value::Object(completed))
    }

    /// The fields of each response key, in the order of the query (CollectFields).
    fn collect(&self, set: &'d SelectionSet, groups: &mut IndexMap<Name, Vec<&'d Field>>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    groups.entry(key).or_default().push(&field.node);
                }
                Selection::InlineFragment(inline) => {
                    self.collect(&inline.node.selection_set.node, groups);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name) {
                        self.collect(&fragment.node.selection_set.node, groups);
                    }
                }
            }
        }
    }

    /// The value of a field, or of an item of its list; `None` when it is null and must not be.
    fn value(
        &self,
        kind: Option<&Type>,
        fields: &[&'d Field],
        value: Value,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let base = kind.map(|kind| &kind.base);
        let name = match base {
            Some(BaseType::Named(name)) => Some(name.as_str()),
            _ => None,
        };
        let completed = match value {
            Value::List(items) => self.list(base, fields, items, failed),
            Value::Object(members) => self.object(name, &sets(fields), members, failed),
            // An object whose selected fields all failed, or were all skipped.
            Value::Null if is_empty_object(kind, name, failed) => {
                self.object(name, &sets(fields), IndexMap::new(), failed)
            }
            Value::Null => None,
            scalar => Some(scalar),
        };
        match kind.is_none_or(|kind| kind.nullable) {
            true => Some(completed.unwrap_or_default()),
            false => completed,
        }
    }

    fn list(
        &self,
        base: Option<&BaseType>,
        fields: &[&'d Field],
        items: Vec<Value>,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let kind = match base {
            Some(BaseType::List(kind)) => Some(&**kind),
            _ => None,
        };
        let mut completed = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let failed = failed.and_then(|failed| failed.items.get(&index));
            completed.push(self.value(kind, fields, item, failed)?);
        }
        Some(Value::List(completed))
    }
}

fn is_empty_object(kind: Option<&Type>, name: Option<&str>, failed: Option<&Failures<'_>>) -> bool {
    let is_object = name.is_some_and(|name| TYPES.fields(name).is_some());
    let may_be_null = kind.is_none_or(|kind| kind.nullable);
    is_object && (failed.is_some_and(Failures::is_below) || !may_be_null && failed.is_none())
}

fn sets<'d>(fields: &[&'d Field]) -> Vec<&'d SelectionSet> {
    fields
        .iter()
        .map(|field| &field.selection_set.node)
        .collect()
}
