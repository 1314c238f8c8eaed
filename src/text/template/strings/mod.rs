//! What can be done to strings: what is made of them knows where its bytes are from. Knows no rendering and
//! no syntax.

pub(crate) mod case;
mod edit;
mod layout;
mod markup;
mod pieces;
mod search;
mod spec;
mod wrap;

pub(crate) use edit::{replace, strip};
pub(crate) use layout::{centered, expand_tabs, indent, pad, truncate};
pub(crate) use markup::{escape, strip_tags};
pub(crate) use pieces::{lines, partition, split};
pub(crate) use search::{begins, search};
pub(crate) use spec::{MAX_WIDTH, Spec};
pub(crate) use wrap::wordwrap;
