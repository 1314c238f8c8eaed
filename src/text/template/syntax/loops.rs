//! Loops: `for`, `break`, `continue`, and how their instructions are put together. Knows no other statements.

use super::blocks::{Block, For, Kind};
use super::grammar::{Task, TupleIn};
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::{Known, Op};

/// Attributes of `loop` that do not look ahead of the item that is there.
const NOT_AHEAD: [&str; 8] = ["index", "index0", "first", "depth", "depth0", "previtem", "cycle", "changed"];

impl Parser {
    pub(super) fn begin_for(&mut self) -> Result<()> {
        let targets = self.targets(false)?;
        if !self.skip_name("in") {
            return Err(self.unexpected("'in'"));
        }
        self.read(Task::Tuple(0, false, TupleIn::Iterable))?;
        let body = self.here();
        let condition = if self.skip_name("if") {
            self.read(Task::Expression)?;
            self.cut(body)
        } else {
            Vec::new()
        };
        let recursive = self.skip_name("recursive");
        let part = For { body, targets, condition, recursive, breaks: Vec::new(), continues: Vec::new() };
        self.open("endfor", Kind::For(part))
    }

    /// Puts a loop together around its body; the jump over its `else`.
    ///
    /// Items are chosen one by one, as the body may change what the choice depends on; only a body that asks
    /// `loop` for what comes needs them all chosen before.
    pub(super) fn finish_loop(&mut self, part: For) -> usize {
        let For { body: start, targets, condition, recursive, breaks, continues } = part;
        let mut body = self.cut(start);
        let ahead = self.looks_ahead(&body);
        self.put(Op::Loop { recursive });
        if ahead && !condition.is_empty() {
            let next = self.put(Op::ChooseNext(0));
            self.program.code.extend(targets.iter().copied());
            self.program.code.extend(condition.iter().copied());
            self.put(Op::Choose);
            let back = self.put(Op::Jump(0));
            self.aim(back, next);
            self.land(next);
        }
        let next = self.put(Op::Next(0));
        self.program.code.extend(targets);
        if !ahead && !condition.is_empty() {
            self.program.code.extend(condition);
            let skip = self.put(Op::SkipIfFalse(0));
            self.aim(skip, next);
        }
        let moved = self.here();
        self.program.code.append(&mut body);
        for at in &continues {
            self.aim(at - start + moved, next);
        }
        let back = self.put(Op::Jump(0));
        self.aim(back, next);
        for at in breaks.iter().map(|at| at - start + moved).chain([next]) {
            self.land(at);
        }
        self.put(Op::EndLoop(0))
    }

    /// Whether a body may look ahead through `loop`, or passes it on to what may.
    fn looks_ahead(&self, body: &[(Op, u32)]) -> bool {
        body.iter().enumerate().any(|(at, (op, _))| {
            let name = match body.get(at + 1) {
                Some((Op::Attribute(name), _)) => Some(*name),
                // Arguments come between a method and its object.
                _ => None,
            };
            let known = name.and_then(|name| self.program.names.get(name as usize));
            *op == Op::Load(Known::Loop as u32) && !known.is_some_and(|name| NOT_AHEAD.contains(&&**name))
        })
    }

    /// `break` and `continue` (`word`).
    pub(super) fn leave(&mut self, word: &str) -> Result<()> {
        let (mut scopes, mut captures) = (0, 0);
        let mut found = None;
        for (at, block) in self.blocks.iter().enumerate().rev() {
            match &block.kind {
                Kind::If { .. } => {}
                Kind::Scope | Kind::ForElse { .. } => scopes += 1,
                Kind::Capture(_) => {
                    scopes += 1;
                    captures += 1;
                }
                Kind::For(_) => {
                    found = Some(at);
                    break;
                }
                Kind::Macro { .. } => break,
            }
        }
        let Some(at) = found else { return Err(self.fail(format!("'{word}' outside of a loop"))) };
        self.put(Op::Unwind(scopes, captures));
        let jump = self.put(Op::Jump(0));
        if let Some(Block { kind: Kind::For(part), .. }) = self.blocks.get_mut(at) {
            if word == "break" { part.breaks.push(jump) } else { part.continues.push(jump) }
        }
        Ok(())
    }
}
