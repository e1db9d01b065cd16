//! Answers as the specification has them (GraphQL §6.4), made of those that async-graphql gives: since its version 7.1 it
//! leaves a failed field out of its object, and puts members in the order in which they were ready.
//!
//! Here members follow the query, and a failed field is null, or else the nearest thing around it that may be null.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
    },
};

use super::types::{Types, root};

mod concrete;

use concrete::CONCRETE;
pub use concrete::ask_types;

/// Completes the data of `response`, which answers `operation` of `document`: a document of the schema that `types` are of,
/// which [asks for the types](ask_types) of its objects.
pub fn complete(
    types: &Types,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    response: &mut Response,
) {
    let members = match std::mem::take(&mut response.data) {
        Value::Object(members) => members,
        _ => IndexMap::new(),
    };
    let mut failures = Failures::default();
    for error in &response.errors {
        failures.add(&error.path);
    }
    let completion = Completion { types, document };
    let failed = (!response.errors.is_empty()).then_some(&failures);
    let selected = [&operation.selection_set.node];
    let data = completion.object(Some(root(operation.ty)), &selected, members, failed);
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
    types: &'d Types,
    document: &'d ExecutableDocument,
}

impl<'d> Completion<'d> {
    /// The object with its members in order; `None` when one is null that must not be. `kind` is the type of the field, of
    /// which the object may be one type of several. The type of what introspection answers is not known, and may be null
    /// anywhere. `failed` are the errors in the object, if there are any.
    fn object(
        &self,
        kind: Option<&str>,
        selected: &[&'d SelectionSet],
        mut members: IndexMap<Name, Value>,
        failed: Option<&Failures<'_>>,
    ) -> Option<Value> {
        let concrete = match members.swap_remove(CONCRETE) {
            Some(Value::String(concrete)) => Some(concrete),
            _ => None,
        };
        let kind = concrete.as_deref().or(kind);
        let fields_of_kind = kind.and_then(|kind| self.types.fields(kind));
        let mut groups = IndexMap::new();
        for set in selected {
            self.collect(kind, set, &mut groups);
        }
        let mut completed = IndexMap::with_capacity(members.len());
        for (key, fields) in groups {
            let member = members.swap_remove(&key);
            let failed = failed.and_then(|failed| failed.fields.get(key.as_str()));
            let is_selected = member.is_some() || failed.is_some();
            let kind = fields_of_kind
                .and_then(|of| of.get(fields[0].name.node.as_str()))
                .map(|of| &of.kind);
            let member = self.value(kind, &fields, member.unwrap_or_default(), failed);
            // What is neither there nor failed was skipped, or is of another type's fragment.
            if is_selected {
                completed.insert(key, member?);
            }
        }
        Some(Value::Object(completed))
    }

    /// The fields of each response key that an object of the type `kind` has, in the order of the query (CollectFields).
    fn collect(
        &self,
        kind: Option<&str>,
        set: &'d SelectionSet,
        groups: &mut IndexMap<Name, Vec<&'d Field>>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    groups.entry(key).or_default().push(&field.node);
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    if on.is_none_or(|on| self.applies(&on.node.on.node, kind)) {
                        self.collect(kind, &inline.node.selection_set.node, groups);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = self.document.fragments.get(name);
                    if let Some(fragment) = fragment
                        && self.applies(&fragment.node.type_condition.node.on.node, kind)
                    {
                        self.collect(kind, &fragment.node.selection_set.node, groups);
                    }
                }
            }
        }
    }

    /// Whether a fragment on the type `on` applies to an object of the type `kind`. All apply where that is not known.
    fn applies(&self, on: &str, kind: Option<&str>) -> bool {
        kind.is_none_or(|kind| self.types.applies(on, kind))
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
            Value::Null if self.is_empty_object(kind, name, failed) => {
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

    /// Whether null stands for an object without members. One of an interface or union has its type at least.
    fn is_empty_object(
        &self,
        kind: Option<&Type>,
        name: Option<&str>,
        failed: Option<&Failures<'_>>,
    ) -> bool {
        let is_object = |name| self.types.fields(name).is_some() && !self.types.is_abstract(name);
        let may_be_null = kind.is_none_or(|kind| kind.nullable);
        name.is_some_and(is_object)
            && (failed.is_some_and(Failures::is_below) || !may_be_null && failed.is_none())
    }
}

fn sets<'d>(fields: &[&'d Field]) -> Vec<&'d SelectionSet> {
    fields
        .iter()
        .map(|field| &field.selection_set.node)
        .collect()
}

#[cfg(test)]
mod tests;
