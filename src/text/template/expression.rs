//! Parses expressions into instructions, by Jinja's grammar. What the grammar calls next waits on a list
//! instead of the stack, so that no nesting can overflow it. Knows no statements.

use super::grammar::{Callee, Level, Task, TupleIn};
use super::lexer::Token;
use super::number::{Arithmetic, integer_of, parse_int};
use super::parser::Parser;
use super::program::{Argument, Comparison, Op};
use super::text::Text;
use super::value::Value;
use crate::error::Result;

impl Parser {
    /// Reads what `task` stands for.
    pub(super) fn read(&mut self, task: Task) -> Result<()> {
        let mut tasks = vec![task];
        while let Some(task) = tasks.pop() {
            self.step(task, &mut tasks)?;
        }
        Ok(())
    }

    fn step(&mut self, task: Task, tasks: &mut Vec<Task>) -> Result<()> {
        match task {
            Task::Expression => tasks.extend([Task::If(self.here()), Task::Level(Level::Or)]),
            Task::If(start) => {
                if self.skip_name("if") {
                    let value = self.program.code.split_off(start);
                    tasks.extend([Task::Else(value, start), Task::Level(Level::Or)]);
                }
            }
            Task::Else(value, start) => {
                let otherwise = self.put(Op::JumpIfFalse(0));
                self.program.code.extend(value);
                let jump = self.put(Op::Jump(0));
                self.land(otherwise);
                if self.skip_name("else") {
                    tasks.extend([Task::If(start), Task::EndElse(jump), Task::Expression]);
                } else {
                    let missing = self.program.constant(Value::Undefined(super::value::Missing::Else));
                    self.put(Op::Constant(missing));
                    tasks.extend([Task::If(start), Task::EndElse(jump)]);
                }
            }
            Task::EndElse(jump) => self.land(jump),
            Task::Level(level) => self.level(level, tasks),
            Task::Operators(level) => self.operators(level, tasks),
            Task::Apply(op, level) => {
                self.put(op);
                tasks.extend(level.map(Task::Operators));
            }
            Task::Land(jump, level) => {
                self.land(jump);
                tasks.push(Task::Operators(level));
            }
            Task::Comparisons(jumps, open) => self.comparisons(jumps, open, tasks),
            Task::Concat(count) => {
                if self.skip("~") {
                    tasks.extend([Task::Concat(count + 1), Task::Level(Level::Product)]);
                } else if count > 1 {
                    self.put(Op::Concat(count));
                }
            }
            Task::Unary(filters) => {
                let op = if self.skip("-") { Some(Op::Negate) } else { self.skip("+").then_some(Op::Plus) };
                tasks.push(Task::Postfix(filters));
                match op {
                    Some(op) => tasks.extend([Task::Apply(op, None), Task::Unary(false)]),
                    None => tasks.push(Task::Primary),
                }
            }
            Task::Primary => self.primary(tasks)?,
            Task::Postfix(filters) => self.postfix(filters, tasks)?,
            Task::Filters => self.filters(tasks)?,
            Task::Arguments(callee, shape) => self.arguments(callee, shape, tasks)?,
            Task::TestApplied(name, negated) => self.apply_test(name, vec![Argument::Positional], negated),
            Task::Tuple(count, comma, place) => self.tuple(count, comma, place, tasks)?,
            Task::CloseTuple => self.expect(")")?,
            Task::List(count) => {
                if count > 0 && !self.at("]") {
                    self.expect(",")?;
                }
                if self.skip("]") {
                    self.put(Op::List(count));
                } else {
                    tasks.extend([Task::List(count + 1), Task::Expression]);
                }
            }
            Task::Dict(count) => {
                if count > 0 && !self.at("}") {
                    self.expect(",")?;
                }
                if self.skip("}") {
                    self.put(Op::Dict(count));
                } else {
                    tasks.extend([Task::DictValue(count), Task::Expression]);
                }
            }
            Task::DictValue(count) => {
                self.expect(":")?;
                tasks.extend([Task::Dict(count + 1), Task::Expression]);
            }
            Task::SlicePart(part) => self.slice(part, tasks)?,
        }
        Ok(())
    }

    fn level(&mut self, level: Level, tasks: &mut Vec<Task>) {
        match level {
            Level::Not if self.skip_name("not") => {
                tasks.extend([Task::Apply(Op::Not, None), Task::Level(Level::Not)]);
            }
            Level::Not => tasks.push(Task::Level(Level::Compare)),
            Level::Compare => tasks.extend([Task::Comparisons(Vec::new(), None), Task::Level(Level::Sum)]),
            Level::Concat => tasks.extend([Task::Concat(1), Task::Level(Level::Product)]),
            level => tasks.extend([Task::Operators(level), level.operand()]),
        }
    }

    /// More operators of a level behind an operand, all of them from the left.
    fn operators(&mut self, level: Level, tasks: &mut Vec<Task>) {
        let jump = match level {
            Level::Or if self.skip_name("or") => Some(Op::JumpIfTrueElsePop(0)),
            Level::And if self.skip_name("and") => Some(Op::JumpIfFalseElsePop(0)),
            _ => None,
        };
        if let Some(jump) = jump {
            let jump = self.put(jump);
            tasks.extend([Task::Land(jump, level), level.operand()]);
            return;
        }
        let signs: &[(&str, Arithmetic)] = match level {
            Level::Sum => &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)],
            Level::Product => &[
                ("*", Arithmetic::Multiply),
                ("//", Arithmetic::FloorDivide),
                ("/", Arithmetic::Divide),
                ("%", Arithmetic::Remainder),
            ],
            Level::Power => &[("**", Arithmetic::Power)],
            _ => &[],
        };
        for (sign, operator) in signs {
            if self.skip(sign) {
                tasks.extend([Task::Apply(Op::Arithmetic(*operator), Some(level)), level.operand()]);
                return;
            }
        }
    }

    fn comparisons(&mut self, mut jumps: Vec<usize>, open: Option<Comparison>, tasks: &mut Vec<Task>) {
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let mut next = SIGNS.iter().find(|(sign, _)| self.skip(sign)).map(|(_, comparison)| *comparison);
        if next.is_none() && self.skip_name("in") {
            next = Some(Comparison::In);
        }
        if next.is_none() && self.at_name("not") && matches!(self.peek(1), Token::Name(name) if name == "in")
        {
            self.advance();
            self.advance();
            next = Some(Comparison::NotIn);
        }
        match (open, next) {
            (Some(open), Some(next)) => {
                jumps.push(self.put(Op::ChainCompare(open, 0)));
                tasks.extend([Task::Comparisons(jumps, Some(next)), Task::Level(Level::Sum)]);
            }
            (None, Some(next)) => {
                tasks.extend([Task::Comparisons(jumps, Some(next)), Task::Level(Level::Sum)]);
            }
            (Some(open), None) => {
                self.put(Op::Compare(open));
                jumps.into_iter().for_each(|jump| self.land(jump));
            }
            (None, None) => {}
        }
    }

    fn primary(&mut self, tasks: &mut Vec<Task>) -> Result<()> {
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

    fn postfix(&mut self, filters: bool, tasks: &mut Vec<Task>) -> Result<()> {
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

    fn filters(&mut self, tasks: &mut Vec<Task>) -> Result<()> {
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

    fn apply_test(&mut self, name: u32, shape: Vec<Argument>, negated: bool) {
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

    fn arguments(&mut self, callee: Callee, mut shape: Vec<Argument>, tasks: &mut Vec<Task>) -> Result<()> {
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

    fn tuple(&mut self, count: u32, comma: bool, place: TupleIn, tasks: &mut Vec<Task>) -> Result<()> {
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
    fn slice(&mut self, part: u8, tasks: &mut Vec<Task>) -> Result<()> {
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
