//! The values that a template works on: Python's, as far as templates see them. Knows no syntax and no
//! instruction.

use std::sync::Arc;

use super::costs::{Costs, Meter, fault};
use super::dict::Dict;
use super::text::Text;
use crate::error::Result;

/// Deeper values are refused, as Python's recursion limit would: `repr`, `==` and `json.dumps` recurse there.
pub(super) const MAX_DEPTH: u16 = 500;

/// A value. Cloning it shares what it holds; lists and maps never change once they are made (the sandbox is
/// immutable).
#[derive(Clone, Debug)]
pub(super) enum Value {
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
    Object(ObjectId),
    Function(Function),
    /// A method and what it belongs to.
    Method(Arc<(Value, String)>),
}

/// What was looked for and is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Missing {
    /// The variable with this name's number.
    Variable(u32),
    /// The attribute with this name's number.
    Attribute(u32),
    /// Something without a name of its own.
    Item,
    /// A macro's parameter.
    Parameter(u32),
    /// What is not allowed to templates.
    Unsafe,
    /// The `else` of a condition that has none.
    Else,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum View {
    Keys,
    Values,
    Items,
}

/// The number of an object in the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ObjectId {
    pub(super) kind: ObjectKind,
    pub(super) at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Namespace,
    /// Gives its items once.
    Iterator,
    Loop,
    Macro,
    Cycler,
    Joiner,
}

/// Global functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    RaiseException,
    StrftimeNow,
}

/// The numbers of a `range`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    pub(super) start: i64,
    pub(super) stop: i64,
    pub(super) step: i64,
}

impl Steps {
    pub(super) fn len(&self) -> usize {
        let (low, high) = if self.step > 0 { (self.start, self.stop) } else { (self.stop, self.start) };
        if low >= high { 0 } else { high.abs_diff(low).div_ceil(self.step.unsigned_abs()) as usize }
    }

    pub(super) fn get(&self, at: usize) -> Option<i64> {
        (at < self.len()).then(|| self.start.wrapping_add(self.step.wrapping_mul(at as i64)))
    }
}

/// A list's or a tuple's items.
#[derive(Debug)]
pub(super) struct Items {
    values: Vec<Value>,
    depth: u16,
    /// What `groupby` gives: a pair whose items have names, too.
    pub(super) is_group: bool,
    held: usize,
    meter: Option<Arc<Meter>>,
}

/// What a container costs beside its items.
pub(super) const CONTAINER: usize = 80;

impl Items {
    /// # Errors
    /// `Template` over the limits of the rendering, or nested too deep.
    pub(super) fn new(costs: &mut Costs, values: Vec<Value>) -> Result<Arc<Self>> {
        let depth = depth_over(&values)?;
        let held = CONTAINER + values.capacity() * size_of::<Value>();
        costs.spend(values.len() / 8)?;
        costs.meter.take(held)?;
        Ok(Arc::new(Self { values, depth, is_group: false, held, meter: Some(costs.meter.clone()) }))
    }

    pub(super) fn group(costs: &mut Costs, key: Value, items: Value) -> Result<Value> {
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

/// One more than the deepest of `values`.
pub(super) fn depth_over(values: &[Value]) -> Result<u16> {
    let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        Err(fault(format!("a value is nested deeper than {MAX_DEPTH}")))
    } else {
        Ok(depth)
    }
}

/// Drops values without recursion: what they hold is taken out before they go.
pub(super) fn drop_deep(mut values: Vec<Value>) {
    if values.iter().all(|value| value.depth() <= 1) {
        return;
    }
    while let Some(value) = values.pop() {
        match value {
            Value::List(items) | Value::Tuple(items) => {
                if let Some(mut items) = Arc::into_inner(items) {
                    values.append(&mut items.values);
                }
            }
            Value::Dict(dict) | Value::View(_, dict) => {
                if let Some(dict) = Arc::into_inner(dict) {
                    values.extend(dict.into_values());
                }
            }
            Value::Method(method) => {
                if let Some((value, _)) = Arc::into_inner(method) {
                    values.push(value);
                }
            }
            _ => {}
        }
    }
}

impl Value {
    pub(super) const UNDEFINED: Self = Self::Undefined(Missing::Item);

    pub(super) fn list(costs: &mut Costs, values: Vec<Value>) -> Result<Self> {
        Items::new(costs, values).map(Self::List)
    }

    pub(super) fn tuple(costs: &mut Costs, values: Vec<Value>) -> Result<Self> {
        Items::new(costs, values).map(Self::Tuple)
    }

    pub(super) fn text(costs: &mut Costs, text: &str) -> Result<Self> {
        Text::new(costs, text).map(Self::Text)
    }

    /// A count as the integer it is.
    pub(super) fn count(count: usize) -> Self {
        Self::Int(count as i64)
    }

    /// How many containers are in each other; nothing but containers counts.
    pub(super) fn depth(&self) -> u16 {
        match self {
            Self::List(items) | Self::Tuple(items) => items.depth,
            Self::Dict(dict) => dict.depth(),
            Self::View(_, dict) => dict.depth().saturating_add(1),
            Self::Method(method) => method.0.depth().saturating_add(1),
            _ => 0,
        }
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        self.as_text().map(Text::as_str)
    }

    /// Whether it counts as true where a condition is asked for.
    pub(super) fn truth(&self) -> bool {
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
    pub(super) fn type_name(&self) -> &'static str {
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

    pub(super) fn is_callable(&self) -> bool {
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
