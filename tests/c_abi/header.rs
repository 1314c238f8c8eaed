//! `include/wick.h` and `tests/symbols.txt` are what `src/ffi` says; WICK_BLESS=1 rewrites them.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the C ABI, in the order of the header.
const FILES: [&str; 24] = [
    "border/status",
    "about",
    "border/error",
    "border/str",
    "border/user",
    "event",
    "border/guest",
    "border/ids",
    "runtime",
    "os_handle",
    "queue",
    "messages",
    "io",
    "model",
    "estimate",
    "vocabulary",
    "adapter",
    "session",
    "store",
    "sampling",
    "generate",
    "stream",
    "embed",
    "nearest",
];

/// The header without what differs by the generator's mood.
fn header() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root().join("src/ffi").join(format!("{file}.rs")));
    }
    let mut bytes = Vec::new();
    builder.generate().expect("cbindgen").write(&mut bytes);
    tidy(&String::from_utf8(bytes).expect("UTF-8"))
}

/// Inline, so that it is no symbol of the library; the generator knows no C bodies. Guarded: what reads
/// headers without a C compiler often cannot read a body.
const CSTR: &str = "\n/* A NUL-terminated text as a wick_str; NULL: an absent one. Not there with WICK_NO_INLINE, for tools that read no bodies: fill in
 * the two fields. */
#ifndef WICK_NO_INLINE
static inline struct wick_str wick_cstr(const char *s) {
  struct wick_str r = { s, s ? SIZE_MAX : 0 };
  return r;
}
#endif\n";

/// Limits are numbers: what reads headers without a C compiler often cannot follow a macro of another header.
const LITERALS: [(&str, &str); 2] = [("UINT64_MAX", "0xFFFFFFFFFFFFFFFFull"), ("UINT32_MAX", "0xFFFFFFFFu")];

/// Comments in as few lines as they take and as C has always had them, no more than one empty line, and
/// [`CSTR`].
fn tidy(generated: &str) -> String {
    let mut tidy = String::new();
    let mut lines = generated.lines();
    while let Some(line) = lines.next() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() != "/*" {
            if !(line.is_empty() && tidy.ends_with("\n\n")) {
                let line = LITERALS.iter().fold(line.to_owned(), |line, (limit, literal)| {
                    match line.strip_suffix(limit) {
                        Some(define) if line.starts_with("#define ") => format!("{define}{literal}"),
                        _ => line,
                    }
                });
                match line.split_once("  // ") {
                    Some((code, comment)) => tidy.push_str(&format!("{code} /* {comment} */\n")),
                    None => tidy.push_str(&format!("{line}\n")),
                }
                if line == "} wick_str;" {
                    tidy.push_str(CSTR);
                }
            }
            continue;
        }
        let comment: Vec<&str> = lines.by_ref().map(str::trim).take_while(|line| *line != "*/").collect();
        let next = format!("\n{indent} * ");
        tidy.push_str(&format!("{indent}/* {} */\n", comment.join(&next).replace(" * \n", " *\n")));
    }
    tidy.trim_end().to_owned() + "\n"
}

/// The functions that `header` declares, sorted.
fn functions(header: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (at, _) in header.match_indices("wick_") {
        let rest = &header[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let line = header[..at].rsplit('\n').next().unwrap_or_default();
        let declares =
            !line.starts_with([' ', '/']) && !line.starts_with("typedef") && !line.starts_with("static");
        if rest[end..].starts_with('(') && declares && !line.contains('(') {
            names.push(&rest[..end]);
        }
    }
    names.sort_unstable();
    names.iter().map(|name| format!("{name}\n")).collect()
}

fn compare(path: &Path, made: &str) {
    if std::env::var_os("WICK_BLESS").is_some() {
        fs::write(path, made).expect("written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let differs = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
    assert!(
        committed == made,
        "{} is not what src/ffi says (first at line {:?}); WICK_BLESS=1 cargo test --features header --test header rewrites it",
        path.display(),
        differs.map(|line| line + 1)
    );
}

#[test]
fn the_header_is_what_the_sources_say() {
    compare(&root().join("include/wick.h"), &header());
}

#[test]
fn the_list_of_symbols_is_what_the_header_says() {
    compare(&root().join("tests/symbols.txt"), &functions(&header()));
}
