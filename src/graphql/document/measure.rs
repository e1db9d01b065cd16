//! A document as a tree: what it costs to validate, and what its operations may ask for.
//!
//! The library walks every operation with its fragments written out, also those that do not run. That walk is counted here
//! without doing it: each fragment is measured once, however often it is spread, and sums end at the largest number.

use std::{collections::HashMap, sync::LazyLock};

use async_graphql::{
    Name, Positioned,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
        VariableDefinition,
    },
};
use async_graphql_value::{ConstValue, Value};
use serde_json::{Map, Value as Json};

use super::{parse, sizes::Sizes, within};
use crate::{
    config::QueryLimits,
    error::{Error, Result},
    graphql::{
        pagination::{DEFAULT_PAGE, MAX_PAGE},
        types::{Fields, Length, TYPES, named, root},
    },
};

/// How deep fragments may lead to fragments; the library goes no deeper than this either.
const FRAGMENT_DEPTH: usize = 32;
/// So many bytes of names and values make one more node.
const BYTES_A_NODE: usize = 128;
/// So many bytes of arguments make a field count once more, each time it is run.
const BYTES_A_FIELD: usize = 1024;

/// What the usual tools ask of a schema, at its largest.
const INTROSPECTION: &str = include_str!("introspection.graphql");

/// How much introspection one operation may ask for: twice what the usual tools ask for, whatever the schema grows to.
static INTROSPECTION_MAX: LazyLock<usize> = LazyLock::new(|| {
    let document = parse(INTROSPECTION).expect("this document is well formed");
    let variables = Map::new();
    let sizes = Sizes::of(&document, &variables);
    let mut measure = Measure::new(&document, Some(&variables), &sizes, 1);
    let costs = document
        .operations
        .iter()
        .map(|(_, operation)| measure.operation(&operation.node));
    let cost = costs.last().expect("one operation");
    cost.expect("fragments that are there").introspected * 2
});

/// What a selection costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Fields, those of a list once for each row.
    fields: usize,
    /// The same for what tells of the schema.
    introspected: usize,
    /// How often the list of a type's fields, or one like it, is asked for inside another.
    type_lists: usize,
    depth: usize,
    /// Fields at the top level, those of fragments included.
    roots: usize,
    /// What the library visits: selections, arguments and values, fragments written out.
    nodes: usize,
    /// What the library compares to see whether fields of the same name are the same: the selections at the top level.
    flat: usize,
}

/// What selections are about.
#[derive(Clone, Copy)]
enum Parent {
    Object(&'static Fields),
    /// The schema itself.
    Introspection,
    /// Nothing in the schema: validation is going to refuse it.
    Unknown,
}

/// Measures one document.
pub struct Measure<'d> {
    document: &'d ExecutableDocument,
    /// `None` where they are not known: then a page that a variable sizes counts as the largest.
    variables: Option<&'d Map<String, Json>>,
    definitions: &'d [Positioned<VariableDefinition>],
    sizes: &'d Sizes<'d>,
    /// How many rows a list without pages may have.
    list: usize,
    fragments: HashMap<&'d str, Cost>,
    /// Fragments being measured: to meet one again is a cycle.
    open: Vec<&'d str>,
    /// What the library visits in all, apart from the operations that were measured.
    pub nodes: usize,
}

impl Cost {
    /// Refuses what is past a limit.
    pub fn check(&self, limits: &QueryLimits) -> Result<()> {
        within("root fields", self.roots, limits.aliases)?;
        within("levels", self.depth, limits.depth)?;
        within("fields", self.fields, limits.complexity)?;
        within("lists of fields inside each other", self.type_lists, 1)?;
        within(
            "fields of the schema",
            self.introspected,
            *INTROSPECTION_MAX,
        )
    }

    /// Whether it asks for anything of the schema itself.
    pub fn is_about_schema(&self) -> bool {
        self.introspected > 0
    }

    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.introspected = self.introspected.saturating_add(other.introspected);
        self.type_lists = self.type_lists.max(other.type_lists);
        self.depth = self.depth.max(other.depth);
        self.roots = self.roots.saturating_add(other.roots);
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.flat = self.flat.saturating_add(other.flat);
    }

    /// One more selection, which is visited and compared.
    fn visit(&mut self, nodes: usize) {
        self.nodes = self.nodes.saturating_add(nodes);
        self.flat = self.flat.saturating_add(nodes);
    }
}

impl<'d> Measure<'d> {
    pub fn new(
        document: &'d ExecutableDocument,
        variables: Option<&'d Map<String, Json>>,
        sizes: &'d Sizes<'d>,
        list: usize,
    ) -> Self {
        Self {
            document,
            variables,
            definitions: &[],
            sizes,
            list,
            fragments: HashMap::new(),
            open: Vec::new(),
            nodes: 0,
        }
    }

    pub fn operation(&mut self, operation: &'d OperationDefinition) -> Result<Cost> {
        self.definitions = &operation.variable_definitions;
        let cost = self.selection_set(&operation.selection_set, parent(root(operation.ty)))?;
        let around = self.directives(&operation.directives) + operation.variable_definitions.len();
        self.nodes = self.nodes.saturating_add(cost.nodes).saturating_add(around);
        Ok(cost)
    }

    /// Measures every fragment, also those that nobody spreads: they are validated too.
    pub fn all_fragments(&mut self) -> Result<()> {
        let mut names = self.document.fragments.keys();
        names.try_for_each(|name| self.fragment(name).map(drop))
    }

    fn selection_set(&mut self, set: &'d Positioned<SelectionSet>, parent: Parent) -> Result<Cost> {
        let mut sum = Cost::default();
        for selection in &set.node.items {
            let cost = match &selection.node {
                Selection::Field(field) => self.field(&field.node, parent)?,
                Selection::InlineFragment(inline) => {
                    let inline = &inline.node;
                    let condition = inline.type_condition.as_ref();
                    let within = condition.map_or(parent, |on| self::parent(&on.node.on.node));
                    let mut cost = self.selection_set(&inline.selection_set, within)?;
                    cost.visit(1 + self.directives(&inline.directives));
                    cost
                }
                Selection::FragmentSpread(spread) => {
                    let mut cost = self.fragment(&spread.node.fragment_name.node)?;
                    let name = spread.node.fragment_name.node.len();
                    cost.visit(1 + self.directives(&spread.node.directives) + name / BYTES_A_NODE);
                    cost
                }
            };
            sum.add(cost);
        }
        self.nodes = self.nodes.saturating_add(sum.flat);
        Ok(sum)
    }

    fn field(&mut self, field: &'d Field, parent: Parent) -> Result<Cost> {
        let name = field.name.node.as_str();
        let known = match parent {
            Parent::Object(fields) => fields.get(name),
            Parent::Introspection | Parent::Unknown => None,
        };
        let inside = match (known, parent) {
            _ if name == "__schema" || name == "__type" => Parent::Introspection,
            (Some(known), _) => self::parent(named(&known.kind)),
            (None, Parent::Introspection) => Parent::Introspection,
            (None, _) => Parent::Unknown,
        };
        let below = self.selection_set(&field.selection_set, inside)?;
        let rows = match (known.map(|known| known.length), parent) {
            (None | Some(Length::One), Parent::Object(_) | Parent::Unknown) => 1,
            (Some(Length::Page), _) => self.page_size(field),
            (Some(Length::Few(rows)), _) => rows,
            (Some(Length::List), _) => self.list,
            (_, Parent::Introspection) => introspected_rows(name),
        };
        Ok(self.of_field(field, parent, known.is_some(), below, rows))
    }

    /// The cost of a field that answers with so many rows, each of which costs `below`.
    fn of_field(
        &self,
        field: &Field,
        parent: Parent,
        is_known: bool,
        below: Cost,
        rows: usize,
    ) -> Cost {
        let bytes = self.sizes.arguments(&field.arguments);
        let names = field.name.node.len() + field.alias.as_ref().map_or(0, |it| it.node.len());
        let own = 1 + (bytes + names) / BYTES_A_NODE;
        // For a name it does not know, the library looks for one that is like it.
        let searched = match parent {
            Parent::Object(fields) if !is_known => fields.len() * (1 + names / 32),
            _ => 0,
        };
        let arguments = field.arguments.len();
        let visited = own + arguments + searched + self.directives(&field.directives);
        let run = 1 + (bytes + names) / BYTES_A_FIELD;
        let is_of_schema = matches!(parent, Parent::Introspection);
        // Rows that are plain values count as well.
        let is_leaf = field.selection_set.node.items.is_empty();
        let rows_of_fields = below
            .fields
            .max(usize::from(is_leaf && rows > 1 && !is_of_schema));
        Cost {
            fields: rows_of_fields
                .saturating_mul(rows)
                .saturating_add(if is_of_schema { 0 } else { run }),
            introspected: below
                .introspected
                .saturating_mul(rows)
                .saturating_add(if is_of_schema { run } else { 0 }),
            type_lists: below.type_lists
                + usize::from(is_of_schema && is_type_list(&field.name.node)),
            depth: below.depth + 1,
            roots: 1,
            nodes: below.nodes.saturating_add(visited),
            // Each argument is looked for among those of the other field.
            flat: own + arguments * arguments,
        }
    }

    fn fragment(&mut self, name: &'d Name) -> Result<Cost> {
        if let Some(cost) = self.fragments.get(name.as_str()) {
            return Ok(*cost);
        }
        if self.open.contains(&name.as_str()) {
            return Err(Error::bad_input(
                "query",
                format!("Fragment {name} spreads itself."),
            ));
        }
        within("levels of fragments", self.open.len(), FRAGMENT_DEPTH)?;
        let Some(fragment) = self.document.fragments.get(name) else {
            return Err(Error::bad_input(
                "query",
                format!("There is no fragment {name}."),
            ));
        };
        self.open.push(name);
        let on = parent(&fragment.node.type_condition.node.on.node);
        let mut cost = self.selection_set(&fragment.node.selection_set, on)?;
        self.open.pop();
        cost.visit(self.directives(&fragment.node.directives));
        self.fragments.insert(name, cost);
        Ok(cost)
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> usize {
        let directives = directives.iter().map(|directive| {
            let arguments = &directive.node.arguments;
            let bytes = self.sizes.arguments(arguments) + directive.node.name.node.len();
            1 + arguments.len() + bytes / BYTES_A_NODE
        });
        directives.fold(0, usize::saturating_add)
    }

    /// How many rows a page may have.
    fn page_size(&self, field: &Field) -> usize {
        let argument = |name| match &field.get_argument(name)?.node {
            Value::Null => None,
            Value::Number(number) => Some(number.as_u64().unwrap_or(MAX_PAGE)),
            Value::Variable(variable) => self.page_size_of(variable),
            // What is not a page size costs as much as the largest, and is refused later.
            _ => Some(MAX_PAGE),
        };
        let rows = argument("first")
            .or_else(|| argument("last"))
            .unwrap_or(DEFAULT_PAGE);
        usize::try_from(rows.min(MAX_PAGE)).unwrap_or(usize::MAX)
    }

    /// The page size that a variable holds, or its default; where that cannot be told, the largest.
    fn page_size_of(&self, variable: &Name) -> Option<u64> {
        let Some(variables) = self.variables else {
            return Some(MAX_PAGE);
        };
        match variables.get(variable.as_str()) {
            Some(Json::Null) => None,
            Some(Json::Number(number)) => Some(number.as_u64().unwrap_or(MAX_PAGE)),
            // What is no number is refused before anything runs.
            Some(_) => None,
            None => {
                let definitions = self.definitions.iter();
                let mut named = definitions.filter(|it| it.node.name.node == *variable);
                match &named.next()?.node.default_value.as_ref()?.node {
                    ConstValue::Null => None,
                    ConstValue::Number(number) => Some(number.as_u64().unwrap_or(MAX_PAGE)),
                    _ => Some(MAX_PAGE),
                }
            }
        }
    }
}

fn parent(name: &str) -> Parent {
    match TYPES.fields(name) {
        Some(fields) => Parent::Object(fields),
        None if name.starts_with("__") => Parent::Introspection,
        None => Parent::Unknown,
    }
}

/// How many rows the lists of introspection have at most (GraphQL §4.2).
fn introspected_rows(field: &str) -> usize {
    match field {
        "types" => TYPES.count,
        "args" | "directives" | "enumValues" | "fields" | "inputFields" | "interfaces"
        | "locations" | "possibleTypes" => TYPES.longest,
        _ => 1,
    }
}

/// The lists by which a type leads to other types, which have such lists again.
fn is_type_list(field: &str) -> bool {
    ["fields", "inputFields", "interfaces", "possibleTypes"].contains(&field)
}
