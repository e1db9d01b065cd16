use async_graphql::parser::parse_query;

use super::*;

/// The value of the first argument of the first field.
fn argument(value: &str) -> Parsed<Value> {
    let document = parse(&format!("{{ a(b: {value}) }}"))?;
    let (_, operation) = document.operations.iter().next().unwrap();
    let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
        panic!("no field");
    };
    Ok(field.node.arguments[0].1.node.clone())
}

#[test]
fn strings_mean_what_their_escapes_say() {
    for (written, text) in [
        (r#""""#, ""),
        (r#""a""#, "a"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""A\ud83d\ude00""#, "A😀"),
        (r#""\uD83D\uDE00\uD83D\uDE00!""#, "😀😀!"),
        (r#""\u{1F600}\u{41}\u{0}\u{00000041}""#, "😀A\0A"),
        (r#""\u{10FFFF}""#, "\u{10ffff}"),
        ("\"😀\u{feff},#\"", "😀\u{feff},#"),
        (r#""""a""""#, "a"),
        (r#""""a"b""c\"""d""""#, r#"a"b""c"""d"#),
        (r#""""\u0041\n""""#, r"\u0041\n"),
        (
            "\"\"\"\n    a\n      b\r\n\r\n    c\n  \"\"\"",
            "a\n  b\n\nc",
        ),
        ("\"\"\"a\n    b\r    é\"\"\"", "a\nb\né"),
        ("\"\"\"\n    é\n  \u{3000}\n\"\"\"", "  é\n\u{3000}"),
        ("\"\"\" \n\t\"\"\"", ""),
    ] {
        let value = argument(written);
        assert_eq!(
            value.ok(),
            Some(Value::String(text.to_owned())),
            "{written}"
        );
    }
}

#[test]
fn what_is_no_string_is_refused() {
    for written in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\ud83dA""#,
        r#""\ud83d\u{de00}""#,
        r#""\u{d83d}\u{de00}""#,
        r#""\u{}""#,
        r#""\u{110000}""#,
        r#""\u{100000041}""#,
        r#""\u{4g}""#,
        r#""\u{+41}""#,
        r#""\u{41""#,
        r#""\u+041""#,
        r#""\u004""#,
        r#""\u004é""#,
        r#""\x41""#,
        r#""\a""#,
        "\"a\n\"",
        "\"a\r\"",
        "\"",
        r#"""""a"""#,
    ] {
        assert!(argument(written).is_err(), "{written}");
    }
}

#[test]
fn numbers_are_read_whole() {
    for (written, number) in [
        ("0", "0"),
        ("-0", "0"),
        ("-12", "-12"),
        ("18446744073709551615", "18446744073709551615"),
        ("1.50", "1.5"),
        ("-1e+2", "-100.0"),
    ] {
        let value = argument(written).unwrap();
        assert_eq!(value.to_string(), number, "{written}");
    }
    for written in [
        "00", "01", "-01", "-", "--1", "+1", "1.", ".1", "1.e2", "1e", "1e+", "0x1", "1a", "1.2.3",
        "1_000", "1.0a", "[00]", "[1.2.3]",
    ] {
        assert!(argument(written).is_err(), "{written}");
    }
}

#[test]
fn descriptions_mean_nothing_to_what_runs() {
    let described = r#"
        "What it asks."
        query Q("Which one." $id: ID!, """ A block. """ $is: Boolean = true) { ...f }
        """
        A fragment.
        """
        fragment f on Query { file(id: $id) @include(if: $is) { id } }
        "Another." mutation M { signOut }
        "A third." subscription S { a }"#;
    let plain = "query Q($id: ID!, $is: Boolean = true) { ...f } mutation M { signOut } subscription S { a }
        fragment f on Query { file(id: $id) @include(if: $is) { id } }";
    let [described, plain] = [described, plain].map(|source| parse(source).unwrap());
    assert_eq!(described.operations.iter().len(), 3);
    assert_eq!(described.fragments.len(), plain.fragments.len());
    for misplaced in [
        "\"a\" { b }",
        "\"a\"",
        "{ \"a\" b }",
        "\"a\" \"b\" query { c }",
        "query(\"a\") { b }",
        "{ a } \"b\"",
    ] {
        assert!(parse(misplaced).is_err(), "{misplaced}");
    }
}

#[test]
fn text_that_is_no_document_is_refused() {
    for source in [
        "",
        "#",
        "{",
        "{}",
        "{ a { } }",
        "{ a() }",
        "query() { a }",
        "query A query B { a }",
        "queryA { a }",
        "{ a } { b }",
        "{ a } query A { b }",
        "query A { a } query A { b }",
        "{ a } fragment f on A { b } fragment f on A { b }",
        "fragment f on A { b }",
        "{ ...on }",
        "{ ... on { a } }",
        "{ ...on A }",
        "fragment on on A { b }",
        "{ a: b: c }",
        "{ a(b: $) }",
        "{ a(b: {c: 1, c: 2}) }",
        "query($a: Int = $b) { a }",
        "query($a: Int = [$b]) { a }",
        "query($a: Int @b(c: $d)) { a }",
        "query($a: Int @b = 1) { a }",
        "query($a: [Int) { a }",
        "query($a: Int!!) { a }",
        "type A { b: C }",
        "{ a } type A { b: C }",
        "extend type A { b: C }",
        "{ a .. b }",
        "{ a; }",
        "{ é }",
        "{ a @ }",
        "{ a } }",
    ] {
        assert!(parse(source).is_err(), "{source}");
    }
}

#[test]
fn white_space_and_comments_may_stand_between_all_tokens() {
    let spaced = "\u{feff}query\tQ ( $a\n: [ ID ! ] ! = [ \"x\" ] , # comment }\r $b : Int ) @ d ( e : 1 ) \
        { a : b ( c : $a , ) @ f , ... on # comment\n T { g } ... @ h { i } ... j } fragment j on\nT { k }";
    let close = "query Q($a:[ID!]!=[\"x\"]$b:Int)@d(e:1){a:b(c:$a)@f...on T{g}...@h{i}...j}fragment j on T{k}";
    let [spaced, close] = [spaced, close].map(|source| parse(source).unwrap());
    let names = |document: &ExecutableDocument| {
        let (name, operation) = document.operations.iter().next().unwrap();
        let kinds: Vec<_> = operation
            .node
            .variable_definitions
            .iter()
            .map(|it| it.node.var_type.to_string())
            .collect();
        (
            name.cloned(),
            kinds,
            operation.node.selection_set.node.items.len(),
        )
    };
    assert_eq!(names(&spaced), names(&close));
    assert_eq!(names(&spaced).1, ["[ID!]!", "Int"]);
}

#[test]
fn positions_are_lines_and_columns() {
    let at = |source: &str| parse(source).unwrap_err().locations[0];
    assert_eq!(at("{ a \"é😀\" ! }"), Pos { line: 1, column: 5 });
    assert_eq!(
        at("{ a(b: \"é😀\") ! }"),
        Pos {
            line: 1,
            column: 14
        }
    );
    assert_eq!(at("{\r\n a\r b\n ! }"), Pos { line: 4, column: 2 });
    assert_eq!(at("{ a"), Pos { line: 1, column: 4 });
    let document = parse("{\r\n  a { b }\r\n  ...f }\n fragment f on T { c }").unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    let items = &operation.node.selection_set.node.items;
    assert_eq!(
        (items[0].pos, items[1].pos),
        (Pos { line: 2, column: 3 }, Pos { line: 3, column: 3 })
    );
}

/// What both parsers take is the same to both.
#[test]
fn the_tree_is_that_of_the_library() {
    for source in [
        "{ a }",
        "query A($a: [Int!]! = [1, 2], $b: B = {c: \"d\", e: F}) @x(y: $a) { a(b: $b, c: null, d: -1.5) }",
        "mutation { a: b @c(d: true) { e ...f ... on G { h } ... @i { j } } } fragment f on K @l { m }",
        "query A { a } query B { b(c: \"\"\"\n  d\n    e\"\"\") }",
        "subscription { a }",
    ] {
        let (own, theirs) = (parse(source).unwrap(), parse_query(source).unwrap());
        let written = |document: &ExecutableDocument| {
            let operations = document
                .operations
                .iter()
                .map(|(name, it)| format!("{name:?} {it:?}"));
            let fragments = document
                .fragments
                .iter()
                .map(|(name, it)| format!("{name:?} {it:?}"));
            let mut all: Vec<_> = operations.chain(fragments).collect();
            all.sort();
            all
        };
        assert_eq!(written(&own), written(&theirs), "{source}");
    }
}
