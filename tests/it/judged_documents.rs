//! Documents of the committed schema that `tests/clients/judge.mjs` makes up, right ones and ones with a mistake: whatever
//! graphql-js would run is run, and whatever it refuses is refused.
//!
//! What differs, and why, is [`DIFFERENT`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use cloakroom::{
    config::QueryLimits,
    error::Code,
    graphql::{self, Asked, Source, Unfit},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{clients::node, support::TestApp};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
const SEED: &str = "20260925";
const DOCUMENTS: usize = 3000;

/// Where the verdicts are not the same, and why.
const DIFFERENT: [(&str, &str); 3] = [
    (
        "limits",
        "Cloakroom measures documents; it refuses with QUERY_TOO_COMPLEX what is too large",
    ),
    (
        "null decides",
        "a nullable variable with a default may decide @skip or @include, and be given as null: graphql-js fails when it \
         gets there (GraphQL §6.4.1 leaves this to field errors), Cloakroom before anything runs",
    ),
    (
        "one text",
        "the same text as a string and as a block string is the same argument to Cloakroom, and another to graphql-js",
    ),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Judged {
    kind: String,
    query: String,
    operation_name: Option<String>,
    variables: Map<String, Value>,
    accepted: bool,
    /// Why not.
    why: Option<String>,
}

/// Limits that hardly any of these documents reaches.
fn wide(limits: QueryLimits) -> QueryLimits {
    QueryLimits {
        complexity: usize::MAX,
        aliases: 1000,
        directives: 1000,
        ..limits
    }
}

/// Which difference explains that ours is another verdict.
fn difference(judged: &Judged, ours: &Result<(), Unfit>) -> Option<&'static str> {
    let why = judged.why.as_deref().unwrap_or_default();
    let is_text = why.contains("differing arguments") && judged.query.contains("\"\"\"");
    let at = match ours {
        Err(Unfit::Refused(error)) if error.code == Code::QueryTooComplex => 0,
        Err(Unfit::Refused(error)) if error.detail.ends_with("cannot decide by null.") => 1,
        Ok(()) if is_text => 2,
        _ => return None,
    };
    Some(DIFFERENT[at].0)
}

fn told(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Refused(error) => error.detail.clone(),
        Unfit::Invalid(errors) => errors[0].message.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_accepted_and_refused_as_by_graphql_js() {
    let server = TestApp::start().await;
    let schema = graphql::schema(&server.app);
    let limits = wide(server.app.config.query_limits());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("documents.json");
    let count = DOCUMENTS.to_string();
    node("judge.mjs", &[SCHEMA, path.to_str().unwrap(), SEED, &count]);
    let documents: Vec<Judged> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(documents.len(), DOCUMENTS);

    let (mut accepted, mut differences) = (0, BTreeMap::new());
    let (mut kinds, mut wrong) = (BTreeSet::new(), Vec::new());
    for judged in documents {
        let asked = Asked {
            query: Source::Text(judged.query.clone()),
            operation_name: judged.operation_name.clone(),
            variables: judged.variables.clone(),
        };
        let ours = asked.prepare_here(&schema, &limits).map(drop);
        kinds.insert(judged.kind.clone());
        match ours {
            Ok(()) if judged.accepted => accepted += 1,
            Err(_) if !judged.accepted => {}
            ours if difference(&judged, &ours).is_some() => {
                *differences.entry(difference(&judged, &ours)).or_insert(0) += 1;
            }
            ours => wrong.push(format!(
                "{}: ours {:?}, graphql-js {:?}\n  {}\n  {}",
                judged.kind,
                ours.err().as_ref().map(told),
                judged.why,
                judged.query.replace('\n', " "),
                Value::from(judged.variables),
            )),
        }
    }
    println!(
        "seed {SEED}: {accepted} of {DOCUMENTS} ran, {differences:?} differ, kinds: {kinds:?}"
    );
    let some = wrong
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(wrong.is_empty(), "{} differ:\n{some}", wrong.len());
    assert!(
        accepted > DOCUMENTS / 3 && accepted < DOCUMENTS * 2 / 3,
        "{accepted}"
    );
    assert!(kinds.len() > 45, "{kinds:?}");
    let few = DOCUMENTS / 20;
    assert!(
        differences.values().all(|count| *count < few),
        "{differences:?}"
    );
}
