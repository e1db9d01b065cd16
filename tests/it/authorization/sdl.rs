//! What the schema has, and what an operation asks of it.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::{
    parse_query, parse_schema,
    types::{
        BaseType, FieldDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
        TypeSystemDefinition,
    },
};

/// The fields of every type that has any, each with the name of its own type.
pub struct Types(BTreeMap<String, BTreeMap<String, String>>);

impl Types {
    pub fn of(sdl: &str) -> Self {
        let mut types = BTreeMap::new();
        for definition in parse_schema(sdl).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let fields = match &definition.node.kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                // A union has no fields of its own.
                TypeKind::Union(_)
                | TypeKind::Scalar
                | TypeKind::Enum(_)
                | TypeKind::InputObject(_) => continue,
            };
            types.insert(definition.node.name.to_string(), named(fields));
        }
        Self(types)
    }

    /// Every field, as `File.name`.
    pub fn fields(&self) -> Vec<String> {
        let types = self.0.iter();
        types
            .flat_map(|(name, fields)| fields.keys().map(move |field| format!("{name}.{field}")))
            .collect()
    }

    /// The fields on the one path of `operation`, from the top, as `File.name`.
    pub fn path(&self, operation: &str) -> Vec<String> {
        let document = parse_query(operation).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let top = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut path = Vec::new();
        self.descend(top, &operation.node.selection_set.node, &mut path);
        path
    }

    fn descend(&self, name: &str, selections: &SelectionSet, path: &mut Vec<String>) {
        let [selection] = &selections.items[..] else {
            assert!(selections.items.is_empty(), "two fields of one {name}");
            return;
        };
        match &selection.node {
            Selection::Field(field) => {
                let field_name = field.node.name.node.as_str();
                path.push(format!("{name}.{field_name}"));
                if let Some(of) = self.0[name].get(field_name) {
                    self.descend(of, &field.node.selection_set.node, path);
                }
            }
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref();
                let name = on.map_or(name, |on| on.node.on.node.as_str());
                self.descend(name, &fragment.node.selection_set.node, path);
            }
            Selection::FragmentSpread(_) => panic!("a row needs no named fragment"),
        }
    }
}

fn named(fields: &[Positioned<FieldDefinition>]) -> BTreeMap<String, String> {
    let fields = fields.iter().map(|field| &field.node);
    fields
        .map(|field| (field.name.to_string(), type_name(&field.ty.node)))
        .collect()
}

/// The name of a type, without its lists and exclamation marks.
fn type_name(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(of) => type_name(of),
    }
}

#[test]
fn an_interface_has_fields_and_a_union_has_none() {
    let types = Types::of(
        "interface Node { id: ID! } type File implements Node { id: ID! } union Found = File
        type Query { node: Node, search: [Found!]! }",
    );
    assert_eq!(
        types.fields(),
        ["File.id", "Node.id", "Query.node", "Query.search"]
    );
    assert_eq!(types.path("{ node { id } }"), ["Query.node", "Node.id"]);
    assert_eq!(
        types.path("{ search { ... on File { id } } }"),
        ["Query.search", "File.id"]
    );
}
