//! Values of interfaces and unions: the answer has to say of which object type each is, whether the client asked or not.

use async_graphql::{
    Name, Pos, Positioned,
    parser::types::{DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet},
};

use crate::graphql::types::{Types, named, root};

/// The response key of an object's type. The space keeps it apart from every key that a client can write.
pub const CONCRETE: &str = " type";

/// Lets every field of an interface or union ask for the type of its objects, under the key [`CONCRETE`].
pub fn ask_types(types: &Types, document: &mut ExecutableDocument) {
    if !types.has_abstract() {
        return;
    }
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![&mut operation.node],
        DocumentOperations::Multiple(operations) => operations
            .values_mut()
            .map(|operation| &mut operation.node)
            .collect(),
    };
    for operation in operations {
        let root = root(operation.ty);
        ask_in(types, root, &mut operation.selection_set.node);
    }
    for fragment in document.fragments.values_mut() {
        let fragment = &mut fragment.node;
        let on = &fragment.type_condition.node.on.node;
        ask_in(types, on, &mut fragment.selection_set.node);
    }
}

/// The same for the fields of `set`, which is about an object of the type `parent`.
fn ask_in(types: &Types, parent: &str, set: &mut SelectionSet) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                let known = types.fields(parent).and_then(|fields| fields.get(name));
                // Whatever the schema does not have, validation refuses.
                let Some(kind) = known.map(|known| named(&known.kind)) else {
                    continue;
                };
                let inside = &mut field.node.selection_set.node;
                ask_in(types, kind, inside);
                // A selection that is missing stays so, for validation to refuse.
                if types.is_abstract(kind) && !inside.items.is_empty() {
                    inside.items.push(concrete_type());
                }
            }
            Selection::InlineFragment(inline) => {
                let inline = &mut inline.node;
                let on = inline.type_condition.as_ref();
                let parent = on.map_or(parent, |on| on.node.on.node.as_str());
                ask_in(types, parent, &mut inline.selection_set.node);
            }
            // It is asked in the fragment itself.
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// `__typename`, under a key of its own.
fn concrete_type() -> Positioned<Selection> {
    fn at<T>(node: T) -> Positioned<T> {
        Positioned::new(node, Pos::default())
    }
    at(Selection::Field(at(Field {
        alias: Some(at(Name::new(CONCRETE))),
        name: at(Name::new("__typename")),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: at(SelectionSet::default()),
    })))
}
