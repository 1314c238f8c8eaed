//! The statements of templates: each tag's words into instructions. Knows no expressions' grammar.

use super::blocks::{Block, Kind};
use super::grammar::{Task, TupleIn};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::Op;

impl Parser {
    /// The words of a tag.
    pub(super) fn statement(&mut self) -> Result<()> {
        let word = self.expect_name()?;
        match word.as_str() {
            "if" => self.begin_if(),
            "elif" | "else" => self.branch(&word),
            "for" => self.begin_for(),
            "break" | "continue" => self.leave(&word),
            "set" => self.set(),
            "macro" => self.begin_macro(),
            "call" => self.begin_call(),
            "with" => self.with(),
            "filter" => {
                let start = self.here();
                let mut tasks = Vec::new();
                self.filter(&mut tasks)?;
                self.read_all(tasks)?;
                let mut after = self.cut(start);
                after.push((Op::Emit, self.line()));
                self.put(Op::Capture);
                self.put(Op::PushScope);
                self.open("endfilter", Kind::Capture(after))
            }
            "generation" => self.scope("endgeneration", Op::PushScope),
            "block" => {
                self.expect_name()?;
                self.skip_name("scoped");
                self.skip_name("required");
                self.scope("endblock", Op::PushBlockScope)
            }
            "autoescape" => {
                if !self.skip_name("false") && !self.skip_name("False") {
                    return Err(self.fail("autoescape is not supported: prompts are no HTML"));
                }
                self.scope("endautoescape", Op::PushScope)
            }
            "print" => {
                while *self.peek(0) != Token::BlockEnd {
                    self.read(Task::Expression)?;
                    self.put(Op::Emit);
                    if !self.skip(",") {
                        break;
                    }
                }
                Ok(())
            }
            "include" | "import" | "from" | "extends" => Err(self
                .fail(format!("'{word}' is not supported: a chat template is alone, there are no others"))),
            _ => self.end(&word),
        }
    }

    fn scope(&mut self, end: &'static str, op: Op) -> Result<()> {
        self.put(op);
        self.open(end, Kind::Scope)
    }

    /// Reads tasks that have been begun.
    fn read_all(&mut self, mut tasks: Vec<Task>) -> Result<()> {
        while let Some(task) = tasks.pop() {
            self.read(task)?;
        }
        Ok(())
    }

    fn begin_if(&mut self) -> Result<()> {
        self.read(Task::Tuple(0, false, TupleIn::Condition))?;
        let condition = Some(self.put(Op::JumpIfFalse(0)));
        self.open("endif", Kind::If { condition, ends: Vec::new() })
    }

    fn branch(&mut self, word: &str) -> Result<()> {
        match self.blocks.pop() {
            Some(Block { end, kind: Kind::If { condition: Some(condition), mut ends } }) => {
                ends.push(self.put(Op::Jump(0)));
                self.land(condition);
                let condition = if word == "elif" {
                    self.count_elif()?;
                    self.read(Task::Tuple(0, false, TupleIn::Condition))?;
                    Some(self.put(Op::JumpIfFalse(0)))
                } else {
                    None
                };
                self.open(end, Kind::If { condition, ends })
            }
            Some(Block { end, kind: Kind::For(part) }) if word == "else" => {
                let recursive = part.recursive;
                let over = self.finish_loop(part);
                self.put(Op::PushScope);
                self.open(end, Kind::ForElse { over, recursive })
            }
            _ => Err(self.fail(format!("'{word}' has no 'if' or 'for'"))),
        }
    }

    fn end(&mut self, word: &str) -> Result<()> {
        let Some(block) = self.blocks.pop() else {
            return Err(self.fail(format!("unknown tag '{word:.64}'")));
        };
        if block.end != word {
            return Err(self.fail(format!(
                "unknown tag '{word:.64}', or a wrong place for it; '{}' is missing",
                block.end
            )));
        }
        match block.kind {
            Kind::If { condition, ends } => {
                condition.into_iter().chain(ends).for_each(|jump| self.land(jump));
            }
            Kind::For(part) => {
                let recursive = part.recursive;
                let over = self.finish_loop(part);
                self.land(over);
                if recursive {
                    self.put(Op::LoopReturn);
                }
            }
            Kind::ForElse { over, recursive } => {
                self.put(Op::PopScope);
                self.land(over);
                if recursive {
                    self.put(Op::LoopReturn);
                }
            }
            Kind::Scope => {
                self.put(Op::PopScope);
                // A block's end may repeat its name.
                if word == "endblock" && matches!(self.peek(0), Token::Name(_)) {
                    self.advance();
                }
            }
            Kind::Capture(after) => {
                self.put(Op::PopScope);
                self.put(Op::EndCapture);
                self.program.code.extend(after);
            }
            Kind::Macro { at, signature, call } => self.end_macro(at, signature, call),
        }
        Ok(())
    }

    fn set(&mut self) -> Result<()> {
        let targets = self.targets(true)?;
        if self.skip("=") {
            self.read(Task::Tuple(0, false, TupleIn::Tag))?;
            self.program.code.extend(targets);
            return Ok(());
        }
        let start = self.here();
        if self.at("|") {
            self.read(Task::Filters)?;
        }
        let mut after = self.cut(start);
        after.extend(targets);
        self.put(Op::Capture);
        self.put(Op::PushScope);
        self.open("endset", Kind::Capture(after))
    }

    fn with(&mut self) -> Result<()> {
        let mut stores = Vec::new();
        while *self.peek(0) != Token::BlockEnd {
            if !stores.is_empty() {
                self.expect(",")?;
            }
            stores.push(self.targets(false)?);
            self.expect("=")?;
            self.read(Task::Expression)?;
        }
        self.put(Op::PushScope);
        // The last value is the first to be taken from the stack.
        self.program.code.extend(stores.into_iter().rev().flatten());
        self.open("endwith", Kind::Scope)
    }
}
