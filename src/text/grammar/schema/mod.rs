//! JSON schemas: rewritten, so that llguidance compiles them and they mean what they say, and checked against
//! what was generated. Knows no token.

mod apart;
mod checked;
mod formats;
mod keywords;
mod numbers;
mod objects;
mod place;
mod references;
mod rewrite;
mod strings;
mod types;

#[cfg(test)]
mod tests;

pub(super) use checked::Checked;
pub(super) use rewrite::Rewritten;
