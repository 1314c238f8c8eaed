//! Where tests stand: each file belongs to a program, so that none is forgotten, and the documents name files
//! that exist.
#![allow(clippy::disallowed_methods)]

use crate::files::{files, read, root};

/// What is wrong with a Rust file of `tests/` at `path`: its program's `main` and Cargo.toml are asked
/// whether they know it.
fn misplaced(path: &str, main: Option<&str>, manifest: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let named = manifest.contains(&format!("path = \"{path}\""));
    match parts[..] {
        ["tests", "support" | "install", ..] | ["tests", _, "main.rs"] => None,
        ["tests", "process", file] => {
            let name = file.trim_end_matches(".rs");
            let entry = format!("name = \"{name}\"\npath = \"{path}\"");
            (!manifest.contains(&entry)).then(|| format!("{path}: Cargo.toml has no [[test]] of this name"))
        }
        ["tests", program, file] => {
            let module = format!("\nmod {};", file.trim_end_matches(".rs"));
            let known = main.is_some_and(|main| main.contains(&module)) || named;
            (!known).then(|| format!("{path}: tests/{program}/main.rs has no `{}`", module.trim()))
        }
        _ => Some(format!("{path}: a test is a module of tests/PROGRAM/main.rs, or tests/process/NAME.rs")),
    }
}

#[test]
fn every_file_of_tests_belongs_to_a_program() {
    let manifest = read("Cargo.toml");
    let wrong: Vec<String> = files(&["tests"], "rs")
        .iter()
        .filter_map(|path| {
            let program = path.split('/').nth(1).unwrap_or_default();
            let main = std::fs::read_to_string(root().join(format!("tests/{program}/main.rs"))).ok();
            misplaced(path, main.as_deref(), &manifest)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_without_a_program_is_found() {
    let main = Some("//! One.\n\nmod known;\n");
    let manifest = "[[test]]\nname = \"forks\"\npath = \"tests/process/forks.rs\"\n";
    assert_eq!(misplaced("tests/gguf/known.rs", main, ""), None);
    assert!(misplaced("tests/gguf/forgotten.rs", main, "").is_some());
    assert!(misplaced("tests/gguf/known.rs", None, "").is_some());
    assert!(misplaced("tests/loose.rs", None, manifest).is_some());
    assert_eq!(misplaced("tests/process/forks.rs", None, manifest), None);
    assert!(misplaced("tests/process/fork.rs", None, manifest).is_some());
    assert_eq!(misplaced("tests/support/tiny/mod.rs", None, ""), None);
}

/// The paths of this repository that a document names in backticks, without what stands for many: `*`, `{…}`,
/// `NAME`.
fn paths(document: &str) -> Vec<String> {
    let folders = "src/ tests/ docs/ serve/ scripts/ benches/ examples/ fuzz/ findings/ include/";
    let spoken = document.split('`').skip(1).step_by(2);
    let words = spoken.flat_map(str::split_whitespace).map(|word| word.trim_end_matches([',', '.', ';']));
    words
        .filter(|word| folders.split(' ').any(|folder| word.starts_with(folder)))
        .map(|word| word.split("::").next().unwrap_or(word).trim_end_matches('/').to_owned())
        .filter(|word| !word.contains(['*', '{', '…', '<', '$']) && !word.contains("NAME"))
        .collect()
}

#[test]
fn the_documents_name_files_that_exist() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in files(&["docs"], "md").into_iter().chain(["README.md".to_owned()]) {
        for path in paths(&read(&document)) {
            seen += 1;
            if !root().join(&path).exists() {
                wrong.push(format!("{document} names {path}"));
            }
        }
    }
    assert!(seen > 20, "only {seen} paths were found");
    assert!(wrong.is_empty(), "these are not there:\n{}", wrong.join("\n"));
}

#[test]
fn a_path_is_found_and_a_pattern_is_not() {
    let text = "See `src/kv/pool.rs`, `tests/{gguf,text}/fuzz.rs`, `cargo test tests/a.rs`, src/plain.rs, `docs/*.md`.";
    assert_eq!(paths(text), ["src/kv/pool.rs", "tests/a.rs"]);
}
