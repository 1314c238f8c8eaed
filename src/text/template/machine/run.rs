//! Runs a template's instructions. Nothing of it recurses: calls of macros and of recursive loops wait on
//! lists, so a rendering needs little stack however deep it goes, and can rest between any two instructions.
//! Knows no grammar.

use super::scopes::ROOT;
use super::state::{MAX_CALLS, Machine};
use crate::error::Result;
use crate::text::template::costs::fault;
use crate::text::template::operations::globals;
use crate::text::template::program::Op;
use crate::text::template::values::{Missing, Value};

impl Machine<'_> {
    /// Goes on until the end or until `units` of fuel are spent; whether it is the end.
    ///
    /// # Errors
    /// `Template` naming the line; `OutOfMemory`.
    pub(crate) fn run(&mut self, units: u64) -> Result<bool> {
        while let Some((op, line)) = self.program.code.get(self.at) {
            self.at += 1;
            let done = self.rendering.costs.spend(1).and_then(|()| self.step(*op));
            if let Err(error) = done {
                return Err(error.within(format_args!("line {line}")));
            }
            if self.rendering.costs.is_due(units) {
                return Ok(self.at >= self.program.code.len());
            }
        }
        Ok(true)
    }

    fn step(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Write(_) | Op::Emit | Op::Capture | Op::EndCapture => return self.write(op),
            Op::Constant(at) => {
                let value = self.constant(at);
                self.push(value);
            }
            Op::Load(name) => {
                let value = self.load(name)?;
                self.push(value);
            }
            Op::Store(name) => {
                let value = self.pop();
                self.set(name, value)?;
            }
            Op::StoreAttribute(name, attribute) => {
                let (object, value) = (self.load(name)?, self.pop());
                let attribute = self.rendering.name(attribute);
                let objects = &mut self.rendering.objects;
                objects.set_attribute(&mut self.rendering.costs, &object, attribute, value)?;
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
            Op::PushScope | Op::PushBlockScope | Op::PopScope | Op::Unwind(..) | Op::JumpIfGiven(..) => {
                return self.scope(op);
            }
            Op::Call(_) | Op::CallMethod(..) | Op::Filter(..) | Op::Test(..) | Op::Macro(..) | Op::Return => {
                return self.step_call(op);
            }
            Op::Loop { .. }
            | Op::ChooseNext(_)
            | Op::Choose
            | Op::Next(_)
            | Op::SkipIfFalse(_)
            | Op::EndLoop(_)
            | Op::LoopReturn => return self.step_loop(op),
            op => return self.evaluate(op),
        }
        Ok(())
    }

    fn constant(&self, at: u32) -> Value {
        self.program.constants.get(at as usize).cloned().unwrap_or(Value::UNDEFINED)
    }

    fn load(&mut self, name: u32) -> Result<Value> {
        if let Some(value) = self.scopes.get(&mut self.rendering.costs, name)? {
            return Ok(value.clone());
        }
        let function = globals::find(self.rendering.name(name));
        Ok(function.map_or(Value::Undefined(Missing::Variable(name)), Value::Function))
    }

    fn write(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Capture => {
                if self.out.len() > 4 * MAX_CALLS {
                    return Err(fault("blocks and calls are nested too deep"));
                }
                self.capture();
            }
            Op::EndCapture => {
                let captured = self.captured()?;
                self.push(captured);
            }
            op => {
                let value = if let Op::Write(at) = op { self.constant(at) } else { self.pop() };
                if let Some(out) = self.out.last_mut() {
                    self.rendering.write(out, &value)?;
                }
            }
        }
        Ok(())
    }

    fn scope(&mut self, op: Op) -> Result<()> {
        let costs = &mut self.rendering.costs;
        match op {
            Op::PushScope => self.scopes.push(costs, self.scopes.current)?,
            Op::PushBlockScope => self.scopes.push(costs, ROOT)?,
            Op::Unwind(scopes, captures) => {
                (0..scopes).for_each(|_| self.scopes.pop());
                self.out.truncate(self.out.len().saturating_sub(usize::from(captures)).max(1));
            }
            Op::JumpIfGiven(name, to) => {
                if self.scopes.given(name) {
                    self.jump(to);
                }
            }
            _ => self.scopes.pop(),
        }
        Ok(())
    }
}
