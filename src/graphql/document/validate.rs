//! Whether a document is of the schema (GraphQL §5), before any variable is looked at. What it finds holds for every
//! request with the same text.
//!
//! async-graphql has such rules, too, and they are not those of the specification: it knows no merging below the first
//! level, takes strings for enum values, refuses a nullable variable where the schema has a default
//! (`variables_in_allowed_position`), and answers with the values that it was given. So these rules stand for all of them.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        Directive, DirectiveLocation, ExecutableDocument, Field, OperationDefinition,
        OperationType, Selection, SelectionSet, TypeCondition,
    },
};
use async_graphql_value::Value;

use crate::graphql::types::{Input, Types, named, root};

mod overlaps;
mod subscriptions;
mod uses;
mod values;

use uses::{Uses, check_uses};

/// What is wrong with `document`, whose fragments exist and do not spread themselves. With `introspection` it may ask for
/// the schema. Comparing fields may take `limit` steps.
pub fn validate(
    types: &Types,
    document: &ExecutableDocument,
    introspection: bool,
    limit: usize,
) -> Result<(), Vec<ServerError>> {
    let mut validation = Validation {
        types,
        introspection,
        uses: Uses::default(),
        errors: Vec::new(),
    };
    let mut fragments = HashMap::with_capacity(document.fragments.len());
    for (name, fragment) in &document.fragments {
        let Positioned { pos, node } = fragment;
        validation.directives(&node.directives, DirectiveLocation::FragmentDefinition);
        let on = validation.condition(&node.type_condition, None);
        validation.selections(document, &node.selection_set.node, on);
        let uses = std::mem::take(&mut validation.uses);
        fragments.insert(name.as_str(), (*pos, uses));
    }
    let mut operations = Vec::new();
    for (_, operation) in document.operations.iter() {
        validation.operation(document, operation);
        operations.push((&operation.node, std::mem::take(&mut validation.uses)));
    }
    // Where a part is wrong, what it does not use is no news.
    if validation.errors.is_empty() {
        check_uses(types, &operations, &fragments, &mut validation.errors);
    }
    if validation.errors.is_empty() {
        let mut overlaps = overlaps::Overlaps::new(types, document, limit);
        for (operation, _) in operations {
            overlaps.operation(operation, &mut validation.errors);
        }
    }
    match validation.errors.is_empty() {
        true => Ok(()),
        false => Err(validation.errors),
    }
}

struct Validation<'d> {
    types: &'d Types,
    introspection: bool,
    /// What the definition uses that is being looked at.
    uses: Uses<'d>,
    errors: Vec<ServerError>,
}

impl<'d> Validation<'d> {
    fn error(&mut self, pos: Pos, message: String) {
        self.errors.push(ServerError::new(message, Some(pos)));
    }

    fn operation(
        &mut self,
        document: &'d ExecutableDocument,
        operation: &'d Positioned<OperationDefinition>,
    ) {
        let Positioned { pos, node } = operation;
        let kind = root(node.ty);
        let location = match node.ty {
            OperationType::Query => DirectiveLocation::Query,
            OperationType::Mutation => DirectiveLocation::Mutation,
            OperationType::Subscription => DirectiveLocation::Subscription,
        };
        if self.types.fields(kind).is_none() {
            let message = format!("The schema has no {}s.", node.ty);
            return self.error(*pos, message);
        }
        self.directives(&node.directives, location);
        let mut names: Vec<&str> = Vec::new();
        for definition in &node.variable_definitions {
            let (pos, definition) = (definition.pos, &definition.node);
            let name = definition.name.node.as_str();
            if names.contains(&name) {
                self.error(pos, format!("There is more than one variable \"${name}\"."));
            }
            names.push(name);
            self.directives(
                &definition.directives,
                DirectiveLocation::VariableDefinition,
            );
            if let Some(default) = &definition.default_value {
                self.constant(&default.node, default.pos, &definition.var_type.node);
            }
        }
        self.selections(document, &node.selection_set.node, Some(kind));
        if node.ty == OperationType::Subscription {
            self.one_root(document, operation);
        }
    }

    /// The selections of an object of the type `kind`, if that is known.
    fn selections(
        &mut self,
        document: &'d ExecutableDocument,
        set: &'d SelectionSet,
        kind: Option<&'d str>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.directives(&field.node.directives, DirectiveLocation::Field);
                    self.field(document, field, kind);
                }
                Selection::InlineFragment(inline) => {
                    let inline = &inline.node;
                    self.directives(&inline.directives, DirectiveLocation::InlineFragment);
                    let on = match &inline.type_condition {
                        Some(condition) => self.condition(condition, kind),
                        None => kind,
                    };
                    self.selections(document, &inline.selection_set.node, on);
                }
                Selection::FragmentSpread(spread) => {
                    let Positioned { pos, node } = spread;
                    self.directives(&node.directives, DirectiveLocation::FragmentSpread);
                    let name = &node.fragment_name.node;
                    self.uses.fragments.push(name);
                    if let (Some(fragment), Some(kind)) = (document.fragments.get(name), kind) {
                        let on = &fragment.node.type_condition.node.on.node;
                        self.can_be(kind, on, *pos);
                    }
                }
            }
        }
    }

    /// The type that a fragment is on, where an object of the type `around` is selected from.
    fn condition(
        &mut self,
        condition: &'d Positioned<TypeCondition>,
        around: Option<&str>,
    ) -> Option<&'d str> {
        let on = condition.node.on.node.as_str();
        if !self.types.is_composite(on) || on.starts_with("__") && !self.introspection {
            let message = format!("There is no object type, interface or union \"{on}\".");
            self.error(condition.pos, message);
            return None;
        }
        if let Some(around) = around {
            self.can_be(around, on, condition.pos);
        }
        Some(on)
    }

    fn can_be(&mut self, kind: &str, on: &str, pos: Pos) {
        if self.types.is_composite(on) && !self.types.overlap(kind, on) {
            let message = format!("What is of the type \"{kind}\" is never of the type \"{on}\".");
            self.error(pos, message);
        }
    }

    fn field(
        &mut self,
        document: &'d ExecutableDocument,
        field: &'d Positioned<Field>,
        parent: Option<&'d str>,
    ) {
        let Positioned { pos, node } = field;
        let name = node.name.node.as_str();
        let is_hidden = !self.introspection && ["__schema", "__type"].contains(&name);
        let of = parent.and_then(|parent| self.types.field(parent, name));
        let Some(of) = of.filter(|_| !is_hidden) else {
            if let Some(parent) = parent {
                let message = format!("There is no field \"{name}\" on the type \"{parent}\".");
                self.error(*pos, message);
            }
            return self.selections(document, &node.selection_set.node, None);
        };
        self.arguments(&node.arguments, &of.arguments, *pos, name);
        let kind = named(&of.kind);
        let is_leaf = !self.types.is_composite(kind);
        if is_leaf != node.selection_set.node.items.is_empty() {
            let message = match is_leaf {
                true => format!("\"{name}\" is a plain value: it has no fields to select."),
                false => format!("\"{name}\" is an object: select fields of it."),
            };
            return self.error(*pos, message);
        }
        self.selections(document, &node.selection_set.node, Some(kind));
    }

    /// The arguments of the field or directive `of`.
    fn arguments(
        &mut self,
        given: &'d [(Positioned<Name>, Positioned<Value>)],
        known: &'d [Input],
        pos: Pos,
        of: &str,
    ) {
        for (at, (name, value)) in given.iter().enumerate() {
            if given[..at].iter().any(|(other, _)| other.node == name.node) {
                let message = format!("\"{of}\" has the argument \"{}\" twice.", name.node);
                self.error(name.pos, message);
            }
            match known.iter().find(|input| input.name == name.node.as_str()) {
                Some(input) => self.input(&value.node, value.pos, input),
                None => {
                    let message = format!("\"{of}\" has no argument \"{}\".", name.node);
                    self.error(name.pos, message);
                }
            }
        }
        for input in known.iter().filter(|input| input.is_required()) {
            if !given
                .iter()
                .any(|(name, _)| input.name == name.node.as_str())
            {
                let Input { name, kind, .. } = input;
                let message = format!("\"{of}\" needs the argument \"{name}\" of \"{kind}\".");
                self.error(pos, message);
            }
        }
    }

    fn directives(&mut self, directives: &'d [Positioned<Directive>], location: DirectiveLocation) {
        for (at, directive) in directives.iter().enumerate() {
            let Positioned { pos, node } = directive;
            let name = node.name.node.as_str();
            let Some(known) = self.types.directive(name) else {
                self.error(*pos, format!("There is no directive \"@{name}\"."));
                continue;
            };
            if !known.locations.contains(&location) {
                self.error(*pos, format!("\"@{name}\" may not stand here."));
            }
            let mut before = directives[..at].iter();
            if before.any(|other| other.node.name.node == name) {
                self.error(*pos, format!("\"@{name}\" may stand here once only."));
            }
            self.arguments(&node.arguments, &known.arguments, *pos, name);
        }
    }
}

#[cfg(test)]
mod tests;
