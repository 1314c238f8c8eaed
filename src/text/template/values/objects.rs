//! What changes while a template runs: namespaces, iterators, loops, macros, cyclers. Values name them by
//! shared numbers, so that no value can hold itself, and what nothing names any more goes: at once where that
//! is seen, else with a sweep. All go when the rendering does. Knows no instructions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::kinds::{ObjectId, ObjectKind};
use super::source::Source;
use super::text::Text;
use super::value::Value;
use crate::error::{Error, Result};
use crate::text::template::costs::{Costs, Meter, fault};

/// One object.
#[derive(Debug)]
pub(crate) enum Object {
    Namespace(Vec<(Text, Value)>),
    Iterator(VecDeque<Value>),
    Loop(Box<Loop>),
    Macro(Macro),
    Cycler {
        items: Vec<Value>,
        at: usize,
    },
    Joiner {
        separator: Value,
        used: bool,
    },
    /// None: the place can be taken.
    Free,
}

impl Object {
    fn kind(&self) -> ObjectKind {
        match self {
            Self::Namespace(_) => ObjectKind::Namespace,
            Self::Iterator(_) | Self::Free => ObjectKind::Iterator,
            Self::Loop(_) => ObjectKind::Loop,
            Self::Macro(_) => ObjectKind::Macro,
            Self::Cycler { .. } => ObjectKind::Cycler,
            Self::Joiner { .. } => ObjectKind::Joiner,
        }
    }

    /// Bytes of what it holds, beside its place.
    fn bytes(&self) -> usize {
        match self {
            Self::Namespace(pairs) => pairs.len() * size_of::<(Text, Value)>(),
            Self::Iterator(items) => items.capacity() * size_of::<Value>(),
            Self::Cycler { items, .. } => items.capacity() * size_of::<Value>(),
            _ => 0,
        }
    }
}

/// A loop under way.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) source: Source,
    /// The number of the item that is there, from 0 on; -1 before the first.
    pub(crate) index: i64,
    pub(crate) depth: u32,
    pub(crate) before: Option<Value>,
    pub(crate) current: Option<Value>,
    /// What `loop.changed` was asked last.
    pub(crate) changed: Option<Vec<Value>>,
    /// The instruction that begins it.
    pub(crate) begin: usize,
    pub(crate) recursive: bool,
    /// The scope that it stands in.
    pub(crate) scope: u32,
}

/// What a macro takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signature {
    pub(crate) name: u32,
    pub(crate) parameters: Vec<u32>,
    /// Whether its body asks for `varargs`, `kwargs`, `caller`.
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    pub(crate) caller: bool,
}

/// A macro: where its body is, and the scope that it was made in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Macro {
    pub(crate) signature: u32,
    pub(crate) entry: usize,
    pub(crate) scope: u32,
}

/// The objects of one rendering.
#[derive(Debug)]
pub(crate) struct Objects {
    objects: Vec<Slot>,
    free: Vec<u32>,
    /// So many places are made, and so many bytes are live, before the next sweep.
    most_places: usize,
    most_bytes: usize,
}

/// A place for an object.
#[derive(Debug)]
struct Slot {
    object: Object,
    /// Bytes that are counted for what the object holds, beside its place.
    held: usize,
    /// Its number, which all that name it share.
    id: Arc<ObjectId>,
}

/// What an object costs.
const OBJECT: usize = 256;

/// How many share the number of an object that one value names: that value and the object's place.
const NAMED_ONCE: usize = 2;

/// Places that are made before the first sweep.
const PLACES: usize = 64;

/// Bytes by which a rendering grows at least between two sweeps.
const GROWTH: usize = 1 << 20;

impl Default for Objects {
    fn default() -> Self {
        Self { objects: Vec::new(), free: Vec::new(), most_places: PLACES, most_bytes: GROWTH }
    }
}

impl Objects {
    /// Keeps `object`.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(crate) fn add(&mut self, costs: &mut Costs, object: Object) -> Result<Arc<ObjectId>> {
        costs.spend(4)?;
        let full = self.free.is_empty() && self.objects.len() >= self.most_places;
        if full || costs.meter.live() >= self.most_bytes {
            self.sweep(costs)?;
        }
        let (kind, held) = (object.kind(), object.bytes());
        if let Some(at) = self.free.last().copied() {
            costs.meter.take(held)?;
            self.free.pop();
            let slot = &mut self.objects[at as usize];
            match Arc::get_mut(&mut slot.id) {
                Some(id) => id.kind = kind,
                None => slot.id = Arc::new(ObjectId { kind, at }),
            }
            (slot.object, slot.held) = (object, held);
            return Ok(slot.id.clone());
        }
        costs.meter.take(OBJECT + held)?;
        self.objects.try_reserve(1)?;
        let id = Arc::new(ObjectId { kind, at: self.objects.len() as u32 });
        self.objects.push(Slot { object, held, id: id.clone() });
        Ok(id)
    }

    /// Lets all go that nothing names.
    fn sweep(&mut self, costs: &mut Costs) -> Result<()> {
        costs.spend(self.objects.len() / 16)?;
        for at in 0..self.objects.len() {
            let slot = &self.objects[at];
            if Arc::strong_count(&slot.id) == 1 && !matches!(slot.object, Object::Free) {
                self.release(&costs.meter, at as u32);
            }
        }
        // Twice as many as are named; a quarter of the room that is left.
        self.most_places = PLACES.max(2 * (self.objects.len() - self.free.len()));
        self.most_bytes = costs.meter.live() + GROWTH.max(costs.meter.room() / 4);
        Ok(())
    }

    /// Counts `bytes` more for what the object `at` holds.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(crate) fn hold(&mut self, costs: &mut Costs, at: u32, bytes: usize) -> Result<()> {
        costs.meter.take(bytes)?;
        self.objects[at as usize].held += bytes;
        Ok(())
    }

    /// Gives `bytes` back of what is counted for the object `at`.
    pub(crate) fn let_go(&mut self, meter: &Meter, at: u32, bytes: usize) {
        let held = &mut self.objects[at as usize].held;
        let bytes = bytes.min(*held);
        *held -= bytes;
        meter.give(bytes);
    }

    /// An iterator over `items`, which it gives once.
    pub(crate) fn iterator(&mut self, costs: &mut Costs, items: Vec<Value>) -> Result<Value> {
        self.add(costs, Object::Iterator(items.into())).map(Value::Object)
    }

    /// The next item of an iterator; what else it has goes if nothing but the caller names it.
    pub(crate) fn first(&mut self, meter: &Meter, id: &Arc<ObjectId>) -> Option<Value> {
        let item = self.next(meter, id.at);
        if Arc::strong_count(id) == NAMED_ONCE {
            self.drain(meter, id.at);
        }
        item
    }

    /// The caller is done with an object: it goes if nothing else names it. Whether it went.
    pub(crate) fn done(&mut self, meter: &Meter, id: Arc<ObjectId>) -> bool {
        let last = Arc::strong_count(&id) == NAMED_ONCE;
        let at = id.at;
        drop(id);
        if last {
            self.release(meter, at);
        }
        last
    }

    /// Forgets an object that nothing names, and the iterator that only it went over.
    fn release(&mut self, meter: &Meter, at: u32) {
        self.let_go(meter, at, usize::MAX);
        let object = std::mem::replace(&mut self.objects[at as usize].object, Object::Free);
        self.free.push(at);
        if let Object::Loop(state) = object
            && let Source::Iterator(id) = state.source
        {
            self.done(meter, id);
        }
    }

    pub(crate) fn get(&self, at: u32) -> &Object {
        &self.objects[at as usize].object
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut Object {
        &mut self.objects[at as usize].object
    }

    pub(crate) fn loop_mut(&mut self, at: u32) -> Option<&mut Loop> {
        match self.get_mut(at) {
            Object::Loop(state) => Some(state),
            _ => None,
        }
    }

    /// What an iterator has left; it has nothing then.
    pub(crate) fn drain(&mut self, meter: &Meter, at: u32) -> Vec<Value> {
        let Object::Iterator(items) = self.get_mut(at) else { return Vec::new() };
        let items = std::mem::take(items);
        self.let_go(meter, at, usize::MAX);
        items.into()
    }

    /// The next item of an iterator.
    pub(crate) fn next(&mut self, meter: &Meter, at: u32) -> Option<Value> {
        let Object::Iterator(items) = self.get_mut(at) else { return None };
        let item = items.pop_front();
        if items.is_empty() {
            self.drain(meter, at);
        }
        item
    }

    pub(crate) fn left(&self, at: u32) -> usize {
        match self.get(at) {
            Object::Iterator(items) => items.len(),
            _ => 0,
        }
    }

    /// An attribute of a namespace.
    pub(crate) fn attribute(&self, costs: &mut Costs, at: u32, name: &str) -> Result<Option<Value>> {
        let Object::Namespace(pairs) = self.get(at) else { return Ok(None) };
        costs.spend(pairs.len() / 16)?;
        Ok(pairs.iter().find(|(other, _)| other.as_str() == name).map(|(_, value)| value.clone()))
    }

    /// The attribute number `index` of a namespace.
    pub(crate) fn attribute_at(&self, at: u32, index: usize) -> Option<(&Text, &Value)> {
        match self.get(at) {
            Object::Namespace(pairs) => pairs.get(index).map(|(name, value)| (name, value)),
            _ => None,
        }
    }

    /// Sets an attribute of what has to be a namespace.
    pub(crate) fn set_attribute(
        &mut self,
        costs: &mut Costs,
        object: &Value,
        name: &str,
        value: Value,
    ) -> Result<()> {
        let Value::Object(object) = object else { return Err(no_namespace()) };
        let Object::Namespace(pairs) = self.get_mut(object.at) else { return Err(no_namespace()) };
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
    pub(crate) fn shown(&self, object: &ObjectId) -> String {
        match self.get(object.at) {
            Object::Loop(state) => {
                format!("<LoopContext {}/{}>", state.index + 1, state.index + 1 + self.ahead(state) as i64)
            }
            Object::Iterator(_) | Object::Free => "<generator object>".to_owned(),
            Object::Macro(_) => "<Macro>".to_owned(),
            Object::Cycler { .. } => "<Cycler>".to_owned(),
            Object::Joiner { .. } => "<Joiner>".to_owned(),
            Object::Namespace(_) => "<Namespace>".to_owned(),
        }
    }

    /// How many items come behind the one that is there.
    pub(crate) fn ahead(&self, state: &Loop) -> usize {
        match &state.source {
            Source::Iterator(id) => self.left(id.at),
            source => source.ahead(),
        }
    }

    /// The item behind the one that is there, which stays where it is.
    pub(crate) fn peek(&self, costs: &mut Costs, state: &Loop) -> Result<Option<Value>> {
        match &state.source {
            Source::Iterator(id) => Ok(match self.get(id.at) {
                Object::Iterator(items) => items.front().cloned(),
                _ => None,
            }),
            source => source.peek(costs),
        }
    }

    /// The next item of the loop `at`.
    pub(crate) fn advance(&mut self, costs: &mut Costs, at: u32) -> Result<Option<Value>> {
        let Object::Loop(state) = self.get_mut(at) else { return Ok(None) };
        let item = match &mut state.source {
            Source::Iterator(id) => {
                let at = id.at;
                self.next(&costs.meter, at)
            }
            source => source.next(costs)?,
        };
        Ok(item)
    }
}

fn no_namespace() -> Error {
    fault("cannot assign attribute on non-namespace object")
}
