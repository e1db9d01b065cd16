//! The types of the schema, read from its SDL, so that no field is forgotten where fields are counted or completed.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, OperationType, Type, TypeKind, TypeSystemDefinition},
};

/// The fields of an object type by name.
pub type Fields = HashMap<String, FieldType>;

/// What a field answers with.
#[derive(Debug)]
pub struct FieldType {
    pub kind: Type,
    pub rows: Rows,
}

/// How many rows a field answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One value. The lists inside a page count here too: the page has been counted.
    One,
    /// As many as its arguments ask for.
    Page,
    /// A list of that many values at most.
    Few(usize),
    /// A list without pages.
    List,
}

/// The types of the schema, and how long the lists are that tell of them.
#[derive(Debug)]
pub struct Types {
    /// Object types, and interfaces.
    objects: HashMap<String, Fields>,
    /// The object types that a value of an interface or union can be of.
    possible: HashMap<String, HashSet<String>>,
    /// What a variable can be of.
    inputs: HashSet<String>,
    /// How many types there are, those of introspection included.
    pub count: usize,
    /// The most fields a type has, the most arguments a field has, and the most values an enum has.
    pub longest: usize,
}

/// The types that every schema has.
const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];
/// `__Schema`, `__Type`, `__TypeKind`, `__Field`, `__InputValue`, `__EnumValue`, `__Directive`, `__DirectiveLocation`.
const OF_INTROSPECTION: usize = 8;
/// The places where directives may stand (GraphQL §3.13), the longest list that introspection itself brings along.
const DIRECTIVE_LOCATIONS: usize = 19;

pub static TYPES: LazyLock<Types> = LazyLock::new(|| Types::of(&super::sdl()));

impl Types {
    pub(super) fn of(sdl: &str) -> Self {
        let document = parse_schema(sdl).expect("the schema is well formed");
        let definitions = document.definitions.into_iter();
        let kinds: HashMap<String, TypeKind> = definitions
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(of) => {
                    Some((of.node.name.node.to_string(), of.node.kind))
                }
                _ => None,
            })
            .collect();
        let mut types = Self {
            objects: HashMap::new(),
            possible: possible(&kinds),
            inputs: SCALARS.map(str::to_owned).into(),
            count: kinds.len() + SCALARS.len() + OF_INTROSPECTION,
            longest: DIRECTIVE_LOCATIONS,
        };
        for (name, kind) in &kinds {
            let fields = match kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                TypeKind::Enum(values) => {
                    types.longest = types.longest.max(values.values.len());
                    types.inputs.insert(name.clone());
                    continue;
                }
                TypeKind::InputObject(input) => {
                    types.longest = types.longest.max(input.fields.len());
                    types.inputs.insert(name.clone());
                    continue;
                }
                TypeKind::Scalar => {
                    types.inputs.insert(name.clone());
                    continue;
                }
                TypeKind::Union(members) => {
                    types.longest = types.longest.max(members.members.len());
                    continue;
                }
            };
            let arguments = fields.iter().map(|field| field.node.arguments.len());
            types.longest = types
                .longest
                .max(fields.len())
                .max(arguments.max().unwrap_or_default());
            let fields = fields.iter().map(|field| {
                let rows = rows(name, &field.node, &kinds);
                let kind = field.node.ty.node.clone();
                (field.node.name.node.to_string(), FieldType { kind, rows })
            });
            types.objects.insert(name.clone(), fields.collect());
        }
        types
    }

    /// The fields of an object type or interface.
    pub fn fields(&self, name: &str) -> Option<&Fields> {
        self.objects.get(name)
    }

    /// Whether the type is an interface or a union, so that each value says of which object type it is.
    pub fn is_abstract(&self, name: &str) -> bool {
        self.possible.contains_key(name)
    }

    /// Whether there is any interface or union.
    pub fn has_abstract(&self) -> bool {
        !self.possible.is_empty()
    }

    /// Whether a fragment on the type `on` applies to an object of the type `object` (GraphQL §6.3.2).
    pub fn applies(&self, on: &str, object: &str) -> bool {
        let possible = self.possible.get(on);
        on == object || possible.is_some_and(|objects| objects.contains(object))
    }

    /// Whether a variable can be of the type.
    pub fn is_input(&self, name: &str) -> bool {
        self.inputs.contains(name)
    }
}

/// The object types of each interface and union.
fn possible(kinds: &HashMap<String, TypeKind>) -> HashMap<String, HashSet<String>> {
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

/// The type that an operation begins with.
pub fn root(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

/// How many rows `field` of the type `parent` answers with.
fn rows(parent: &str, field: &FieldDefinition, kinds: &HashMap<String, TypeKind>) -> Rows {
    match &field.ty.node.base {
        BaseType::Named(name) if is_page(name) => Rows::Page,
        BaseType::Named(_) => Rows::One,
        BaseType::List(_) if is_page(parent) => Rows::One,
        BaseType::List(item) => match kinds.get(named(item)) {
            Some(TypeKind::Enum(values)) => Rows::Few(values.values.len()),
            _ => Rows::List,
        },
    }
}

/// Relay's rule for names: a type that ends so is a page.
fn is_page(name: &str) -> bool {
    name.ends_with("Connection")
}

/// The name inside all lists.
pub fn named(kind: &Type) -> &str {
    match &kind.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => named(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new list that is no page has to be thought about: it counts as the longest page, and may never have more rows.
    #[test]
    fn every_list_is_a_page_or_known_to_be_short() {
        let mut lists = Vec::new();
        for (name, fields) in &TYPES.objects {
            for (field, of) in fields {
                let inside_page = is_page(name) && ["edges", "nodes"].contains(&field.as_str());
                if matches!(of.kind.base, BaseType::List(_)) && !inside_page {
                    lists.push((format!("{name}.{field}"), of.rows));
                }
            }
        }
        lists.sort_by(|(one, _), (other, _)| one.cmp(other));
        let lists: Vec<_> = lists
            .iter()
            .map(|(name, rows)| (name.as_str(), *rows))
            .collect();
        assert_eq!(
            lists,
            [
                ("ApiToken.scopes", Rows::Few(2)),
                // `MAX_FILES_PER_REQUEST` of them.
                ("Mutation.uploadFiles", Rows::List),
                // 100 of them, says `domain::api_tokens`.
                ("Query.apiTokens", Rows::List),
            ]
        );
    }

    #[test]
    fn every_page_is_known_by_the_name_of_its_type_and_takes_a_size() {
        let document = parse_schema(super::super::sdl()).unwrap();
        let mut pages = 0;
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let TypeKind::Object(object) = definition.node.kind else {
                continue;
            };
            let parent = definition.node.name.node.as_str();
            for field in object.fields {
                let name = field.node.name.node.as_str();
                let arguments = field.node.arguments.iter();
                let names: Vec<_> = arguments.map(|it| it.node.name.node.as_str()).collect();
                let sized = ["first", "after", "last", "before"]
                    .iter()
                    .all(|size| names.contains(size));
                let is_page = TYPES.objects[parent][name].rows == Rows::Page;
                assert_eq!(sized, is_page, "{parent}.{name}");
                pages += usize::from(is_page);
            }
        }
        assert!(pages >= 5, "{pages}");
    }
}
