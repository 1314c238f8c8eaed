//! Logits to a token: bias, penalties, truncation, a draw that is the same on every machine. Knows no text
//! and no model.

mod math;
mod options;
mod penalties;
mod recommended;
mod rng;
mod sampler;
mod truncate;

pub use options::SamplerOptions;
pub use recommended::Recommended;
pub use sampler::{Sampled, Sampler};
