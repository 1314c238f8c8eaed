//! `include/wick.abi.json`, the ABI for generators of bindings (docs/abi.md): what `include/wick.h` declares,
//! with the layout of `tests/abi.txt`. WICK_BLESS=1 rewrites it; a C compiler judges it beside the header.
#![cfg(all(unix, target_pointer_width = "64"))]

use super::header_items::{Items, items};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Constants that belong together: what a binding calls them, how their names begin, and the fields that
/// hold them.
const ENUMS: [(&str, &[&str], &[&str]); 13] = [
    (
        "status",
        &["WICK_OK", "WICK_EMPTY", "WICK_ENDED", "WICK_MORE", "WICK_E_"],
        &["wick_event.status", "wick_error.code"],
    ),
    ("event", &["WICK_EVENT_"], &["wick_event.kind"]),
    ("end", &["WICK_END_"], &["wick_event.end_reason"]),
    ("note", &["WICK_NOTE_"], &["wick_event.channel"]),
    ("channel", &["WICK_CHANNEL_"], &["wick_event.channel"]),
    ("mode", &["WICK_MODE_"], &["wick_runtime_options.mode"]),
    ("backend", &["WICK_BACKEND_"], &["wick_model_options.backend"]),
    ("kv", &["WICK_KV_"], &["wick_model_options.kv_type"]),
    ("overflow", &["WICK_OVERFLOW_"], &["wick_session_options.overflow"]),
    ("grammar", &["WICK_GRAMMAR_"], &["wick_generate_options.grammar_kind"]),
    ("scope", &["WICK_SCOPE_"], &["wick_generate_options.grammar_scope"]),
    ("tools", &["WICK_TOOLS_"], &["wick_generate_options.tool_choice"]),
    ("cut", &["WICK_CUT_"], &["wick_generate_options.cut"]),
];

/// Parameters that may be NULL, besides every `error` and `needed`. A buffer may be where its `cap` is 0.
const NULLABLE: [(&str, &str); 9] = [
    ("wick_runtime_step", "next_wake_ns"),
    ("wick_model_load", "load"),
    ("wick_model_warm", "stream"),
    ("wick_adapter_load", "stream"),
    ("wick_session_create", "options"),
    ("wick_generate", "out"),
    ("wick_embed_start", "options"),
    ("wick_rerank_start", "options"),
    ("wick_nearest", "scores"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Sizes, alignments and offsets by name (`wick_event`, `wick_event.kind`) out of `tests/abi.txt`.
struct Layout(String);

impl Layout {
    fn numbers(&self, what: &str, name: &str) -> Vec<u64> {
        let begin = format!("{what} {name} ");
        let line = self.0.lines().find_map(|line| line.strip_prefix(&begin));
        let line = line.unwrap_or_else(|| panic!("{what} {name} is not in tests/abi.txt"));
        line.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

/// The structs with their layout: handles, which are passed by value, and the others.
fn structs(items: &Items, layout: &Layout) -> (Vec<Value>, Vec<Value>) {
    let functions: HashSet<&str> = items.functions.iter().map(|one| text(&one["name"])).collect();
    let (mut handles, mut others) = (Vec::new(), Vec::new());
    for one in &items.structs {
        let name = text(&one["name"]);
        let numbers = layout.numbers("struct", name);
        if list(&one["fields"]).iter().all(|field| field["name"] == "id") {
            let close = [format!("{name}_close"), format!("{name}_shutdown")];
            let close =
                close.iter().find(|close| functions.contains(close.as_str())).expect("what closes it");
            handles.push(json!({
                "name": name, "size": numbers[0], "align": numbers[1], "closed_by": close, "doc": one["doc"],
            }));
            continue;
        }
        let fields: Vec<Value> = list(&one["fields"])
            .iter()
            .map(|field| {
                let offset = layout.numbers("field", &format!("{name}.{}", text(&field["name"])))[0];
                json!({ "name": field["name"], "offset": offset, "type": field["type"], "doc": field["doc"] })
            })
            .collect();
        others.push(json!({
            "name": name, "size": numbers[0], "align": numbers[1], "doc": one["doc"], "fields": fields,
        }));
    }
    (handles, others)
}

/// The constants in groups, and those that belong to none.
fn enums(items: &Items) -> (Vec<Value>, Vec<Value>) {
    let belongs = |name: &str, begins: &[&str]| {
        begins.iter().any(|begin| name == *begin || begin.ends_with('_') && name.starts_with(begin))
    };
    let grouped = ENUMS.iter().map(|(group, begins, fields)| {
        let short = if begins.len() == 1 { begins[0].len() } else { "WICK_".len() };
        let values = items.constants.iter().filter(|one| belongs(text(&one["name"]), begins)).map(|one| {
            json!({ "name": one["name"], "short": text(&one["name"])[short..], "value": one["value"], "doc": one["doc"] })
        });
        json!({ "name": group, "fields": fields, "values": values.collect::<Vec<_>>() })
    });
    let alone = items.constants.iter().filter(|one| {
        let name = text(&one["name"]);
        !ENUMS.iter().any(|(_, begins, _)| belongs(name, begins))
    });
    (grouped.collect(), alone.cloned().collect())
}

/// The functions with their tags, and with what may be NULL.
fn functions(items: &Items) -> Vec<Value> {
    let of = |function: &Value| {
        let (name, mut doc) = (text(&function["name"]), text(&function["doc"]));
        let mut tags = Vec::new();
        while let Some((tag, rest)) = doc.strip_prefix('[').and_then(|doc| doc.split_once(']')) {
            assert!(["ANY", "BLOCK", "EXCL"].contains(&tag), "{name} has the tag {tag}");
            tags.push(tag.to_lowercase());
            doc = rest.trim_start();
        }
        let parameters = list(&function["parameters"]).iter().map(|parameter| {
            let mut made = parameter.clone();
            let called = text(&parameter["name"]);
            if parameter["type"]["kind"] == "pointer" {
                let nullable = ["error", "needed"].contains(&called) || NULLABLE.contains(&(name, called));
                made["nullable"] = json!(nullable);
            }
            made
        });
        json!({
            "name": name, "tags": tags, "returns": function["returns"],
            "parameters": parameters.collect::<Vec<_>>(), "doc": doc,
        })
    };
    items.functions.iter().map(of).collect()
}

/// The whole description.
fn description() -> Value {
    let items = items(&fs::read_to_string(root().join("include/wick.h")).expect("include/wick.h"));
    let layout = Layout(fs::read_to_string(root().join("tests/abi.txt")).expect("tests/abi.txt"));
    let (handles, structs) = structs(&items, &layout);
    let (enums, constants) = enums(&items);
    let version = env!("CARGO_PKG_VERSION");
    let stable: Vec<&str> = version.split('.').take(if version.starts_with("0.") { 2 } else { 1 }).collect();
    json!({
        "about": "The C ABI of wick, for generators of bindings: docs/abi.md. Made from wick.h: do not edit.",
        "version": version,
        "abi_version": wick::ffi::status::WICK_ABI_VERSION,
        "soname": format!("libwick.so.{}", stable.join(".")),
        "pointer_bits": 64,
        "rules": items.rules,
        "constants": constants,
        "enums": enums,
        "aliases": items.aliases,
        "callbacks": items.callbacks,
        "handles": handles,
        "structs": structs,
        "functions": functions(&items),
    })
}

/// JSON whose small parts have a line each: differences are seen by people.
fn written(value: &Value, indent: usize) -> String {
    let compact = spaced(value);
    if compact.chars().count() + indent <= 140 || value.is_string() {
        return compact;
    }
    let inner = " ".repeat(indent + 2);
    let outer = " ".repeat(indent);
    match value {
        Value::Array(values) => {
            let lines: Vec<String> =
                values.iter().map(|one| format!("{inner}{}", written(one, indent + 2))).collect();
            format!("[\n{}\n{outer}]", lines.join(",\n"))
        }
        Value::Object(map) => {
            let line = |(key, one): (&String, &Value)| {
                format!("{inner}{}: {}", json!(key), written(one, indent + 2))
            };
            format!("{{\n{}\n{outer}}}", map.iter().map(line).collect::<Vec<_>>().join(",\n"))
        }
        _ => compact,
    }
}

/// On one line.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, one)| format!("{}: {}", json!(key), spaced(one)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn committed() -> Value {
    let text = fs::read_to_string(root().join("include/wick.abi.json")).expect("include/wick.abi.json");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_description_is_what_the_header_says() {
    let (path, made) = (root().join("include/wick.abi.json"), written(&description(), 0) + "\n");
    if std::env::var_os("WICK_BLESS").is_some() {
        fs::write(&path, &made).expect("written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(made.lines()).position(|(old, new)| old != new);
    assert!(
        there == made,
        "include/wick.abi.json is not what include/wick.h and tests/abi.txt say (first at line {:?}); \
         WICK_BLESS=1 cargo test --test c_abi description rewrites it",
        differs.map(|line| line + 1)
    );
}

/// A type in C, around `name`.
fn c_type(kind: &Value, name: &str) -> String {
    match text(&kind["kind"]) {
        "pointer" => {
            let constant = if kind["const"] == true { "const " } else { "" };
            format!("{constant}{}", c_type(&kind["to"], &format!("*{name}")))
        }
        "array" => c_type(&kind["of"], &format!("({name})[{}]", kind["count"])),
        "function" => {
            let parameters: Vec<String> =
                list(&kind["parameters"]).iter().map(|one| c_type(&one["type"], "")).collect();
            c_type(&kind["returns"], &format!("(*{name})({})", parameters.join(", ")))
        }
        plain @ ("void" | "char" | "float") => format!("{plain} {name}"),
        "struct" => format!("struct {} {name}", text(&kind["name"])),
        "alias" | "callback" => format!("{} {name}", text(&kind["name"])),
        integer => format!("{integer}_t {name}"),
    }
}

/// C that compiles beside the header only if the description declares the same.
fn declarations(abi: &Value) -> String {
    let mut c = String::new();
    for function in list(&abi["functions"]) {
        let parameters: Vec<String> =
            list(&function["parameters"]).iter().map(|one| c_type(&one["type"], "")).collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let declared = c_type(&function["returns"], &format!("{}({parameters})", text(&function["name"])));
        writeln!(c, "{declared};").unwrap();
    }
    for named in list(&abi["aliases"]).iter().chain(list(&abi["callbacks"])) {
        writeln!(c, "typedef {};", c_type(&named["type"], text(&named["name"]))).unwrap();
    }
    for (at, one) in list(&abi["structs"]).iter().enumerate() {
        let name = text(&one["name"]);
        writeln!(c, "_Static_assert(sizeof({name}) == {}, \"{name}\");", one["size"]).unwrap();
        for field in list(&one["fields"]) {
            let called = text(&field["name"]);
            let pointer = c_type(&field["type"], &format!("*of_{at}_{called}(struct {name} *it)"));
            writeln!(c, "{pointer} {{ return &it->{called}; }}").unwrap();
            writeln!(
                c,
                "_Static_assert(offsetof({name}, {called}) == {}, \"{name}.{called}\");",
                field["offset"]
            )
            .unwrap();
        }
    }
    for handle in list(&abi["handles"]) {
        let (name, close) = (text(&handle["name"]), text(&handle["closed_by"]));
        writeln!(c, "_Static_assert(sizeof({name}) == {}, \"{name}\");", handle["size"]).unwrap();
        writeln!(c, "void *closes_{name}(void) {{ return (void *){close}; }}").unwrap();
    }
    let grouped = list(&abi["enums"]).iter().flat_map(|group| list(&group["values"]));
    for one in grouped.chain(list(&abi["constants"])) {
        let name = text(&one["name"]);
        writeln!(
            c,
            "_Static_assert({name} == {}{}, \"{name}\");",
            one["value"],
            if one["value"].is_u64() { "u" } else { "" }
        )
        .unwrap();
    }
    c
}

fn compiles(header: &Path, declarations: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("abi.c");
    fs::write(&source, format!("#include \"{}\"\n{declarations}", header.display())).expect("written");
    let made = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
        .arg(&source)
        .output()
        .expect("a compiler: install gcc");
    if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned()) }
}

#[test]
fn a_c_compiler_sees_the_same_in_both() {
    compiles(&root().join("include/wick.h"), &declarations(&committed()))
        .unwrap_or_else(|error| panic!("{error}"));
}

/// What is put wrong is noticed, in each part.
#[test]
fn a_c_compiler_refuses_another_description() {
    let (header, abi) = (root().join("include/wick.h"), committed());
    let float = json!({ "kind": "float" });
    let faults: [(&str, Value); 6] = [
        ("/functions/1/returns", float.clone()),
        ("/functions/4/parameters/0/type/const", json!(false)),
        ("/structs/1/fields/2/type", float),
        ("/structs/1/fields/2/offset", json!(4)),
        ("/callbacks/0/type/parameters", json!([])),
        ("/enums/0/values/1/value", json!(9)),
    ];
    for (place, fault) in faults {
        let mut changed = abi.clone();
        let there = changed.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not there"));
        assert_ne!(*there, fault, "{place}");
        *there = fault;
        assert!(compiles(&header, &declarations(&changed)).is_err(), "{place} was not noticed");
    }
}

#[test]
fn what_is_named_beside_the_header_is_there() {
    let abi = committed();
    let field = |name: &str| {
        let (owner, called) = name.split_once('.').expect("a field");
        let owner = list(&abi["structs"]).iter().find(|one| one["name"] == owner)?;
        list(&owner["fields"]).iter().find(|one| one["name"] == called)
    };
    for group in list(&abi["enums"]) {
        assert!(!list(&group["values"]).is_empty(), "{}", group["name"]);
        for name in list(&group["fields"]) {
            assert!(field(text(name)).is_some(), "{name} of {}", group["name"]);
        }
    }
    for (function, parameter) in NULLABLE {
        let function = list(&abi["functions"]).iter().find(|one| one["name"] == function);
        let parameters = list(&function.expect("a function")["parameters"]);
        assert!(
            parameters.iter().any(|one| one["name"] == parameter && one["nullable"] == true),
            "{parameter}"
        );
    }
    let symbols = fs::read_to_string(root().join("tests/symbols.txt")).expect("tests/symbols.txt");
    let mut names: Vec<&str> = list(&abi["functions"]).iter().map(|one| text(&one["name"])).collect();
    names.sort_unstable();
    assert_eq!(names, symbols.lines().collect::<Vec<_>>());
    let undocumented = |map: &Map<String, Value>| map.get("doc").is_some_and(|doc| text(doc).is_empty());
    for part in ["constants", "aliases", "callbacks", "handles", "structs", "functions"] {
        assert!(!list(&abi[part]).iter().filter_map(Value::as_object).any(undocumented), "{part}");
    }
}
