//! Which types of JSON a schema is about. Knows no other keyword than to which type it belongs.

use super::place::Place;
use crate::error::Result;
use serde_json::{Map, Value};

/// A type of JSON, as schemas name it; a number that is whole counts as both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Each with its name.
const ALL: [(Type, &str); 7] = [
    (Type::Null, "null"),
    (Type::Boolean, "boolean"),
    (Type::Integer, "integer"),
    (Type::Number, "number"),
    (Type::String, "string"),
    (Type::Array, "array"),
    (Type::Object, "object"),
];

/// The keywords that say something of one type only.
const OF: [(Type, &[&str]); 4] = [
    (
        Type::Object,
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "required",
            "minProperties",
            "maxProperties",
            "propertyNames",
        ],
    ),
    (Type::Array, &["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"]),
    (Type::String, &["minLength", "maxLength", "pattern", "format"]),
    (Type::Number, &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
];

impl Type {
    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The type of `value`.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => {
                Self::Integer
            }
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// Whether some value is of both.
    pub(super) fn meets(self, other: Self) -> bool {
        let whole = |one| one == Self::Integer || one == Self::Number;
        self == other || whole(self) && whole(other)
    }

    /// Whether a value of the type `other` is of this one.
    pub(super) fn takes(self, other: Self) -> bool {
        self == other || self == Self::Number && other == Self::Integer
    }
}

/// The types that "type" names; `None`: it is absent.
pub(super) fn named(schema: &Map<String, Value>, at: &Place<'_>) -> Result<Option<Vec<Type>>> {
    let known = |value: &Value| {
        let found = ALL.iter().find(|(_, name)| value.as_str() == Some(*name));
        found.map(|(own, _)| *own).ok_or_else(|| at.malformed(format_args!("there is no type {value}")))
    };
    Ok(match schema.get("type") {
        None => None,
        Some(Value::Array(names)) => {
            let mut types = names.iter().map(known).collect::<Result<Vec<_>>>()?;
            if types.contains(&Type::Number) {
                types.retain(|own| *own != Type::Integer);
            }
            types.dedup();
            if types.is_empty() {
                return Err(at.malformed("\"type\" is an empty list"));
            }
            Some(types)
        }
        Some(name) => Some(vec![known(name)?]),
    })
}

/// Of a schema without "type" the types that its keywords speak of: a schema with "properties" means an
/// object, though to the letter it takes all that is none.
pub(super) fn meant(schema: &Map<String, Value>) -> Vec<Type> {
    let speaks = |keywords: &[&str]| keywords.iter().any(|keyword| schema.contains_key(*keyword));
    OF.iter().filter(|(_, keywords)| speaks(keywords)).map(|(own, _)| *own).collect()
}
