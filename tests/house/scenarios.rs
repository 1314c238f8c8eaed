//! `docs/scenarios.md` and the tests' names agree: each promise has a test, and each number in a test's name
//! a promise.

use crate::files::{files, read};
use std::collections::BTreeSet;

/// The number in front of a test's name, as the table writes it: `S9b` of `s9b_one_of_eight…`.
fn id_of(test: &str) -> Option<String> {
    let (id, rest) = test.split_once('_')?;
    let digits = id.get(1..)?.trim_end_matches(['a', 'b', 'c', 'd', 'e']);
    let numbered = id.starts_with(['s', 'f', 't', 'p', 'h']) && !rest.is_empty();
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (numbered && all_digits).then(|| id[..1].to_uppercase() + &id[1..])
}

/// The names of the functions that `#[test]` stands before, in `source`.
fn tests_in(source: &str) -> Vec<&str> {
    let behind = source.split("#[test]").skip(1);
    behind.filter_map(|text| text.split("fn ").nth(1)?.split('(').next()).collect()
}

/// The rows of the tables: the number, and the tests that the last column names in backticks.
fn rows(document: &str) -> Vec<(String, Vec<String>)> {
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id "));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let tests = cells.last().unwrap_or(&"").split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (cells[0].to_owned(), tests)
    })
    .collect()
}

#[test]
fn every_promise_has_a_test_and_every_numbered_test_a_promise() {
    let mut wrong = Vec::new();
    let rows = rows(&read("docs/scenarios.md"));
    assert!(rows.len() > 50, "only {} rows were found", rows.len());
    let mut promised = BTreeSet::new();
    for (id, tests) in &rows {
        if !promised.insert(id.clone()) {
            wrong.push(format!("{id} stands in two rows"));
        }
        if tests.is_empty() {
            wrong.push(format!("{id} names no test"));
        }
        for test in tests {
            let (path, name) = test.split_once("::").unwrap_or((test, ""));
            let source = read(path);
            if !name.is_empty() && !tests_in(&source).contains(&name) {
                wrong.push(format!("{id}: there is no test {test}"));
            }
        }
    }
    for path in files(&["src", "tests", "serve/src", "serve/tests"], "rs") {
        for id in tests_in(&read(&path)).into_iter().filter_map(id_of) {
            if !promised.contains(&id) {
                wrong.push(format!("{path} has a test of {id}, which docs/scenarios.md does not promise"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_are_read_from_names() {
    assert_eq!(id_of("s9b_one_of_eight").as_deref(), Some("S9b"));
    assert_eq!(id_of("t3_a_message").as_deref(), Some("T3"));
    for other in ["sampling_is_random", "s_nothing", "f", "x9_other", "f16x_weights"] {
        assert_eq!(id_of(other), None, "{other}");
    }
    assert_eq!(tests_in("#[test]\n#[cfg(unix)]\nfn s1_a() {}\nfn f16_helper() {}\n"), ["s1_a"]);
    assert_eq!(
        rows("| id | x |\n|---|---|\n| S1 | w | `a.rs::b` |\n"),
        [("S1".into(), vec!["a.rs::b".into()])]
    );
}
