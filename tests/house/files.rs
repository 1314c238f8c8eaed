//! The repository's files, as the other tests of this program read them.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, by its path from the root.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files under `folders` whose names end with `extension`, as sorted paths from the root.
pub fn files(folders: &[&str], extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), extension, &mut found);
    }
    found.sort();
    assert!(!found.is_empty(), "no .{extension} in {folders:?}");
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a folder").path();
        // Of crates inside, what is built lies among them.
        if path.is_dir() && path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            let inside = path.strip_prefix(root()).expect("under the root");
            found.push(inside.to_str().expect("a name in UTF-8").replace('\\', "/"));
        }
    }
}
