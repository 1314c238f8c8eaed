//! What was generated held to its schema once more, keyword by keyword. Knows nothing of how it came about.

use super::super::limits::{STACK, error};
use super::formats::{Format, asked, format, pattern};
use super::place::Place;
use super::references::resolve;
use super::types::{self, Type};
use crate::compute::on_own_stack;
use crate::error::Result;
use regex_automata::meta::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Schemas that one value is held to through references, at most.
const DEPTH: usize = 1_000;

/// A schema to which values are held.
pub(in super::super) struct Checked {
    root: Value,
    /// The expressions that stand in it, by their texts. Of one that cannot be compiled here nothing is said.
    expressions: HashMap<String, Option<Regex>>,
}

/// What does not hold: the keyword, and the place in the value.
struct Fault {
    keyword: &'static str,
    place: String,
}

impl Checked {
    /// Of the schema `root`.
    pub(in super::super) fn new(root: Value) -> Self {
        let mut texts = Vec::new();
        collect(&root, &mut texts);
        let expressions = texts.into_iter().map(|text| {
            let compiled = Regex::builder()
                .configure(Regex::config().nfa_size_limit(Some(1 << 20)).hybrid_cache_capacity(1 << 16))
                .build(&text)
                .ok();
            (text, compiled)
        });
        Self { expressions: expressions.collect(), root }
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Holds the JSON `text` to the schema.
    ///
    /// # Errors
    /// `Grammar`: it is no JSON, or which keyword does not hold, and where in the value.
    pub(in super::super) fn check(&self, text: &[u8]) -> Result<()> {
        on_own_stack(STACK, || {
            let value: Value = serde_json::from_slice(text)
                .map_err(|why| error(format_args!("what was generated is no JSON: {why}")))?;
            self.value(&value, &self.root, &Place::At(""), 0).map_err(|fault| {
                let Fault { keyword, place } = fault;
                error(format_args!("what was generated does not hold \"{keyword}\" at {place}"))
            })
        })
    }

    /// Whether `value` holds `schema`, which stands in the whole.
    pub(super) fn holds(&self, value: &Value, schema: &Map<String, Value>) -> bool {
        self.object(value, schema, &Place::At(""), 0).is_ok()
    }

    fn value(&self, value: &Value, schema: &Value, at: &Place<'_>, depth: usize) -> Result<(), Fault> {
        match schema {
            Value::Bool(true) => Ok(()),
            Value::Object(schema) if depth < DEPTH => self.object(value, schema, at, depth + 1),
            Value::Object(_) => Err(fault("$ref", at)),
            _ => Err(fault("false", at)),
        }
    }

    fn object(
        &self,
        value: &Value,
        schema: &Map<String, Value>,
        at: &Place<'_>,
        depth: usize,
    ) -> Result<(), Fault> {
        if schema.get("nullable") == Some(&Value::Bool(true)) && value.is_null() {
            return Ok(());
        }
        let own = Type::of(value);
        if let Ok(Some(types)) = types::named(schema, &Place::At(""))
            && !types.iter().any(|named| named.takes(own))
        {
            return Err(fault("type", at));
        }
        if schema.get("const").is_some_and(|only| !same(only, value)) {
            return Err(fault("const", at));
        }
        if let Some(Value::Array(values)) = schema.get("enum")
            && !values.iter().any(|one| same(one, value))
        {
            return Err(fault("enum", at));
        }
        if let Some(reference) = schema.get("$ref") {
            let (_, target) =
                resolve(&self.root, reference, &Place::At("")).map_err(|_| fault("$ref", at))?;
            self.value(value, target, at, depth)?;
        }
        self.branches(value, schema, at, depth)?;
        match value {
            Value::Number(number) => numbers(number.as_f64().unwrap_or(f64::INFINITY), schema, at),
            Value::String(text) => self.text(text, schema, at),
            Value::Array(items) => self.items(items, schema, at, depth),
            Value::Object(fields) => self.fields(fields, schema, at, depth),
            _ => Ok(()),
        }
    }

    fn branches(
        &self,
        value: &Value,
        schema: &Map<String, Value>,
        at: &Place<'_>,
        depth: usize,
    ) -> Result<(), Fault> {
        let branches = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
        for branch in branches("allOf").into_iter().flatten() {
            self.value(value, branch, at, depth)?;
        }
        let held = |list: &Vec<Value>| {
            list.iter().filter(|branch| self.value(value, branch, at, depth).is_ok()).count()
        };
        if branches("anyOf").is_some_and(|list| held(list) == 0) {
            return Err(fault("anyOf", at));
        }
        if branches("oneOf").is_some_and(|list| held(list) != 1) {
            return Err(fault("oneOf", at));
        }
        Ok(())
    }

    fn text(&self, text: &str, schema: &Map<String, Value>, at: &Place<'_>) -> Result<(), Fault> {
        let length = text.chars().count() as f64;
        limits(length, ["minLength", "maxLength"], schema, at)?;
        if let Some(own) = schema.get("pattern").and_then(Value::as_str)
            && !self.matches(&pattern(own), text)
        {
            return Err(fault("pattern", at));
        }
        if let Some(Format::Whole(own)) = asked(schema).and_then(Value::as_str).and_then(format)
            && !self.matches(&whole(own), text)
        {
            return Err(fault("format", at));
        }
        Ok(())
    }

    fn matches(&self, expression: &str, text: &str) -> bool {
        let known = self.expressions.get(expression);
        known.and_then(Option::as_ref).is_none_or(|expression| expression.is_match(text))
    }

    fn items(
        &self,
        items: &[Value],
        schema: &Map<String, Value>,
        at: &Place<'_>,
        depth: usize,
    ) -> Result<(), Fault> {
        limits(items.len() as f64, ["minItems", "maxItems"], schema, at)?;
        let (first, rest) = match schema.get("items") {
            Some(Value::Array(first)) => (Some(first), schema.get("additionalItems")),
            rest => (schema.get("prefixItems").and_then(Value::as_array), rest),
        };
        let first = first.map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            if let Some(own) = first.get(index).or(rest) {
                self.value(item, own, &Place::Item(at, index), depth)?;
            }
        }
        let repeats = |index: usize| items[..index].iter().any(|item| same(item, &items[index]));
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && (0..items.len()).any(repeats) {
            return Err(fault("uniqueItems", at));
        }
        Ok(())
    }

    fn fields(
        &self,
        fields: &Map<String, Value>,
        schema: &Map<String, Value>,
        at: &Place<'_>,
        depth: usize,
    ) -> Result<(), Fault> {
        limits(fields.len() as f64, ["minProperties", "maxProperties"], schema, at)?;
        let required = schema.get("required").and_then(Value::as_array);
        if required.into_iter().flatten().filter_map(Value::as_str).any(|name| !fields.contains_key(name)) {
            return Err(fault("required", at));
        }
        let map = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
        for (name, value) in fields {
            let (place, mut named) = (Place::In(at, name), false);
            if let Some(own) = map("properties").and_then(|own| own.get(name)) {
                self.value(value, own, &place, depth)?;
                named = true;
            }
            for (own, schema) in map("patternProperties").into_iter().flatten() {
                if self.matches(&pattern(own), name) {
                    self.value(value, schema, &place, depth)?;
                    named = true;
                }
            }
            if let Some(others) = schema.get("additionalProperties").filter(|_| !named) {
                self.value(value, others, &place, depth).map_err(|inner| match others {
                    Value::Bool(_) => fault("additionalProperties", &place),
                    _ => inner,
                })?;
            }
            if let Some(rule) = schema.get("propertyNames") {
                let name = Value::String(name.clone());
                self.value(&name, rule, &place, depth).map_err(|_| fault("propertyNames", &place))?;
            }
        }
        Ok(())
    }
}

fn fault(keyword: &'static str, at: &Place<'_>) -> Fault {
    Fault { keyword, place: at.to_string() }
}

/// Whether two values are the same to a schema: numbers by what they are worth.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let find = |(name, value): (&String, &Value)| other.get(name).is_some_and(|its| same(value, its));
            one.len() == other.len() && one.iter().all(find)
        }
        _ => one == other,
    }
}

fn limits(
    count: f64,
    [least, most]: [&'static str; 2],
    schema: &Map<String, Value>,
    at: &Place<'_>,
) -> Result<(), Fault> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    if bound(least).is_some_and(|bound| count < bound) {
        return Err(fault(least, at));
    }
    if bound(most).is_some_and(|bound| count > bound) {
        return Err(fault(most, at));
    }
    Ok(())
}

fn numbers(value: f64, schema: &Map<String, Value>, at: &Place<'_>) -> Result<(), Fault> {
    limits(value, ["minimum", "maximum"], schema, at)?;
    let edge = |keyword: &str, bound: &str| match schema.get(keyword) {
        Some(Value::Bool(true)) => schema.get(bound).and_then(Value::as_f64),
        Some(edge) => edge.as_f64(),
        None => None,
    };
    if edge("exclusiveMinimum", "minimum").is_some_and(|edge| value <= edge) {
        return Err(fault("exclusiveMinimum", at));
    }
    if edge("exclusiveMaximum", "maximum").is_some_and(|edge| value >= edge) {
        return Err(fault("exclusiveMaximum", at));
    }
    if let Some(step) = schema.get("multipleOf").and_then(Value::as_f64) {
        let steps = value / step;
        if (steps - steps.round()).abs() > 1e-9 * steps.abs().max(1.0) {
            return Err(fault("multipleOf", at));
        }
    }
    Ok(())
}

/// A format's expression, of the whole text.
fn whole(expression: &str) -> String {
    format!("^({expression})$")
}

/// The expressions of `schema` and all that is in it.
fn collect(schema: &Value, out: &mut Vec<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Object(fields) => {
            if let Some(own) = fields.get("pattern").and_then(Value::as_str) {
                out.push(pattern(own));
            }
            if let Some(Format::Whole(own)) = fields.get("format").and_then(Value::as_str).and_then(format) {
                out.push(whole(own));
            }
            if let Some(Value::Object(own)) = fields.get("patternProperties") {
                out.extend(own.keys().map(|own| pattern(own)));
            }
            fields.values().for_each(|value| collect(value, out));
        }
        _ => {}
    }
}
