//! The parts of Jinja's grammar of expressions, as tasks that wait for their turn. Knows no tokens.

use crate::text::template::program::{Argument, Op};
use crate::text::template::values::Comparison;

/// Part of the grammar that is still to be read.
#[derive(Debug)]
pub(super) enum Task {
    /// A condition (`a if b else c`) or what is simpler.
    Expression,
    /// Behind the value of a condition, whose code begins there.
    If(usize),
    /// Behind the condition itself; the value's code, and where it was.
    Else(Vec<(Op, u32)>, usize),
    /// Behind the part after `else`: the jump over it.
    EndElse(usize),
    Level(Level),
    /// Behind an operand of this level.
    Operators(Level),
    /// An operator whose right side has been read.
    Apply(Op, Option<Level>),
    /// A jump that goes here, then more of its level.
    Land(usize, Level),
    /// Behind an operand of comparisons: the jumps to their end, the one that is open.
    Comparisons(Vec<usize>, Option<Comparison>),
    /// Operands of `~` so far.
    Concat(u32),
    /// An operand; with filters behind it.
    Unary(bool),
    Primary,
    Postfix(bool),
    Filters,
    Arguments(Callee, Vec<Argument>),
    /// A test has been applied; whether its result is turned around.
    TestApplied(u32, bool),
    /// A tuple or one expression: how many there are, whether a comma was there, what it is part of.
    Tuple(u32, bool, TupleIn),
    CloseTuple,
    List(u32),
    Dict(u32),
    DictValue(u32),
    /// Behind a part of what is in brackets: start, stop, step.
    SlicePart(u8),
}

/// Levels of operators, the loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Or,
    And,
    Not,
    Compare,
    Sum,
    Concat,
    Product,
    Power,
}

impl Level {
    fn next(self) -> Option<Self> {
        Some(match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Sum,
            Self::Sum => Self::Concat,
            Self::Concat => Self::Product,
            Self::Product => Self::Power,
            Self::Power => return None,
        })
    }

    /// What reads an operand of this level.
    pub(super) fn operand(self) -> Task {
        self.next().map_or(Task::Unary(true), Task::Level)
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Callee {
    Value,
    Method(u32),
    Filter(u32),
    /// And whether its result is turned around.
    Test(u32, bool),
}

/// What a tuple is part of, which says where it ends and what it may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TupleIn {
    Parentheses,
    /// A tag, where conditions are expressions.
    Tag,
    /// `if`, `elif`: no conditions.
    Condition,
    /// `for … in`: no conditions, and `recursive` ends it.
    Iterable,
}
