//! What all that works on values shares while a template runs: the costs, the objects, the template's names,
//! the time. Knows no variables and no instructions.

use std::sync::Arc;

use super::costs::{Costs, fault};
use super::values::{Builder, Missing, ObjectKind, Objects, Signature, Source, Text, Value, print};
use crate::error::{Error, Result};

/// A rendering, as operations on values see it.
pub(super) struct Rendering<'p> {
    pub(super) costs: Costs,
    pub(super) objects: Objects,
    /// The template's names, by their numbers.
    pub(super) names: &'p [Arc<str>],
    /// What its macros take, by their numbers.
    pub(super) signatures: &'p [Signature],
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl<'p> Rendering<'p> {
    pub(super) fn new(costs: Costs, names: &'p [Arc<str>], signatures: &'p [Signature], now: i64) -> Self {
        Self { costs, objects: Objects::default(), names, signatures, now }
    }

    /// The name with this number.
    pub(super) fn name(&self, number: u32) -> &'p str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    /// `str(value)` as a string.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(super) fn string(&mut self, value: &Value) -> Result<Text> {
        print::string(&mut self.costs, &self.objects, value)
    }

    /// Appends `str(value)`.
    ///
    /// # Errors
    /// As [`string`](Self::string)'s.
    pub(super) fn write(&mut self, out: &mut Builder, value: &Value) -> Result<()> {
        print::write(&mut self.costs, &self.objects, out, value)
    }

    /// `repr(value)`
    ///
    /// # Errors
    /// As [`string`](Self::string)'s; for what is nested too deep.
    pub(super) fn repr(&mut self, value: &Value) -> Result<Text> {
        let mut out = Builder::new(&self.costs);
        print::repr(&mut self.costs, &self.objects, &mut out, value)?;
        out.finish()
    }

    /// All items of a value that is gone through.
    ///
    /// # Errors
    /// `Template` for what has none, and over the limits of the rendering.
    pub(super) fn items(&mut self, value: &Value) -> Result<Vec<Value>> {
        match value {
            Value::List(items) | Value::Tuple(items) => {
                self.costs.spend(items.len() / 4)?;
                let mut copy = Vec::new();
                copy.try_reserve_exact(items.len())?;
                copy.extend_from_slice(items);
                Ok(copy)
            }
            Value::Object(object) if object.kind == ObjectKind::Iterator => {
                Ok(self.objects.drain(&self.costs.meter, object.at))
            }
            other => match Source::of(&mut self.costs, other)? {
                Some(source) => self.items_of(source, usize::MAX),
                None => Err(fault(format!("'{}' object is not iterable", other.type_name()))),
            },
        }
    }

    /// At most `most` items of a source.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(super) fn items_of(&mut self, mut source: Source, most: usize) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        while items.len() < most {
            self.costs.spend(1)?;
            let item = match &mut source {
                Source::Iterator(id) => self.objects.next(&self.costs.meter, id.at),
                source => source.next(&mut self.costs)?,
            };
            let Some(item) = item else { break };
            if items.len() == items.capacity() {
                // What the list will hold is counted when it becomes a value; this is for the way there.
                self.costs.spend(items.len() / 8)?;
                items.try_reserve(items.len().max(4))?;
            }
            items.push(item);
        }
        Ok(items)
    }

    /// The error of a use of something that is not there.
    pub(super) fn undefined(&self, missing: Missing) -> Error {
        fault(match missing {
            Missing::Variable(name) => format!("'{}' is undefined", self.name(name)),
            Missing::Attribute(name) => format!("there is no attribute '{}'", self.name(name)),
            Missing::Parameter(name) => format!("parameter '{}' was not provided", self.name(name)),
            Missing::Item => "there is no such item".to_owned(),
            Missing::Unsafe => "this attribute is not allowed to templates".to_owned(),
            Missing::Else => "the condition is false, and there is no else".to_owned(),
        })
    }

    /// The error of a value that the filter `name` cannot do anything with.
    pub(super) fn unfit(&self, value: &Value, name: &str) -> Error {
        match value {
            Value::Undefined(missing) => self.undefined(*missing),
            other => fault(format!("{name}: a '{}' is not what it can work on", other.type_name())),
        }
    }
}
