//! A JSON object of a request, read field by field: wrong and unknown ones are refused by name; knows no API.

use crate::failure::Failure;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The fields that nobody has taken yet. A field that is null counts as not given.
pub struct Fields {
    left: Map<String, Value>,
    /// What the object is called in messages, with a dot behind it; empty: the request itself.
    within: String,
}

type Result<T> = std::result::Result<T, Failure>;

impl Fields {
    /// Reads a request's body.
    ///
    /// # Errors
    /// 400 for what is no JSON object.
    pub fn parse(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(left)) => Ok(Self { left, within: String::new() }),
            Ok(_) => Err(Failure::bad("the body is no JSON object")),
            Err(error) => Err(Failure::bad(format!("the body is no JSON: {error}"))),
        }
    }

    /// Reads an object inside a request.
    ///
    /// # Errors
    /// 400 for another value.
    pub fn of(value: Value, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match value {
            Value::Object(left) => Ok(Self { left, within: format!("{name}.") }),
            other => Err(wrong(&name, &other, "an object")),
        }
    }

    /// The field's full name.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.within)
    }

    /// Whether the field is given.
    pub fn has(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// The field as it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// # Errors
    /// 400 for what is neither true nor false.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        self.take_as(name, "true or false", |value| value.as_bool())
    }

    /// # Errors
    /// 400 for what is no text.
    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        self.take_as(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// # Errors
    /// 400 for what is no number.
    pub fn number(&mut self, name: &str) -> Result<Option<f32>> {
        self.take_as(name, "a number", |value| value.as_f64().map(|number| number as f32))
    }

    /// # Errors
    /// 400 for what is no whole number in `range`.
    pub fn whole(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.take_as(name, &wanted, |value| value.as_i64().filter(|number| range.contains(number)))
    }

    /// # Errors
    /// 400 for what is no list.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>> {
        let full = self.name(name);
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(wrong(&full, &other, "a list")),
        }
    }

    /// # Errors
    /// 400 for what is no object.
    pub fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>> {
        let full = self.name(name);
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(wrong(&full, &other, "an object")),
        }
    }

    fn take_as<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(wrong(&self.name(name), &value, wanted)),
            },
        }
    }

    /// Takes what changes nothing here.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.left.remove(*name);
        }
    }

    /// Refuses what this server does not have, unless it is `plain`, which is the same as not given.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn refuse(&mut self, name: &str, plain: impl Fn(&Value) -> bool, why: &str) -> Result<()> {
        match self.take(name) {
            Some(value) if !plain(&value) => {
                let name = self.name(name);
                Err(Failure::field(&name, format!("{name} is {}: {why}", short(&value)))
                    .with_code("unsupported"))
            }
            _ => Ok(()),
        }
    }

    /// The end of it.
    ///
    /// # Errors
    /// 400 for a field that nobody took.
    pub fn finish(self) -> Result<()> {
        match self.left.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => {
                let name = self.name(name);
                Err(Failure::field(&name, format!("{name} is not known here; leave it out"))
                    .with_code("unknown_parameter"))
            }
        }
    }
}

/// 400: the field has to be something else.
pub fn wrong(name: &str, value: &Value, wanted: &str) -> Failure {
    Failure::field(name, format!("{name} is {}; it has to be {wanted}", short(value)))
}

/// A value as a message shows it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::of(value, "request").expect("an object")
    }

    #[test]
    fn a_field_is_taken_once_and_null_is_nothing() {
        let mut fields = fields(json!({"n": 3, "stream": null, "temperature": 0.5}));
        assert_eq!(fields.whole("n", 1..=4).expect("in range"), Some(3));
        assert_eq!(fields.whole("n", 1..=4).expect("gone"), None);
        assert_eq!(fields.flag("stream").expect("null"), None);
        assert_eq!(fields.number("temperature").expect("a number"), Some(0.5));
        fields.finish().expect("nothing is left");
    }

    #[test]
    fn what_is_wrong_is_refused_by_its_name() {
        let mut fields = fields(json!({"n": 7, "stream": "yes", "stop": 4}));
        let refused = fields.whole("n", 1..=4).expect_err("out of range");
        assert_eq!(refused.message, "request.n is 7; it has to be a whole number from 1 to 4");
        assert_eq!(refused.param.as_deref(), Some("request.n"));
        fields.flag("stream").expect_err("a text is no flag");
        let refused = fields.finish().expect_err("a field is left");
        assert_eq!(refused.message, "request.stop is not known here; leave it out");
    }

    #[test]
    fn what_is_no_object_is_no_request() {
        assert!(Fields::parse(b"[1]").is_err());
        assert!(Fields::parse(b"{\"a\":").is_err());
        assert!(Fields::parse(&[b'['; 100_000]).is_err(), "nested without end");
    }

    #[test]
    fn a_long_value_is_cut_in_messages() {
        let shown = short(&json!("é".repeat(1000)));
        assert_eq!(shown.chars().count(), 61);
    }
}
