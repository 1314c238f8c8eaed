//! Operands: names, constants, lists and maps, what is in parentheses, and the attributes and items behind
//! them. Knows no operators.

use super::grammar::{Callee, Level, Task, TupleIn};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::Op;
use crate::text::template::values::{Text, Value, integer_of, parse_int};

impl Parser {
    pub(super) fn primary(&mut self, tasks: &mut Vec<Task>) -> Result<()> {
        let constant = match self.peek(0).clone() {
            Token::Name(name) => {
                self.advance();
                match name.as_str() {
                    "true" | "True" => Value::Bool(true),
                    "false" | "False" => Value::Bool(false),
                    "none" | "None" => Value::None,
                    name => {
                        let name = self.variable(name)?;
                        self.put(Op::Load(name));
                        return Ok(());
                    }
                }
            }
            Token::Text(mut text) => {
                self.advance();
                while let Token::Text(more) = self.peek(0) {
                    text.push_str(more);
                    self.advance();
                }
                Value::Text(Text::literal(text))
            }
            Token::Integer(digits) => {
                self.advance();
                integer_of(&digits)
                    .or_else(|| parse_int(&digits, 0))
                    .ok_or_else(|| self.fail(format!("{digits:.40} is no integer")))?
            }
            Token::Float(number) => {
                self.advance();
                Value::Float(number)
            }
            Token::Operator("(") => {
                self.advance();
                tasks.extend([Task::CloseTuple, Task::Tuple(0, false, TupleIn::Parentheses)]);
                return Ok(());
            }
            Token::Operator("[") => {
                self.advance();
                tasks.push(Task::List(0));
                return Ok(());
            }
            Token::Operator("{") => {
                self.advance();
                tasks.push(Task::Dict(0));
                return Ok(());
            }
            _ => return Err(self.unexpected("an expression")),
        };
        let constant = self.program.constant(constant);
        self.put(Op::Constant(constant));
        Ok(())
    }

    pub(super) fn postfix(&mut self, filters: bool, tasks: &mut Vec<Task>) -> Result<()> {
        if self.skip(".") {
            match self.peek(0).clone() {
                Token::Name(name) => {
                    self.advance();
                    let name = self.program.name(&name);
                    tasks.push(Task::Postfix(filters));
                    if self.skip("(") {
                        tasks.push(Task::Arguments(Callee::Method(name), Vec::new()));
                    } else {
                        self.put(Op::Attribute(name));
                    }
                }
                Token::Integer(digits) => {
                    self.advance();
                    let index = integer_of(&digits).ok_or_else(|| self.unexpected("a name or a number"))?;
                    let index = self.program.constant(index);
                    self.put(Op::Constant(index));
                    self.put(Op::Item);
                    tasks.push(Task::Postfix(filters));
                }
                _ => return Err(self.unexpected("a name or a number")),
            }
        } else if self.skip("[") {
            tasks.push(Task::Postfix(filters));
            self.subscript(tasks);
        } else if self.skip("(") {
            tasks.extend([Task::Postfix(filters), Task::Arguments(Callee::Value, Vec::new())]);
        } else if filters {
            tasks.push(Task::Filters);
        }
        Ok(())
    }

    /// Behind so many items of a list.
    pub(super) fn list(&mut self, count: u32, tasks: &mut Vec<Task>) -> Result<()> {
        if count > 0 && !self.at("]") {
            self.expect(",")?;
        }
        if self.skip("]") {
            self.put(Op::List(count));
        } else {
            tasks.extend([Task::List(count + 1), Task::Expression]);
        }
        Ok(())
    }

    /// Behind so many pairs of a map.
    pub(super) fn dict(&mut self, count: u32, tasks: &mut Vec<Task>) -> Result<()> {
        if count > 0 && !self.at("}") {
            self.expect(",")?;
        }
        if self.skip("}") {
            self.put(Op::Dict(count));
        } else {
            tasks.extend([Task::DictValue(count), Task::Expression]);
        }
        Ok(())
    }

    /// Behind so many items of a tuple, or before the first.
    pub(super) fn tuple(
        &mut self,
        count: u32,
        comma: bool,
        place: TupleIn,
        tasks: &mut Vec<Task>,
    ) -> Result<()> {
        let mut comma = comma;
        if count > 0 {
            if !self.skip(",") {
                if comma {
                    self.put(Op::Tuple(count));
                }
                return Ok(());
            }
            comma = true;
        }
        let ends = matches!(self.peek(0), Token::VariableEnd | Token::BlockEnd | Token::Operator(")"))
            || (place == TupleIn::Iterable && self.at_name("recursive"));
        if !ends {
            let item = match place {
                TupleIn::Condition | TupleIn::Iterable => Task::Level(Level::Or),
                _ => Task::Expression,
            };
            tasks.extend([Task::Tuple(count + 1, comma, place), item]);
            return Ok(());
        }
        if comma || place == TupleIn::Parentheses {
            self.put(Op::Tuple(count));
            return Ok(());
        }
        Err(self.unexpected("an expression"))
    }

    /// Behind `[`.
    fn subscript(&mut self, tasks: &mut Vec<Task>) {
        if self.at(":") {
            self.put_none();
            tasks.push(Task::SlicePart(0));
        } else {
            tasks.extend([Task::SlicePart(0), Task::Expression]);
        }
    }

    /// Behind part number `part` of a slice: start, stop, step. Without a colon it is no slice.
    pub(super) fn slice(&mut self, part: u8, tasks: &mut Vec<Task>) -> Result<()> {
        match part {
            0 if !self.skip(":") => {
                self.expect("]")?;
                self.put(Op::Item);
                return Ok(());
            }
            0 if self.at("]") => {
                self.put_none();
                self.put_none();
            }
            0 if self.at(":") => {
                self.put_none();
                tasks.push(Task::SlicePart(1));
                return Ok(());
            }
            0 => {
                tasks.extend([Task::SlicePart(1), Task::Expression]);
                return Ok(());
            }
            1 if self.skip(":") && !self.at("]") => {
                tasks.extend([Task::SlicePart(2), Task::Expression]);
                return Ok(());
            }
            1 => self.put_none(),
            _ => {}
        }
        self.put(Op::Slice);
        self.expect("]")
    }

    fn put_none(&mut self) {
        let none = self.program.constant(Value::None);
        self.put(Op::Constant(none));
    }
}
