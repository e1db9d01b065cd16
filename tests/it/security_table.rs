//! `SECURITY.md` promises by naming tests; here it is held to it.

use std::{collections::BTreeSet, fs, path::Path};

/// The names of all tests, of the suite and of the units.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("tests/it"), root.join("src")];
    let mut found = BTreeSet::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            // From the attribute to the name, over whatever stands between.
            for rest in text
                .split("test]\n")
                .chain(text.split("test(flavor = \"multi_thread\")]\n"))
                .skip(1)
            {
                let function = rest.split("fn ").nth(1).unwrap_or_default();
                found.insert(function.split('(').next().unwrap().to_owned());
            }
            // The journeys of `page.rs`, one a line.
            let lines = text.lines().map(str::trim);
            let journeys = lines.filter_map(|line| line.split_once(" walks \""));
            found.extend(journeys.map(|(name, _)| name.to_owned()));
        }
    }
    found
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md")).unwrap();
    let (_, tables) = page.split_once("## Which test holds what").unwrap();
    let rows: Vec<_> = tables
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    let tests = tests();
    let mut named = 0;
    for row in &rows {
        let last = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        for name in last.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "`{name}` is no test: {row}");
            named += 1;
        }
    }
    assert!(named > 40, "only {named} tests were read from the tables");
    for failure in [
        "CVE-2020-13356",
        "CVE-2021-43820",
        "CVE-2023-49105",
        "CVE-2024-26141",
        "CVE-2024-47614",
        "CVE-2025-22137",
        "CVE-2025-61780",
        "CVE-2025-64523",
        "CVE-2026-27611",
        "CVE-2026-28683",
        "CVE-2026-35604",
        "CVE-2026-77633",
        "GHSA-2p3c-p3qw-69r4",
    ] {
        let row = rows.iter().find(|row| row.contains(failure));
        assert!(
            row.is_some_and(|row| row.contains('`')),
            "{failure} has no test"
        );
    }
}
