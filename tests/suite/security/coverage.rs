//! docs/security-cases.md is true: each case it lists has a row, each test it names exists, its counts add up, and no test carries
//! the id of a case that the document does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where tests carry the ids of cases.
const FOLDERS: [&str; 3] = ["security", "admin_api", "account_api"];

/// A section of the document, such as `K. Refresh tokens (RT)`.
struct Section {
    letter: String,
    prefix: String,
    /// The ids the case list has, as its own line says them.
    listed: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    /// Paths such as `security::refresh_tokens::rt_01_…`; none: not here.
    tests: Vec<String>,
}

/// What is wrong with the document, given the tests there are (path → text of its function's name). Pure, so that it can be tested.
fn mistakes(document: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let sections = sections(document, &mut wrong);
    let mut seen = BTreeSet::new();
    let mut named = BTreeSet::new();
    for section in &sections {
        let rows: Vec<&String> = section.rows.iter().map(|row| &row.id).collect();
        if rows != section.listed.iter().collect::<Vec<_>>() {
            wrong.push(format!("{}: the rows are {rows:?}, the section lists {:?}", section.letter, section.listed));
        }
        for row in &section.rows {
            if !row.id.starts_with(&format!("{}-", section.prefix)) {
                wrong.push(format!("{} is in section {}", row.id, section.letter));
            }
            if !seen.insert(row.id.clone()) {
                wrong.push(format!("{} has two rows", row.id));
            }
            for test in &row.tests {
                let function = test.rsplit("::").next().unwrap_or_default();
                if !function.starts_with(&format!("{}_", row.id.to_lowercase().replace('-', "_"))) {
                    wrong.push(format!("{}: {test} does not begin with its id", row.id));
                }
                if !tests.contains(test) {
                    wrong.push(format!("{}: there is no test {test}", row.id));
                }
                named.insert(test.clone());
            }
        }
    }
    for test in tests.difference(&named) {
        wrong.push(format!("{test} has no row"));
    }
    // The table of counts, and its last line.
    let counted = counts(document);
    let mut total = (0, 0);
    for section in &sections {
        let here = section.rows.iter().filter(|row| !row.tests.is_empty()).count();
        let counts = (here, section.rows.len() - here);
        total = (total.0 + counts.0, total.1 + counts.1);
        if counted.get(&section.letter) != Some(&counts) {
            wrong.push(format!("section {}: {counts:?} tested and not here, the document says {:?}", section.letter, counted.get(&section.letter)));
        }
    }
    if counted.get("all") != Some(&total) {
        wrong.push(format!("all: {total:?}, the document says {:?}", counted.get("all")));
    }
    if counted.len() != sections.len() + 1 {
        wrong.push("the table of counts has other sections than the document".to_owned());
    }
    wrong
}

fn sections(document: &str, wrong: &mut Vec<String>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let is_section = |title: &str| title.ends_with(')') && title.contains(". ");
    // What follows under another title, such as features that are not built, is no section of cases.
    let end = document.lines().scan(false, |inside, line| {
        let title = line.strip_prefix("## ");
        *inside |= title.is_some_and(is_section);
        Some(*inside && title.is_some_and(|title| !is_section(title)))
    });
    let end = end.into_iter().position(|ends| ends).unwrap_or(usize::MAX);
    for line in document.lines().take(end) {
        if let Some(title) = line.strip_prefix("## ").filter(|title| is_section(title)) {
            let (letter, rest) = title.split_once(". ").unwrap_or_default();
            let prefix = rest.rsplit('(').next().unwrap_or_default().trim_end_matches(')');
            sections.push(Section { letter: letter.to_owned(), prefix: prefix.to_owned(), listed: vec![], rows: vec![] });
        } else if let (Some(ids), Some(section)) = (line.strip_prefix("Cases: "), sections.last_mut()) {
            section.listed = ids.trim_end_matches('.').split(", ").map(|number| format!("{}-{number}", section.prefix)).collect();
        } else if let (Some(cells), Some(section)) = (line.strip_prefix("| "), sections.last_mut()) {
            let cells: Vec<&str> = cells.trim_end_matches('|').splitn(3, " | ").map(str::trim).collect();
            let [id, what, last] = cells[..] else { continue };
            if id == "id" || id.starts_with("---") {
                continue;
            }
            let tests: Vec<String> = last
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|code| FOLDERS.iter().any(|folder| code.starts_with(&format!("{folder}::"))))
                .map(str::to_owned)
                .collect();
            let reason = last.strip_prefix("not here: ").is_some_and(|reason| reason.len() > 15);
            if what.len() < 5 || tests.is_empty() != reason {
                wrong.push(format!("{id}: a row says what the case is, and names a test or begins with `not here: ` and the reason"));
            }
            section.rows.push(Row { id: id.to_owned(), tests });
        }
    }
    sections
}

/// `| K | Refresh tokens | 16 | 2 |`, and `| all | | 160 | 30 |`, between the title and the first section.
fn counts(document: &str) -> BTreeMap<String, (usize, usize)> {
    let mut counts = BTreeMap::new();
    for line in document.lines().take_while(|line| !(line.starts_with("## ") && line.ends_with(')') && line.contains(". "))) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [letter, _, here, not_here] = cells[..]
            && let (Ok(here), Ok(not_here)) = (here.parse(), not_here.parse())
        {
            counts.insert(letter.to_owned(), (here, not_here));
        }
    }
    counts
}

/// Every test of this folder whose name begins with an id: those that run on each database, and plain ones.
fn tests_in(folder: &Path) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (file, text) = (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap());
        let mut found: Vec<String> = Vec::new();
        for list in text.split("each_database").skip(1) {
            let Some((head, rest)) = list.split_once('(') else { continue };
            if matches!(head, "!" | "_on_threads!") {
                found.extend(rest.split(')').next().unwrap().split(',').map(|name| name.trim().to_owned()));
            }
        }
        for function in text.split("#[test]\n").skip(1) {
            found.extend(function.trim_start().strip_prefix("fn ").and_then(|rest| rest.split('(').next()).map(str::to_owned));
        }
        let module = folder.file_name().unwrap().to_str().unwrap();
        tests.extend(found.into_iter().filter(|name| is_case(name)).map(|name| format!("{module}::{file}::{name}")));
    }
    tests
}

/// `rt_01_…`
fn is_case(function: &str) -> bool {
    let mut parts = function.split('_');
    let prefix = parts.next().unwrap_or_default();
    prefix.len() == 2 && parts.next().is_some_and(|number| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn the_document_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/security-cases.md")).unwrap();
    let tests: BTreeSet<String> = FOLDERS.iter().flat_map(|folder| tests_in(&root.join("tests/suite").join(folder))).collect();
    assert!(tests.len() > 50, "the tests were read: {}", tests.len());
    let wrong = mistakes(&document, &tests);
    assert!(wrong.is_empty(), "docs/security-cases.md:\n{}", wrong.join("\n"));
}

/// Cases that only a browser can show say so, and there they are.
#[test]
fn what_a_browser_must_show_is_shown_by_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/security-cases.md")).unwrap();
    let mut shown = 0;
    for row in document.lines().filter(|line| line.contains("cross_origin.test.mjs") && line.starts_with("| ")) {
        let id = row.trim_start_matches("| ").split(' ').next().unwrap();
        let text = fs::read_to_string(root.join("tests/browser/cross_origin.test.mjs")).unwrap();
        assert!(text.contains(&format!("test('{id}: ")), "{id}");
        shown += 1;
    }
    assert!(shown >= 3);
}

/// The check itself sees what is wrong.
#[test]
fn a_false_document_is_noticed() {
    let right = "# Cases\n\n| section | | tested | not here |\n| --- | --- | --- | --- |\n| K | Tokens | 1 | 1 |\n| all | | 1 | 1 |\n\n## K. Tokens (RT)\n\nCases: 01, 02.\n\n\
                 | id | what | test or reason |\n| --- | --- | --- |\n| RT-01 | a reuse | `security::tokens::rt_01_reuse` |\n| RT-02 | another one | not here: it is not built yet |\n";
    let tests = BTreeSet::from(["security::tokens::rt_01_reuse".to_owned()]);
    assert_eq!(mistakes(right, &tests), Vec::<String>::new());
    for (from, to) in [
        ("| K | Tokens | 1 | 1 |", "| K | Tokens | 2 | 0 |"),
        ("| all | | 1 | 1 |", "| all | | 1 | 2 |"),
        ("Cases: 01, 02.", "Cases: 01, 02, 03."),
        ("rt_01_reuse", "rt_01_other"),
        ("rt_01_reuse", "rt_02_reuse"),
        ("| RT-02 |", "| RT-01 |"),
        ("| RT-02 |", "| CA-02 |"),
        ("not here: it is not built yet", "later"),
        ("not here: it is not built yet", "not here: no"),
        ("## K. Tokens (RT)", "## L. Tokens (RT)"),
    ] {
        assert!(!mistakes(&right.replacen(from, to, 1), &tests).is_empty(), "{from} → {to}");
    }
    let more = BTreeSet::from(["security::tokens::rt_01_reuse".to_owned(), "security::tokens::rt_07_lost".to_owned()]);
    assert_eq!(mistakes(right, &more), ["security::tokens::rt_07_lost has no row"]);
    assert!(is_case("rt_01_x") && !is_case("a_page_of_1") && !is_case("rt_1_x") && !is_case("two_links"));
}
