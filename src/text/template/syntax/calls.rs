//! What is applied to an operand: filters, tests, arguments. Knows no operators.

use super::grammar::{Callee, Task};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::{Argument, Op};

impl Parser {
    pub(super) fn filters(&mut self, tasks: &mut Vec<Task>) -> Result<()> {
        if self.skip("|") {
            self.filter(tasks)
        } else if self.skip_name("is") {
            let negated = self.skip_name("not");
            let name = self.dotted_name()?;
            tasks.push(Task::Filters);
            let argument = match self.peek(0) {
                Token::Operator("(") => {
                    self.advance();
                    tasks.push(Task::Arguments(Callee::Test(name, negated), Vec::new()));
                    return Ok(());
                }
                Token::Name(next) if next == "is" => {
                    return Err(self.fail("tests cannot be chained with 'is'"));
                }
                Token::Name(next) => !matches!(next.as_str(), "else" | "or" | "and"),
                Token::Text(_) | Token::Integer(_) | Token::Float(_) | Token::Operator("[" | "{") => true,
                _ => false,
            };
            if argument {
                tasks.extend([Task::TestApplied(name, negated), Task::Postfix(false), Task::Primary]);
            } else {
                self.apply_test(name, Vec::new(), negated);
            }
            Ok(())
        } else {
            if self.skip("(") {
                tasks.extend([Task::Filters, Task::Arguments(Callee::Value, Vec::new())]);
            }
            Ok(())
        }
    }

    /// A filter behind `|`, and what may follow it.
    pub(super) fn filter(&mut self, tasks: &mut Vec<Task>) -> Result<()> {
        let name = self.dotted_name()?;
        tasks.push(Task::Filters);
        if self.skip("(") {
            tasks.push(Task::Arguments(Callee::Filter(name), Vec::new()));
        } else {
            let shape = self.program.shape(Vec::new());
            self.put(Op::Filter(name, shape));
        }
        Ok(())
    }

    pub(super) fn apply_test(&mut self, name: u32, shape: Vec<Argument>, negated: bool) {
        let shape = self.program.shape(shape);
        self.put(Op::Test(name, shape));
        if negated {
            self.put(Op::Not);
        }
    }

    fn dotted_name(&mut self) -> Result<u32> {
        let mut name = self.expect_name()?;
        while self.skip(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(self.program.name(&name))
    }

    pub(super) fn arguments(
        &mut self,
        callee: Callee,
        mut shape: Vec<Argument>,
        tasks: &mut Vec<Task>,
    ) -> Result<()> {
        if !shape.is_empty() && !self.at(")") {
            self.expect(",")?;
        }
        if self.skip(")") {
            let number = self.program.shape(shape.clone());
            match callee {
                Callee::Value => drop(self.put(Op::Call(number))),
                Callee::Method(name) => drop(self.put(Op::CallMethod(name, number))),
                Callee::Filter(name) => drop(self.put(Op::Filter(name, number))),
                Callee::Test(name, negated) => self.apply_test(name, shape, negated),
            }
            return Ok(());
        }
        let argument = if self.skip("**") {
            Argument::Pairs
        } else if self.skip("*") {
            Argument::Items
        } else if let (Token::Name(name), Token::Operator("=")) = (self.peek(0).clone(), self.peek(1)) {
            self.advance();
            self.advance();
            Argument::Named(self.program.name(&name))
        } else {
            Argument::Positional
        };
        let last = shape.last().copied().unwrap_or(Argument::Positional);
        let allowed = match argument {
            Argument::Positional => last == Argument::Positional,
            Argument::Items => last != Argument::Items && last != Argument::Pairs,
            Argument::Named(_) => last != Argument::Pairs,
            Argument::Pairs => last != Argument::Pairs,
        };
        if !allowed {
            return Err(self.fail("invalid order of arguments in a call"));
        }
        shape.push(argument);
        tasks.extend([Task::Arguments(callee, shape), Task::Expression]);
        Ok(())
    }
}
