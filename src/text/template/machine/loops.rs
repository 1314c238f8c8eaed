//! Loops: their items, the choice among them, their end. Knows the machine.

use super::state::Machine;
use crate::error::Result;
use crate::text::template::costs::fault;
use crate::text::template::program::{Known, Op};
use crate::text::template::rendering::Rendering;
use crate::text::template::values::{Loop, Object, Source, Value};

impl Machine<'_> {
    /// Does a loop's instruction.
    pub(super) fn step_loop(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Loop { recursive } => self.begin_loop(recursive),
            Op::ChooseNext(to) => self.choose_next(to),
            Op::Choose => self.choose(),
            Op::Next(to) => self.next_item(to),
            Op::SkipIfFalse(to) => self.skip_if_false(to),
            Op::EndLoop(over) => self.end_loop(over),
            _ => {
                // Only what was called goes back from here: not a loop in its body or in its `else`.
                let called = self.calls.last().is_some_and(|call| {
                    let here = call.loops == self.loops.len() && call.scopes + 1 == self.scopes.depth();
                    call.of_loop && here
                });
                if called { self.go_back() } else { Ok(()) }
            }
        }
    }

    fn choose_next(&mut self, to: i32) -> Result<()> {
        let at = self.innermost()?;
        let Rendering { costs, objects, .. } = &mut self.rendering;
        let item = objects.advance(costs, at)?;
        let Some(state) = objects.loop_mut(at) else { return Ok(()) };
        match item {
            Some(item) => {
                self.scopes.renew(costs)?;
                state.current = Some(item.clone());
                self.push(item);
            }
            None => {
                let chosen = state.changed.take().unwrap_or_default();
                state.source = Source::Chosen(chosen.into());
                state.current = None;
                self.jump(to);
            }
        }
        Ok(())
    }

    fn choose(&mut self) -> Result<()> {
        let at = self.innermost()?;
        let chosen = self.pop().truth();
        let Rendering { costs, objects, .. } = &mut self.rendering;
        let Some(state) = objects.loop_mut(at).filter(|_| chosen) else { return Ok(()) };
        let item = state.current.take();
        // Until the loop runs nobody asks what has changed.
        state.changed.get_or_insert_default().extend(item);
        objects.hold(costs, at, size_of::<Value>())
    }

    fn skip_if_false(&mut self, to: i32) -> Result<()> {
        if self.pop().truth() {
            return Ok(());
        }
        let at = self.innermost()?;
        if let Some(state) = self.rendering.objects.loop_mut(at) {
            state.index -= 1;
            state.current = state.before.take();
        }
        self.jump(to);
        Ok(())
    }

    fn end_loop(&mut self, over: i32) -> Result<()> {
        let this = self.loops.pop().ok_or_else(|| fault("no loop"))?;
        self.scopes.pop();
        let Rendering { costs, objects, .. } = &mut self.rendering;
        let state = objects.loop_mut(this.at);
        let (ran, recursive) = state.map_or((false, false), |state| (state.index >= 0, state.recursive));
        if !objects.done(&costs.meter, this) && recursive {
            // Something may still call it: it goes on in this scope.
            self.scopes.capture();
        }
        if ran {
            self.jump(over);
        }
        Ok(())
    }

    fn innermost(&self) -> Result<u32> {
        self.loops.last().map(|this| this.at).ok_or_else(|| fault("no loop"))
    }

    fn begin_loop(&mut self, recursive: bool) -> Result<()> {
        let value = self.pop();
        let source = match &value {
            // Lenient: Python refuses to loop over None, which is what absent tools are.
            Value::None => Source::Chosen(Default::default()),
            value => Source::of(&mut self.rendering.costs, value)?
                .ok_or_else(|| fault(format!("'{}' object is not iterable", value.type_name())))?,
        };
        let begin = self.at - 1;
        let depth = std::mem::take(&mut self.next_depth);
        let state = Loop {
            source,
            index: -1,
            depth,
            before: None,
            current: None,
            changed: None,
            begin,
            recursive,
            scope: self.scopes.current,
        };
        let made = self.rendering.objects.add(&mut self.rendering.costs, Object::Loop(Box::new(state)))?;
        self.loops.push(made);
        self.scopes.push(&mut self.rendering.costs, self.scopes.current)
    }

    fn next_item(&mut self, to: i32) -> Result<()> {
        let at = self.innermost()?;
        let Some(item) = self.rendering.objects.advance(&mut self.rendering.costs, at)? else {
            self.jump(to);
            return Ok(());
        };
        self.scopes.renew(&mut self.rendering.costs)?;
        if let Some(state) = self.rendering.objects.loop_mut(at) {
            state.index += 1;
            state.before = state.current.replace(item.clone());
        }
        let this = self.loops.last().cloned().map_or(Value::UNDEFINED, Value::Object);
        self.scopes.set(&mut self.rendering.costs, Known::Loop as u32, this)?;
        self.push(item);
        Ok(())
    }
}
