//! The keywords of objects and arrays. Knows not how the schemas inside are rewritten.

use super::keywords::{Inner, count, spelled};
use super::place::Place;
use super::strings::own_pattern;
use crate::error::Result;
use serde_json::{Map, Value, json};

/// Properties of an object that may be left out: the lexer holds a place for each.
const OPTIONAL: usize = 200;

/// An object as `schema` has it. Where it names properties and says nothing of others there are no others,
/// unless it is `open`.
pub(super) fn object<'a>(
    rewriter: &mut dyn Inner<'a>,
    schema: &'a Map<String, Value>,
    at: &Place<'_>,
    open: bool,
) -> Result<Value> {
    let required = names(schema, at)?;
    let mut properties = properties(rewriter, schema, at)?;
    let mut patterns = patterns(rewriter, schema, at)?;
    let mut others = others(rewriter, schema, at, open || properties.is_empty() && patterns.is_empty())?;
    let rule = schema.get("propertyNames").map(|rule| rewriter.target(rule));
    name_by_name(rule, at, &mut properties, &mut patterns, &mut others)?;
    for name in &required {
        if !properties.contains_key(*name) && patterns.is_empty() {
            let closed = others == Value::Bool(false);
            if closed && schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                return Err(at.refuse("required", format_args!("{name:?} is required and not allowed")));
            }
            let other = if closed { rewriter.any() } else { others.clone() };
            properties.insert((*name).to_owned(), other);
        }
    }
    let optional = properties.keys().filter(|name| !required.contains(&name.as_str())).count();
    if optional > OPTIONAL {
        let why = format!("{optional} of them may be left out; {OPTIONAL} are allowed: require some");
        return Err(at.refuse("properties", why));
    }
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    bounds(
        schema,
        at,
        &mut out,
        properties.len(),
        optional,
        others == Value::Bool(false) && patterns.is_empty(),
    )?;
    if !properties.is_empty() {
        out.insert("properties".into(), Value::Object(properties));
    }
    if !patterns.is_empty() {
        out.insert("patternProperties".into(), Value::Object(patterns));
    }
    if !required.is_empty() {
        out.insert("required".into(), required.into());
    }
    out.insert("additionalProperties".into(), others);
    Ok(Value::Object(out))
}

/// The names that are required, each once.
fn names<'a>(schema: &'a Map<String, Value>, at: &Place<'_>) -> Result<Vec<&'a str>> {
    let mut names = Vec::new();
    match schema.get("required") {
        // Draft 3 has a boolean at each property.
        None | Some(Value::Bool(_)) => {}
        Some(Value::Array(given)) => {
            for name in given {
                let name = name.as_str().ok_or_else(|| at.malformed("\"required\" has what is no text"))?;
                spelled(name, "required", at)?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Some(_) => return Err(at.malformed("\"required\" is no list of names")),
    }
    Ok(names)
}

fn map<'a>(
    schema: &'a Map<String, Value>,
    keyword: &str,
    at: &Place<'_>,
) -> Result<Option<&'a Map<String, Value>>> {
    match schema.get(keyword) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(at.malformed(format_args!("\"{keyword}\" is no object"))),
    }
}

fn properties<'a>(
    rewriter: &mut dyn Inner<'a>,
    schema: &'a Map<String, Value>,
    at: &Place<'_>,
) -> Result<Map<String, Value>> {
    let within = Place::In(at, "properties");
    let mut made = Map::new();
    for (name, value) in map(schema, "properties", at)?.into_iter().flatten() {
        spelled(name, "properties", at)?;
        let place = Place::In(&within, name);
        // A pattern may hold for it too.
        let property = match schema.contains_key("patternProperties") {
            true => rewriter.met(value, &place)?,
            false => rewriter.schema(value, &place, false)?,
        };
        made.insert(name.clone(), property);
    }
    Ok(made)
}

fn patterns<'a>(
    rewriter: &mut dyn Inner<'a>,
    schema: &'a Map<String, Value>,
    at: &Place<'_>,
) -> Result<Map<String, Value>> {
    let within = Place::In(at, "patternProperties");
    let mut made = Map::new();
    for (name, value) in map(schema, "patternProperties", at)?.into_iter().flatten() {
        let place = Place::In(&within, name);
        let pattern = own_pattern(&Value::String(name.clone()), "patternProperties", at)?;
        made.insert(pattern, rewriter.met(value, &place)?);
    }
    Ok(made)
}

/// What properties are that are not named.
fn others<'a>(
    rewriter: &mut dyn Inner<'a>,
    schema: &'a Map<String, Value>,
    at: &Place<'_>,
    open: bool,
) -> Result<Value> {
    match schema.get("additionalProperties") {
        Some(others) => rewriter.schema(others, &Place::In(at, "additionalProperties"), false),
        None if open => Ok(rewriter.any()),
        None => Ok(Value::Bool(false)),
    }
}

/// What "propertyNames" says of the names that are not given.
fn name_by_name(
    rule: Option<&Value>,
    at: &Place<'_>,
    properties: &mut Map<String, Value>,
    patterns: &mut Map<String, Value>,
    others: &mut Value,
) -> Result<()> {
    let rule = match rule {
        None | Some(Value::Bool(true)) => return Ok(()),
        Some(Value::Object(rule)) => rule,
        Some(_) => return Err(at.refuse("propertyNames", "say which names are allowed")),
    };
    let asks = |keyword: &&String| !matches!(keyword.as_str(), "type" | "title" | "description" | "$comment");
    if rule.keys().filter(asks).count() == 0 || *others == Value::Bool(false) {
        return Ok(());
    }
    if let Some(Value::Array(names)) = rule.get("enum") {
        for name in names.iter().filter_map(Value::as_str) {
            if !properties.contains_key(name) {
                properties.insert(name.to_owned(), others.clone());
            }
        }
        *others = Value::Bool(false);
        return Ok(());
    }
    let mut rest =
        rule.keys().filter(asks).filter(|keyword| !matches!(keyword.as_str(), "pattern" | "format"));
    let expression = match (rule.get("pattern"), rule.get("format").and_then(Value::as_str)) {
        (Some(pattern), None) => own_pattern(pattern, "propertyNames", at)?,
        (None, Some(name)) => match super::formats::format(name) {
            Some(super::formats::Format::Whole(expression)) => format!("^({expression})$"),
            _ => return Err(at.refuse("propertyNames", format_args!("the format {name:?} is not known"))),
        },
        (None, None) if rule.keys().filter(asks).all(|own| own == "minLength" || own == "maxLength") => {
            let place = Place::In(at, "propertyNames");
            let least = count(rule, "minLength", &place)?.unwrap_or(0);
            let most = count(rule, "maxLength", &place)?.map_or(String::new(), |most| most.to_string());
            rest.by_ref().for_each(drop);
            format!("^(?s:.){{{least},{most}}}$")
        }
        _ => return Err(at.refuse("propertyNames", "it says more than \"enum\", \"pattern\" or a length")),
    };
    if rest.next().is_some() || !patterns.is_empty() || !properties.is_empty() {
        return Err(at.refuse("propertyNames", "it stands beside other names"));
    }
    patterns.insert(expression, std::mem::replace(others, Value::Bool(false)));
    Ok(())
}

/// How many properties there are: as far as llguidance counts them.
fn bounds(
    schema: &Map<String, Value>,
    at: &Place<'_>,
    out: &mut Map<String, Value>,
    named: usize,
    optional: usize,
    closed: bool,
) -> Result<()> {
    let (least, most) = (count(schema, "minProperties", at)?, count(schema, "maxProperties", at)?);
    let (required, named) = ((named - optional) as u64, named as u64);
    let least = least.filter(|least| *least > required);
    let most = most.filter(|most| !(closed && *most >= named));
    if closed && least.is_some_and(|least| least > named) {
        return Err(at.refuse("minProperties", "there are fewer properties"));
    }
    if most.is_some_and(|most| most < required) {
        return Err(at.refuse("maxProperties", "more properties are required"));
    }
    let counts_one = closed
        && least.is_none_or(|least| least - required <= 1)
        && most.is_none_or(|most| most - required == 1)
        && (least.is_none() || most.is_none() || least == most);
    for (keyword, bound) in [("minProperties", least), ("maxProperties", most)] {
        let Some(bound) = bound else { continue };
        if optional > 0 && !counts_one {
            return Err(at.refuse(keyword, "beside properties that may be left out none is counted"));
        }
        out.insert(keyword.into(), bound.into());
    }
    Ok(())
}

/// An array as `schema` has it. Where it says what the first items are and nothing of others there are these
/// and no others, unless it is `open`.
pub(super) fn array<'a>(
    rewriter: &mut dyn Inner<'a>,
    schema: &'a Map<String, Value>,
    at: &Place<'_>,
    open: bool,
) -> Result<Value> {
    // Drafts before 2020-12 have the first items as a list in "items".
    let (first, first_key, rest, rest_key) = match schema.get("items") {
        Some(list @ Value::Array(_)) => {
            (Some(list), "items", schema.get("additionalItems"), "additionalItems")
        }
        items => (schema.get("prefixItems"), "prefixItems", items, "items"),
    };
    let first = match first {
        Some(Value::Array(none)) if none.is_empty() => Vec::new(),
        Some(list) => rewriter.each(first_key, list, at, false)?,
        None => Vec::new(),
    };
    let mut least = count(schema, "minItems", at)?.unwrap_or(0);
    let mut most = count(schema, "maxItems", at)?;
    if most.is_some_and(|most| most < least) {
        return Err(at.refuse("maxItems", "it is less than \"minItems\""));
    }
    let others = match rest {
        Some(rest) => {
            if schema.get("uniqueItems") == Some(&Value::Bool(true)) && first.is_empty() {
                let target = rewriter.target(rest);
                let values = target.get("enum").and_then(Value::as_array).map(|values| values.len() as u64);
                let values = values.or((target["type"] == "boolean").then_some(2));
                most = [most, values].into_iter().flatten().min();
            }
            rewriter.schema(rest, &Place::In(at, rest_key), false)?
        }
        None if open || first.is_empty() => rewriter.any(),
        None => {
            let all = first.len() as u64;
            least = least.max(most.map_or(all, |most| most.min(all)));
            Value::Bool(false)
        }
    };
    if others == Value::Bool(false) {
        let all = first.len() as u64;
        if least > all {
            return Err(at.refuse("minItems", format_args!("there are {all} items at most")));
        }
        most = Some(most.map_or(all, |most| most.min(all)));
    }
    let mut out = json!({"type": "array", "items": others});
    if !first.is_empty() {
        out["prefixItems"] = first.into();
    }
    if least > 0 {
        out["minItems"] = least.into();
    }
    if let Some(most) = most {
        out["maxItems"] = most.into();
    }
    Ok(out)
}
