//! The committed schema is the code's, and says what everything is.

use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition},
};
use cloakroom::graphql;
use serde_json::{Value, json};

use crate::support::TestApp;

const COMMITTED: &str = include_str!("../../schema.graphql");
const INTROSPECTION: &str = include_str!("../../src/graphql/types/introspection.graphql");

#[test]
fn the_committed_schema_is_the_code_s() {
    assert!(
        graphql::sdl() == COMMITTED,
        "schema.graphql is out of date: run `cargo run -- schema > schema.graphql`, and look at what changed"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    let mut bare = Vec::new();
    for definition in parse_schema(COMMITTED).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let name = definition.node.name.node.to_string();
        let mut note = |name: String, described: bool| {
            if !described {
                bare.push(name);
            }
        };
        note(name.clone(), definition.node.description.is_some());
        match &definition.node.kind {
            TypeKind::Object(object) => {
                let fields = object.fields.iter().map(|field| &field.node);
                fields.for_each(|field| describe_field(&name, field, &mut note));
            }
            TypeKind::Interface(interface) => {
                let fields = interface.fields.iter().map(|field| &field.node);
                fields.for_each(|field| describe_field(&name, field, &mut note));
            }
            TypeKind::InputObject(input) => {
                let inputs = input.fields.iter().map(|input| &input.node);
                inputs.for_each(|input| describe_input(&name, input, &mut note));
            }
            TypeKind::Enum(of) => {
                for value in &of.values {
                    let described = value.node.description.is_some();
                    note(format!("{name}.{}", value.node.value.node), described);
                }
            }
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

fn describe_field(of: &str, field: &FieldDefinition, note: &mut impl FnMut(String, bool)) {
    let name = format!("{of}.{}", field.name.node);
    note(name.clone(), field.description.is_some());
    let arguments = field.arguments.iter().map(|argument| &argument.node);
    arguments.for_each(|argument| describe_input(&name, argument, note));
}

fn describe_input(of: &str, input: &InputValueDefinition, note: &mut impl FnMut(String, bool)) {
    note(
        format!("{of}({})", input.name.node),
        input.description.is_some(),
    );
}

/// The types of introspection as validation knows them are those that the server answers with.
#[tokio::test(flavor = "multi_thread")]
async fn introspection_has_the_types_that_documents_are_validated_by() {
    let server = TestApp::start().await;
    let kind = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
    let document = parse_schema(INTROSPECTION).unwrap();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            panic!("no type");
        };
        let name = definition.node.name.node.as_str();
        let TypeKind::Object(object) = &definition.node.kind else {
            panic!("no object type");
        };
        let fields = object.fields.iter().map(|field| {
            let arguments = field.node.arguments.iter().map(|argument| {
                let default = argument
                    .node
                    .default_value
                    .as_ref()
                    .map(|it| it.node.to_string());
                (
                    argument.node.name.node.to_string(),
                    argument.node.ty.node.to_string(),
                    default,
                )
            });
            (
                field.node.name.node.to_string(),
                field.node.ty.node.to_string(),
                arguments.collect::<Vec<_>>(),
            )
        });
        let mut known: Vec<_> = fields.collect();
        known.sort();
        // What every root has is nobody's field.
        if name == "__Root" {
            continue;
        }
        let query = format!(
            "query($name: String!) {{ __type(name: $name) {{ fields {{ name type {{ {kind} }} \
             args {{ name defaultValue type {{ {kind} }} }} }} }} }}"
        );
        let answer = server
            .anonymous()
            .ask_with(&query, json!({ "name": name }))
            .await;
        let fields = answer.data("/__type/fields");
        let mut answered: Vec<_> = fields
            .as_array()
            .unwrap()
            .iter()
            .map(|field| {
                let arguments = field["args"].as_array().unwrap().iter().map(|argument| {
                    let default = argument["defaultValue"].as_str().map(str::to_owned);
                    (
                        argument["name"].as_str().unwrap().to_owned(),
                        written(&argument["type"]),
                        default,
                    )
                });
                (
                    field["name"].as_str().unwrap().to_owned(),
                    written(&field["type"]),
                    arguments.collect::<Vec<_>>(),
                )
            })
            .collect();
        answered.sort();
        assert_eq!(known, answered, "{name}");
    }
}

/// A type as documents write it, of what introspection says.
fn written(kind: &Value) -> String {
    let inside = || written(&kind["ofType"]);
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", inside()),
        "LIST" => format!("[{}]", inside()),
        _ => kind["name"].as_str().unwrap().to_owned(),
    }
}
