//! What values are made of that is no value itself: what is missing, views, objects' numbers, functions, the
//! numbers of a range.

/// What was looked for and is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missing {
    /// The variable with this name's number.
    Variable(u32),
    /// The attribute with this name's number.
    Attribute(u32),
    /// Something without a name of its own.
    Item,
    /// A macro's parameter.
    Parameter(u32),
    /// What is not allowed to templates.
    Unsafe,
    /// The `else` of a condition that has none.
    Else,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum View {
    Keys,
    Values,
    Items,
}

/// The number of an object in the machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ObjectId {
    pub(crate) kind: ObjectKind,
    pub(crate) at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Namespace,
    /// Gives its items once.
    Iterator,
    Loop,
    Macro,
    Cycler,
    Joiner,
}

/// Global functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    RaiseException,
    StrftimeNow,
}

/// The numbers of a `range`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) step: i64,
}

impl Steps {
    pub(crate) fn len(&self) -> usize {
        let (low, high) = if self.step > 0 { (self.start, self.stop) } else { (self.stop, self.start) };
        if low >= high { 0 } else { high.abs_diff(low).div_ceil(self.step.unsigned_abs()) as usize }
    }

    pub(crate) fn get(&self, at: usize) -> Option<i64> {
        (at < self.len()).then(|| self.start.wrapping_add(self.step.wrapping_mul(at as i64)))
    }
}
