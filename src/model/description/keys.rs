//! Reads of `{architecture}.{key}` with a range each; knows no architecture.

use crate::error::{Error, ErrorKind, Result};
use crate::gguf::{Array, Metadata, Value};
use std::ops::RangeInclusive;

/// The hyper-parameters of one file.
pub(crate) struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

/// Ceilings far above any model that exists, low enough that no product of two of them overflows.
pub(super) const MAX_WIDTH: usize = 1 << 20;
pub(super) const MAX_CONTEXT: usize = 1 << 24;
/// A greatest period of layers, far above any that exists.
pub(super) const MAX_PERIOD: usize = 1024;

/// What a file says about some of its layers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PerLayer<'a> {
    /// Nothing.
    None,
    /// Each layer's own entry.
    Each(Array<'a>),
    /// All layers but each `n`-th.
    Every(usize),
}

/// A file that says what cannot be.
pub(crate) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::ModelInvalid, message)
}

/// A file that says what nobody here can compute.
pub(crate) fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

impl<'a> Keys<'a> {
    pub(crate) fn new(metadata: &'a Metadata, architecture: &'a str) -> Self {
        Self { metadata, architecture }
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// An integer in `range`; a missing key is `None`.
    pub(crate) fn count(&self, key: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        let full = self.full(key);
        let Some(value) = self.metadata.find::<u64>(&full)? else { return Ok(None) };
        in_range(&full, value, range).map(Some)
    }

    /// An integer in `range` that must be there.
    pub(crate) fn require(&self, key: &str, range: RangeInclusive<usize>) -> Result<usize> {
        self.count(key, range)?
            .ok_or_else(|| invalid(format!("metadata key {:?} is missing", self.full(key))))
    }

    /// An integer in `range` for each of `layers` layers, given once for all or once for each.
    pub(crate) fn by_layer(
        &self,
        key: &str,
        layers: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>> {
        match self.metadata.get(&self.full(key)) {
            Some(Value::Array(array)) => self.integers(key, array, layers, range).map(Some),
            _ => Ok(self.count(key, range)?.map(|value| vec![value; layers])),
        }
    }

    /// An array of `len` integers in `range` that must be there.
    pub(super) fn require_array(
        &self,
        key: &str,
        len: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        match self.metadata.get(&self.full(key)) {
            Some(Value::Array(array)) => self.integers(key, array, len, range),
            _ => Err(invalid(format!("metadata key {:?} is no array of {len} integers", self.full(key)))),
        }
    }

    /// The `len` integers of an array, each in `range`.
    fn integers(
        &self,
        key: &str,
        array: Array<'_>,
        len: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        let full = self.full(key);
        let not_integers = || invalid(format!("metadata key {full:?} is an array of {:?}", array.kind()));
        let values = array.integers().ok_or_else(not_integers)?;
        if array.len() != len {
            return Err(invalid(format!("{full:?} has {} entries; {len} are wanted", array.len())));
        }
        let value = |value| {
            let value = u64::try_from(value).map_err(|_| invalid(format!("{full:?} has {value}")))?;
            in_range(&full, value, range.clone())
        };
        values.map(value).collect()
    }

    /// The same, which must be there.
    pub(crate) fn require_by_layer(
        &self,
        key: &str,
        layers: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        self.by_layer(key, layers, range)?
            .ok_or_else(|| invalid(format!("metadata key {:?} is missing", self.full(key))))
    }

    /// A finite number from `least` on; a missing key is `None`.
    pub(crate) fn number(&self, key: &str, least: f32) -> Result<Option<f32>> {
        let full = self.full(key);
        let Some(value) = self.metadata.find::<f32>(&full)? else { return Ok(None) };
        if !value.is_finite() || value < least {
            return Err(invalid(format!(
                "{full:?} is {value}; a finite number from {least:e} on is possible"
            )));
        }
        Ok(Some(value))
    }

    /// As [`number`](Self::number), where zero means that the file has none.
    pub(crate) fn number_unless_zero(&self, key: &str) -> Result<Option<f32>> {
        Ok(self.number(key, 0.0)?.filter(|&value| value > 0.0))
    }

    /// Whether there is such a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.metadata.get(&self.full(key)).is_some()
    }

    /// A bool.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.metadata.find::<bool>(&self.full(key))
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.metadata.find::<&str>(&self.full(key))
    }

    /// A bool for each of `layers` layers; a missing key is `None`.
    pub(crate) fn flags(&self, key: &str, layers: usize) -> Result<Option<Vec<bool>>> {
        match self.per_layer(key, layers)? {
            PerLayer::None => Ok(None),
            PerLayer::Each(array) => {
                let is_set = |flag: Value<'_>| flag == Value::Bool(true) || flag.as_integer() == Some(1);
                Ok(Some(array.iter().map(is_set).collect()))
            }
            PerLayer::Every(_) => {
                Err(invalid(format!("metadata key {:?} is no array of {layers} bools", self.full(key))))
            }
        }
    }

    /// What holds for some of `layers` layers: one entry for each, or every how-manieth is left out (0: none
    /// is).
    pub(crate) fn per_layer(&self, key: &str, layers: usize) -> Result<PerLayer<'a>> {
        match self.metadata.get(&self.full(key)) {
            None => Ok(PerLayer::None),
            Some(Value::Array(array)) if array.len() == layers => Ok(PerLayer::Each(array)),
            Some(Value::Array(array)) => {
                let (full, len) = (self.full(key), array.len());
                Err(invalid(format!("{full:?} has {len} entries for {layers} layers")))
            }
            Some(_) => Ok(self.count(key, 0..=MAX_PERIOD)?.map_or(PerLayer::None, PerLayer::Every)),
        }
    }
}

fn in_range(key: &str, value: u64, range: RangeInclusive<usize>) -> Result<usize> {
    match usize::try_from(value) {
        Ok(small) if range.contains(&small) => Ok(small),
        _ => Err(invalid(format!("{key:?} is {value}; {} to {} are possible", range.start(), range.end()))),
    }
}
