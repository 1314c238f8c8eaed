//! The values that a template works on: Python's, as far as templates see them. Knows what lists and maps
//! hold, not what is equal in them.

use std::sync::Arc;

use super::kinds::{Function, Missing, ObjectId, ObjectKind, Steps, View};
use super::text::Text;
use crate::error::Result;
use crate::text::template::costs::{Costs, Meter, fault};

/// Deeper values are refused, as Python's recursion limit would: `repr`, `==` and `json.dumps` recurse there.
pub(crate) const MAX_DEPTH: u16 = 500;

/// A value. Cloning it shares what it holds; lists and maps never change once they are made (the sandbox is
/// immutable).
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Undefined(Missing),
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, as its digits.
    Big(Arc<String>),
    Float(f64),
    Text(Text),
    List(Arc<Items>),
    Tuple(Arc<Items>),
    Dict(Arc<Dict>),
    /// `range(start, stop, step)`.
    Range(Arc<Steps>),
    /// `dict.keys()`, `.values()`, `.items()`.
    View(View, Arc<Dict>),
    /// What changes or acts: kept by the machine, under a number.
    Object(Arc<ObjectId>),
    Function(Function),
    /// A method and what it belongs to.
    Method(Arc<(Value, String)>),
}

/// A list's or a tuple's items.
#[derive(Debug)]
pub(crate) struct Items {
    values: Vec<Value>,
    depth: u16,
    /// What `groupby` gives: a pair whose items have names, too.
    pub(crate) is_group: bool,
    held: usize,
    meter: Option<Arc<Meter>>,
}

/// What a container costs beside its items.
pub(crate) const CONTAINER: usize = 80;

impl Items {
    /// # Errors
    /// `Template` over the limits of the rendering, or nested too deep.
    pub(crate) fn new(costs: &mut Costs, values: Vec<Value>) -> Result<Arc<Self>> {
        let depth = depth_over(&values)?;
        let held = CONTAINER + values.capacity() * size_of::<Value>();
        costs.spend(values.len() / 8)?;
        costs.meter.take(held)?;
        Ok(Arc::new(Self { values, depth, is_group: false, held, meter: Some(costs.meter.clone()) }))
    }

    pub(crate) fn group(costs: &mut Costs, key: Value, items: Value) -> Result<Value> {
        let mut pair = Self::new(costs, vec![key, items])?;
        if let Some(pair) = Arc::get_mut(&mut pair) {
            pair.is_group = true;
        }
        Ok(Value::Tuple(pair))
    }
}

impl std::ops::Deref for Items {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if let Some(meter) = &self.meter {
            meter.give(self.held);
        }
        drop_deep(std::mem::take(&mut self.values));
    }
}

/// A map: it keeps its order. How it is made and what it has for a key is in `dict`.
#[derive(Debug)]
pub(crate) struct Dict {
    pub(super) keys: Vec<Value>,
    pub(super) values: Vec<Value>,
    /// Hashes of keys and where they are, ascending; empty for a small map.
    pub(super) index: Vec<(u64, u32)>,
    pub(super) depth: u16,
    pub(super) held: usize,
    pub(super) meter: Option<Arc<Meter>>,
}

impl Dict {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    pub(crate) fn keys(&self) -> &[Value] {
        &self.keys
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.keys.iter().zip(&self.values)
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        if let Some(meter) = &self.meter {
            meter.give(self.held);
        }
        drop_deep(std::mem::take(&mut self.keys));
        drop_deep(std::mem::take(&mut self.values));
    }
}

/// One more than the deepest of `values`.
pub(crate) fn depth_over(values: &[Value]) -> Result<u16> {
    let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        Err(fault(format!("a value is nested deeper than {MAX_DEPTH}")))
    } else {
        Ok(depth)
    }
}

/// Drops values without recursion, and without a copy: what they hold is taken out before they go.
pub(crate) fn drop_deep(values: Vec<Value>) {
    if values.iter().all(|value| value.depth() <= 1) {
        return;
    }
    let mut open = vec![values];
    while let Some(innermost) = open.last_mut() {
        match innermost.pop() {
            None => drop(open.pop()),
            Some(Value::List(items) | Value::Tuple(items)) => {
                open.extend(Arc::into_inner(items).map(|mut items| std::mem::take(&mut items.values)));
            }
            Some(Value::Dict(dict) | Value::View(_, dict)) => {
                if let Some(mut dict) = Arc::into_inner(dict) {
                    open.extend([std::mem::take(&mut dict.keys), std::mem::take(&mut dict.values)]);
                }
            }
            Some(Value::Method(method)) => {
                if let Some((value, _)) = Arc::into_inner(method) {
                    innermost.push(value);
                }
            }
            Some(_) => {}
        }
    }
}

impl Value {
    pub(crate) const UNDEFINED: Self = Self::Undefined(Missing::Item);

    pub(crate) fn list(costs: &mut Costs, values: Vec<Value>) -> Result<Self> {
        Items::new(costs, values).map(Self::List)
    }

    pub(crate) fn tuple(costs: &mut Costs, values: Vec<Value>) -> Result<Self> {
        Items::new(costs, values).map(Self::Tuple)
    }

    pub(crate) fn text(costs: &mut Costs, text: &str) -> Result<Self> {
        Text::new(costs, text).map(Self::Text)
    }

    /// A count as the integer it is.
    pub(crate) fn count(count: usize) -> Self {
        Self::Int(count as i64)
    }

    /// How many containers are in each other; nothing but containers counts.
    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::List(items) | Self::Tuple(items) => items.depth,
            Self::Dict(dict) => dict.depth(),
            Self::View(_, dict) => dict.depth().saturating_add(1),
            Self::Method(method) => method.0.depth().saturating_add(1),
            _ => 0,
        }
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.as_text().map(Text::as_str)
    }

    /// Whether it counts as true where a condition is asked for.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) | Self::View(_, dict) => dict.len() > 0,
            Self::Range(steps) => steps.len() > 0,
            Self::Big(_) | Self::Object(_) | Self::Function(_) | Self::Method(_) => true,
        }
    }

    /// What Python calls its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Range(_) => "range",
            Self::View(View::Keys, _) => "dict_keys",
            Self::View(View::Values, _) => "dict_values",
            Self::View(View::Items, _) => "dict_items",
            Self::Object(object) => match object.kind {
                ObjectKind::Namespace => "Namespace",
                ObjectKind::Iterator => "generator",
                ObjectKind::Loop => "LoopContext",
                ObjectKind::Macro => "Macro",
                ObjectKind::Cycler => "Cycler",
                ObjectKind::Joiner => "Joiner",
            },
            Self::Function(_) => "function",
            Self::Method(_) => "builtin_function_or_method",
        }
    }

    pub(crate) fn is_callable(&self) -> bool {
        match self {
            Self::Function(_) | Self::Method(_) => true,
            Self::Object(object) => {
                !matches!(object.kind, ObjectKind::Namespace | ObjectKind::Iterator | ObjectKind::Cycler)
            }
            // Undefined is a class with `__call__`.
            Self::Undefined(_) => true,
            _ => false,
        }
    }
}
