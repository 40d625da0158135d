//! `docs/conformance.md` and the tests say the same.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../../docs/conformance.md");

/// A plan, the file of its tests, and how many modules it has.
const PLANS: [(&str, &str, &str, usize); 4] = [
    ("oidcc-basic-certification-test-plan", "basic", include_str!("basic.rs"), 38),
    ("oidcc-config-certification-test-plan", "config", include_str!("config.rs"), 1),
    ("oidcc-formpost-basic-certification-test-plan", "form_post", include_str!("form_post.rs"), 38),
    ("oidcc-rp-initiated-logout-certification-test-plan", "rp_initiated_logout", include_str!("rp_initiated_logout.rs"), 11),
];

/// The rows of a plan's table: module, test, status.
fn rows(plan: &str) -> Vec<[&'static str; 3]> {
    let section = TABLE.split("\n## ").find(|section| section.lines().next().is_some_and(|heading| heading.contains(plan)));
    let section = section.unwrap_or_else(|| panic!("docs/conformance.md has a section about {plan}"));
    let lines = section.lines().filter(|line| line.starts_with("| `oidcc-"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
            [cells[0], cells[1], cells[2]]
        })
        .collect()
}

/// Every module in the table names a test that runs, under the module's own name; and every test of a plan is in its table.
#[test]
fn the_table_and_the_tests_agree() {
    for (plan, file, source, modules) in PLANS {
        let rows = rows(plan);
        assert_eq!(rows.len(), modules, "{plan}");
        // The tests of a file are the names in its `plan!` or `each_database!`.
        let list = source.split("plan! {").nth(1).or_else(|| source.split("each_database!(").nth(1)).unwrap();
        let list = list.split(['}', ')']).next().unwrap();
        let tests: BTreeSet<&str> = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("oidcc_")).collect();
        let mut listed = BTreeSet::new();
        for [module, test, status] in rows {
            assert_eq!(test, format!("conformance::{file}::{}", module.replace('-', "_")), "{plan}");
            assert!(status.starts_with("green"), "{plan} {module}: {status}");
            let name = test.rsplit("::").next().unwrap();
            assert!(tests.contains(name) && listed.insert(name), "{plan} {module}: {test} is a test, once");
        }
        assert_eq!(listed, tests, "{plan}");
    }
    assert!(TABLE.contains("not a certification"));
}
