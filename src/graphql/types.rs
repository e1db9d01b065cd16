//! The types of the schema, read from its SDL, so that no field is forgotten where fields are counted or completed.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use async_graphql::parser::types::{BaseType, OperationType, Type};

mod inputs;
mod sdl;

pub use inputs::{DirectiveType, Input, InputType};

/// The fields of an object type by name.
pub type Fields = HashMap<String, FieldType>;

/// What a field answers with.
#[derive(Debug)]
pub struct FieldType {
    pub kind: Type,
    pub length: Length,
    pub arguments: Vec<Input>,
}

/// How many rows a field answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
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
    /// The object types of introspection.
    introspection: HashMap<String, Fields>,
    /// The object types that a value of an interface or union can be of.
    possible: HashMap<String, HashSet<String>>,
    /// What a variable can be of.
    inputs: HashMap<String, InputType>,
    directives: HashMap<String, DirectiveType>,
    /// How many types there are, those of introspection included.
    pub count: usize,
    /// The most fields a type has, the most arguments a field has, and the most values an enum has.
    pub longest: usize,
}

/// `__Schema`, `__Type`, `__TypeKind`, `__Field`, `__InputValue`, `__EnumValue`, `__Directive`, `__DirectiveLocation`.
const OF_INTROSPECTION: usize = 8;
/// The places where directives may stand (GraphQL §3.13), the longest list that introspection itself brings along.
const DIRECTIVE_LOCATIONS: usize = 19;
/// The types of introspection.
const INTROSPECTION: &str = include_str!("types/introspection.graphql");
/// The type there that has the fields which every schema has.
const META: &str = "__Root";

pub static TYPES: LazyLock<Types> = LazyLock::new(|| Types::of(&super::sdl()));

impl Types {
    pub(super) fn of(sdl: &str) -> Self {
        let (kinds, directives, one_of) = sdl::definitions(sdl);
        let (introspection, ..) = sdl::definitions(INTROSPECTION);
        let mut types = Self {
            objects: sdl::objects(&kinds),
            introspection: sdl::objects(&introspection),
            possible: sdl::possible(&kinds),
            inputs: inputs::standard(),
            directives,
            count: kinds.len() + inputs::SCALARS.len() + OF_INTROSPECTION,
            longest: DIRECTIVE_LOCATIONS,
        };
        for (name, kind) in &kinds {
            types.longest = types.longest.max(sdl::longest(kind));
            if let Some(input) = InputType::of(name, kind, one_of.contains(name)) {
                types.inputs.insert(name.clone(), input);
            }
        }
        types
    }

    /// The fields of an object type or interface, none of introspection.
    pub fn fields(&self, name: &str) -> Option<&Fields> {
        self.objects.get(name)
    }

    /// The field `name` of the type `parent`, those of introspection included.
    pub fn field(&self, parent: &str, name: &str) -> Option<&FieldType> {
        if name.starts_with("__") {
            let is_there = match name {
                "__typename" => self.is_composite(parent),
                _ => parent == root(OperationType::Query),
            };
            let meta = self.introspection.get(META)?;
            return meta.get(name).filter(|_| is_there);
        }
        let fields = match self.objects.get(parent) {
            None if parent != META => self.introspection.get(parent),
            objects => objects,
        };
        fields?.get(name)
    }

    /// Whether the type has fields, or types that have, so that selections can be made of it.
    pub fn is_composite(&self, name: &str) -> bool {
        self.objects.contains_key(name)
            || self.possible.contains_key(name)
            || self.introspection.contains_key(name) && name != META
    }

    /// Whether the type is an interface or a union, so that each value says of which object type it is.
    pub fn is_abstract(&self, name: &str) -> bool {
        self.possible.contains_key(name)
    }

    /// The object types that a value of the interface or union `name` can be of.
    pub fn possible(&self, name: &str) -> Option<&HashSet<String>> {
        self.possible.get(name)
    }

    /// Whether a fragment on the type `on` applies to an object of the type `object` (GraphQL §6.3.2).
    pub fn applies(&self, on: &str, object: &str) -> bool {
        let possible = self.possible.get(on);
        on == object || possible.is_some_and(|objects| objects.contains(object))
    }

    /// Whether an object can be of both types (GraphQL §5.5.2.3).
    pub fn overlap(&self, one: &str, other: &str) -> bool {
        match (self.possible.get(one), self.possible.get(other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            (Some(objects), None) => objects.contains(other),
            (None, _) => self.applies(other, one),
        }
    }

    /// The type, if a variable can be of it.
    pub fn input(&self, name: &str) -> Option<&InputType> {
        self.inputs.get(name)
    }

    pub fn directive(&self, name: &str) -> Option<&DirectiveType> {
        self.directives.get(name)
    }
}

/// The type that an operation begins with.
pub fn root(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
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
    use async_graphql::parser::{
        parse_schema,
        types::{TypeKind, TypeSystemDefinition},
    };

    use super::*;

    /// A new list that is no page has to be thought about: it counts as the longest page, and may never have more rows.
    #[test]
    fn every_list_is_a_page_or_known_to_be_short() {
        let mut lists = Vec::new();
        for (name, fields) in &TYPES.objects {
            for (field, of) in fields {
                let inside_page = is_page(name) && ["edges", "nodes"].contains(&field.as_str());
                if matches!(of.kind.base, BaseType::List(_)) && !inside_page {
                    lists.push((format!("{name}.{field}"), of.length));
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
                // 100 of them, says `access::explain`.
                ("AccessExplanation.grants", Length::List),
                ("AccessExplanation.obstacles", Length::Few(4)),
                ("ApiToken.scopes", Length::Few(2)),
                // `MAX_FILES_PER_REQUEST` of them.
                ("Mutation.uploadFiles", Length::List),
                // 100 of them, says `domain::api_tokens`.
                ("Query.apiTokens", Length::List),
                // 100 of them, says `auth::session`.
                ("Query.sessions", Length::List),
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
                let is_page = TYPES.objects[parent][name].length == Length::Page;
                assert_eq!(sized, is_page, "{parent}.{name}");
                pages += usize::from(is_page);
            }
        }
        assert!(pages >= 5, "{pages}");
    }

    /// What a scalar takes is not told by the SDL.
    #[test]
    fn every_scalar_of_the_schema_says_what_it_takes() {
        let document = parse_schema(super::super::sdl()).unwrap();
        let scalars = document.definitions.iter().filter_map(|it| match it {
            TypeSystemDefinition::Type(it) if matches!(it.node.kind, TypeKind::Scalar) => {
                Some(it.node.name.node.as_str())
            }
            _ => None,
        });
        let mut scalars: Vec<_> = scalars.collect();
        scalars.sort_unstable();
        assert_eq!(scalars, inputs::OWN_SCALARS.map(|(name, _)| name));
        assert!(!super::super::sdl().contains(" repeatable "));
    }
}
