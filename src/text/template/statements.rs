//! The statements of templates: each tag's words into instructions. Knows no expressions' grammar.

use super::grammar::{Task, TupleIn};
use super::lexer::Token;
use super::parser::{Block, For, Kind, Parser};
use super::program::{Argument, Known, Op, Signature};
use crate::error::Result;

/// Attributes of `loop` that do not look ahead of the item that is there.
const NOT_AHEAD: [&str; 8] = ["index", "index0", "first", "depth", "depth0", "previtem", "cycle", "changed"];

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

    fn begin_for(&mut self) -> Result<()> {
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
    fn finish_loop(&mut self, part: For) -> usize {
        let For { body: start, targets, condition, recursive, breaks, continues } = part;
        let mut body = self.cut(start);
        let (escapes, ahead) = self.uses_of_loop(&body);
        self.put(Op::Loop { recursive, escapes: escapes || recursive });
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

    /// Whether a body passes `loop` on as a value, and whether it may look ahead through it.
    fn uses_of_loop(&self, body: &[(Op, u32)]) -> (bool, bool) {
        let (mut escapes, mut ahead) = (false, false);
        for (at, (op, _)) in body.iter().enumerate() {
            if *op != Op::Load(Known::Loop as u32) {
                continue;
            }
            let name = match body.get(at + 1) {
                Some((Op::Attribute(name), _)) => Some(*name),
                // Arguments come between a method and its object.
                _ => None,
            };
            let known = name.and_then(|name| self.program.names.get(name as usize));
            escapes |= known.is_none();
            ahead |= !known.is_some_and(|name| NOT_AHEAD.contains(&&**name));
        }
        (escapes, ahead)
    }

    fn leave(&mut self, word: &str) -> Result<()> {
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

    /// `(a, b=1)`: the parameters; the defaults' code goes to where the body begins.
    fn signature(&mut self) -> Result<Signature> {
        let mut signature = Signature::default();
        let mut defaults = false;
        self.expect("(")?;
        while !self.skip(")") {
            if !signature.parameters.is_empty() {
                self.expect(",")?;
            }
            let name = self.expect_name()?;
            let name = self.variable(&name)?;
            signature.parameters.push(name);
            if self.skip("=") {
                defaults = true;
                let given = self.put(Op::JumpIfGiven(name, 0));
                self.read(Task::Expression)?;
                self.put(Op::Store(name));
                self.land(given);
            } else if defaults {
                return Err(self.fail("a parameter without a default behind one that has it"));
            }
        }
        Ok(signature)
    }

    fn begin_macro(&mut self) -> Result<()> {
        let name = self.expect_name()?;
        let name = self.variable(&name)?;
        let at = self.put(Op::Macro(0, 0));
        let mut signature = self.signature()?;
        signature.name = name;
        self.open("endmacro", Kind::Macro { at, signature, call: None })
    }

    fn begin_call(&mut self) -> Result<()> {
        let at = self.put(Op::Macro(0, 0));
        let mut signature = if self.at("(") { self.signature()? } else { Signature::default() };
        signature.name = Known::Caller as u32;
        // The call's code comes before the body's: it is read behind the defaults, and put before the macro.
        let start = self.here();
        self.read(Task::Expression)?;
        let mut code = self.cut(start);
        let mut body = self.cut(at);
        let call = code.pop();
        let (call, shape) = match call {
            Some((Op::Call(shape), line)) => ((Op::Call(0), line), shape),
            Some((Op::CallMethod(name, shape), line)) => ((Op::CallMethod(name, 0), line), shape),
            _ => return Err(self.fail("expected a call")),
        };
        let mut shape = self.program.shapes.get(shape as usize).cloned().unwrap_or_default();
        // Before `**pairs`, which would have to be last: the caller's place among the names is free.
        shape.push(Argument::Named(Known::Caller as u32));
        let shape = self.program.shape(shape);
        let call = match call.0 {
            Op::CallMethod(name, _) => (Op::CallMethod(name, shape), call.1),
            _ => (Op::Call(shape), call.1),
        };
        self.program.code.extend(code);
        let at = self.here();
        self.program.code.append(&mut body);
        self.open("endcall", Kind::Macro { at, signature, call: Some(call) })
    }

    fn end_macro(&mut self, at: usize, mut signature: Signature, call: Option<(Op, u32)>) {
        self.put(Op::Return);
        let body = self.program.code.get(at..).unwrap_or_default();
        signature.varargs = Self::asks_for(body, Known::Varargs);
        signature.kwargs = Self::asks_for(body, Known::Kwargs);
        signature.caller = Self::asks_for(body, Known::Caller);
        let name = signature.name;
        self.program.signatures.push(signature);
        let number = self.program.signatures.len() as u32 - 1;
        if let Some((op, _)) = self.program.code.get_mut(at) {
            *op = Op::Macro(number, 0);
        }
        self.land(at);
        match call {
            None => drop(self.put(Op::Store(name))),
            Some(call) => {
                self.program.code.push(call);
                self.put(Op::Emit);
            }
        }
    }
}
