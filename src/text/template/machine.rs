//! Runs a template's instructions. Nothing of it recurses: calls of macros and of recursive loops wait on
//! lists, so a rendering needs little stack however deep it goes, and can rest between any two instructions.
//! Knows no grammar.

use super::attributes;
use super::calls::MAX_CALLS;
use super::checks;
use super::costs::{Costs, fault};
use super::dict::Dict;
use super::filters;
use super::globals;
use super::objects::{Macro, Object, Objects, Source};
use super::operators;
use super::print;
use super::program::{Op, Program};
use super::scopes::{ROOT, Scopes};
use super::text::Builder;
use super::value::{Items, Missing, ObjectId, ObjectKind, Value};
use crate::error::{Error, Result};

/// A rendering under way.
pub(super) struct Machine<'p> {
    pub(super) program: &'p Program,
    pub(super) costs: Costs,
    pub(super) objects: Objects,
    pub(super) scopes: Scopes,
    /// The next instruction.
    pub(super) at: usize,
    pub(super) stack: Vec<Value>,
    /// The numbers of the loops under way, innermost last; and whether a value may name them.
    pub(super) loops: Vec<(u32, bool)>,
    pub(super) calls: Vec<Call>,
    /// The text, and the captured ones, innermost last.
    pub(super) out: Vec<Builder>,
    /// How deep in itself the loop that is called next will be.
    pub(super) next_depth: u32,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Where a call goes back to.
pub(super) struct Call {
    pub(super) at: usize,
    pub(super) loops: usize,
    pub(super) scopes: usize,
    /// A recursive loop's, not a macro's.
    pub(super) of_loop: bool,
}

impl<'p> Machine<'p> {
    pub(super) fn new(program: &'p Program, costs: Costs, now: i64) -> Self {
        Self {
            program,
            objects: Objects::default(),
            scopes: Scopes::new(program.names.len()),
            at: 0,
            stack: Vec::new(),
            loops: Vec::new(),
            calls: Vec::new(),
            out: vec![Builder::new(&costs)],
            costs,
            next_depth: 0,
            now,
        }
    }

    /// Goes on until the end or until `units` of fuel are spent; whether it is the end.
    ///
    /// # Errors
    /// `Template` naming the line; `OutOfMemory`.
    pub(super) fn run(&mut self, units: u64) -> Result<bool> {
        while let Some((op, line)) = self.program.code.get(self.at) {
            self.at += 1;
            self.objects.begin_step();
            let done = self.costs.spend(1).and_then(|()| self.step(*op));
            if let Err(error) = done {
                return Err(error.within(format_args!("line {line}")));
            }
            if self.costs.is_due(units) {
                return Ok(self.at >= self.program.code.len());
            }
        }
        Ok(true)
    }

    /// Sets one of the template's own variables.
    pub(super) fn set(&mut self, name: u32, value: Value) -> Result<()> {
        self.scopes.set(&mut self.costs, name, value)
    }

    /// What has been written.
    pub(super) fn finish(mut self) -> Option<Builder> {
        self.out.truncate(1);
        self.out.pop()
    }

    pub(super) fn name(&self, number: u32) -> &'p str {
        self.program.names.get(number as usize).map_or("", |name| name)
    }

    pub(super) fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::UNDEFINED)
    }

    pub(super) fn jump(&mut self, distance: i32) {
        self.at = self.at.wrapping_add_signed(distance as isize);
    }

    /// The last `count` values of the stack.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count)?;
        values.extend(self.stack.drain(self.stack.len().saturating_sub(count)..));
        Ok(values)
    }

    fn step(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Write(_) | Op::Emit | Op::Capture | Op::EndCapture => return self.write(op),
            Op::Constant(at) => {
                let value = self.program.constants.get(at as usize).cloned().unwrap_or(Value::UNDEFINED);
                self.stack.push(value);
            }
            Op::Load(name) => {
                let value = self.load(name)?;
                self.stack.push(value);
            }
            Op::Store(name) => {
                let value = self.pop();
                self.scopes.set(&mut self.costs, name, value)?;
            }
            Op::StoreAttribute(name, attribute) => {
                let (object, value) = (self.load(name)?, self.pop());
                let attribute = self.name(attribute);
                self.objects.set_attribute(&mut self.costs, &object, attribute, value)?;
            }
            Op::Unpack(count) => self.unpack(count as usize)?,
            Op::Attribute(_) | Op::Item | Op::Slice => return self.look_up(op),
            Op::Call(shape) => {
                let arguments = self.arguments(shape)?;
                let callee = self.pop();
                self.call(callee, arguments)?;
            }
            Op::CallMethod(name, shape) => self.call_method(name, shape)?,
            Op::Filter(name, shape) => {
                let arguments = self.arguments(shape)?;
                let value = self.pop();
                let value = filters::apply(self, self.name(name), value, arguments)?;
                self.stack.push(value);
            }
            Op::Test(name, shape) => {
                let arguments = self.arguments(shape)?;
                let value = self.pop();
                let passed = checks::apply(self, self.name(name), &value, arguments)?;
                self.stack.push(Value::Bool(passed));
            }
            Op::Jump(to) => self.jump(to),
            Op::JumpIfFalse(to) => {
                if !self.pop().truth() {
                    self.jump(to);
                }
            }
            Op::JumpIfFalseElsePop(to) | Op::JumpIfTrueElsePop(to) => {
                let truth = self.stack.last().is_some_and(Value::truth);
                if truth == matches!(op, Op::JumpIfTrueElsePop(_)) { self.jump(to) } else { drop(self.pop()) }
            }
            Op::List(_) | Op::Tuple(_) | Op::Dict(_) => return self.build(op),
            Op::PushScope => self.scopes.push(&mut self.costs, self.scopes.current)?,
            Op::PushBlockScope => self.scopes.push(&mut self.costs, ROOT)?,
            Op::PopScope => self.scopes.pop(),
            Op::Unwind(scopes, captures) => {
                (0..scopes).for_each(|_| self.scopes.pop());
                self.out.truncate(self.out.len().saturating_sub(usize::from(captures)).max(1));
            }
            Op::Macro(signature, over) => {
                self.scopes.capture();
                let made = Macro { signature, entry: self.at, scope: self.scopes.current };
                let made = self.objects.add(&mut self.costs, Object::Macro(made))?;
                self.stack.push(Value::Object(made));
                self.jump(over);
            }
            Op::JumpIfGiven(name, to) => {
                if self.scopes.given(name) {
                    self.jump(to);
                }
            }
            Op::Return => self.go_back()?,
            Op::Loop { .. }
            | Op::ChooseNext(_)
            | Op::Choose
            | Op::Next(_)
            | Op::SkipIfFalse(_)
            | Op::EndLoop(_)
            | Op::LoopReturn => return self.step_loop(op),
            _ => return operators::step(self, op),
        }
        Ok(())
    }

    /// For the operators: the right side and the left side.
    pub(super) fn pop_pair(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn load(&mut self, name: u32) -> Result<Value> {
        if let Some(value) = self.scopes.get(&mut self.costs, name)? {
            return Ok(value.clone());
        }
        Ok(globals::find(self.name(name)).map_or(Value::Undefined(Missing::Variable(name)), Value::Function))
    }

    fn write(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Capture => {
                if self.out.len() > 4 * MAX_CALLS {
                    return Err(fault("blocks and calls are nested too deep"));
                }
                self.out.push(Builder::new(&self.costs));
            }
            Op::EndCapture => {
                let captured = self.captured()?;
                self.stack.push(captured);
            }
            op => {
                let value = match op {
                    Op::Write(at) => {
                        self.program.constants.get(at as usize).cloned().unwrap_or(Value::UNDEFINED)
                    }
                    _ => self.pop(),
                };
                if let Some(out) = self.out.last_mut() {
                    print::write(&mut self.costs, &self.objects, out, &value)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn captured(&mut self) -> Result<Value> {
        match self.out.pop().filter(|_| !self.out.is_empty()) {
            Some(captured) => captured.finish().map(Value::Text),
            None => Err(fault("a capture that was not begun")),
        }
    }

    fn unpack(&mut self, count: usize) -> Result<()> {
        let value = self.pop();
        let Some(source) = Source::of(&mut self.costs, &value)? else {
            return Err(fault(format!("cannot unpack non-iterable {} object", value.type_name())));
        };
        let mut items = Vec::new();
        for item in self.items_of(source, count + 1)? {
            items.push(item);
        }
        if items.len() != count {
            let found = if items.len() > count { "too many" } else { "not enough" };
            return Err(fault(format!("{found} values to unpack (expected {count})")));
        }
        self.stack.extend(items.into_iter().rev());
        Ok(())
    }

    /// At most `most` items of a source.
    fn items_of(&mut self, mut source: Source, most: usize) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        while items.len() < most {
            self.costs.spend(1)?;
            let item = match &mut source {
                Source::Iterator(at) => self.objects.next(&self.costs.meter, *at),
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

    /// All items of a value that a filter goes through.
    pub(super) fn items(&mut self, value: &Value) -> Result<Vec<Value>> {
        match value {
            Value::List(items) | Value::Tuple(items) => {
                self.costs.spend(items.len() / 4)?;
                let mut copy = Vec::new();
                copy.try_reserve_exact(items.len())?;
                copy.extend_from_slice(items);
                Ok(copy)
            }
            Value::Object(ObjectId { kind: ObjectKind::Iterator, at }) => {
                Ok(self.objects.drain(&self.costs.meter, *at))
            }
            other => match Source::of(&mut self.costs, other)? {
                Some(source) => self.items_of(source, usize::MAX),
                None => Err(fault(format!("'{}' object is not iterable", other.type_name()))),
            },
        }
    }

    fn look_up(&mut self, op: Op) -> Result<()> {
        let value = match op {
            Op::Attribute(name) => {
                let object = self.pop();
                attributes::attribute(self, object, name)?
            }
            Op::Item => {
                let (object, index) = self.pop_pair();
                attributes::item(self, object, &index)?
            }
            _ => {
                let step = self.pop();
                let (start, stop) = self.pop_pair();
                let object = self.pop();
                attributes::slice(self, &object, [start, stop, step])?
            }
        };
        self.stack.push(value);
        Ok(())
    }

    fn build(&mut self, op: Op) -> Result<()> {
        let value = match op {
            Op::List(count) => {
                let items = self.take(count as usize)?;
                Value::List(Items::new(&mut self.costs, items)?)
            }
            Op::Tuple(count) => {
                let items = self.take(count as usize)?;
                Value::Tuple(Items::new(&mut self.costs, items)?)
            }
            Op::Dict(count) => {
                let items = self.take(2 * count as usize)?;
                let mut items = items.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Value::Dict(Dict::new(&mut self.costs, pairs)?)
            }
            _ => Value::UNDEFINED,
        };
        self.stack.push(value);
        Ok(())
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
}
