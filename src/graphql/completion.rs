//! Answers as the specification has them (GraphQL §6.4), made of those that async-graphql gives: since its version 7.1 it
//! leaves a failed field out of its object, and puts members in the order in which they were ready.
//!
//! Here members follow the query, and a failed field is null, or else the nearest thing around it that may be null.

use std::{collections::HashMap, sync::LazyLock};

use async_graphql::{
    Name, PathSegment, Response, ServerError, Value,
    indexmap::IndexMap,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
            SelectionSet, Type, TypeKind, TypeSystemDefinition,
        },
    },
};

type Fields = HashMap<String, Type>;

/// The object types of the schema, with the types of their fields.
static OBJECTS: LazyLock<HashMap<String, Fields>> = LazyLock::new(|| {
    let document = parse_schema(super::sdl()).expect("the schema is well formed");
    let definitions = document.definitions.into_iter();
    let objects = definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => match definition.node.kind {
            TypeKind::Object(object) => Some((
                definition.node.name.node.to_string(),
                object
                    .fields
                    .into_iter()
                    .map(|field| (field.node.name.node.to_string(), field.node.ty.node))
                    .collect(),
            )),
            _ => None,
        },
        _ => None,
    });
    objects.collect()
});

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
    let mut completion = Completion {
        document,
        errors: &response.errors,
        path: Vec::new(),
    };
    let data = completion.object(Some(root), &[&operation.selection_set.node], members);
    response.data = data.unwrap_or_default();
}

struct Completion<'d> {
    document: &'d ExecutableDocument,
    errors: &'d [ServerError],
    /// Where in the data we are.
    path: Vec<PathSegment>,
}

impl<'d> Completion<'d> {
    /// The object with its members in order; `None` when one is null that must not be. The type of what introspection
    /// answers is not known, and may be null anywhere.
    fn object(
        &mut self,
        kind: Option<&str>,
        selected: &[&'d SelectionSet],
        mut members: IndexMap<Name, Value>,
    ) -> Option<Value> {
        let types = kind.and_then(|kind| OBJECTS.get(kind));
        let mut groups = IndexMap::new();
        for set in selected {
            self.collect(set, &mut groups);
        }
        let mut completed = IndexMap::with_capacity(members.len());
        for (key, fields) in groups {
            let member = members.swap_remove(&key);
            self.path.push(PathSegment::Field(key.to_string()));
            let is_selected = member.is_some() || self.has_failed(0);
            let kind = types.and_then(|types| types.get(fields[0].name.node.as_str()));
            let member = self.value(kind, &fields, member.unwrap_or_default());
            self.path.pop();
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
    fn value(&mut self, kind: Option<&Type>, fields: &[&'d Field], value: Value) -> Option<Value> {
        let base = kind.map(|kind| &kind.base);
        let name = match base {
            Some(BaseType::Named(name)) => Some(name.as_str()),
            _ => None,
        };
        let completed = match value {
            Value::List(items) => self.list(base, fields, items),
            Value::Object(members) => self.object(name, &sets(fields), members),
            // An object whose selected fields all failed, or were all skipped.
            Value::Null if self.is_empty_object(kind, name) => {
                self.object(name, &sets(fields), IndexMap::new())
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
        &mut self,
        base: Option<&BaseType>,
        fields: &[&'d Field],
        items: Vec<Value>,
    ) -> Option<Value> {
        let kind = match base {
            Some(BaseType::List(kind)) => Some(&**kind),
            _ => None,
        };
        let mut completed = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.path.push(PathSegment::Index(index));
            let item = self.value(kind, fields, item);
            self.path.pop();
            completed.push(item?);
        }
        Some(Value::List(completed))
    }

    fn is_empty_object(&self, kind: Option<&Type>, name: Option<&str>) -> bool {
        let is_object = name.is_some_and(|name| OBJECTS.contains_key(name));
        let may_be_null = kind.is_none_or(|kind| kind.nullable);
        is_object && (self.has_failed(1) || !may_be_null && !self.has_failed(0))
    }

    /// Whether there is an error at this place or below, at least `below` steps.
    fn has_failed(&self, below: usize) -> bool {
        self.errors.iter().any(|error| {
            error.path.len() >= self.path.len() + below && error.path.starts_with(&self.path)
        })
    }
}

fn sets<'d>(fields: &[&'d Field]) -> Vec<&'d SelectionSet> {
    fields
        .iter()
        .map(|field| &field.selection_set.node)
        .collect()
}
