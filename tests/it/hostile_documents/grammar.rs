//! The grammar of hostile documents: each rule asks for as much as it can with few words.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::support::Numbers;

/// What a client sends.
pub struct Hostile {
    pub query: String,
    pub operation_name: Option<&'static str>,
    pub variables: Map<String, Value>,
}

fn many(count: usize, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect()
}

/// Fragments that double, in the operation that runs, in another, or in none; by spreads, or within inline fragments.
fn doubling(numbers: &mut Numbers) -> Hostile {
    let levels = 1 + numbers.below(40);
    let twice = match numbers.below(3) {
        0 => "...f@ ...f@",
        1 => "... on Query { ...f@ ... { ...f@ } }",
        _ => "...f@ ... on Query @include(if: true) { ...f@ }",
    };
    let fragments = many(levels, |at| {
        let next = (at + 1).to_string();
        format!(
            "fragment f{at} on Query {{ {} }} ",
            twice.replace('@', &next)
        )
    });
    let (spread, operation_name) = match numbers.below(3) {
        0 => ("query A { ...f0 }", None),
        1 => ("query A { me { id } } query B { ...f0 }", Some("A")),
        _ => ("query A { me { id } }", None),
    };
    Hostile {
        query: format!("{spread} {fragments} fragment f{levels} on Query {{ me {{ id }} }}"),
        operation_name,
        variables: Map::new(),
    }
}

/// Pages within pages, to some depth, with sizes in the text or in a variable.
fn pages(numbers: &mut Numbers) -> Hostile {
    let depth = 1 + numbers.below(6);
    let size = numbers.pick(&["1", "2", "10", "100", "$n"]);
    let list = numbers.pick(&["nodes", "edges { node"]);
    let end = if list == "nodes" { "" } else { "}" };
    let aliases = 1 + numbers.below(4);
    let mut page = format!("files(first: {size}) {{ {list} {{ id name ");
    for _ in 0..depth {
        let _ = write!(
            page,
            "shares(first: {size}) {{ nodes {{ id file {{ id owner {{ id }} "
        );
    }
    page += &"} } }".repeat(depth);
    let _ = write!(page, "}} {end} }}");
    let roots = many(aliases, |at| format!("a{at}: {page} "));
    let definition = if size == "$n" { "($n: Int = 3)" } else { "" };
    let mut variables = Map::new();
    if size == "$n" && numbers.below(2) == 0 {
        variables.insert(
            "n".into(),
            [json!(1), json!(100), json!(-1), Value::Null, json!("x")][numbers.below(5)].clone(),
        );
    }
    Hostile {
        query: format!("query A{definition} {{ {roots} }}"),
        operation_name: None,
        variables,
    }
}

/// Operations that share a fragment with many variables, defined or not.
fn operations(numbers: &mut Numbers) -> Hostile {
    let (count, uses) = (numbers.size(10, 250), numbers.size(10, 1000));
    let values = many(uses, |at| format!("$v{at} "));
    let operations = many(count, |at| format!("query Q{at} {{ ...f }} "));
    Hostile {
        query: format!("{operations} fragment f on Query {{ file(id: [{values}]) {{ id }} }}"),
        operation_name: Some("Q0"),
        variables: Map::new(),
    }
}

/// Introspection, nested and repeated.
fn introspection(numbers: &mut Numbers) -> Hostile {
    let mut inside = "name description".to_owned();
    for _ in 0..numbers.below(9) {
        let list = numbers.pick(&[
            "fields { name type { @ } }",
            "fields { args { type { @ } } }",
            "ofType { @ }",
            "interfaces { @ }",
            "possibleTypes { @ }",
            "inputFields { type { @ } }",
            "enumValues { name description } kind @",
        ]);
        let times = 1 + numbers.below(5);
        inside = list.replace('@', &inside).repeat(times);
        if inside.len() > 2000 {
            inside = "name".to_owned();
        }
    }
    let times = numbers.size(3, 30);
    Hostile {
        query: format!(
            "{{ {} }}",
            format!("__schema {{ types {{ {inside} }} }} ").repeat(times)
        ),
        operation_name: None,
        variables: Map::new(),
    }
}

/// A long value that many arguments use.
fn long_values(numbers: &mut Numbers) -> Hostile {
    let length = numbers.size(2000, 200_000);
    let uses = numbers.size(10, 300);
    let value = match numbers.below(3) {
        0 => json!("x".repeat(length)),
        1 => json!(vec![0; length / 4]),
        _ => json!({ "a": vec!["x"; length / 8] }),
    };
    let field = numbers.pick(&[
        "downloadTicket(disposition: $v) { url } ",
        "events(after: $v) { pageInfo { endCursor } } ",
        "shares(first: $v) { nodes { id } } ",
        "unknown(some: [$v, $v]) ",
        "id @include(if: $v) ",
    ]);
    let kind = numbers.pick(&["Disposition!", "String", "Int", "[Nope] = [1]", "Boolean!"]);
    Hostile {
        query: format!(
            "query A($v: {kind}) {{ files(first: 100) {{ nodes {{ {} }} }} }}",
            field.repeat(uses)
        ),
        operation_name: None,
        variables: Map::from_iter([("v".to_owned(), value)]),
    }
}

/// Fields and arguments that do not exist, or that stand twice, with long names.
fn mistakes(numbers: &mut Numbers) -> Hostile {
    let name = "n".repeat([1, 10, 200, 300][numbers.below(4)]);
    let kind = numbers.pick(&["query", "mutation"]);
    let arguments = numbers.size(5, 200);
    let field = match numbers.below(4) {
        0 => format!("{name} "),
        1 => format!("me({name}: 1) {{ id }} "),
        2 => format!("file({}) {{ id }} ", "id: 1 ".repeat(arguments)),
        _ => format!(
            "a: file({}) {{ id }} ",
            many(arguments, |at| format!("a{at}: 1 "))
        ),
    };
    let times = numbers.size(10, 3000);
    let fields: String = field.repeat(times).chars().take(60_000).collect();
    Hostile {
        query: format!("{kind} {{ {fields} }}"),
        operation_name: None,
        variables: Map::new(),
    }
}

/// A fragment of fields that are to be compared in many places, and cycles.
fn spreads(numbers: &mut Numbers) -> Hostile {
    let (places, fields) = (numbers.size(12, 200), numbers.size(12, 900));
    let body = match numbers.below(3) {
        0 => many(fields, |at| format!("n{at} ")),
        1 => "id id(a: 1) id(a: 2, b: 3) ".repeat(fields),
        _ => "username ...g ".repeat(fields / 4 + 1),
    };
    let cycle = numbers.pick(&["username", "...f", "id ...g", "usage { ...u }"]);
    Hostile {
        query: format!(
            "{{ {} }} fragment f on User {{ {body} }} fragment g on User {{ {cycle} }} \
             fragment u on Usage {{ usedBytes }}",
            "me { ...f } ".repeat(places)
        ),
        operation_name: None,
        variables: Map::new(),
    }
}

/// Fields of one name, at every depth, in fragments and for every type, that are to be one field in the end.
fn merged(numbers: &mut Numbers) -> Hostile {
    let times = numbers.size(3, 40);
    let mut inside = "id name ".repeat(times);
    for _ in 0..numbers.below(9) {
        let piece = numbers.pick(&[
            "shares(first: 1) { nodes { file { @ } } } ",
            "shares(first: 1) { nodes { ... on Node { id ... on Share { file { @ } } } } } ",
            "... on Node { ... on File { @ } ... on File { id } } ",
            "... { @ } ...f ",
        ]);
        let times = 1 + numbers.below(6);
        let deeper = piece.replace('@', &inside).repeat(times);
        if deeper.len() > 20_000 {
            break;
        }
        inside = deeper;
    }
    let other = numbers.pick(&[
        "name",
        "id: size",
        "sha256 ...g",
        "shares(first: 2) { nodes { id } }",
    ]);
    let spreads = "...g ".repeat(numbers.size(20, 400));
    Hostile {
        query: format!(
            "{{ a: node(id: \"x\") {{ ... on File {{ {inside} }} ... on Share {{ file {{ {inside} }} }} id ...f {spreads} }} \
             a: node(id: \"x\") {{ ...h }} }} fragment f on File {{ {other} }} fragment g on File {{ name size }} \
             fragment h on Node {{ ... on File {{ {other} }} ... on User {{ id }} ... on ApiToken {{ name }} }}"
        ),
        operation_name: None,
        variables: Map::new(),
    }
}

/// Text that is hard to read.
fn text(numbers: &mut Numbers) -> Hostile {
    let piece = numbers.pick(&[
        "\"\"\"\\\\\"\"\" \"\"\" ",
        "\"\" ",
        "0",
        "truefalse",
        "\"\\u0041\" ",
        "[",
        "{a:",
        "1.5e9 ",
        "\u{feff}",
        "#\n",
        "\"\"\"a\" ",
        "-0",
    ]);
    let times = numbers.size(30, 5000);
    Hostile {
        query: format!("{{ file(id: [{}]) {{ id }} }}", piece.repeat(times)),
        operation_name: None,
        variables: Map::new(),
    }
}

/// Whatever grows when words follow each other as the grammar allows.
fn grown(numbers: &mut Numbers) -> Hostile {
    fn set(numbers: &mut Numbers, depth: usize, out: &mut String) {
        out.push_str("{ ");
        for _ in 0..=numbers.below(4) {
            let alias = ["", "", "", "a: ", "b: "][numbers.below(5)];
            let field = numbers.pick(&[
                "me",
                "files",
                "nodes",
                "edges",
                "node",
                "owner",
                "shares(first: 3)",
                "file(id: \"x\")",
                "usage",
                "events(last: 50)",
                "trash",
                "sharedWithMe(first: 100)",
                "limits",
                "apiTokens",
                "__typename",
                "... on User",
                "... on File @skip(if: false)",
                "...F",
                "pageInfo",
            ]);
            let _ = write!(out, "{alias}{field} ");
            if depth > 0 && numbers.below(3) > 0 && field != "...F" {
                set(numbers, depth - 1, out);
            }
        }
        out.push_str("} ");
    }
    let mut query = numbers
        .pick(&["query A ", "mutation A ", "query A($x: ID) ", ""])
        .to_owned();
    set(numbers, 5, &mut query);
    if numbers.below(2) == 0 {
        query.push_str("fragment F on File ");
        set(numbers, 2, &mut query);
    }
    Hostile {
        query,
        operation_name: None,
        variables: Map::new(),
    }
}

pub fn hostile(numbers: &mut Numbers) -> (&'static str, Hostile) {
    match numbers.below(21) {
        0 | 1 => ("doubling", doubling(numbers)),
        2 | 3 => ("pages", pages(numbers)),
        4 | 5 => ("operations", operations(numbers)),
        6 => ("introspection", introspection(numbers)),
        7 | 8 => ("long values", long_values(numbers)),
        9 | 10 => ("mistakes", mistakes(numbers)),
        11 | 12 => ("spreads", spreads(numbers)),
        13 | 14 => ("text", text(numbers)),
        15 | 16 => ("merged", merged(numbers)),
        _ => ("grown", grown(numbers)),
    }
}
