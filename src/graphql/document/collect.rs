//! The operation as it runs (GraphQL §6.3.2, CollectFields): the fields of one response key are one field with all their
//! selections, fragments are written out, and variables, `@skip` and `@include` have been decided.
//!
//! async-graphql runs a field once for each time that it is selected, and puts the answers together afterwards
//! (async-graphql#114, #1840). So it is given no field twice.

use async_graphql::{
    Name, Pos, Positioned,
    indexmap::IndexMap,
    parser::types::{
        Directive, ExecutableDocument, Field, InlineFragment, OperationDefinition, Selection,
        SelectionSet, TypeCondition,
    },
};
use async_graphql_value::{ConstValue, Value};

use super::{variables::Values, within};
use crate::{
    error::{Error, Result},
    graphql::types::{Types, named, root},
};

/// The response key of an object's type. The space keeps it apart from every key that a client can write.
pub const CONCRETE: &str = " type";

/// The selections of `operation`, collected: `QUERY_TOO_COMPLEX` when that takes more than `limit` steps. The document was
/// validated.
pub fn collect(
    types: &Types,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    values: &Values,
    limit: usize,
) -> Result<SelectionSet> {
    let mut collection = Collection {
        types,
        document,
        values,
        steps: 0,
        limit,
    };
    collection.set(root(operation.ty), &[&operation.selection_set.node])
}

struct Collection<'d> {
    types: &'d Types,
    document: &'d ExecutableDocument,
    values: &'d Values,
    /// How many selections have been looked at, and how many there may be.
    steps: usize,
    limit: usize,
}

/// The fields of one response key: the first, and the selections of all.
struct Group<'d> {
    field: &'d Positioned<Field>,
    sets: Vec<&'d SelectionSet>,
}

/// The fields of a type, in the order of the query.
#[derive(Default)]
struct Groups<'d> {
    by_key: IndexMap<&'d str, Group<'d>>,
    spread: Vec<&'d str>,
    /// Whether there are fragments for some types only, of those that the type of the selection can be.
    is_by_type: bool,
}

impl<'d> Collection<'d> {
    /// The selections `sets` of a value of the type `kind`.
    fn set(&mut self, kind: &str, sets: &[&'d SelectionSet]) -> Result<SelectionSet> {
        let possible = self.types.possible(kind);
        let mut groups = Groups::default();
        for set in sets {
            self.collect(kind, set, &mut groups)?;
        }
        let mut items = Vec::with_capacity(groups.by_key.len() + 1);
        match possible.filter(|_| groups.is_by_type) {
            None => self.fields(kind, groups, &mut items)?,
            Some(possible) => {
                for object in possible {
                    let set = self.set(object, sets)?;
                    items.push(at(Selection::InlineFragment(at(on(object, set)))));
                }
            }
        }
        // An object without fields is not null, and one of an interface or union says which object type it is of.
        if possible.is_some() || items.is_empty() {
            items.push(at(Selection::Field(at(concrete_type()))));
        }
        Ok(SelectionSet { items })
    }

    /// The fields of each response key that a value of the type `kind` has.
    fn collect(
        &mut self,
        kind: &str,
        set: &'d SelectionSet,
        groups: &mut Groups<'d>,
    ) -> Result<()> {
        for selection in &set.items {
            self.steps += 1;
            within("selections", self.steps, self.limit)?;
            if self.is_skipped(selection.node.directives())? {
                continue;
            }
            let (on, inside) = match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.as_str();
                    let group = groups.by_key.entry(key).or_insert_with(|| Group {
                        field,
                        sets: Vec::new(),
                    });
                    let inside = &field.node.selection_set.node;
                    if !inside.items.is_empty() {
                        group.sets.push(inside);
                    }
                    continue;
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    (on, &inline.node.selection_set.node)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if groups.spread.contains(&name.as_str()) {
                        continue;
                    }
                    groups.spread.push(name);
                    let fragment = self.document.fragments.get(name);
                    let fragment = fragment.ok_or_else(|| Error::internal("a missing fragment"))?;
                    let set = &fragment.node.selection_set.node;
                    (Some(&fragment.node.type_condition), set)
                }
            };
            let on = on.map_or(kind, |on| on.node.on.node.as_str());
            if self.types.applies(on, kind) {
                self.collect(kind, inside, groups)?;
            } else {
                groups.is_by_type = true;
            }
        }
        Ok(())
    }

    fn fields(
        &mut self,
        kind: &str,
        groups: Groups<'d>,
        items: &mut Vec<Positioned<Selection>>,
    ) -> Result<()> {
        for group in groups.by_key.into_values() {
            let Positioned { pos, node: field } = group.field;
            let selection_set = match group.sets.is_empty() {
                true => SelectionSet::default(),
                false => {
                    let of = self.types.field(kind, &field.name.node);
                    let of = of.ok_or_else(|| Error::internal("a missing field"))?;
                    self.set(named(&of.kind), &group.sets)?
                }
            };
            let field = Field {
                alias: field.alias.clone(),
                name: field.name.clone(),
                arguments: self.arguments(&field.arguments),
                directives: Vec::new(),
                selection_set: Positioned::new(selection_set, field.selection_set.pos),
            };
            items.push(Positioned::new(
                Selection::Field(Positioned::new(field, *pos)),
                *pos,
            ));
        }
        Ok(())
    }

    /// The arguments with the values of their variables. One whose variable has no value is not there, so that its own
    /// default applies (GraphQL §6.4.1).
    fn arguments(
        &self,
        arguments: &[(Positioned<Name>, Positioned<Value>)],
    ) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let arguments = arguments.iter().filter_map(|(name, value)| {
            let known = self.value(&value.node)?;
            Some((name.clone(), Positioned::new(known.into_value(), value.pos)))
        });
        arguments.collect()
    }

    /// A value with those of its variables; none for a variable without one.
    fn value(&self, value: &Value) -> Option<ConstValue> {
        Some(match value {
            Value::Variable(name) => self.values.get(name).cloned()?,
            Value::Null => ConstValue::Null,
            Value::Number(number) => ConstValue::Number(number.clone()),
            Value::String(text) => ConstValue::String(text.clone()),
            Value::Boolean(is) => ConstValue::Boolean(*is),
            Value::Binary(bytes) => ConstValue::Binary(bytes.clone()),
            Value::Enum(name) => ConstValue::Enum(name.clone()),
            Value::List(items) => {
                let items = items
                    .iter()
                    .map(|item| self.value(item).unwrap_or_default());
                ConstValue::List(items.collect())
            }
            Value::Object(members) => {
                let members = members.iter();
                let members =
                    members.filter_map(|(name, value)| Some((name.clone(), self.value(value)?)));
                ConstValue::Object(members.collect())
            }
        })
    }

    /// Whether `@skip` or `@include` leaves a selection out.
    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> Result<bool> {
        for directive in directives {
            let is_skip = directive.node.name.node == "skip";
            let Some(condition) = directive.node.get_argument("if") else {
                continue;
            };
            match self.value(&condition.node) {
                Some(ConstValue::Boolean(is)) if is == is_skip => return Ok(true),
                Some(ConstValue::Boolean(_)) => {}
                // A variable that may be null has a default, so that it may stand here, and yet it was given as null.
                _ => {
                    let detail = format!("@{} cannot decide by null.", directive.node.name.node);
                    return Err(Error::bad_input("variables", detail));
                }
            }
        }
        Ok(false)
    }
}

fn at<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}

/// `set`, for objects of the type `object`.
fn on(object: &str, set: SelectionSet) -> InlineFragment {
    InlineFragment {
        type_condition: Some(at(TypeCondition {
            on: at(Name::new(object)),
        })),
        directives: Vec::new(),
        selection_set: at(set),
    }
}

/// `__typename`, under a key of its own.
fn concrete_type() -> Field {
    Field {
        alias: Some(at(Name::new(CONCRETE))),
        name: at(Name::new("__typename")),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: at(SelectionSet::default()),
    }
}
