//! A file of the library names only floors below its own: read from its `crate::` paths.

use crate::files::{files, read};

/// Modules by floor. Those of one floor do not name each other, but for `NEIGHBOURS`.
const FLOORS: [&[&str]; 9] = [
    &["budget", "cgroup", "error", "ids", "log", "pause", "sync"],
    &["kernel", "compute"],
    &["gguf", "kv", "nearest"],
    &["model", "text", "sample"],
    &["store", "stream", "testing"],
    &["chat"],
    &["engine"],
    &["runtime"],
    &["ffi"],
];

/// Same floor, and allowed: (who, names whom).
const NEIGHBOURS: [(&str, &str); 4] =
    [("budget", "error"), ("budget", "sync"), ("pause", "error"), ("compute", "kernel")];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// `source` without comments, strings and character literals, so that prose names nothing.
pub fn code(source: &str) -> String {
    let (mut code, mut rest) = (String::new(), source);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' if !code.ends_with(|before: char| before.is_alphanumeric() || before == '_') => {
                prefixed_string(rest).unwrap_or(1)
            }
            '\'' if rest.starts_with("'\\") => rest[2..].find('\'').map_or(rest.len(), |end| end + 3),
            '\'' => rest
                .chars()
                .nth(2)
                .filter(|third| *third == '\'')
                .map_or(1, |_| rest.chars().take(3).map(char::len_utf8).sum()),
            other => other.len_utf8(),
        };
        code.push_str(if length == first.len_utf8() { &rest[..length] } else { " " });
        rest = &rest[length.min(rest.len())..];
    }
    code
}

/// The length of the possibly nested comment that `rest` begins with.
fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string that `rest` begins with.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `b"…"` and the like, if `rest` begins with one.
fn prefixed_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "r", "b"].into_iter().find(|prefix| {
        rest[prefix.len()..].trim_start_matches('#').starts_with('"') && rest.starts_with(prefix)
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !prefix.contains('r') {
        return (hashes == 0).then(|| prefix.len() + string(after));
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = &after[hashes + 1..];
    let end = body.find(&close).map_or(body.len(), |end| end + close.len());
    Some(prefix.len() + hashes + 1 + end)
}

/// The modules that `source` names through `crate::`, also in `crate::{a, b::c}`.
fn named(source: &str) -> Vec<String> {
    let code = code(source);
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        match code[at + path.len()..].trim_start().strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.push(identifier(&code[at + path.len()..])),
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|next| next.is_alphanumeric() || *next == '_').collect()
}

/// The first name of each path in a group, which is open.
fn heads(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, next) in group.char_indices() {
        match next {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.push(identifier(&group[start..at]));
                start = at + 1;
                if next == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// What is wrong with the module that a file belongs to naming what its `source` names.
fn violations(module: &str, source: &str) -> Vec<String> {
    let Some(own) = floor(module) else {
        return vec![format!("the module {module} has no floor: add it to FLOORS")];
    };
    let wrong = |name: &String| {
        let below = floor(name).is_some_and(|other| other < own);
        let neighbour = NEIGHBOURS.contains(&(module, name.as_str()));
        let own_module = name == module;
        !(below || neighbour || own_module)
    };
    named(source).iter().filter(|name| wrong(name)).map(|name| format!("{module} names {name}")).collect()
}

#[test]
fn every_file_names_only_floors_below_its_own() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in files(&["src"], "rs") {
        let first = file.split('/').nth(1).expect("a file of src");
        let module = first.trim_end_matches(".rs");
        // The top: it names all floors, and the command stands on the library from outside.
        if matches!(module, "lib" | "main" | "bin") {
            continue;
        }
        wrong.extend(violations(module, &read(&file)).iter().map(|what| format!("{file}: {what}")));
        seen += 1;
    }
    assert!(seen > 20, "only {seen} files were looked at");
    assert!(wrong.is_empty(), "a file names only floors below its own:\n{}", wrong.join("\n"));
}

#[test]
fn a_violation_is_found_however_it_is_written() {
    assert_eq!(violations("stream", "use crate::engine::Core;"), ["stream names engine"]);
    assert_eq!(violations("kernel", "use crate::compute::Pool;"), ["kernel names compute"]);
    assert_eq!(violations("text", "fn f() { crate::model::load(); }"), ["text names model"]);
    assert_eq!(
        violations("gguf", "pub(crate) use crate::{error::Error, stream::{A, B}};"),
        ["gguf names stream"]
    );
    assert_eq!(violations("error", "use crate::sync::lock;"), ["error names sync"]);
    assert_eq!(
        violations("model", "let s = r#\"\"\"#; let q = '\"'; crate::runtime::go()"),
        ["model names runtime"]
    );
    assert_eq!(violations("plugins", ""), ["the module plugins has no floor: add it to FLOORS"]);
    assert_eq!(violations("stream", "use crate::Runtime;"), ["stream names Runtime"]);
}

#[test]
fn what_is_allowed_or_only_written_about_is_not_found() {
    let fine = "
        //! Not crate::ffi, says this comment.
        /* nor crate::ffi /* nested */ crate::ffi */
        use crate::{error::{Error, Result}, sync::lock};
        use crate::stream::Event;
        use candle_core::crate_version;
        const TEXT: &str = \"crate::ffi \\\" crate::ffi\";
        const BYTES: &[u8] = b\"crate::ffi\";
        const RAW: &str = r##\"crate::ffi \"# crate::ffi\"##;
        fn lives<'a>(text: &'a str) -> &'a str { text }
    ";
    assert_eq!(violations("stream", fine), [""; 0]);
    assert_eq!(violations("compute", "use crate::kernel::dot;"), [""; 0]);
}
