//! A template's source: tokens, grammar, instructions. Nothing of it recurses: what the grammar calls next,
//! and blocks that are open, wait on lists. Knows no values but constants, and nothing of how instructions
//! are run.

mod blocks;
mod calls;
mod expression;
mod grammar;
mod lexer;
mod literal;
mod loops;
mod macros;
mod operand;
mod parse;
mod parser;
mod statements;
mod targets;

pub(super) use parse::parse;
