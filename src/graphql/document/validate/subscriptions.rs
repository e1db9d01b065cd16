//! What subscriptions ask for (GraphQL §5.2.4).

use async_graphql::{
    Positioned,
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};

use super::Validation;

impl<'d> Validation<'d> {
    /// A subscription has one field at its root, and none that may be missing (GraphQL §5.2.4).
    pub(super) fn one_root(
        &mut self,
        document: &'d ExecutableDocument,
        operation: &'d Positioned<OperationDefinition>,
    ) {
        let mut keys = Vec::new();
        let is_certain = root_keys(document, &operation.node.selection_set.node, &mut keys);
        keys.sort_unstable();
        keys.dedup();
        let is_one = keys.len() == 1 && !keys[0].starts_with("__");
        if !is_one || !is_certain {
            let message = "A subscription asks for one field, always, which is not of the schema.";
            self.error(operation.pos, message.to_owned());
        }
    }
}

/// Adds the response keys of `set`, or names of the schema's own fields. False where a directive decides about one.
fn root_keys<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    keys: &mut Vec<&'d str>,
) -> bool {
    set.items.iter().all(|selection| {
        let is_certain = selection.node.directives().is_empty();
        is_certain
            && match &selection.node {
                Selection::Field(field) => {
                    let name = field.node.name.node.as_str();
                    keys.push(match name.starts_with("__") {
                        true => name,
                        false => &field.node.response_key().node,
                    });
                    true
                }
                Selection::InlineFragment(inline) => {
                    root_keys(document, &inline.node.selection_set.node, keys)
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.node.fragment_name.node);
                    fragment.is_none_or(|fragment| {
                        root_keys(document, &fragment.node.selection_set.node, keys)
                    })
                }
            }
    })
}
