//! Fields that share a response key (GraphQL §5.3.2, FieldsInSetCanMerge): they have to be the same field with the same
//! arguments where one object can have both, and of the same shape everywhere, at every depth.
//!
//! The specification compares pairs. Here each group of one key is compared with its first, level by level, which has the
//! same outcome; the work is counted.

use std::collections::HashSet;

use async_graphql::{
    Positioned, ServerError,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
    },
};

use crate::graphql::types::{Types, named, root};

/// A set of so many plain fields is compared without a table.
const FEW: usize = 16;

/// What is compared: always one of both.
#[derive(Clone, Copy)]
struct Compared {
    shapes: bool,
    fields: bool,
}

pub struct Overlaps<'d> {
    types: &'d Types,
    document: &'d ExecutableDocument,
    steps: usize,
    limit: usize,
}

/// A field, and the type that it is selected from.
#[derive(Clone, Copy)]
struct Selected<'d> {
    parent: &'d str,
    field: &'d Positioned<Field>,
}

impl<'d> Selected<'d> {
    fn kind(&self, types: &'d Types) -> Option<&'d Type> {
        let field = types.field(self.parent, &self.field.node.name.node)?;
        Some(&field.kind)
    }

    /// Its selections, if it has any.
    fn inside(&self, types: &'d Types) -> Option<(&'d str, &'d SelectionSet)> {
        let set = &self.field.node.selection_set.node;
        let kind = self.kind(types).filter(|_| !set.items.is_empty())?;
        Some((named(kind), set))
    }
}

impl<'d> Overlaps<'d> {
    pub fn new(types: &'d Types, document: &'d ExecutableDocument, limit: usize) -> Self {
        Self {
            types,
            document,
            steps: 0,
            limit,
        }
    }

    /// Adds to `errors` where fields of the operation cannot be one.
    pub fn operation(&mut self, operation: &'d OperationDefinition, errors: &mut Vec<ServerError>) {
        let compared = Compared {
            shapes: true,
            fields: true,
        };
        let kind = root(operation.ty);
        let sets = [(kind, &operation.selection_set.node)];
        if let Err(error) = self.sets(&sets, compared) {
            errors.push(error);
        }
    }

    /// The selections of one place.
    fn sets(
        &mut self,
        sets: &[(&'d str, &'d SelectionSet)],
        compared: Compared,
    ) -> Result<(), ServerError> {
        if let [(kind, set)] = sets
            && is_plain(set)
        {
            for selection in &set.items {
                if let Selection::Field(field) = &selection.node {
                    self.step(field)?;
                    let selected = Selected {
                        parent: kind,
                        field,
                    };
                    if let Some(inside) = selected.inside(self.types) {
                        self.sets(&[inside], compared)?;
                    }
                }
            }
            return Ok(());
        }
        let mut groups = IndexMap::new();
        let mut spread = HashSet::new();
        for (kind, set) in sets {
            self.collect(kind, set, &mut groups, &mut spread)?;
        }
        for group in groups.into_values() {
            self.group(&group, compared)?;
        }
        Ok(())
    }

    fn step(&mut self, field: &Positioned<Field>) -> Result<(), ServerError> {
        self.steps += 1;
        if self.steps <= self.limit {
            return Ok(());
        }
        let error = super::super::too_many("fields that share names", self.limit);
        Err(async_graphql::Error::from(error).into_server_error(field.pos))
    }

    fn collect(
        &mut self,
        parent: &'d str,
        set: &'d SelectionSet,
        groups: &mut IndexMap<&'d str, Vec<Selected<'d>>>,
        spread: &mut HashSet<(&'d str, &'d str)>,
    ) -> Result<(), ServerError> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.step(field)?;
                    let key = field.node.response_key().node.as_str();
                    let group = groups.entry(key).or_default();
                    group.push(Selected { parent, field });
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    let on = on.map_or(parent, |on| &on.node.on.node);
                    self.collect(on, &inline.node.selection_set.node, groups, spread)?;
                }
                Selection::FragmentSpread(it) => {
                    let name = &it.node.fragment_name.node;
                    let Some(fragment) = self.document.fragments.get(name) else {
                        continue;
                    };
                    let on = fragment.node.type_condition.node.on.node.as_str();
                    if spread.insert((name, on)) {
                        let set = &fragment.node.selection_set.node;
                        self.collect(on, set, groups, spread)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The fields of one response key.
    fn group(&mut self, group: &[Selected<'d>], compared: Compared) -> Result<(), ServerError> {
        let Some((first, others)) = group.split_first() else {
            return Ok(());
        };
        if compared.shapes {
            for other in others {
                if !self.is_same_shape(first, other) {
                    return Err(conflict(first, other, "they answer with different types"));
                }
            }
        }
        let parents = match compared.fields {
            true => self.by_parent(group),
            false => Vec::new(),
        };
        for group in &parents {
            let (first, others) = (&group[0], &group[1..]);
            for other in others {
                let (one, two) = (&first.field.node, &other.field.node);
                if one.name.node != two.name.node {
                    return Err(conflict(first, other, "they are different fields"));
                }
                if !is_same_arguments(one, two) {
                    return Err(conflict(first, other, "their arguments differ"));
                }
            }
        }
        match &parents[..] {
            // One object can have all of them, so both are compared at once.
            [one] if one.len() == group.len() => self.inside(group, compared),
            _ => {
                let only = |shapes| Compared {
                    shapes,
                    fields: !shapes,
                };
                if compared.shapes {
                    self.inside(group, only(true))?;
                }
                let mut parents = parents.iter();
                parents.try_for_each(|group| self.inside(group, only(false)))
            }
        }
    }

    fn inside(&mut self, group: &[Selected<'d>], compared: Compared) -> Result<(), ServerError> {
        let sets = group.iter().filter_map(|it| it.inside(self.types));
        let sets: Vec<_> = sets.collect();
        match sets.is_empty() {
            true => Ok(()),
            false => self.sets(&sets, compared),
        }
    }

    /// The fields that one object can have: those of each object type, with those of interfaces.
    fn by_parent(&self, group: &[Selected<'d>]) -> Vec<Vec<Selected<'d>>> {
        let mut of_objects: IndexMap<&str, Vec<Selected<'d>>> = IndexMap::new();
        let mut of_interfaces = Vec::new();
        for selected in group {
            match self.types.is_abstract(selected.parent) {
                true => of_interfaces.push(*selected),
                false => of_objects
                    .entry(selected.parent)
                    .or_default()
                    .push(*selected),
            }
        }
        if of_objects.is_empty() {
            return vec![of_interfaces];
        }
        let mut groups: Vec<_> = of_objects.into_values().collect();
        for group in &mut groups {
            group.extend(&of_interfaces);
        }
        groups
    }

    /// SameResponseShape, of the two fields themselves.
    fn is_same_shape(&self, one: &Selected<'d>, other: &Selected<'d>) -> bool {
        match (one.kind(self.types), other.kind(self.types)) {
            (Some(one), Some(other)) => self.is_same_type(one, other),
            _ => true,
        }
    }

    fn is_same_type(&self, one: &Type, other: &Type) -> bool {
        let is_same = match (&one.base, &other.base) {
            (BaseType::List(one), BaseType::List(other)) => self.is_same_type(one, other),
            (BaseType::Named(one), BaseType::Named(other)) => {
                one == other || self.types.is_composite(one) && self.types.is_composite(other)
            }
            _ => false,
        };
        is_same && one.nullable == other.nullable
    }
}

/// Whether nothing is selected twice, as far as a short look tells.
fn is_plain(set: &SelectionSet) -> bool {
    let keys = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => Some(field.node.response_key().node.as_str()),
        _ => None,
    });
    set.items.len() <= FEW
        && keys
            .clone()
            .enumerate()
            .all(|(at, key)| key.is_some() && keys.clone().take(at).all(|other| other != key))
}

fn is_same_arguments(one: &Field, other: &Field) -> bool {
    one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| {
            other
                .get_argument(&name.node)
                .is_some_and(|other| other.node == value.node)
        })
}

fn conflict(one: &Selected<'_>, other: &Selected<'_>, why: &str) -> ServerError {
    let key = &one.field.node.response_key().node;
    let message = format!("The fields \"{key}\" cannot be one: {why}. Give one an alias.");
    let mut error = ServerError::new(message, Some(one.field.pos));
    error.locations.push(other.field.pos);
    error
}
