//! A small schema with an interface, a union and a subscription.

use async_graphql::{
    EmptyMutation, Error, Interface, Object, Pos, Positioned, Request, Schema, Subscription, Union,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument},
    },
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;

use super::*;
use crate::graphql::document::{Values, collect, select, validate};

#[derive(Clone)]
struct Photo;

#[Object]
impl Photo {
    async fn id(&self) -> i32 {
        1
    }

    /// Never known, and not missed.
    async fn label(&self) -> Result<Option<i32>, Error> {
        Err(Error::new("a photo has no label"))
    }

    /// Never known, and missed.
    async fn width(&self) -> Result<i32, Error> {
        Err(Error::new("nobody measured it"))
    }

    async fn inside(&self) -> Node {
        Node::Folder(Folder { id: 7, label: "b" })
    }
}

#[derive(Clone)]
struct Folder {
    id: i32,
    label: &'static str,
}

#[Object]
impl Folder {
    async fn id(&self) -> i32 {
        self.id
    }

    async fn label(&self) -> &str {
        self.label
    }
}

#[derive(Interface)]
#[graphql(field(name = "id", ty = "i32"))]
enum Node {
    Photo(Photo),
    Folder(Folder),
}

#[derive(Union)]
enum Item {
    Photo(Photo),
    Folder(Folder),
}

struct Query;

#[Object]
impl Query {
    async fn photo(&self) -> Photo {
        Photo
    }

    async fn node(&self) -> Option<Node> {
        Some(Photo.into())
    }

    async fn no_node(&self) -> Option<Node> {
        None
    }

    async fn items(&self) -> Vec<Option<Item>> {
        vec![
            Some(Item::Photo(Photo)),
            Some(Item::Folder(Folder { id: 2, label: "a" })),
        ]
    }
}

struct Changes;

#[Subscription(name = "Subscription")]
impl Changes {
    async fn changed(&self) -> impl Stream<Item = Node> {
        stream::iter([Node::Photo(Photo)])
    }

    /// A name that a query has as well, for something else.
    async fn photo(&self) -> impl Stream<Item = Option<i32>> {
        stream::iter([None])
    }
}

type Small = Schema<Query, EmptyMutation, Changes>;

/// The operation that `source` has, collected. It need not be valid: fields of several types that are of different types
/// themselves are asked for under one name, which tells whose field is answered.
fn collected(types: &Types, source: &str) -> OperationDefinition {
    let document = parse_query(source).unwrap();
    let operation = select(&document, None).unwrap();
    let selected = collect(types, &document, operation, &Values::new(), 1000).unwrap();
    OperationDefinition {
        selection_set: Positioned::new(selected, Pos::default()),
        ..operation.clone()
    }
}

/// The completed data of the first answer to `source`.
async fn data(source: &str) -> serde_json::Value {
    let schema = Small::new(Query, EmptyMutation, Changes);
    let types = Types::of(&schema.sdl());
    let operation = collected(&types, source);
    let mut request = Request::new("");
    request.set_parsed_query(ExecutableDocument {
        operations: DocumentOperations::Single(Positioned::new(operation.clone(), Pos::default())),
        fragments: HashMap::new(),
    });
    let mut responses = std::pin::pin!(schema.execute_stream(request));
    let mut response = responses.next().await.unwrap();
    complete(&types, &operation, &mut response);
    response.data.into_json().unwrap()
}

#[tokio::test]
async fn objects_of_an_interface_complete_by_their_own_type() {
    let node = data("{ node { ... on Photo { label } id ... on Folder { label } } }").await;
    assert_eq!(node, json!({ "node": { "label": null, "id": 1 } }));
    let node = data("{ node { id ... on Photo { width } } }").await;
    assert_eq!(node, json!({ "node": null }), "a photo has a width");
    let node = data("{ noNode { id } }").await;
    assert_eq!(node, json!({ "noNode": null }));
    let node = data("{ node { ... on Photo { inside { id } } } }").await;
    assert_eq!(node, json!({ "node": { "inside": { "id": 7 } } }));
}

#[tokio::test]
async fn fragments_of_several_types_share_a_key_and_each_object_takes_its_own() {
    let query = "{ items { ...folder ... on Photo { it: width } } } fragment folder on Folder { it: label }";
    assert_eq!(data(query).await, json!({ "items": [null, { "it": "a" }] }));
    let query = "{ items { ... on Node { id } ... on Photo { label } ... on Folder { label } } }";
    let items = [
        json!({ "id": 1, "label": null }),
        json!({ "id": 2, "label": "a" }),
    ];
    assert_eq!(data(query).await, json!({ "items": items }));
    let query = "{ items { __typename } }";
    let items = [
        json!({ "__typename": "Photo" }),
        json!({ "__typename": "Folder" }),
    ];
    assert_eq!(data(query).await, json!({ "items": items }));
}

#[tokio::test]
async fn an_object_without_a_fragment_of_its_own_is_empty_and_not_null() {
    let items = data("{ items { ... on Folder { id } } }").await;
    assert_eq!(items, json!({ "items": [{}, { "id": 2 }] }));
    let node = data("{ photo { ... on Node { id } } }").await;
    assert_eq!(node, json!({ "photo": { "id": 1 } }));
}

#[tokio::test]
async fn a_subscription_is_completed_by_its_own_root() {
    let changed = data("subscription { changed { ... on Photo { label } } }").await;
    assert_eq!(changed, json!({ "changed": { "label": null } }));
    let photo = data("subscription { photo }").await;
    assert_eq!(photo, json!({ "photo": null }));
}

#[test]
fn a_selection_that_is_missing_is_still_refused() {
    let types = Types::of(&Small::new(Query, EmptyMutation, Changes).sdl());
    let document = parse_query("{ node }").unwrap();
    let refused = validate(&types, &document, true, 1000);
    assert_eq!(refused.unwrap_err().len(), 1);
}
