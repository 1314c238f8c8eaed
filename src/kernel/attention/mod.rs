//! Attention of some queries to one section of keys and values, and how sections add up; knows no sequence
//! and no mask but a range.
//!
//! A unit is 128 tokens at fixed absolute positions (four KV blocks), a section four units. A query's result
//! is its units' partial results, merged in ascending order to sections, which are merged in ascending order.
//! So it does not depend on how a prompt was cut or which threads computed which sections.

mod bytes;
mod halves;
mod merge;
mod section;
mod stored;
mod tile;

pub(crate) use merge::{finish, merge};
pub(crate) use section::{PARTIAL_TAIL, SECTION, SECTION_BLOCKS, Section, Sight, Visible};
pub(crate) use tile::attend;
