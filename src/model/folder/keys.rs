//! The keys of a GGUF on their way into one in memory; knows no configuration.

use crate::gguf::TensorType;
use crate::gguf::write::{MetaValue, Writer};

/// Keys `{architecture}.{key}` and others, and tensors that no file has.
pub(super) struct Keys {
    architecture: &'static str,
    keys: Vec<(String, MetaValue)>,
    /// Its tensors.
    writer: Writer<'static>,
}

impl Keys {
    pub(super) fn new(architecture: &'static str, name: &str) -> Self {
        let mut keys = Self { architecture, keys: Vec::new(), writer: Writer::new() };
        keys.put_whole("general.architecture", architecture);
        keys.put_whole("general.name", name);
        keys
    }

    /// Puts `{architecture}.{key}`.
    pub(super) fn put(&mut self, key: &str, value: impl Into<MetaValue>) {
        let key = format!("{}.{key}", self.architecture);
        self.put_whole(&key, value);
    }

    /// Puts `key` as it is; in place of what it was.
    pub(super) fn put_whole(&mut self, key: &str, value: impl Into<MetaValue>) {
        self.keys.retain(|(other, _)| other != key);
        self.keys.push((key.to_owned(), value.into()));
    }

    /// Whether YaRN and the temperature of queries follow keys of the architecture's own.
    pub(super) fn is_tempered(&self) -> bool {
        self.architecture == "mistral3"
    }

    /// Puts a number if there is one.
    pub(super) fn put_number(&mut self, key: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.put(key, value as f32);
        }
    }

    /// Puts an integer if there is one.
    pub(super) fn put_count(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.put(key, MetaValue::U64(value));
        }
    }

    /// Puts a vector as the tensor `name`; an empty one is none.
    pub(super) fn put_vector(&mut self, name: &str, values: &[f32]) {
        if !values.is_empty() {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let shape = [values.len() as u64];
            self.writer = std::mem::take(&mut self.writer).tensor(name, TensorType::F32, &shape, bytes);
        }
    }

    /// The GGUF.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let put = |writer: Writer<'static>, (key, value): (String, MetaValue)| writer.meta(&key, value);
        self.keys.into_iter().fold(self.writer, put).to_bytes()
    }
}
