//! The filters behind `|`. Knows no syntax and no instructions.

mod any;
mod apply;
mod json;
mod lists;
mod numbers;
mod sorting;
mod text;

pub(crate) use apply::apply;
