//! Reads of `config.json` by type, with a family's defaults; knows no family.

use crate::compute::on_own_stack;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// Stack for values that lie in each other: serde_json goes 128 deep.
const STACK: usize = 1 << 20;

/// The longest list by layers.
pub(super) const MAX_LAYERS: u64 = 1024;

/// An object of a configuration.
#[derive(Clone, Copy)]
pub(super) struct Config<'a> {
    fields: &'a Map<String, Value>,
    /// Of fields that are not there: those that the family's class has another value for than none.
    defaults: &'static [(&'static str, f64)],
    /// Fields that the family has by other names: the usual one and its own.
    names: &'static [(&'static str, &'static str)],
}

/// Malformed, or beyond any model.
pub(super) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ModelInvalid, message)
}

/// What would have to be computed otherwise than wick does.
pub(super) fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// The object that `json`, the file `name`, is.
///
/// # Errors
/// `ModelInvalid` if it is none.
pub(super) fn object(json: &[u8], name: &str) -> Result<Map<String, Value>> {
    let read = on_own_stack(STACK, || Ok(serde_json::from_slice(json)))?;
    match read {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(invalid(format!("{name} is no object"))),
        Err(e) => Err(invalid(format!("{name} is no JSON: {e}"))),
    }
}

impl<'a> Config<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, defaults: &[], names: &[] }
    }

    /// The same with a family's defaults and names.
    pub(super) fn with(
        self,
        defaults: &'static [(&'static str, f64)],
        names: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { defaults, names, ..self }
    }

    /// What is there and not null.
    fn get(&self, field: &str) -> Option<&'a Value> {
        let own = self.names.iter().find(|(name, _)| *name == field);
        self.fields.get(own.map_or(field, |(_, own)| own)).filter(|value| !value.is_null())
    }

    /// Whether it is there and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    fn default(&self, field: &str) -> Option<f64> {
        self.defaults.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }

    fn wrong(&self, field: &str, value: &Value, wanted: &str) -> Error {
        let shown: String = value.to_string().chars().take(64).collect();
        invalid(format!("config.json: {field:?} is {shown}, not {wanted}"))
    }

    /// An integer from 0 on.
    pub(super) fn count(&self, field: &str) -> Result<Option<u64>> {
        match self.get(field) {
            None => Ok(self.default(field).map(|value| value as u64)),
            Some(value) => {
                // Some write integers as floats.
                let float =
                    value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..1e15).contains(number));
                let count = value.as_u64().or(float.map(|number| number as u64));
                count.map(Some).ok_or_else(|| self.wrong(field, value, "an integer from 0 on"))
            }
        }
    }

    /// An integer that must be there.
    pub(super) fn require(&self, field: &str) -> Result<u64> {
        self.count(field)?.ok_or_else(|| invalid(format!("config.json: {field:?} is missing")))
    }

    /// A number.
    pub(super) fn number(&self, field: &str) -> Result<Option<f64>> {
        match self.get(field) {
            None => Ok(self.default(field)),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(field, value, "a number")),
        }
    }

    pub(super) fn flag(&self, field: &str) -> Result<Option<bool>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| self.wrong(field, value, "true or false")),
        }
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| self.wrong(field, value, "a text")),
        }
    }

    pub(super) fn list(&self, field: &str) -> Result<Option<&'a [Value]>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => {
                let list = value.as_array().map(Vec::as_slice);
                list.map(Some).ok_or_else(|| self.wrong(field, value, "a list"))
            }
        }
    }

    /// An object in it; without defaults.
    pub(super) fn inner(&self, field: &str) -> Result<Option<Self>> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => {
                let inner = value.as_object().map(Self::new);
                inner.map(Some).ok_or_else(|| self.wrong(field, value, "an object"))
            }
        }
    }

    /// Layers, in a range that lists may have.
    pub(super) fn layers(&self) -> Result<u64> {
        let layers = self.require("num_hidden_layers")?;
        match layers {
            1..=MAX_LAYERS => Ok(layers),
            _ => Err(invalid(format!(
                "config.json: \"num_hidden_layers\" is {layers}; 1 to {MAX_LAYERS} are possible"
            ))),
        }
    }

    /// Width of a head.
    pub(super) fn head_dim(&self) -> Result<u64> {
        Ok(match self.count("head_dim")? {
            Some(head_dim) => head_dim,
            None => self.require("hidden_size")? / self.require("num_attention_heads")?.max(1),
        })
    }

    /// What each layer is called, where the file says so: one for each.
    pub(super) fn layer_types(&self) -> Result<Option<Vec<&'a str>>> {
        let Some(list) = self.list("layer_types")? else { return Ok(None) };
        let layers = self.layers()?;
        if list.len() as u64 != layers {
            let len = list.len();
            return Err(invalid(format!(
                "config.json: \"layer_types\" has {len} entries for {layers} layers (num_hidden_layers)"
            )));
        }
        let named =
            |value: &'a Value| value.as_str().ok_or_else(|| self.wrong("layer_types", value, "a text"));
        list.iter().map(named).collect::<Result<_>>().map(Some)
    }

    /// Refuses a value that would have to be computed otherwise.
    pub(super) fn refuse(&self, field: &str, why: &str) -> Error {
        let shown: String =
            self.get(field).map(Value::to_string).unwrap_or_default().chars().take(64).collect();
        unsupported(format!(
            "config.json: \"{field}\": {shown}: {why}; convert the model to GGUF, or take another"
        ))
    }
}
