//! What changes while a template runs: namespaces, iterators, loops, macros, cyclers. Values name them by
//! numbers, so that no value can hold itself; all go when the rendering does. Knows no instructions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::costs::{Costs, Meter, fault};
use super::dict::Dict;
use super::text::Text;
use super::value::{ObjectId, ObjectKind, Steps, Value, View};
use crate::error::Result;

/// One object.
#[derive(Debug)]
pub(super) enum Object {
    Namespace(Vec<(Text, Value)>),
    Iterator(VecDeque<Value>),
    Loop(Box<Loop>),
    Macro(Macro),
    Cycler { items: Vec<Value>, at: usize },
    Joiner { separator: Value, used: bool },
}

/// A loop under way.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) source: Source,
    /// The number of the item that is there, from 0 on; -1 before the first.
    pub(super) index: i64,
    pub(super) depth: u32,
    pub(super) before: Option<Value>,
    pub(super) current: Option<Value>,
    /// What `loop.changed` was asked last.
    pub(super) changed: Option<Vec<Value>>,
    /// The instruction that begins it.
    pub(super) begin: usize,
    pub(super) recursive: bool,
    /// The scope that it stands in.
    pub(super) scope: u32,
}

/// A macro: where its body is, and the scope that it was made in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Macro {
    pub(super) signature: u32,
    pub(super) entry: usize,
    pub(super) scope: u32,
}

/// Where a loop's items come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A list's or a tuple's.
    Items(Value, usize),
    Steps(Steps, usize),
    /// The letters of a text, from this byte on; how many are left.
    Letters(Text, usize, usize),
    Dict(View, Arc<Dict>, usize),
    Iterator(u32),
    Chosen(VecDeque<Value>),
}

/// The objects of one rendering.
#[derive(Debug, Default)]
pub(super) struct Objects {
    objects: Vec<Slot>,
    free: Vec<u32>,
    /// The iterator that this instruction made, and the one that the instruction before made: nothing but the
    /// stack can name that one.
    fresh: [Option<u32>; 2],
}

/// A place for an object.
#[derive(Debug)]
struct Slot {
    object: Object,
    /// Bytes that are counted for what the object holds, beside its place.
    held: usize,
}

/// What an object costs.
const OBJECT: usize = 256;

impl Objects {
    /// Keeps `object`.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(super) fn add(&mut self, costs: &mut Costs, object: Object) -> Result<ObjectId> {
        let kind = match &object {
            Object::Namespace(_) => ObjectKind::Namespace,
            Object::Iterator(_) => ObjectKind::Iterator,
            Object::Loop(_) => ObjectKind::Loop,
            Object::Macro(_) => ObjectKind::Macro,
            Object::Cycler { .. } => ObjectKind::Cycler,
            Object::Joiner { .. } => ObjectKind::Joiner,
        };
        costs.spend(4)?;
        let held = match &object {
            Object::Namespace(pairs) => pairs.len() * size_of::<(Text, Value)>(),
            Object::Iterator(items) => items.capacity() * size_of::<Value>(),
            Object::Cycler { items, .. } => items.capacity() * size_of::<Value>(),
            _ => 0,
        };
        if let Some(at) = self.free.last().copied() {
            costs.meter.take(held)?;
            self.free.pop();
            self.objects[at as usize] = Slot { object, held };
            return Ok(ObjectId { kind, at });
        }
        costs.meter.take(OBJECT + held)?;
        self.objects.try_reserve(1)?;
        self.objects.push(Slot { object, held });
        Ok(ObjectId { kind, at: self.objects.len() as u32 - 1 })
    }

    /// Counts `bytes` more for what the object `at` holds.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(super) fn hold(&mut self, costs: &mut Costs, at: u32, bytes: usize) -> Result<()> {
        costs.meter.take(bytes)?;
        self.objects[at as usize].held += bytes;
        Ok(())
    }

    /// Gives `bytes` back of what is counted for the object `at`.
    pub(super) fn let_go(&mut self, meter: &Meter, at: u32, bytes: usize) {
        let held = &mut self.objects[at as usize].held;
        let bytes = bytes.min(*held);
        *held -= bytes;
        meter.give(bytes);
    }

    /// An iterator over `items`, which it gives once.
    pub(super) fn iterator(&mut self, costs: &mut Costs, items: Vec<Value>) -> Result<Value> {
        let made = self.add(costs, Object::Iterator(items.into()))?;
        self.fresh[0] = Some(made.at);
        Ok(Value::Object(made))
    }

    /// An instruction begins.
    #[inline]
    pub(super) fn begin_step(&mut self) {
        self.fresh = [None, self.fresh[0]];
    }

    /// The next item of an iterator; what else it has goes if nobody can ask for it any more.
    pub(super) fn first(&mut self, meter: &Meter, at: u32) -> Option<Value> {
        let item = self.next(meter, at);
        if self.fresh[1] == Some(at) {
            self.fresh[1] = None;
            self.release(meter, at);
        }
        item
    }

    /// Forgets an object that no value names.
    pub(super) fn release(&mut self, meter: &Meter, at: u32) {
        self.let_go(meter, at, usize::MAX);
        self.objects[at as usize].object = Object::Iterator(VecDeque::new());
        self.free.push(at);
    }

    pub(super) fn get(&self, at: u32) -> &Object {
        &self.objects[at as usize].object
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut Object {
        &mut self.objects[at as usize].object
    }

    pub(super) fn loop_mut(&mut self, at: u32) -> Option<&mut Loop> {
        match self.get_mut(at) {
            Object::Loop(state) => Some(state),
            _ => None,
        }
    }

    /// What an iterator has left; it has nothing then.
    pub(super) fn drain(&mut self, meter: &Meter, at: u32) -> Vec<Value> {
        let Object::Iterator(items) = self.get_mut(at) else { return Vec::new() };
        let items = std::mem::take(items);
        self.let_go(meter, at, usize::MAX);
        items.into()
    }

    /// The next item of an iterator.
    pub(super) fn next(&mut self, meter: &Meter, at: u32) -> Option<Value> {
        let Object::Iterator(items) = self.get_mut(at) else { return None };
        let item = items.pop_front();
        if items.is_empty() {
            self.drain(meter, at);
        }
        item
    }

    pub(super) fn left(&self, at: u32) -> usize {
        match self.get(at) {
            Object::Iterator(items) => items.len(),
            _ => 0,
        }
    }

    /// An attribute of a namespace.
    pub(super) fn attribute(&self, costs: &mut Costs, at: u32, name: &str) -> Result<Option<Value>> {
        let Object::Namespace(pairs) = self.get(at) else { return Ok(None) };
        costs.spend(pairs.len() / 16)?;
        Ok(pairs.iter().find(|(other, _)| other.as_str() == name).map(|(_, value)| value.clone()))
    }

    /// The attribute number `index` of a namespace.
    pub(super) fn attribute_at(&self, at: u32, index: usize) -> Option<(&Text, &Value)> {
        match self.get(at) {
            Object::Namespace(pairs) => pairs.get(index).map(|(name, value)| (name, value)),
            _ => None,
        }
    }

    /// Sets an attribute of what has to be a namespace.
    pub(super) fn set_attribute(
        &mut self,
        costs: &mut Costs,
        object: &Value,
        name: &str,
        value: Value,
    ) -> Result<()> {
        let Value::Object(ObjectId { kind: ObjectKind::Namespace, at }) = object else {
            return Err(fault("cannot assign attribute on non-namespace object"));
        };
        let Object::Namespace(pairs) = self.get_mut(*at) else { return Ok(()) };
        costs.spend(pairs.len() / 16)?;
        match pairs.iter_mut().find(|(other, _)| other.as_str() == name) {
            Some((_, old)) => *old = value,
            None => {
                costs.meter.take(size_of::<(Text, Value)>())?;
                pairs.push((Text::new(costs, name)?, value));
            }
        }
        Ok(())
    }

    /// What an object without items looks like.
    pub(super) fn shown(&self, object: ObjectId) -> String {
        match self.get(object.at) {
            Object::Loop(state) => {
                format!("<LoopContext {}/{}>", state.index + 1, state.index + 1 + self.ahead(state) as i64)
            }
            Object::Iterator(_) => "<generator object>".to_owned(),
            Object::Macro(_) => "<Macro>".to_owned(),
            Object::Cycler { .. } => "<Cycler>".to_owned(),
            Object::Joiner { .. } => "<Joiner>".to_owned(),
            Object::Namespace(_) => "<Namespace>".to_owned(),
        }
    }

    /// How many items come behind the one that is there.
    pub(super) fn ahead(&self, state: &Loop) -> usize {
        match &state.source {
            Source::Items(Value::List(items) | Value::Tuple(items), at) => items.len().saturating_sub(*at),
            Source::Items(..) => 0,
            Source::Steps(steps, at) => steps.len().saturating_sub(*at),
            Source::Letters(_, _, left) => *left,
            Source::Dict(_, dict, at) => dict.len().saturating_sub(*at),
            Source::Iterator(at) => self.left(*at),
            Source::Chosen(items) => items.len(),
        }
    }

    /// The item behind the one that is there, which stays where it is.
    pub(super) fn peek(&self, costs: &mut Costs, state: &Loop) -> Result<Option<Value>> {
        Ok(match &state.source {
            Source::Items(Value::List(items) | Value::Tuple(items), at) => items.get(*at).cloned(),
            Source::Items(..) => None,
            Source::Steps(steps, at) => steps.get(*at).map(Value::Int),
            Source::Letters(text, at, _) => letter(costs, text, *at)?,
            Source::Dict(view, dict, at) => entry(costs, *view, dict, *at)?,
            Source::Iterator(at) => match self.get(*at) {
                Object::Iterator(items) => items.front().cloned(),
                _ => None,
            },
            Source::Chosen(items) => items.front().cloned(),
        })
    }

    /// The next item of the loop `at`.
    pub(super) fn advance(&mut self, costs: &mut Costs, at: u32) -> Result<Option<Value>> {
        let Object::Loop(state) = self.get_mut(at) else { return Ok(None) };
        let item = match &mut state.source {
            Source::Iterator(iterator) => {
                let iterator = *iterator;
                self.next(&costs.meter, iterator)
            }
            source => source.next(costs)?,
        };
        Ok(item)
    }
}

impl Source {
    /// The items of `value`; `None` if it has none to give.
    pub(super) fn of(costs: &mut Costs, value: &Value) -> Result<Option<Self>> {
        Ok(Some(match value {
            Value::List(_) | Value::Tuple(_) => Self::Items(value.clone(), 0),
            Value::Dict(dict) => Self::Dict(View::Keys, dict.clone(), 0),
            Value::View(view, dict) => Self::Dict(*view, dict.clone(), 0),
            Value::Range(steps) => Self::Steps(**steps, 0),
            Value::Text(text) => Self::Letters(text.clone(), 0, text.letters(costs)?),
            Value::Undefined(_) => Self::Chosen(VecDeque::new()),
            Value::Object(ObjectId { kind: ObjectKind::Iterator, at }) => Self::Iterator(*at),
            _ => return Ok(None),
        }))
    }

    /// The next item; an iterator's is taken from the iterator itself.
    pub(super) fn next(&mut self, costs: &mut Costs) -> Result<Option<Value>> {
        Ok(match self {
            Self::Items(Value::List(items) | Value::Tuple(items), at) => {
                *at += 1;
                items.get(*at - 1).cloned()
            }
            Self::Items(..) | Self::Iterator(_) => None,
            Self::Steps(steps, at) => {
                *at += 1;
                steps.get(*at - 1).map(Value::Int)
            }
            Self::Letters(text, at, left) => {
                let item = letter(costs, text, *at)?;
                if let Some(Value::Text(letter)) = &item {
                    *at += letter.len();
                    *left = left.saturating_sub(1);
                }
                item
            }
            Self::Dict(view, dict, at) => {
                *at += 1;
                entry(costs, *view, dict, *at - 1)?
            }
            Self::Chosen(items) => items.pop_front(),
        })
    }
}

fn letter(costs: &mut Costs, text: &Text, at: usize) -> Result<Option<Value>> {
    let Some(letter) = text.as_str().get(at..).and_then(|rest| rest.chars().next()) else { return Ok(None) };
    text.part(costs, at..at + letter.len_utf8()).map(|letter| Some(Value::Text(letter)))
}

fn entry(costs: &mut Costs, view: View, dict: &Dict, at: usize) -> Result<Option<Value>> {
    let (Some(key), Some(value)) = (dict.keys().get(at), dict.values().get(at)) else { return Ok(None) };
    Ok(Some(match view {
        View::Keys => key.clone(),
        View::Values => value.clone(),
        View::Items => Value::tuple(costs, vec![key.clone(), value.clone()])?,
    }))
}
