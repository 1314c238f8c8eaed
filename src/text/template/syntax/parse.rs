//! A template's source as instructions, by Jinja's grammar. Knows no values but constants.

use super::grammar::{Task, TupleIn};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::pause::Pauses;
use crate::text::template::program::{Op, Program};
use crate::text::template::values::{Text, Value};

/// Units of work for one token of the source.
const UNITS: usize = 4;

/// The instructions of `source`, with pauses between its tags.
///
/// # Errors
/// `Template` naming the line; what stops `pauses`.
pub(crate) async fn parse(source: &str, pauses: &mut Pauses<'_>) -> Result<Program> {
    let mut parser = Parser::new(source)?;
    loop {
        let before = parser.read_tokens();
        if !parser.part()? {
            return Ok(parser.program);
        }
        pauses.after((parser.read_tokens() - before) * UNITS).await?;
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
}
