//! Arithmetic on slices: quantised products, norms, rope, attention. Knows no model and no file.
//!
//! Without the feature `native` nobody computes: the scalar table stands for all, and the others are not
//! compiled.
//!
//! `docs/kernels.md` has the layouts and the one order of summation that all instruction sets keep, bit for
//! bit.

#[cfg(all(feature = "native", target_arch = "aarch64"))]
mod aarch64;
mod activations;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod ahead;
mod attention;
pub mod block;
mod choice;
mod conv;
mod delta;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod direct;
mod float;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod floats;
mod generic;
mod kv;
mod logits;
mod math;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod panel;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod product;
mod quantise;
mod query;
mod rope;
mod scalar;
mod scan;
mod simd;
mod store;
mod table;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tile;
#[cfg(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tiles;
mod types;
#[cfg(all(feature = "native", target_arch = "x86_64"))]
mod x86;

pub(crate) use activations::GROUP;
pub use activations::{Activations, Forms};
pub(crate) use attention::{PARTIAL_TAIL, SECTION, SECTION_BLOCKS, Section, Sight, Visible};
pub use block::dequantise;
pub use conv::ShortConv;
pub use delta::{CausalConv, DeltaHead};
pub use float::{bf16_to_f32, f16_to_f32, f32_to_f16};
pub use kv::{KV_BLOCK, KvLayout, KvType};
pub use logits::{LOOK, MOMENT_BLOCK, Moments};
pub(crate) use math::exp2;
pub use math::{exp, exp_negative, exp64, ln64, sigmoid, softplus, tanh};
pub(crate) use quantise::{Group32, Group256};
pub use rope::{Rope, RopeConfig, RopeScaling, RopeStyle, RopeTable};
pub use scan::ScanHead;
pub use table::{Gate, InstructionSet, Kernels};
pub use types::{Form, Type, Weights};

#[cfg(test)]
mod tests;
