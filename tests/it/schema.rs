//! The committed schema is the code's, and says what everything is.

use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition},
};
use cloakroom::graphql;

const COMMITTED: &str = include_str!("../../schema.graphql");

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
