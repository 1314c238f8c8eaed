//! A rendering under way, as instructions change it: where it is, its stack, its loops, calls and texts.
//! Knows no instruction.

use std::sync::Arc;

use super::scopes::Scopes;
use crate::error::Result;
use crate::text::template::costs::{Costs, fault};
use crate::text::template::program::Program;
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Builder, ObjectId, Value};

/// Calls in calls, about as deep as Python goes.
pub(super) const MAX_CALLS: usize = 256;

/// A rendering under way.
pub(crate) struct Machine<'p> {
    pub(super) program: &'p Program,
    pub(crate) rendering: Rendering<'p>,
    pub(super) scopes: Scopes,
    /// The next instruction.
    pub(super) at: usize,
    pub(super) stack: Vec<Value>,
    /// The loops under way, innermost last.
    pub(super) loops: Vec<Arc<ObjectId>>,
    pub(super) calls: Vec<Call>,
    /// The text, and the captured ones, innermost last.
    pub(super) out: Vec<Builder>,
    /// How deep in itself the loop that is called next will be.
    pub(super) next_depth: u32,
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
    pub(crate) fn new(program: &'p Program, costs: Costs, now: i64) -> Self {
        Self {
            program,
            out: vec![Builder::new(&costs)],
            rendering: Rendering::new(costs, &program.names, &program.signatures, now),
            scopes: Scopes::new(program.names.len()),
            at: 0,
            stack: Vec::new(),
            loops: Vec::new(),
            calls: Vec::new(),
            next_depth: 0,
        }
    }

    /// Sets a variable, in the innermost scope; before the first instruction it is the template's own.
    ///
    /// # Errors
    /// `Template` over the limits of the rendering.
    pub(crate) fn set(&mut self, name: u32, value: Value) -> Result<()> {
        self.scopes.set(&mut self.rendering.costs, name, value)
    }

    /// What has been written.
    pub(crate) fn finish(mut self) -> Option<Builder> {
        self.out.truncate(1);
        self.out.pop()
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    pub(super) fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::UNDEFINED)
    }

    /// The left side and the right side of an operator.
    pub(super) fn pop_pair(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }

    /// The last `count` values of the stack.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count)?;
        values.extend(self.stack.drain(self.stack.len().saturating_sub(count)..));
        Ok(values)
    }

    pub(super) fn jump(&mut self, distance: i32) {
        self.at = self.at.wrapping_add_signed(distance as isize);
    }

    /// Begins to capture what is written.
    pub(super) fn capture(&mut self) {
        self.out.push(Builder::new(&self.rendering.costs));
    }

    /// Ends the innermost capture: its text.
    pub(super) fn captured(&mut self) -> Result<Value> {
        match self.out.pop().filter(|_| !self.out.is_empty()) {
            Some(captured) => captured.finish().map(Value::Text),
            None => Err(fault("a capture that was not begun")),
        }
    }
}
