//! Which methods, filters and tests there are, by name. Knows nothing of what they do.

use crate::text::template::values::{ObjectKind, Value};

/// The methods of strings, in order.
const STRING_METHODS: [&str; 44] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

/// The filters of single values.
const VALUE_FILTERS: [&str; 14] = [
    "tojson",
    "default",
    "d",
    "length",
    "count",
    "int",
    "float",
    "abs",
    "round",
    "attr",
    "string",
    "filesizeformat",
    "pprint",
    "items",
];

/// The filters of strings.
const STRING_FILTERS: [&str; 19] = [
    "capitalize",
    "center",
    "e",
    "escape",
    "forceescape",
    "format",
    "indent",
    "lower",
    "replace",
    "safe",
    "striptags",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// The filters of lists and of what can be gone through.
const LIST_FILTERS: [&str; 20] = [
    "batch",
    "dictsort",
    "first",
    "groupby",
    "join",
    "last",
    "list",
    "map",
    "max",
    "min",
    "random",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "sum",
    "unique",
];

/// The tests behind `is`.
const TESTS: [&str; 39] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Whether `object` has the method `name`. What would change a list or a map is not there, as in Jinja's
/// immutable sandbox.
pub(crate) fn is_method(object: &Value, name: &str) -> bool {
    match object {
        Value::Text(_) => STRING_METHODS.binary_search(&name).is_ok(),
        Value::Dict(_) => matches!(name, "copy" | "get" | "items" | "keys" | "values"),
        Value::List(_) => matches!(name, "copy" | "count" | "index"),
        Value::Tuple(_) | Value::Range(_) => matches!(name, "count" | "index"),
        Value::Float(_) => name == "is_integer",
        Value::Int(_) => matches!(name, "bit_length" | "is_integer"),
        Value::Object(object) => match object.kind {
            ObjectKind::Loop => matches!(name, "cycle" | "changed"),
            ObjectKind::Cycler => matches!(name, "next" | "reset"),
            _ => false,
        },
        _ => false,
    }
}

/// Whether there is a filter with this name.
pub(crate) fn is_filter(name: &str) -> bool {
    VALUE_FILTERS.contains(&name) || is_string_filter(name) || LIST_FILTERS.contains(&name)
}

/// Whether it is one of strings.
pub(crate) fn is_string_filter(name: &str) -> bool {
    STRING_FILTERS.contains(&name)
}

/// Whether there is a test with this name.
pub(crate) fn is_test(name: &str) -> bool {
    TESTS.contains(&name)
}
