//! docs/admin-api.md, as somebody follows it from above to below.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/admin-api.md");

fn words_in_code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The machine that the page registers has what each section says that it takes.
#[test]
fn the_machine_of_the_page_may_do_what_the_page_does() {
    let registered: BTreeSet<&str> = PAGE.lines().find_map(|line| line.strip_prefix("SCOPE=\"")?.strip_suffix('"')).unwrap().split(' ').collect();
    let sections: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("Scope: ") || line.starts_with("Scopes: ")).collect();
    assert!(sections.len() >= 8, "{sections:?}");
    let needed: BTreeSet<&str> = sections.iter().flat_map(|line| words_in_code(line.split(". ").next().unwrap())).filter(|word| word.contains(':')).collect();
    assert_eq!(needed.difference(&registered).collect::<Vec<_>>(), Vec::<&&str>::new());
    // And no more: each is what some section is about.
    assert_eq!(registered.difference(&needed).collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// What a command takes from a variable has been set before it.
#[test]
fn every_variable_of_the_page_is_set_first() {
    let (mut set, mut inside) = (BTreeSet::new(), false);
    for line in PAGE.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        if !inside {
            continue;
        }
        for used in line.split('$').skip(1) {
            let name: String = used.trim_start_matches('{').chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            assert!(name.is_empty() || set.contains(&name), "{name} is used before it is set: {line}");
        }
        if let Some((name, _)) = line.split_once('=').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')) {
            set.insert(name.to_owned());
        }
        set.extend(line.strip_prefix("read -rs ").map(|rest| rest.split(' ').next().unwrap().to_owned()));
    }
    assert!(set.len() >= 5, "{set:?}");
}
