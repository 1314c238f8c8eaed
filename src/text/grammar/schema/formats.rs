//! Formats and patterns of strings as regular expressions. Knows nothing else of a schema.
//!
//! Each expression takes a part of what its format allows, so that all parsers take what it takes: RFC 3339
//! for dates and times, RFC 4122 for UUIDs, RFC 5321 and 1123 for addresses and hosts, RFC 3986 for URIs.

use serde_json::{Map, Value};

/// What is known of a format.
pub(super) enum Format {
    /// Texts that match this whole.
    Whole(&'static str),
    /// It says nothing about the text itself.
    Note,
}

macro_rules! date {
    () => {
        concat!(
            "(",
            // No year 0, and the 29th of February in leap years only.
            "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-",
            "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
            "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29",
            ")"
        )
    };
}
macro_rules! clock {
    () => {
        "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
    };
}
macro_rules! host {
    () => {
        "([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,3}[A-Za-z]{2,10}"
    };
}
macro_rules! byte {
    () => {
        "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    };
}
macro_rules! ip4 {
    () => {
        concat!("(", byte!(), "\\.){3}", byte!())
    };
}
macro_rules! uri {
    () => {
        concat!(
            "[a-z][a-z0-9+.-]{0,10}://",
            host!(),
            "(:[1-9][0-9]{0,3})?(/([A-Za-z0-9._~-]|%[0-9A-F]{2})*)*",
            "(\\?([A-Za-z0-9._~=&+-]|%[0-9A-F]{2})*)?(#([A-Za-z0-9._~-])*)?"
        )
    };
}
macro_rules! uuid {
    ($version:literal) => {
        concat!("[0-9a-f]{8}-[0-9a-f]{4}-", $version, "[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    };
}

/// The format that a string of `schema` is to have. A time of zod's has that format and a pattern that allows
/// no offset, which RFC 3339 demands: the pattern alone says what is meant.
pub(super) fn asked(schema: &Map<String, Value>) -> Option<&Value> {
    schema.get("format").filter(|name| *name != "time" || !schema.contains_key("pattern"))
}

/// The format `name`; `None`: unknown, or one that no expression is known for.
pub(super) fn format(name: &str) -> Option<Format> {
    let whole = match name {
        "date" => date!(),
        "time" => clock!(),
        "date-time" => concat!(date!(), "T", clock!()),
        "duration" => {
            "P([0-9]{1,9}W|[0-9]{1,9}D(T([0-9]{1,9}H|[0-9]{1,9}M|[0-9]{1,9}S))?|T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))"
        }
        "email" | "idn-email" => {
            // At most 64 characters stand before the @.
            concat!("[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@", host!())
        }
        "hostname" | "idn-hostname" => host!(),
        "ipv4" => ip4!(),
        "ipv6" => "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|::|([0-9a-f]{1,4}:){1,3}(:[0-9a-f]{1,4}){1,4}",
        "ipvanyaddress" => concat!(ip4!(), "|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"),
        "ipv4network" | "cidrv4" => concat!(ip4!(), "/(3[0-2]|[12]?[0-9])"),
        "uri" | "url" | "iri" | "uri-reference" | "iri-reference" | "uri-template" => uri!(),
        "uuid" => uuid!("[1-8]"),
        "uuid1" => uuid!("1"),
        "uuid3" => uuid!("3"),
        "uuid4" => uuid!("4"),
        "uuid5" => uuid!("5"),
        "uuid6" => uuid!("6"),
        "uuid7" => uuid!("7"),
        "json-pointer" => "(/([^/~\"\\\\\u{0}-\u{1f}]|~[01])*)*",
        "byte" | "base64" => "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        "base64url" => "[A-Za-z0-9_-]*",
        // What OpenAPI, pydantic and zod write to tell what a text is for.
        "password" | "binary" | "path" | "file-path" | "directory-path" | "markdown" | "html" | "text"
        | "textarea" | "color" | "decimal" | "json-string" | "multi-host-uri" | "unknown" | "string"
        | "phone" | "emoji" | "cuid" | "cuid2" | "nanoid" | "ulid" | "xid" | "ksuid" | "jwt" | "e164"
        | "lowercase" | "uppercase" | "template" | "starts_with" | "ends_with" | "includes" => {
            return Some(Format::Note);
        }
        _ => return None,
    };
    Some(Format::Whole(whole))
}

/// Patterns with look-around, which no automaton has, as their writers' libraries write them; in place of
/// each an expression of a part of what it takes.
const KNOWN: [(&str, &str); 3] = [
    // pydantic, Decimal.
    (r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$", r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$"),
    // zod, email.
    (
        r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
        r"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$",
    ),
    // zod, hostname.
    (
        r"^(?=.{1,253}\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\.?$",
        concat!("^", host!(), "$"),
    ),
];

/// In place of pydantic's pattern of a decimal of at most so many digits one of a part of what it takes.
fn decimal(pattern: &str) -> Option<String> {
    let rest = pattern.strip_prefix(r"^(?!^[-+.]*$)[+-]?0*(?:\d{0,")?;
    let (whole, rest) = rest.split_once('}')?;
    let (_, rest) = rest.strip_prefix(r"|(?=[\d.]{1,")?.split_once('}')?;
    let rest = rest.strip_prefix(r"0*$)\d{0,")?.strip_prefix(whole)?.strip_prefix(r"}\.\d{0,")?;
    let (fraction, end) = rest.split_once('}')?;
    (end == "0*$)").then(|| format!("^[+-]?[0-9]{{1,{whole}}}(\\.[0-9]{{1,{fraction}}})?$"))
}

/// `pattern` in Rust's dialect with the meaning that it has in JavaScript: `\d` and `\w` are ASCII, `\/` is a
/// slash.
pub(super) fn pattern(pattern: &str) -> String {
    let known = KNOWN.iter().find(|(own, _)| *own == pattern);
    let decimal = decimal(pattern);
    let pattern = known.map_or(decimal.as_deref().unwrap_or(pattern), |(_, other)| other);
    let (mut out, mut in_class) = (String::with_capacity(pattern.len()), false);
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        match (next, in_class) {
            ('\\', _) => match rest.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('/') => out.push('/'),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            // In Rust a class may lie in a class.
            ('[', true) => out.push_str("\\["),
            ('[', false) => {
                in_class = true;
                out.push('[');
            }
            (']', _) => {
                in_class = false;
                out.push(']');
            }
            // As are sets that are taken away, met or joined.
            ('&' | '~', true) => out.extend(['\\', next]),
            (other, _) => out.push(other),
        }
    }
    out
}
