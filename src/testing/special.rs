//! The ids of the fake model's special tokens.

/// Begins a text; the fake vocabulary does not add it by itself.
pub const BOS: u32 = 256;
/// Ends a generation.
pub const END: u32 = 257;
/// Ends a generation as well.
pub const OTHER_END: u32 = 258;
/// A control token: begins each message of a conversation.
pub const CONTROL: u32 = 259;
