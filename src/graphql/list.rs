//! Lists, which charge the budget of their request before they are made.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::resolve_list,
};

use super::budget::Budget;

/// A list. Resolvers answer with this, never with a `Vec`, so that no list can grow unseen; a test reads the sources.
pub struct List<T>(Vec<T>);

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// What a value takes in an answer at least, with its name.
const VALUE_BYTES: usize = 8;

impl<T: OutputType> OutputType for List<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let budget = context.data_unchecked::<Budget>();
        if budget.is_by_list() {
            let each = 1 + selections(&field.node.selection_set.node);
            let values = self.0.len().saturating_mul(each);
            budget
                .charge(values, values.saturating_mul(VALUE_BYTES))
                .await;
        }
        resolve_list(context, field, &self.0, Some(self.0.len())).await
    }
}

/// How many fields an item has at most. Only small documents get here: see `prepare`.
fn selections(set: &SelectionSet) -> usize {
    let counts = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => 1 + selections(&field.node.selection_set.node),
        Selection::InlineFragment(inline) => selections(&inline.node.selection_set.node),
        // They have been written out.
        Selection::FragmentSpread(_) => 0,
    });
    counts.sum()
}
