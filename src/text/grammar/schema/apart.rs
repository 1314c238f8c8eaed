//! Whether no value can satisfy two schemas: then "one of them" and "any of them" are the same. Knows nothing
//! of grammars.

use super::place::Place;
use super::references::resolve;
use super::types::{self, Type};
use serde_json::{Map, Value};

/// Schemas in each other that are looked into.
const DEPTH: usize = 6;

/// Whether it is certain that no value satisfies both `one` and `other`, which stand in `root`.
pub(super) fn are_apart(root: &Value, one: &Value, other: &Value) -> bool {
    apart(root, one, other, DEPTH)
}

fn apart(root: &Value, one: &Value, other: &Value, depth: usize) -> bool {
    let (Some(one), Some(other)) = (target(root, one), target(root, other)) else { return false };
    let Some(depth) = depth.checked_sub(1) else { return false };
    let (one, other) = match (one, other) {
        (Value::Bool(one), _) => return !one,
        (_, Value::Bool(other)) => return !other,
        (Value::Object(one), Value::Object(other)) => (one, other),
        _ => return false,
    };
    if one.get("nullable") == Some(&Value::Bool(true)) && other.get("nullable") == Some(&Value::Bool(true)) {
        return false;
    }
    let (left, right) = (types(one), types(other));
    if let (Some(left), Some(right)) = (&left, &right)
        && !left.iter().any(|own| right.iter().any(|its| own.meets(*its)))
    {
        return true;
    }
    if let (Some(left), Some(right)) = (values(one), values(other)) {
        return !left.iter().any(|value| right.contains(value));
    }
    if branches(one).is_some_and(|branches| all_apart(root, branches, other, depth))
        || branches(other).is_some_and(|branches| all_apart(root, branches, one, depth))
    {
        return true;
    }
    left.as_deref() == Some(&[Type::Object])
        && right.as_deref() == Some(&[Type::Object])
        && objects_are_apart(root, one, other, depth)
}

fn all_apart(root: &Value, branches: &[Value], other: &Map<String, Value>, depth: usize) -> bool {
    let other = Value::Object(other.clone());
    branches.iter().all(|branch| apart(root, branch, &other, depth))
}

/// Two objects that must have a property whose values are apart, or one that the other must not have.
fn objects_are_apart(
    root: &Value,
    one: &Map<String, Value>,
    other: &Map<String, Value>,
    depth: usize,
) -> bool {
    let lacks = |name: &str, schema: &Map<String, Value>| {
        property(schema, name).is_none()
            && schema.get("additionalProperties") == Some(&Value::Bool(false))
            && !schema.contains_key("patternProperties")
    };
    if required(one).any(|name| lacks(name, other)) || required(other).any(|name| lacks(name, one)) {
        return true;
    }
    required(one).filter(|name| required(other).any(|its| its == *name)).any(|name| {
        match (property(one, name), property(other, name)) {
            (Some(one), Some(other)) => apart(root, one, other, depth),
            _ => false,
        }
    })
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn property<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

/// What a schema that is only a reference stands for.
fn target<'a>(root: &'a Value, mut schema: &'a Value) -> Option<&'a Value> {
    for _ in 0..DEPTH {
        match schema.get("$ref") {
            Some(reference) => schema = resolve(root, reference, &Place::At("")).ok()?.1,
            None => return Some(schema),
        }
    }
    None
}

/// The types of what satisfies the schema; `None`: not known.
fn types(schema: &Map<String, Value>) -> Option<Vec<Type>> {
    let mut types = match types::named(schema, &Place::At("")).ok()? {
        Some(named) => named,
        // A schema with "properties" alone takes all that is no object.
        None => values(schema)?.iter().map(|value| Type::of(value)).collect(),
    };
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        types.push(Type::Null);
    }
    Some(types)
}

/// The values that the schema lists.
fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

fn branches(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}
