//! Loops: their items, the choice among them, their end. Knows the machine.

use super::costs::fault;
use super::machine::Machine;
use super::objects::{Loop, Object, Source};
use super::program::{Known, Op};
use super::value::{ObjectId, ObjectKind, Value};
use crate::error::Result;

impl Machine<'_> {
    /// Does a loop's instruction.
    pub(super) fn step_loop(&mut self, op: Op) -> Result<()> {
        match op {
            Op::Loop { recursive, escapes } => self.begin_loop(recursive, escapes),
            Op::ChooseNext(to) => {
                let (at, _) = self.innermost()?;
                match self.objects.advance(&mut self.costs, at)? {
                    Some(item) => {
                        self.scopes.renew(&mut self.costs)?;
                        if let Some(state) = self.objects.loop_mut(at) {
                            state.current = Some(item.clone());
                        }
                        self.stack.push(item);
                    }
                    None => {
                        if let Some(state) = self.objects.loop_mut(at) {
                            let chosen = state.changed.take().unwrap_or_default();
                            state.source = Source::Chosen(chosen.into());
                            state.current = None;
                        }
                        self.jump(to);
                    }
                }
                Ok(())
            }
            Op::Choose => {
                let (at, _) = self.innermost()?;
                let chosen = self.pop().truth();
                if let Some(state) = self.objects.loop_mut(at).filter(|_| chosen) {
                    let item = state.current.take();
                    // Until the loop runs nobody asks what has changed.
                    state.changed.get_or_insert_default().extend(item);
                    self.objects.hold(&mut self.costs, at, size_of::<Value>())?;
                }
                Ok(())
            }
            Op::Next(to) => self.next_item(to),
            Op::SkipIfFalse(to) => {
                if !self.pop().truth() {
                    let (at, _) = self.innermost()?;
                    if let Some(state) = self.objects.loop_mut(at) {
                        state.index -= 1;
                        state.current = state.before.take();
                    }
                    self.jump(to);
                }
                Ok(())
            }
            Op::EndLoop(over) => {
                let (at, escapes) = self.loops.pop().ok_or_else(|| fault("no loop"))?;
                self.scopes.pop();
                let ran = self.objects.loop_mut(at).is_some_and(|state| state.index >= 0);
                if !escapes {
                    self.objects.release(&self.costs.meter, at);
                }
                if ran {
                    self.jump(over);
                }
                Ok(())
            }
            _ => {
                // Only what was called goes back from here.
                let called =
                    self.calls.last().is_some_and(|call| call.of_loop && call.loops == self.loops.len());
                if called { self.go_back() } else { Ok(()) }
            }
        }
    }

    fn innermost(&self) -> Result<(u32, bool)> {
        self.loops.last().copied().ok_or_else(|| fault("no loop"))
    }

    fn begin_loop(&mut self, recursive: bool, escapes: bool) -> Result<()> {
        let value = self.pop();
        let source = match &value {
            // Lenient: Python refuses to loop over None, which is what absent tools are.
            Value::None => Source::Chosen(Default::default()),
            value => Source::of(&mut self.costs, value)?
                .ok_or_else(|| fault(format!("'{}' object is not iterable", value.type_name())))?,
        };
        let begin = self.at - 1;
        let depth = std::mem::take(&mut self.next_depth);
        if recursive {
            self.scopes.capture();
        }
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
        let made = self.objects.add(&mut self.costs, Object::Loop(Box::new(state)))?;
        self.loops.push((made.at, escapes));
        self.scopes.push(&mut self.costs, self.scopes.current)
    }

    fn next_item(&mut self, to: i32) -> Result<()> {
        let (at, _) = self.innermost()?;
        let Some(item) = self.objects.advance(&mut self.costs, at)? else {
            self.jump(to);
            return Ok(());
        };
        self.scopes.renew(&mut self.costs)?;
        if let Some(state) = self.objects.loop_mut(at) {
            state.index += 1;
            state.before = state.current.replace(item.clone());
        }
        let this = Value::Object(ObjectId { kind: ObjectKind::Loop, at });
        self.scopes.set(&mut self.costs, Known::Loop as u32, this)?;
        self.stack.push(item);
        Ok(())
    }
}
