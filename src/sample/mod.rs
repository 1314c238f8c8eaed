//! Logits to a token: bias, penalties, truncation, a draw that is the same on every machine. Knows no text
//! and no model. docs/sampling.md has the formulas.

mod candidates;
mod draw;
mod dry;
mod options;
mod penalties;
mod recommended;
mod rng;
mod sampler;
mod truncate;

pub use options::{MAX_TOP_LOGPROBS, SamplerOptions};
pub use recommended::Recommended;
pub use sampler::{Alternative, Sampled, Sampler};

#[cfg(test)]
mod tests;
