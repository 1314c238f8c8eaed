//! Parses a template's statements into instructions, by Jinja's grammar; open blocks wait on a list instead
//! of the stack. Knows no values but constants.

use super::costs::fault;
use super::grammar::{Task, TupleIn};
use super::lexer::{Token, tokens};
use super::program::{Known, Op, Program, Signature};
use super::text::Text;
use super::value::Value;
use crate::error::{Error, Result};
use crate::pause::Pauses;

/// Blocks in blocks, as Python limits its own.
const MAX_BLOCKS: usize = 100;

const MAX_ELIF: usize = 256;

/// Units of work for one token of the source.
const UNITS: usize = 4;

/// Reads a template's tokens and writes its instructions.
pub(super) struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
    pub(super) program: Program,
    pub(super) blocks: Vec<Block>,
    elifs: usize,
}

/// A block that is not closed yet.
pub(super) struct Block {
    /// What closes it.
    pub(super) end: &'static str,
    pub(super) kind: Kind,
}

/// What has to be known where a block ends.
pub(super) enum Kind {
    /// The jump over the branch that is being read, if it has a condition; jumps from the ends of the others.
    If {
        condition: Option<usize>,
        ends: Vec<usize>,
    },
    For(For),
    /// Behind a loop's `else`: the jump over it, whether the loop is recursive.
    ForElse {
        over: usize,
        recursive: bool,
    },
    /// A scope: `with`, `generation`, `block`, `autoescape`.
    Scope,
    /// What is to be done with the captured text.
    Capture(Vec<(Op, u32)>),
    /// Where the macro's instruction is, and its signature; for `call`, the call.
    Macro {
        at: usize,
        signature: Signature,
        call: Option<(Op, u32)>,
    },
}

/// A loop whose body is being read.
pub(super) struct For {
    /// Where its body's code begins.
    pub(super) body: usize,
    /// How an item is stored.
    pub(super) targets: Vec<(Op, u32)>,
    /// Which items are chosen.
    pub(super) condition: Vec<(Op, u32)>,
    pub(super) recursive: bool,
    pub(super) breaks: Vec<usize>,
    pub(super) continues: Vec<usize>,
}

/// The instructions of `source`, with pauses between its tags.
///
/// # Errors
/// `Template` naming the line; what stops `pauses`.
pub(super) async fn parse(source: &str, pauses: &mut Pauses<'_>) -> Result<Program> {
    let tokens = tokens(source)?;
    let mut parser = Parser { tokens, at: 0, program: Program::new(), blocks: Vec::new(), elifs: 0 };
    loop {
        let before = parser.at;
        if !parser.part()? {
            return Ok(parser.program);
        }
        pauses.after((parser.at - before) * UNITS).await?;
    }
}

impl Parser {
    /// Reads a text between tags, or a tag; false: the template is over.
    fn part(&mut self) -> Result<bool> {
        match self.peek(0).clone() {
            Token::Data(text) => {
                self.advance();
                let text = self.program.constant(Value::Text(Text::literal(text)));
                self.put(Op::Write(text));
            }
            Token::VariableBegin => {
                self.advance();
                self.read(Task::Tuple(0, false, TupleIn::Tag))?;
                self.put(Op::Emit);
                self.expect_end(&Token::VariableEnd)?;
            }
            Token::BlockBegin => {
                self.advance();
                self.statement()?;
                self.expect_end(&Token::BlockEnd)?;
            }
            _ => {
                return match self.blocks.last() {
                    None => Ok(false),
                    Some(block) => {
                        let message = format!("unexpected end of the template; '{}' is missing", block.end);
                        Err(self.fail(message))
                    }
                };
            }
        }
        Ok(true)
    }

    // Tokens.

    pub(super) fn peek(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |(token, _)| token)
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, line)| *line)
    }

    pub(super) fn at(&self, operator: &str) -> bool {
        matches!(self.peek(0), Token::Operator(other) if *other == operator)
    }

    pub(super) fn skip(&mut self, operator: &str) -> bool {
        let here = self.at(operator);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect(&mut self, operator: &str) -> Result<()> {
        if self.skip(operator) { Ok(()) } else { Err(self.unexpected(&format!("'{operator}'"))) }
    }

    pub(super) fn at_name(&self, name: &str) -> bool {
        matches!(self.peek(0), Token::Name(other) if other == name)
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let here = self.at_name(name);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect_name(&mut self) -> Result<String> {
        match self.peek(0).clone() {
            Token::Name(name) => {
                self.advance();
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn expect_end(&mut self, end: &Token) -> Result<()> {
        if self.peek(0) != end {
            return Err(self.unexpected("the tag's end"));
        }
        self.advance();
        Ok(())
    }

    pub(super) fn fail(&self, message: impl Into<String>) -> Error {
        fault(message).within(format_args!("line {}", self.line()))
    }

    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let found = match self.peek(0) {
            Token::Name(name) => format!("'{name}'"),
            Token::Operator(operator) => format!("'{operator}'"),
            Token::VariableEnd | Token::BlockEnd => "the tag's end".to_owned(),
            Token::End => "the template's end".to_owned(),
            Token::Text(_) => "a string".to_owned(),
            _ => "a number".to_owned(),
        };
        self.fail(format!("expected {expected}, found {found}"))
    }

    // Instructions.

    pub(super) fn here(&self) -> usize {
        self.program.code.len()
    }

    /// Appends an instruction; where it is.
    pub(super) fn put(&mut self, op: Op) -> usize {
        let line = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |(_, line)| *line);
        self.program.code.push((op, line));
        self.program.code.len() - 1
    }

    /// The jump at `at` goes to the next instruction.
    pub(super) fn land(&mut self, at: usize) {
        self.aim(at, self.here());
    }

    /// The jump at `at` goes to `target`.
    pub(super) fn aim(&mut self, at: usize, target: usize) {
        let distance = target as i32 - at as i32 - 1;
        let Some((op, _)) = self.program.code.get_mut(at) else { return };
        match op {
            Op::ChainCompare(_, to)
            | Op::Jump(to)
            | Op::JumpIfFalse(to)
            | Op::JumpIfFalseElsePop(to)
            | Op::JumpIfTrueElsePop(to)
            | Op::ChooseNext(to)
            | Op::Next(to)
            | Op::SkipIfFalse(to)
            | Op::EndLoop(to)
            | Op::Macro(_, to)
            | Op::JumpIfGiven(_, to) => *to = distance,
            _ => {}
        }
    }

    /// Takes the code from `start` on away.
    pub(super) fn cut(&mut self, start: usize) -> Vec<(Op, u32)> {
        self.program.code.split_off(start)
    }

    /// The number of a variable's name.
    pub(super) fn variable(&mut self, name: &str) -> Result<u32> {
        if name == "self" || name == "super" {
            return Err(self.fail(format!("'{name}' is not supported: a chat template has no parents")));
        }
        Ok(self.program.name(name))
    }

    pub(super) fn open(&mut self, end: &'static str, kind: Kind) -> Result<()> {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(self.fail(format!("blocks are nested deeper than {MAX_BLOCKS}")));
        }
        self.skip(":");
        self.blocks.push(Block { end, kind });
        Ok(())
    }

    pub(super) fn count_elif(&mut self) -> Result<()> {
        self.elifs += 1;
        if self.elifs > MAX_ELIF { Err(self.fail(format!("more than {MAX_ELIF} elif"))) } else { Ok(()) }
    }

    /// Reads what is assigned to: names, in parentheses or not, and attributes of namespaces if `attributes`.
    pub(super) fn targets(&mut self, attributes: bool) -> Result<Vec<(Op, u32)>> {
        // For each open parenthesis: the code of its items, their number, whether a comma was there.
        let mut open = vec![(Vec::new(), 0u32, false)];
        loop {
            if self.skip("(") {
                open.push((Vec::new(), 0, false));
                continue;
            }
            let ends = self.at(")")
                || self.at("=")
                || self.at("|")
                || self.at_name("in")
                || *self.peek(0) == Token::BlockEnd;
            let line = self.line();
            if !ends {
                let name = self.expect_name()?;
                if matches!(name.as_str(), "true" | "false" | "none" | "True" | "False" | "None") {
                    return Err(self.fail(format!("can't assign to '{name}'")));
                }
                let name = self.variable(&name)?;
                let op = if attributes && self.skip(".") {
                    let attribute = self.expect_name()?;
                    Op::StoreAttribute(name, self.program.name(&attribute))
                } else {
                    Op::Store(name)
                };
                if let Some((code, count, _)) = open.last_mut() {
                    code.push((op, line));
                    *count += 1;
                }
            }
            // Behind an item: more of them, or the end of this parenthesis and of those around it.
            loop {
                if self.skip(",") {
                    if let Some((_, _, comma)) = open.last_mut() {
                        *comma = true;
                    }
                    break;
                }
                let Some((code, count, comma)) = open.pop() else { return Err(self.unexpected("a name")) };
                if count == 0 {
                    return Err(self.unexpected("a name"));
                }
                let mut whole = if comma { vec![(Op::Unpack(count), line)] } else { Vec::new() };
                whole.extend(code);
                match open.last_mut() {
                    None => return Ok(whole),
                    Some((code, count, _)) => {
                        code.extend(whole);
                        *count += 1;
                    }
                }
                self.expect(")")?;
            }
        }
    }

    /// Whether `code` asks for the variable `name`.
    pub(super) fn asks_for(code: &[(Op, u32)], name: Known) -> bool {
        code.iter().any(|(op, _)| *op == Op::Load(name as u32))
    }
}
