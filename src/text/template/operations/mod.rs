//! What values do: operators, attributes, methods, formats, the tests behind `is`, global functions. Knows no
//! filters, no syntax and no instructions.

pub(crate) mod attributes;
mod braces;
pub(crate) mod checks;
pub(crate) mod globals;
pub(crate) mod methods;
pub(crate) mod names;
pub(crate) mod operators;
pub(crate) mod percent;
mod string_methods;
mod time;
