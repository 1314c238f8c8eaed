//! The C ABI and nothing else.
