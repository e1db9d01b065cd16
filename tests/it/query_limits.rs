//! Documents that ask for too much: they are refused before they run, quickly and in few words.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Person, TestApp};

/// Far above what a refusal takes, and far below what running such a document would.
pub const QUICK: Duration = Duration::from_secs(2);

pub async fn is_too_complex(person: &Person, what: &str, query: &str, variables: Value) {
    let began = Instant::now();
    let answer = person.ask_with(query, variables).await;
    assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{what}: {answer:?}");
    assert!(answer.body.get("data").is_none(), "{what}");
    let length = answer.body.to_string().len();
    assert!(length < 1000, "{what}: {length} bytes");
    assert!(began.elapsed() < QUICK, "{what}: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_ask_for_too_much_are_refused_quickly() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let many = |count: usize, of: &str| -> String {
        (0..count)
            .map(|at| of.replace("$at", &at.to_string()))
            .collect()
    };
    let doubling = many(20, "fragment f$at on Query { ...g$at ...g$at } ");
    let doubling = (0..20).fold(doubling, |text, at| {
        text.replace(&format!("g{at} "), &format!("f{} ", at + 1))
    });
    let page = "files(first: 100) { nodes { shares { nodes { file { id name size owner { id username } } } } } } ";
    for (what, query) in [
        (
            "aliases",
            format!("{{ {} }}", many(31, "a$at: __typename ")),
        ),
        (
            "thousands of aliases",
            format!("{{ {} }}", many(1000, "a$at: me { id } ")),
        ),
        ("root fields", format!("{{ {} }}", "__typename ".repeat(31))),
        (
            "aliases in fragments",
            format!(
                "{{ ...f }} fragment f on Query {{ {} }}",
                many(31, "a$at: __typename ")
            ),
        ),
        (
            "depth",
            format!(
                "{{ files {{ nodes {} id {} }} }}",
                "{ shares(first: 1) { nodes { file ".repeat(8),
                "} } }".repeat(8)
            ),
        ),
        (
            "thousands of levels",
            format!("{}{}", "{ me ".repeat(5000), "}".repeat(5000)),
        ),
        (
            "directives",
            format!("{{ me {} {{ id }} }}", "@include(if: true) ".repeat(51)),
        ),
        ("tokens", format!("{{ me {{ {} }} }}", "id ".repeat(4000))),
        (
            "bytes",
            format!("{{ __typename }} #{}", "x".repeat(64 * 1024)),
        ),
        (
            "a string",
            format!("{{ file(id: \"{}\") {{ id }} }}", "x".repeat(64 * 1024)),
        ),
        (
            "lists",
            format!(
                "{{ file(id: {}{}) {{ id }} }}",
                "[".repeat(1000),
                "]".repeat(1000)
            ),
        ),
        (
            "rows",
            format!("{{ {} }}", many(20, &format!("p$at: {page}"))),
        ),
        (
            "fragments that double",
            format!("{{ ...f0 }} {doubling} fragment f20 on Query {{ __typename }}"),
        ),
    ] {
        is_too_complex(&alice, what, &query, json!({})).await;
    }
    let definitions = many(51, "$v$at: Int, ");
    let uses = many(51, "files(first: $v$at) { nodes { id } } ");
    is_too_complex(
        &alice,
        "variables",
        &format!("query({definitions}) {{ {uses} }}"),
        json!({}),
    )
    .await;
    let unused: serde_json::Map<_, _> = (0..1000).map(|at| (format!("v{at}"), json!(1))).collect();
    is_too_complex(
        &alice,
        "variables that nothing uses",
        "{ __typename }",
        json!(unused),
    )
    .await;
}

/// The sizes of pages count whether they stand in the document or in a variable.
#[tokio::test(flavor = "multi_thread")]
async fn rows_asked_for_by_variables_count() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let fields = "edges { node { id name size contentType sha256 createdAt owner { id } shares { nodes { id } } } } ";
    let pages: String = (0..12)
        .map(|at| format!("p{at}: files(first: $n) {{ {fields} }} "))
        .collect();
    let query = format!("query($n: Int!) {{ {pages} }}");
    alice.ask_with(&query, json!({ "n": 1 })).await.data("/p0");
    is_too_complex(&alice, "variables", &query, json!({ "n": 100 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_graphiql_asks_is_within_the_limits() {
    let server = TestApp::start().await;
    let type_ref = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
                    ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} mutationType {{ name kind }} \
         types {{ ...FullType }} directives {{ name description locations args(includeDeprecated: true) \
         {{ ...InputValue }} }} }} }} \
         fragment FullType on __Type {{ kind name description specifiedByURL fields(includeDeprecated: true) {{ name \
         description args(includeDeprecated: true) {{ ...InputValue }} type {{ ...TypeRef }} isDeprecated \
         deprecationReason }} inputFields(includeDeprecated: true) {{ ...InputValue }} interfaces {{ ...TypeRef }} \
         enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} \
         possibleTypes {{ ...TypeRef }} }} \
         fragment InputValue on __InputValue {{ name description type {{ ...TypeRef }} defaultValue }} \
         fragment TypeRef on __Type {{ {type_ref} }}"
    );
    let answer = server.anonymous().ask(&query).await;
    assert_eq!(answer.text("/__schema/queryType/name"), "Query");
}
