//! Parses expressions into instructions, by Jinja's grammar. What the grammar calls next waits on a list
//! instead of the stack, so that no nesting can overflow it. Knows no statements.

use super::grammar::{Level, Task};
use super::lexer::Token;
use super::parser::Parser;
use crate::error::Result;
use crate::text::template::program::{Argument, Op};
use crate::text::template::values::{Arithmetic, Comparison, Missing, Value};

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
            Task::Else(value, start) => self.condition(value, start, tasks),
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
            Task::List(count) => self.list(count, tasks)?,
            Task::Dict(count) => self.dict(count, tasks)?,
            Task::DictValue(count) => {
                self.expect(":")?;
                tasks.extend([Task::Dict(count + 1), Task::Expression]);
            }
            Task::SlicePart(part) => self.slice(part, tasks)?,
        }
        Ok(())
    }

    /// Behind the condition of the value that begins at `start`.
    fn condition(&mut self, value: Vec<(Op, u32)>, start: usize, tasks: &mut Vec<Task>) {
        let otherwise = self.put(Op::JumpIfFalse(0));
        self.program.code.extend(value);
        let jump = self.put(Op::Jump(0));
        self.land(otherwise);
        tasks.extend([Task::If(start), Task::EndElse(jump)]);
        if self.skip_name("else") {
            tasks.push(Task::Expression);
        } else {
            let missing = self.program.constant(Value::Undefined(Missing::Else));
            self.put(Op::Constant(missing));
        }
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
}
