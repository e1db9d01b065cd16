//! A schema with what Cloakroom's has none of: input objects, an interface and a union with fields of other types,
//! subscriptions.

use async_graphql::parser::parse_query;
use serde_json::{Value as Json, json};

use super::*;
use crate::graphql::document::{coerce, collect, select};

const SDL: &str = r#"
    directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
    directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
    directive @note(text: String) on QUERY | FIELD
    enum Size { SMALL LARGE }
    input Range { from: Int!, to: Int = 9, step: Int! = 1, inner: [Range!], size: Size }
    input Choice @oneOf { name: String, range: Range }
    interface Named { name: String, parts(first: Int): [Named!]! }
    type Box implements Named { name: String, parts(first: Int): [Named!]!, size: Size!, weight: Int!, lid: Box }
    type Bag implements Named { name: String, parts(first: Int): [Named!]!, size: [Size], weight: Int, lid: Named }
    type Sack { name: String }
    union Any = Box | Bag | Sack
    type Query {
      named(range: Range, ranges: [[Range]], choice: Choice, size: Size! = SMALL, ratio: Float, id: ID, is: Boolean): Named
      any: [Any!]!
      box: Box
    }
    type Subscription { changed: Box, other: Box }
"#;

fn types() -> Types {
    Types::of(SDL)
}

fn mistakes(source: &str) -> Vec<String> {
    let document = parse_query(source).unwrap();
    let result = validate(&types(), &document, true, 1000);
    let errors = result.err().unwrap_or_default();
    errors.into_iter().map(|error| error.message).collect()
}

#[track_caller]
fn fine(source: &str) {
    assert_eq!(mistakes(source), Vec::<String>::new(), "{source}");
}

#[track_caller]
fn wrong(source: &str) {
    assert!(!mistakes(source).is_empty(), "{source}");
}

#[test]
fn literals_are_of_their_types() {
    for value in [
        "range: {from: 1}",
        "range: {from: 1, to: null, step: 2, inner: {from: 2}, size: LARGE}",
        "range: {from: 1, inner: [{from: 2}, {from: 3}]}",
        "ranges: {from: 1}",
        "ranges: [[{from: 1}, null], null]",
        "choice: {name: \"a\"}",
        "size: LARGE",
        "ratio: 1, id: 1, is: true",
        "ratio: 1.5, id: \"a\"",
        "range: null",
    ] {
        fine(&format!("{{ named({value}) {{ name }} }}"));
    }
    for value in [
        "range: {}",
        "range: {from: null}",
        "range: {from: 1, step: null}",
        "range: {from: 1.0}",
        "range: {from: 2147483648}",
        "range: {from: 1, other: 2}",
        "range: {from: 1, inner: [null]}",
        "range: {from: 1, inner: [[{from: 2}]]}",
        "range: [{from: 1}]",
        "range: 1",
        "ranges: [[[{from: 1}]]]",
        "choice: {}",
        "choice: {name: null}",
        "choice: {name: \"a\", range: null}",
        "size: \"LARGE\"",
        "size: large",
        "size: null",
        "size: true",
        "ratio: \"1\"",
        "id: 1.5",
        "id: A",
        "is: 1",
        "is: \"true\"",
        "is: [true]",
        "is: true, is: true",
        "isnt: true",
    ] {
        wrong(&format!("{{ named({value}) {{ name }} }}"));
    }
}

#[test]
fn variables_stand_inside_of_literals_too() {
    for (definition, value) in [
        ("$a: Int!", "range: {from: $a}"),
        ("$a: Int = 1", "range: {from: $a}"),
        ("$a: Int", "range: {from: 1, step: $a}"),
        ("$a: Int", "range: {from: 1, to: $a}"),
        ("$a: Range!", "ranges: [[$a]]"),
        ("$a: [Range!]", "ranges: [$a]"),
        ("$a: String!", "choice: {name: $a}"),
        ("$a: [[Range!]!]!", "ranges: $a"),
        ("$a: Size", "size: $a"),
        (
            "$a: Range = {from: 1, inner: [{from: 2, size: SMALL}]}",
            "range: $a",
        ),
        (
            "$a: [Int!]",
            "range: {from: 1, inner: {from: 2}}, id: $b) { name } n: named(range: {from: 1, to: $c}",
        ),
    ] {
        let definition = match value.contains("$c") {
            true => "$b: ID, $c: Int",
            false => definition,
        };
        fine(&format!(
            "query({definition}) {{ named({value}) {{ name }} }}"
        ));
    }
    for (definition, value) in [
        ("$a: Int", "range: {from: $a}"),
        ("$a: Int = null", "range: {from: $a}"),
        ("$a: Int = null", "range: {from: 1, inner: {from: $a}}"),
        ("$a: String", "choice: {name: $a}"),
        ("$a: String = \"b\"", "choice: {name: $a}"),
        ("$a: Range", "ranges: $a"),
        ("$a: [Range]", "ranges: $a"),
        ("$a: Size = LARGE", "size: SMALL"),
        ("$a: Size = \"LARGE\"", "size: $a"),
        ("$a: Range = {to: 1}", "range: $a"),
        ("$a: Range = {from: 1, inner: [{from: null}]}", "range: $a"),
        ("$a: Choice = {name: null}", "choice: $a"),
        ("$a: Box", "range: $a"),
        ("$a: Gone", "range: $a"),
    ] {
        wrong(&format!(
            "query({definition}) {{ named({value}) {{ name }} }}"
        ));
    }
}

#[test]
fn fragments_can_apply_and_are_used() {
    for source in [
        "{ any { ... on Named { name } ... on Sack { name } ... { __typename } } }",
        "{ named { ... on Any { ... on Bag { weight } } } }",
        "{ box { ... on Any { __typename } } }",
        "{ ...f } fragment f on Query { box { ...g } } fragment g on Named { name }",
    ] {
        fine(source);
    }
    for source in [
        "{ named { ... on Sack { name } } }",
        "{ box { ... on Bag { name } } }",
        "{ box { ... on Size { name } } }",
        "{ box { ... on Gone { name } } }",
        "{ box { ... on Range { from } } }",
        "{ any { name } }",
        "{ named { size } }",
        "{ box { name } } fragment f on Box { name }",
        "{ box { ...f } } fragment f on Bag { name }",
        "{ box }",
        "{ box { name { a } } }",
        "{ box { size { a } } }",
        "{ any }",
        "{ __schema { types } }",
        "{ __type { name } }",
        "{ box { __schema { description } } }",
        "mutation { box { name } }",
    ] {
        wrong(source);
    }
}

#[test]
fn fields_of_one_name_are_one_or_of_two_types_with_one_shape() {
    for source in [
        "{ named { ... on Box { a: name } ... on Bag { a: name } } }",
        "{ named { ... on Box { p: parts(first: 1) { name } } ... on Bag { p: parts(first: 2) { a: name } } } }",
        "{ named { ... on Box { lid { name } } ... on Bag { lid { name } } } }",
        "{ box { name name } box { name parts { name } } }",
        "{ named { ... on Box { a: size } ... on Bag { b: size } } }",
    ] {
        fine(source);
    }
    for source in [
        "{ named { ... on Box { size } ... on Bag { size } } }",
        "{ named { ... on Box { weight } ... on Bag { weight } } }",
        "{ named { ... on Box { a: name } ... on Bag { a: weight } } }",
        "{ named { ... on Box { a: name } ... on Bag { a: parts { name } } } }",
        "{ named { a: name ... on Bag { a: parts { name } } } }",
        "{ named { parts(first: 1) { name } ... on Bag { parts(first: 2) { name } } } }",
        "{ named { ... on Box { lid { a: name } } ... on Bag { lid { a: parts { name } } } } }",
        "{ named { parts { a: name } ...f } } fragment f on Box { parts { ...g } } fragment g on Bag { a: weight }",
        "{ box { lid { lid { a: size } } } box { lid { lid { a: weight } } } }",
        "{ box { ...f a: name } } fragment f on Box { ...g } fragment g on Box { ... { a: size } }",
    ] {
        wrong(source);
    }
}

#[test]
fn directives_are_known_and_stand_where_they_may() {
    for source in [
        "query @note(text: \"a\") { box @include(if: true) @skip(if: false) { name @note } }",
        "query($is: Boolean!) { ... @include(if: $is) { box { ...f @skip(if: $is) } } } fragment f on Box { name }",
    ] {
        fine(source);
    }
    for source in [
        "{ box @gone { name } }",
        "query @note @note { box { name } }",
        "query @include(if: true) { box { name } }",
        "{ box @include(if: true) @include(if: true) { name } }",
        "{ box @include { name } }",
        "{ box @include(if: null) { name } }",
        "{ box @include(if: \"true\") { name } }",
        "{ box @include(if: true, unless: false) { name } }",
        "{ ...f } fragment f on Query @note { box { name } }",
        "query($id: ID @note) { named(id: $id) { name } }",
    ] {
        wrong(source);
    }
}

#[test]
fn a_subscription_has_one_root() {
    fine("subscription { changed { name } }");
    fine(
        "subscription { ...f ... on Subscription { changed { name } } } fragment f on Subscription { changed { size } }",
    );
    for source in [
        "subscription { changed { name } other { name } }",
        "subscription { a: changed { name } b: changed { name } }",
        "subscription { ...f changed { name } } fragment f on Subscription { other { name } }",
        "subscription { __typename }",
        "subscription { a: __typename }",
        "subscription { changed @include(if: true) { name } }",
        "subscription { ... @skip(if: false) { changed { name } } }",
        "subscription($is: Boolean!) { changed @skip(if: $is) { name } }",
    ] {
        wrong(source);
    }
}

/// The variable `$a` of that type, given as that value; or the place where it is wrong.
fn coerced(kind: &str, value: &Json) -> Result<Json, Json> {
    let document = parse_query(format!("query($a: {kind}) {{ box {{ name }} }}")).unwrap();
    let operation = select(&document, None).unwrap();
    let given = value.as_object().unwrap().clone();
    let values = coerce(&types(), operation, given).map_err(|errors| {
        let field = errors[0].extensions.as_ref().unwrap().get("field").unwrap();
        field.clone().into_json().unwrap()
    })?;
    let value = values
        .get("a")
        .map(|value| value.clone().into_json().unwrap());
    Ok(value.unwrap_or_else(|| json!("nothing")))
}

#[test]
fn variables_become_what_their_types_make_of_them() {
    for (kind, value, expected) in [
        (
            "Range!",
            json!({ "a": { "from": 1 } }),
            json!({ "from": 1, "to": 9, "step": 1 }),
        ),
        (
            "Range",
            json!({ "a": { "from": 1.0, "to": null } }),
            json!({ "from": 1, "to": null, "step": 1 }),
        ),
        (
            "Range",
            json!({ "a": { "from": 1, "inner": { "from": 2 }, "size": "LARGE" } }),
            json!({ "from": 1, "to": 9, "step": 1, "inner": [{ "from": 2, "to": 9, "step": 1 }], "size": "LARGE" }),
        ),
        ("[[Int]]", json!({ "a": 1 }), json!([[1]])),
        (
            "[[Int]]",
            json!({ "a": [[1], null, [null]] }),
            json!([[1], null, [null]]),
        ),
        (
            "Choice",
            json!({ "a": { "name": "b" } }),
            json!({ "name": "b" }),
        ),
        ("ID", json!({ "a": 1 }), json!("1")),
        ("ID", json!({ "a": 1e3 }), json!("1000")),
        ("Float", json!({ "a": 1 }), json!(1)),
        ("Int", json!({ "a": null }), json!(null)),
        ("Int", json!({}), json!("nothing")),
        ("Int = 3", json!({}), json!(3)),
        ("Int = 3", json!({ "a": null }), json!(null)),
        ("Int! = 3", json!({}), json!(3)),
    ] {
        assert_eq!(coerced(kind, &value), Ok(expected), "{kind} {value}");
    }
    for (kind, value, field) in [
        ("Range!", json!({}), "variables.a"),
        ("Range", json!({ "a": {} }), "variables.a.from"),
        (
            "Range",
            json!({ "a": { "from": 1, "step": null } }),
            "variables.a.step",
        ),
        (
            "Range",
            json!({ "a": { "from": 1, "more": 1 } }),
            "variables.a",
        ),
        ("Range", json!({ "a": [{ "from": 1 }] }), "variables.a"),
        (
            "Range",
            json!({ "a": { "from": 1, "inner": [{ "from": 1 }, { "from": "1" }] } }),
            "variables.a.inner.1.from",
        ),
        ("[[Int]]", json!({ "a": [[[1]]] }), "variables.a.0.0"),
        ("[[Int]!]", json!({ "a": [[1], null] }), "variables.a.1"),
        ("Choice", json!({ "a": {} }), "variables.a"),
        ("Choice", json!({ "a": { "name": null } }), "variables.a"),
        (
            "Choice",
            json!({ "a": { "name": "b", "range": { "from": 1 } } }),
            "variables.a",
        ),
        ("Size", json!({ "a": "small" }), "variables.a"),
        ("Size", json!({ "a": 1 }), "variables.a"),
        ("Int! = 3", json!({ "a": null }), "variables.a"),
        ("Int", json!({ "a": true }), "variables.a"),
        ("Int", json!({ "a": 1e300 }), "variables.a"),
        ("Boolean", json!({ "a": "true" }), "variables.a"),
        ("String", json!({ "a": 1 }), "variables.a"),
        ("Float", json!({ "a": "1" }), "variables.a"),
        ("ID", json!({ "a": 1.5 }), "variables.a"),
    ] {
        assert_eq!(coerced(kind, &value), Err(json!(field)), "{kind} {value}");
    }
}

/// Comparing and collecting take no more steps than they are allowed to, however few words ask for them.
#[test]
fn types_inside_of_each_other_do_not_multiply_without_limit() {
    let mut inside = "name".to_owned();
    for _ in 0..16 {
        inside = format!("parts {{ ... on Box {{ {inside} }} ...n }} ");
        inside = inside.replace("...n", "... on Bag { a: name }");
    }
    let deep = format!("{{ named {{ {inside} parts {{ ... on Named {{ {inside} }} }} }} }}");
    let document = parse_query(&deep).unwrap();
    let types = types();
    let steps = validate(&types, &document, true, 10_000).err();
    let operation = select(&document, None).unwrap();
    let collected = collect(&types, &document, operation, &HashMap::new(), 10_000).err();
    for (what, messages) in [
        ("compared", steps.map(|errors| errors[0].message.clone())),
        ("collected", collected.map(|error| error.detail)),
    ] {
        let message = messages.unwrap_or_default();
        assert!(
            message.is_empty() || message.contains("10000"),
            "{what}: {message}"
        );
    }
}
