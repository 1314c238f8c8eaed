//! A template as a flat list of instructions: what the parser writes and the machine runs. Knows no values
//! but constants.

use std::collections::HashMap;
use std::sync::Arc;

use super::values::{Arithmetic, Comparison, Signature, Value};

/// An instruction. Jumps count from the instruction behind them, so that code can be moved as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    /// Writes a constant text.
    Write(u32),
    /// Writes a value's text.
    Emit,
    Constant(u32),
    /// The value of the variable with this name.
    Load(u32),
    Store(u32),
    /// Sets an attribute of a namespace: the variable's name, the attribute's.
    StoreAttribute(u32, u32),
    /// Takes a value apart into so many.
    Unpack(u32),
    Attribute(u32),
    Item,
    /// Object, start, stop, step.
    Slice,
    /// A callable, then what the shape with this number says.
    Call(u32),
    /// An object, then the arguments: the method's name, the shape.
    CallMethod(u32, u32),
    Filter(u32, u32),
    Test(u32, u32),
    Arithmetic(Arithmetic),
    Negate,
    Plus,
    Not,
    Concat(u32),
    Compare(Comparison),
    /// A comparison in a chain: false ends it, else its right side goes on.
    ChainCompare(Comparison, i32),
    Jump(i32),
    JumpIfFalse(i32),
    /// `and`, `or`: the value stays if it decides.
    JumpIfFalseElsePop(i32),
    JumpIfTrueElsePop(i32),
    List(u32),
    Tuple(u32),
    Dict(u32),
    PushScope,
    /// A scope that sees the template's own variables only.
    PushBlockScope,
    PopScope,
    /// Begins a loop over the value on the stack.
    Loop {
        recursive: bool,
    },
    /// The next item that is still to be chosen from, or behind the choice.
    ChooseNext(i32),
    /// Keeps the item if the value on the stack is true.
    Choose,
    /// The next item, or to the loop's end.
    Next(i32),
    /// Passes an item over, if the value on the stack is false.
    SkipIfFalse(i32),
    /// Ends the loop; over the `else` if there was an item.
    EndLoop(i32),
    /// Behind a recursive loop: back to who called it.
    LoopReturn,
    /// Leaves so many scopes and captures.
    Unwind(u16, u16),
    Capture,
    /// The captured text.
    EndCapture,
    /// A macro whose body follows; behind it.
    Macro(u32, i32),
    /// A macro's parameter: over its default if it was given.
    JumpIfGiven(u32, i32),
    Return,
}

/// One argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Argument {
    Positional,
    Named(u32),
    /// `*items`
    Items,
    /// `**pairs`
    Pairs,
}

/// Names that the machine itself asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Known {
    Loop,
    Caller,
    Varargs,
    Kwargs,
    Messages,
    Tools,
    Documents,
    AddGenerationPrompt,
    BosToken,
    EosToken,
}

const KNOWN: [&str; 10] = [
    "loop",
    "caller",
    "varargs",
    "kwargs",
    "messages",
    "tools",
    "documents",
    "add_generation_prompt",
    "bos_token",
    "eos_token",
];

/// A parsed template.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Instructions with their lines.
    pub(super) code: Vec<(Op, u32)>,
    pub(super) constants: Vec<Value>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) shapes: Vec<Vec<Argument>>,
    pub(super) signatures: Vec<Signature>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Program {
    pub(super) fn new() -> Self {
        let mut program = Self::default();
        for name in KNOWN {
            program.name(name);
        }
        program
    }

    /// The number of a name.
    pub(super) fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (number, name) = (self.names.len() as u32, Arc::<str>::from(name));
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The number of a name that occurs in the template.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn constant(&mut self, value: Value) -> u32 {
        self.constants.push(value);
        self.constants.len() as u32 - 1
    }

    pub(super) fn shape(&mut self, shape: Vec<Argument>) -> u32 {
        if let Some(at) = self.shapes.iter().rev().take(16).position(|other| *other == shape) {
            return (self.shapes.len() - 1 - at) as u32;
        }
        self.shapes.push(shape);
        self.shapes.len() as u32 - 1
    }
}
