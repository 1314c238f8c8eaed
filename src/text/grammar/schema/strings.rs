//! The keywords of strings. Knows no schema inside another.

use super::formats::{Format, asked, format, pattern};
use super::keywords::count;
use super::place::Place;
use crate::error::Result;
use llguidance::derivre::RegexBuilder;
use serde_json::{Map, Value, json};

/// Characters of a string with a limit: the automaton counts them.
const LONGEST: u64 = 4_000;

/// A string as `schema` has it.
///
/// # Errors
/// `Grammar`: a length, pattern or format that cannot be kept.
pub(super) fn string(schema: &Map<String, Value>, at: &Place<'_>) -> Result<Value> {
    let mut out = Map::new();
    out.insert("type".into(), "string".into());
    let (least, most) = (count(schema, "minLength", at)?.unwrap_or(0), count(schema, "maxLength", at)?);
    if least > LONGEST {
        return Err(at.refuse("minLength", format_args!("strings are counted up to {LONGEST} characters")));
    }
    if most.is_some_and(|most| most < least) {
        return Err(at.refuse("maxLength", "it is less than \"minLength\""));
    }
    if least > 0 {
        out.insert("minLength".into(), least.into());
    }
    if let Some(most) = most {
        out.insert("maxLength".into(), most.min(LONGEST).into());
    }
    let mut patterns = Vec::new();
    if let Some(given) = schema.get("pattern") {
        patterns.push(own_pattern(given, "pattern", at)?);
    }
    match asked(schema).map(|name| (name, name.as_str().and_then(format))) {
        None | Some((_, Some(Format::Note))) => {}
        Some((_, Some(Format::Whole(expression)))) => patterns.push(format!("^({expression})$")),
        Some((name, None)) => return Err(at.refuse("format", format_args!("the format {name} is not known"))),
    }
    let mut patterns = patterns.into_iter();
    if let Some(first) = patterns.next() {
        out.insert("pattern".into(), first.into());
    }
    Ok(match patterns.next() {
        Some(second) => json!({"allOf": [out, {"type": "string", "pattern": second}]}),
        None => Value::Object(out),
    })
}

/// A host's pattern, in the dialect that is compiled.
pub(super) fn own_pattern(given: &Value, keyword: &str, at: &Place<'_>) -> Result<String> {
    let Some(text) = given.as_str() else {
        return Err(at.malformed(format_args!("\"{keyword}\" is no text")));
    };
    let pattern = pattern(text);
    match RegexBuilder::new().mk_regex_for_serach(&pattern) {
        Ok(_) => Ok(pattern),
        Err(why) => {
            let why = why.to_string();
            let why = why.rsplit("error:").next().unwrap_or_default().trim();
            Err(at.refuse(keyword, format_args!("{text:?}: {why}")))
        }
    }
}
