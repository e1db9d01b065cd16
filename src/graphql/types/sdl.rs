//! The types as the SDL defines them.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition},
    },
};

use super::{
    FieldType, Fields, Length,
    inputs::{self, DirectiveType},
    is_page, named,
};

pub type Kinds = HashMap<String, TypeKind>;

/// What `sdl` defines: types, directives, and the names of those input types of which exactly one field is given.
pub fn definitions(sdl: &str) -> (Kinds, HashMap<String, DirectiveType>, HashSet<String>) {
    let document = parse_schema(sdl).expect("the schema is well formed");
    let (mut kinds, mut directives) = (HashMap::new(), HashMap::new());
    let mut one_of = HashSet::new();
    for definition in document.definitions {
        match definition {
            TypeSystemDefinition::Type(of) => {
                let name = of.node.name.node.to_string();
                let mut of_type = of.node.directives.iter();
                if of_type.any(|directive| directive.node.name.node == "oneOf") {
                    one_of.insert(name.clone());
                }
                kinds.insert(name, of.node.kind);
            }
            TypeSystemDefinition::Directive(of) => {
                let locations = of.node.locations.iter();
                let directive = DirectiveType {
                    arguments: inputs::inputs(&of.node.arguments),
                    locations: locations.map(|location| location.node).collect(),
                };
                directives.insert(of.node.name.node.to_string(), directive);
            }
            TypeSystemDefinition::Schema(_) => {}
        }
    }
    (kinds, directives, one_of)
}

/// The object types and interfaces among `kinds`.
pub fn objects(kinds: &Kinds) -> HashMap<String, Fields> {
    let mut objects = HashMap::new();
    for (name, kind) in kinds {
        let Some(fields) = fields_of(kind) else {
            continue;
        };
        let fields = fields.iter().map(|field| {
            let of = FieldType {
                length: length(name, &field.node, kinds),
                kind: field.node.ty.node.clone(),
                arguments: inputs::inputs(&field.node.arguments),
            };
            (field.node.name.node.to_string(), of)
        });
        objects.insert(name.clone(), fields.collect());
    }
    objects
}

fn fields_of(kind: &TypeKind) -> Option<&[Positioned<FieldDefinition>]> {
    match kind {
        TypeKind::Object(object) => Some(&object.fields),
        TypeKind::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

/// The longest list that introspection has to tell of the type.
pub fn longest(kind: &TypeKind) -> usize {
    match kind {
        TypeKind::Enum(values) => values.values.len(),
        TypeKind::InputObject(input) => input.fields.len(),
        TypeKind::Union(members) => members.members.len(),
        TypeKind::Scalar => 0,
        TypeKind::Object(_) | TypeKind::Interface(_) => {
            let fields = fields_of(kind).unwrap_or_default();
            let arguments = fields.iter().map(|field| field.node.arguments.len());
            fields.len().max(arguments.max().unwrap_or_default())
        }
    }
}

/// The object types of each interface and union.
pub fn possible(kinds: &Kinds) -> HashMap<String, HashSet<String>> {
    let mut possible: HashMap<String, HashSet<String>> = HashMap::new();
    for (name, kind) in kinds {
        match kind {
            TypeKind::Interface(_) => {
                possible.entry(name.clone()).or_default();
            }
            TypeKind::Union(union) => {
                let members = union.members.iter().map(|member| member.node.to_string());
                possible.entry(name.clone()).or_default().extend(members);
            }
            TypeKind::Object(object) => {
                for interface in &object.implements {
                    let objects = possible.entry(interface.node.to_string()).or_default();
                    objects.insert(name.clone());
                }
            }
            _ => {}
        }
    }
    possible
}

/// How many rows `field` of the type `parent` answers with.
fn length(parent: &str, field: &FieldDefinition, kinds: &Kinds) -> Length {
    match &field.ty.node.base {
        BaseType::Named(name) if is_page(name) => Length::Page,
        BaseType::Named(_) => Length::One,
        BaseType::List(_) if is_page(parent) => Length::One,
        BaseType::List(item) => match kinds.get(named(item)) {
            Some(TypeKind::Enum(values)) => Length::Few(values.values.len()),
            _ => Length::List,
        },
    }
}
