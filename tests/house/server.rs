//! The server is a package of its own: nothing of it is in what links the library.

use crate::files::{files, read};

/// Crates that speak HTTP, or are made for those that do.
const HTTP: &str = "actix-web axum h2 http http-body httparse hyper hyper-util isahc reqwest rouille smol-hyper tide tiny_http ureq warp";

/// The names in a lock file.
fn names(lock: &str) -> Vec<&str> {
    lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect()
}

#[test]
fn h12_no_crate_of_the_librarys_speaks_http() {
    let lock = read("Cargo.lock");
    let names = names(&lock);
    assert!(names.len() > 50 && names.contains(&"smol"), "{names:?}");
    let found: Vec<&&str> = names.iter().filter(|name| HTTP.split(' ').any(|http| http == **name)).collect();
    assert!(found.is_empty(), "in Cargo.lock: {found:?}");
    assert!(self::names(&read("serve/Cargo.lock")).contains(&"hyper"), "the server's lock file is its own");
}

#[test]
fn its_files_stay_as_short_as_the_librarys() {
    for file in files(&["serve/src", "serve/tests"], "rs") {
        let lines = read(&file).lines().count();
        assert!(lines <= 500, "{file} has {lines} lines");
    }
}
