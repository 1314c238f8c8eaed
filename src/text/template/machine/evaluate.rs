//! Instructions that make a value of others: operators, items, lists. Knows the stack, no calls and no loops.

use super::state::Machine;
use crate::error::Result;
use crate::text::template::costs::fault;
use crate::text::template::operations::{attributes, operators};
use crate::text::template::program::Op;
use crate::text::template::values::{Builder, Dict, Source, Value};

impl Machine<'_> {
    /// Does an instruction that works on the stack only.
    pub(super) fn evaluate(&mut self, op: Op) -> Result<()> {
        let value = match op {
            Op::Attribute(_) | Op::Item | Op::Slice => self.look_up(op)?,
            Op::List(_) | Op::Tuple(_) | Op::Dict(_) => self.build(op)?,
            Op::Unpack(count) => return self.unpack(count as usize),
            Op::Arithmetic(operator) => {
                let (left, right) = self.pop_pair();
                operators::calculate(&mut self.rendering, operator, &left, &right)?
            }
            Op::Negate | Op::Plus => {
                let value = self.pop();
                let sign = if op == Op::Negate { operators::negate } else { operators::plus };
                sign(&self.rendering, &value)?
            }
            Op::Not => Value::Bool(!self.pop().truth()),
            Op::Concat(count) => {
                let values = self.take(count as usize)?;
                let mut out = Builder::new(&self.rendering.costs);
                values.iter().try_for_each(|value| self.rendering.write(&mut out, value))?;
                Value::Text(out.finish()?)
            }
            Op::Compare(comparison) => {
                let (left, right) = self.pop_pair();
                Value::Bool(operators::holds(&mut self.rendering, comparison, &left, &right)?)
            }
            Op::ChainCompare(comparison, to) => {
                let (left, right) = self.pop_pair();
                if operators::holds(&mut self.rendering, comparison, &left, &right)? {
                    right
                } else {
                    self.jump(to);
                    Value::Bool(false)
                }
            }
            other => return Err(fault(format!("an instruction out of place: {other:?}"))),
        };
        self.push(value);
        Ok(())
    }

    fn unpack(&mut self, count: usize) -> Result<()> {
        let value = self.pop();
        let Some(source) = Source::of(&mut self.rendering.costs, &value)? else {
            return Err(fault(format!("cannot unpack non-iterable {} object", value.type_name())));
        };
        let items = self.rendering.items_of(source, count + 1)?;
        if items.len() != count {
            let found = if items.len() > count { "too many" } else { "not enough" };
            return Err(fault(format!("{found} values to unpack (expected {count})")));
        }
        self.stack.extend(items.into_iter().rev());
        Ok(())
    }

    fn look_up(&mut self, op: Op) -> Result<Value> {
        match op {
            Op::Attribute(name) => {
                let object = self.pop();
                attributes::attribute(&mut self.rendering, object, name)
            }
            Op::Item => {
                let (object, index) = self.pop_pair();
                attributes::item(&mut self.rendering, object, &index)
            }
            _ => {
                let step = self.pop();
                let (start, stop) = self.pop_pair();
                let object = self.pop();
                attributes::slice(&mut self.rendering, &object, [start, stop, step])
            }
        }
    }

    fn build(&mut self, op: Op) -> Result<Value> {
        match op {
            Op::List(count) => {
                let items = self.take(count as usize)?;
                Value::list(&mut self.rendering.costs, items)
            }
            Op::Tuple(count) => {
                let items = self.take(count as usize)?;
                Value::tuple(&mut self.rendering.costs, items)
            }
            Op::Dict(count) => {
                let mut items = self.take(2 * count as usize)?.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Dict::new(&mut self.rendering.costs, pairs).map(Value::Dict)
            }
            _ => Ok(Value::UNDEFINED),
        }
    }
}
