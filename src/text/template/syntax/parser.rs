//! Where the parser is: the tokens that are still to be read, the instructions that are written, the blocks
//! that are open. Knows no grammar.

use super::blocks::{Block, Kind};
use super::lexer::{Token, tokens};
use crate::error::{Error, Result};
use crate::text::template::costs::fault;
use crate::text::template::program::{Op, Program};

/// Blocks in blocks, as Python limits its own.
const MAX_BLOCKS: usize = 100;

const MAX_ELIF: usize = 256;

/// Reads a template's tokens and writes its instructions.
pub(super) struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
    pub(super) program: Program,
    pub(super) blocks: Vec<Block>,
    elifs: usize,
}

impl Parser {
    pub(super) fn new(source: &str) -> Result<Self> {
        let tokens = tokens(source)?;
        Ok(Self { tokens, at: 0, program: Program::new(), blocks: Vec::new(), elifs: 0 })
    }

    // Tokens.

    /// How many have been read.
    pub(super) fn read_tokens(&self) -> usize {
        self.at
    }

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

    pub(super) fn expect_end(&mut self, end: &Token) -> Result<()> {
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

    // Blocks.

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
}
