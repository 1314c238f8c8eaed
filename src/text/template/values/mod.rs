//! Values as Python has them: strings, numbers, lists, maps; what they are made of, what is equal, what comes
//! first, what they look like; and what changes while a template runs. Knows no operators, no syntax and no
//! instructions.

mod dict;
mod keys;
mod kinds;
mod number;
mod objects;
mod order;
pub(crate) mod print;
mod sort;
mod source;
mod text;
mod value;

pub(crate) use keys::hash;
pub(crate) use kinds::{Function, Missing, ObjectId, ObjectKind, Steps, View};
pub(crate) use number::{
    Arithmetic, Number, float_text, integer, integer_of, parse_float, parse_int, with_exponent,
};
pub(crate) use objects::{Loop, Macro, Object, Objects, Signature};
pub(crate) use order::{Comparison, compare, equal};
pub(crate) use sort::sort;
pub(crate) use source::Source;
pub(crate) use text::{Builder, Text};
pub(crate) use value::{Dict, Items, Value};
