//! What operations use, through fragments as well: each variable that is used is declared and may stand where it stands,
//! and each that is declared, and each fragment, is used (GraphQL §5.5.1.4, §5.8).

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Pos, ServerError,
    parser::types::{BaseType, OperationDefinition, Type, VariableDefinition},
};
use async_graphql_value::ConstValue;

use crate::graphql::types::{Types, named};

/// What one definition uses.
#[derive(Default)]
pub struct Uses<'d> {
    pub variables: Vec<Usage<'d>>,
    pub fragments: Vec<&'d str>,
}

/// A place where a variable stands.
pub struct Usage<'d> {
    pub name: &'d str,
    pub pos: Pos,
    /// What is expected there.
    pub kind: &'d Type,
    /// Whether the schema has a value for what is absent there, which is not null.
    pub has_default: bool,
    /// Whether it is the one field of its input object, which may not be null.
    pub is_one_of: bool,
}

/// Fragments, and where they are.
type Fragments<'d> = HashMap<&'d str, (Pos, Uses<'d>)>;

pub fn check_uses(
    types: &Types,
    operations: &[(&OperationDefinition, Uses<'_>)],
    fragments: &Fragments<'_>,
    errors: &mut Vec<ServerError>,
) {
    let mut all_spread = HashSet::new();
    for (operation, uses) in operations {
        let mut check = Check {
            definitions: &operation.variable_definitions,
            is_used: vec![false; operation.variable_definitions.len()],
            spread: HashSet::new(),
            fragments,
            errors,
        };
        check.all(uses);
        let Check {
            is_used, spread, ..
        } = check;
        all_spread.extend(spread);
        for (definition, is_used) in operation.variable_definitions.iter().zip(is_used) {
            let name = &definition.node.name.node;
            if types.input(named(&definition.node.var_type.node)).is_none() {
                let message = format!("\"${name}\" is of no type that a variable can have.");
                errors.push(ServerError::new(message, Some(definition.pos)));
            } else if !is_used {
                let message = format!("Variable \"${name}\" is not used.");
                errors.push(ServerError::new(message, Some(definition.pos)));
            }
        }
    }
    for (name, (pos, _)) in fragments {
        if !all_spread.contains(name) {
            let message = format!("Fragment \"{name}\" is not used.");
            errors.push(ServerError::new(message, Some(*pos)));
        }
    }
}

struct Check<'c, 'd> {
    definitions: &'c [async_graphql::Positioned<VariableDefinition>],
    is_used: Vec<bool>,
    spread: HashSet<&'d str>,
    fragments: &'c Fragments<'d>,
    errors: &'c mut Vec<ServerError>,
}

impl<'c, 'd> Check<'c, 'd>
where
    'd: 'c,
{
    fn all(&mut self, uses: &'c Uses<'d>) {
        for usage in &uses.variables {
            self.usage(usage);
        }
        for fragment in &uses.fragments {
            if self.spread.insert(fragment)
                && let Some((_, uses)) = self.fragments.get(fragment)
            {
                self.all(uses);
            }
        }
    }

    fn usage(&mut self, usage: &Usage<'_>) {
        let mut definitions = self.definitions.iter();
        let name = usage.name;
        let Some(at) = definitions.position(|it| it.node.name.node == name) else {
            let message = format!("Variable \"${name}\" is not declared.");
            return self.errors.push(ServerError::new(message, Some(usage.pos)));
        };
        self.is_used[at] = true;
        let definition = &self.definitions[at].node;
        if !is_allowed(definition, usage) {
            let (given, expected) = (&definition.var_type.node, usage.kind);
            let message =
                format!("Variable \"${name}\" of \"{given}\" stands where \"{expected}\" has to.");
            self.errors.push(ServerError::new(message, Some(usage.pos)));
        }
    }
}

/// IsVariableUsageAllowed (GraphQL §5.8.5): a variable that may be null may stand where null may not, if either has a
/// default.
fn is_allowed(definition: &VariableDefinition, usage: &Usage<'_>) -> bool {
    let (given, expected) = (&definition.var_type.node, usage.kind);
    if usage.is_one_of && given.nullable {
        return false;
    }
    let default = definition.default_value.as_ref();
    let has_default = default.is_some_and(|it| it.node != ConstValue::Null) || usage.has_default;
    let may_differ = given.nullable && has_default;
    (expected.nullable || !given.nullable || may_differ)
        && is_same_base(&given.base, &expected.base)
}

/// AreTypesCompatible.
fn is_compatible(given: &Type, expected: &Type) -> bool {
    (expected.nullable || !given.nullable) && is_same_base(&given.base, &expected.base)
}

fn is_same_base(given: &BaseType, expected: &BaseType) -> bool {
    match (given, expected) {
        (BaseType::Named(given), BaseType::Named(expected)) => given == expected,
        (BaseType::List(given), BaseType::List(expected)) => is_compatible(given, expected),
        _ => false,
    }
}
