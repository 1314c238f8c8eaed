//! The table of kernels, one per instruction set; knows not which there are, and nothing of threads.

use super::activations::{Activations, GROUP};
use super::attention::Section;
use super::delta::{CausalConv, DeltaHead};
use super::logits::{MOMENT_BLOCK, Moments};
use super::quantise::{Group32, Group256};
use super::rope::RopeTable;
use super::scan::ScanHead;
use super::types::{Form, Weights};
use std::ops::Range;

/// The instruction sets that kernels exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstructionSet {
    /// Plain Rust.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C (Haswell, Zen and later).
    Avx2,
    /// x86-64 with AVX2, FMA, F16C and AVX-VNNI (Intel's Alder Lake to Arrow Lake, Sierra Forest; others have
    /// it beside AVX-512).
    AvxVnni,
    /// x86-64 with AVX-512 F, BW, VL and VNNI (Ice Lake, Zen 4 and later).
    Avx512,
    /// aarch64 with NEON and dot products of bytes (Cortex-A75 and -A55, Neoverse, Apple's A12 and M1, and
    /// later).
    Neon,
    /// That, and products of matrices of bytes (Neoverse V1 and N2, Cortex-X2 and -A710, Apple's M2 and A15,
    /// and later).
    NeonI8mm,
}

impl InstructionSet {
    /// Its name where hosts read it: the info calls, the log, the command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
            Self::NeonI8mm => "neoni8mm",
        }
    }
}

type Product = unsafe fn(&Weights<'_>, Range<usize>, &Activations, Range<usize>, &mut [f32], usize);
type RmsNorm = unsafe fn(&[f32], Option<&[f32]>, f32, &mut [f32]);
type Rope = unsafe fn(&mut [f32], &[f32], &[f32]);

/// One instruction set's kernels. A table is only handed out on a processor that has the instruction set:
/// that is what makes calling them safe.
pub struct Kernels {
    pub(super) set: InstructionSet,
    pub(super) product: Product,
    pub(super) quantise_32: unsafe fn(&[f32], usize, Group32<'_>),
    pub(super) quantise_256: unsafe fn(&[f32], usize, Group256<'_>),
    pub(super) rms_norm: RmsNorm,
    pub(super) rms_norm_in_place: unsafe fn(&mut [f32], Option<&[f32]>, f32),
    pub(super) layer_norm_in_place: unsafe fn(&mut [f32], &[f32], &[f32], f32),
    pub(super) to_f16: unsafe fn(&[f32], &mut [u16]),
    pub(super) add: unsafe fn(&mut [f32], &[f32]),
    pub(super) add_scaled: unsafe fn(&mut [f32], &[f32], f32),
    pub(super) add_rows: unsafe fn(&mut [f32], &[f32], &[f32], usize),
    pub(super) scale: unsafe fn(&mut [f32], f32),
    pub(super) soft_cap: unsafe fn(&mut [f32], f32),
    pub(super) silu_mul: unsafe fn(&mut [f32], &[f32]),
    pub(super) gelu_mul: unsafe fn(&mut [f32], &[f32]),
    pub(super) gelu_erf: unsafe fn(&mut [f32]),
    pub(super) clamped_swiglu: unsafe fn(&mut [f32], &[f32]),
    pub(super) sigmoid_mul: unsafe fn(&mut [f32], &[f32]),
    pub(super) rope_interleaved: Rope,
    pub(super) rope_halves: Rope,
    pub(super) softmax: unsafe fn(&mut [f32]),
    pub(super) attend: unsafe fn(&Section<'_>, &mut [f32]),
    pub(super) merge: unsafe fn(&mut [f32], &[f32]),
    pub(super) finish: unsafe fn(&[f32], usize, &mut [f32]),
    pub(super) convolve: unsafe fn(&CausalConv<'_>, usize, &mut [f32]),
    pub(super) delta: unsafe fn(&DeltaHead<'_>, &mut [f32], &mut [f32]),
    pub(super) scan: unsafe fn(&ScanHead<'_>, &mut [f32], &mut [f32]),
    pub(super) finite_highest: unsafe fn(&[f32]) -> f32,
    pub(super) highest: unsafe fn(&[f32]) -> f32,
    pub(super) next_above: unsafe fn(&[f32], f32) -> usize,
    pub(super) moments: unsafe fn(&[f32], f32, f32, &mut [Moments]),
}

/// Compiles the generic kernels for an instruction set: `$features` are what the token `$token` proves.
/// Functions cannot do this: a target feature is an attribute of a function's definition.
macro_rules! instantiate {
    ($set:expr, $token:expr, $product:path, $(#[$features:meta])*) => {{
        use crate::kernel::activations::Activations;
        use crate::kernel::attention::{self, Section};
        use crate::kernel::delta::{self as delta_net, CausalConv, DeltaHead};
        use crate::kernel::logits::{self, Moments};
        use crate::kernel::quantise::{self, Group32, Group256};
        use crate::kernel::scan::{self as mamba, ScanHead};
        use crate::kernel::{generic, types::Weights};
        use std::ops::Range;
        $(#[$features])*
        fn product(w: &Weights<'_>, rows: Range<usize>, a: &Activations, tokens: Range<usize>, tile: &mut [f32], stride: usize) {
            $product($token, w, rows, a, tokens, tile, stride)
        }
        $(#[$features])*
        fn quantise_32(x: &[f32], width: usize, out: Group32<'_>) {
            quantise::quantise_32($token, x, width, out)
        }
        $(#[$features])*
        fn quantise_256(x: &[f32], width: usize, out: Group256<'_>) {
            quantise::quantise_256($token, x, width, out)
        }
        $(#[$features])*
        fn rms_norm(x: &[f32], weight: Option<&[f32]>, eps: f32, out: &mut [f32]) {
            generic::rms_norm(x, weight, eps, out)
        }
        $(#[$features])*
        fn rms_norm_in_place(x: &mut [f32], weight: Option<&[f32]>, eps: f32) {
            generic::rms_norm_in_place(x, weight, eps)
        }
        $(#[$features])*
        fn layer_norm_in_place(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
            generic::layer_norm_in_place(x, weight, bias, eps)
        }
        $(#[$features])*
        fn gelu_erf(x: &mut [f32]) {
            generic::gelu_erf(x)
        }
        $(#[$features])*
        fn to_f16(x: &[f32], out: &mut [u16]) {
            generic::to_f16(x, out)
        }
        $(#[$features])*
        fn add(x: &mut [f32], y: &[f32]) {
            generic::add(x, y)
        }
        $(#[$features])*
        fn add_scaled(x: &mut [f32], y: &[f32], scale: f32) {
            generic::add_scaled(x, y, scale)
        }
        $(#[$features])*
        fn add_rows(x: &mut [f32], scales: &[f32], rows: &[f32], stride: usize) {
            generic::add_rows(x, scales, rows, stride)
        }
        $(#[$features])*
        fn scale(x: &mut [f32], scale: f32) {
            generic::scale(x, scale)
        }
        $(#[$features])*
        fn soft_cap(x: &mut [f32], cap: f32) {
            generic::soft_cap(x, cap)
        }
        $(#[$features])*
        fn silu_mul(gate: &mut [f32], up: &[f32]) {
            generic::silu_mul(gate, up)
        }
        $(#[$features])*
        fn gelu_mul(gate: &mut [f32], up: &[f32]) {
            generic::gelu_mul(gate, up)
        }
        $(#[$features])*
        fn clamped_swiglu(gate: &mut [f32], up: &[f32]) {
            generic::clamped_swiglu(gate, up)
        }
        $(#[$features])*
        fn sigmoid_mul(x: &mut [f32], gate: &[f32]) {
            generic::sigmoid_mul(x, gate)
        }
        $(#[$features])*
        fn rope_interleaved(head: &mut [f32], cos: &[f32], sin: &[f32]) {
            generic::rope_interleaved(head, cos, sin)
        }
        $(#[$features])*
        fn rope_halves(head: &mut [f32], cos: &[f32], sin: &[f32]) {
            generic::rope_halves(head, cos, sin)
        }
        $(#[$features])*
        fn softmax(x: &mut [f32]) {
            generic::softmax(x)
        }
        $(#[$features])*
        fn attend(section: &Section<'_>, out: &mut [f32]) {
            attention::attend($token, section, out)
        }
        $(#[$features])*
        fn merge(total: &mut [f32], part: &[f32]) {
            attention::merge(total, part)
        }
        $(#[$features])*
        fn finish(total: &[f32], value_stride: usize, out: &mut [f32]) {
            attention::finish(total, value_stride, out)
        }
        $(#[$features])*
        fn convolve(conv: &CausalConv<'_>, row: usize, out: &mut [f32]) {
            delta_net::convolve(conv, row, out)
        }
        $(#[$features])*
        fn delta(head: &DeltaHead<'_>, state: &mut [f32], out: &mut [f32]) {
            delta_net::delta($token, head, state, out)
        }
        $(#[$features])*
        fn scan(head: &ScanHead<'_>, state: &mut [f32], out: &mut [f32]) {
            mamba::scan($token, head, state, out)
        }
        $(#[$features])*
        fn finite_highest(x: &[f32]) -> f32 {
            logits::finite_highest(x)
        }
        $(#[$features])*
        fn highest(x: &[f32]) -> f32 {
            logits::highest(x)
        }
        $(#[$features])*
        fn next_above(x: &[f32], limit: f32) -> usize {
            logits::next_above(x, limit)
        }
        $(#[$features])*
        fn moments(x: &[f32], highest: f32, temperature: f32, out: &mut [Moments]) {
            logits::moments(x, highest, temperature, out)
        }
        $crate::kernel::table::Kernels {
            set: $set,
            product,
            quantise_32,
            quantise_256,
            rms_norm,
            rms_norm_in_place,
            layer_norm_in_place,
            to_f16,
            add,
            add_scaled,
            add_rows,
            scale,
            soft_cap,
            silu_mul,
            gelu_mul,
            gelu_erf,
            clamped_swiglu,
            sigmoid_mul,
            rope_interleaved,
            rope_halves,
            softmax,
            attend,
            merge,
            finish,
            convolve,
            delta,
            scan,
            finite_highest,
            highest,
            next_above,
            moments,
        }
    }};
}
#[cfg_attr(not(feature = "native"), allow(unused_imports))]
pub(super) use instantiate;

impl Kernels {
    /// The instruction set of this table.
    pub fn set(&self) -> InstructionSet {
        self.set
    }

    /// `tile[t * stride + r] = row rows.start + r of weights . token tokens.start + t`, times the weights'
    /// factor.
    ///
    /// Panics if rows, tokens or tile are out of range, the activations lack the weights' form or
    /// length, or, of quantised weights, tokens begin or end within a group of 8.
    pub fn product(
        &self,
        weights: &Weights<'_>,
        rows: Range<usize>,
        activations: &Activations,
        tokens: Range<usize>,
        tile: &mut [f32],
        stride: usize,
    ) {
        assert!(rows.start <= rows.end && rows.end <= weights.rows(), "rows {rows:?} of {weights:?}");
        assert!(tokens.start <= tokens.end && tokens.end <= activations.tokens(), "tokens {tokens:?}");
        // Only quantised forms keep tokens in groups.
        let floats = weights.ty().form() == Form::F32;
        let whole = |end: usize| floats || end.is_multiple_of(GROUP) || end == activations.tokens();
        assert!(whole(tokens.start) && whole(tokens.end), "tokens {tokens:?} begin or end within a group");
        assert_eq!(weights.cols(), activations.cols(), "{weights:?}");
        assert!(activations.forms().contains(weights.ty().form()), "no activations for {weights:?}");
        assert!(rows.len() <= stride && tokens.len() * stride <= tile.len(), "tile of {}", tile.len());
        // SAFETY: the table exists only where its instruction set does; the ranges were checked above.
        unsafe { (self.product)(weights, rows.clone(), activations, tokens.clone(), tile, stride) }
        if weights.factor() != 1.0 && !rows.is_empty() {
            tile.chunks_mut(stride).take(tokens.len()).for_each(|results| {
                self.scale(&mut results[..rows.len()], weights.factor());
            });
        }
    }

    /// Quantises one group of tokens; `x` is `(width, cols)`.
    pub(crate) fn quantise_32(&self, x: &[f32], width: usize, out: Group32<'_>) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.quantise_32)(x, width, out) }
    }

    /// Quantises one group of tokens; `x` is `(width, cols)`.
    pub(crate) fn quantise_256(&self, x: &[f32], width: usize, out: Group256<'_>) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.quantise_256)(x, width, out) }
    }

    /// `out = x / sqrt(mean(x^2) + eps) * weight`; no weight counts as 1.
    pub fn rms_norm(&self, x: &[f32], weight: Option<&[f32]>, eps: f32, out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.rms_norm)(x, weight, eps, out) }
    }

    /// `x = x / sqrt(mean(x^2) + eps) * weight`.
    pub fn rms_norm_in_place(&self, x: &mut [f32], weight: Option<&[f32]>, eps: f32) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.rms_norm_in_place)(x, weight, eps) }
    }

    /// `x = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias`. Panics if the lengths differ.
    pub fn layer_norm_in_place(&self, x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
        assert!(weight.len() == x.len() && bias.len() == x.len(), "a norm of {}", x.len());
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.layer_norm_in_place)(x, weight, bias, eps) }
    }

    /// `x = gelu(x)`, GELU itself, not its tanh form.
    pub fn gelu_erf(&self, x: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.gelu_erf)(x) }
    }

    /// `out = x`, rounded to f16, as far as the shorter goes.
    pub(crate) fn to_f16(&self, x: &[f32], out: &mut [u16]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.to_f16)(x, out) }
    }

    /// `x += y`, as far as the shorter goes.
    pub fn add(&self, x: &mut [f32], y: &[f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.add)(x, y) }
    }

    /// `x += scale * y`, rounded once, as far as the shorter goes.
    pub fn add_scaled(&self, x: &mut [f32], y: &[f32], scale: f32) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.add_scaled)(x, y, scale) }
    }

    /// `x += scales[0] * row 0 + scales[1] * row 1 + …`, in this order, each step rounded once: the bits of
    /// as many [`Kernels::add_scaled`]. Row k begins at `rows[k * stride]` and is as long as x.
    ///
    /// Panics if `rows` ends before the last of them.
    pub fn add_rows(&self, x: &mut [f32], scales: &[f32], rows: &[f32], stride: usize) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.add_rows)(x, scales, rows, stride) }
    }

    /// `x *= scale`.
    pub fn scale(&self, x: &mut [f32], scale: f32) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.scale)(x, scale) }
    }

    /// `x = cap * tanh(x / cap)`; NaN where x is infinite.
    pub fn soft_cap(&self, x: &mut [f32], cap: f32) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.soft_cap)(x, cap) }
    }

    /// `gate = act(gate) * up`, as far as the shorter goes.
    pub fn gate(&self, activation: Gate, gate: &mut [f32], up: &[f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe {
            match activation {
                Gate::Silu => (self.silu_mul)(gate, up),
                Gate::Gelu => (self.gelu_mul)(gate, up),
                Gate::ClampedSwiglu => (self.clamped_swiglu)(gate, up),
            }
        }
    }

    /// `x = x * sigmoid(gate)`, as far as the shorter goes; NaN where the gate is infinite.
    pub fn sigmoid_mul(&self, x: &mut [f32], gate: &[f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.sigmoid_mul)(x, gate) }
    }

    /// Turns one head, `(head_dim)`, by the angles of the table's token `token`. Elements beyond the rope's
    /// dimensions stay.
    ///
    /// Panics if the table has no such token.
    pub fn rope(&self, head: &mut [f32], table: &RopeTable, token: usize) {
        let range = token * table.pairs..(token + 1) * table.pairs;
        let (cos, sin) = (&table.cos[range.clone()], &table.sin[range]);
        // SAFETY: the table exists only where its instruction set does.
        unsafe {
            if table.halves {
                (self.rope_halves)(head, cos, sin)
            } else {
                (self.rope_interleaved)(head, cos, sin)
            }
        }
    }

    /// `x` to probabilities, in place.
    pub fn softmax(&self, x: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.softmax)(x) }
    }

    /// A section's results of attention, one per query: `(queries, value_stride + 2)`.
    pub(crate) fn attend(&self, section: &Section<'_>, out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.attend)(section, out) }
    }

    /// Adds a later partial result to `total`.
    pub(crate) fn merge(&self, total: &mut [f32], part: &[f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.merge)(total, part) }
    }

    /// A total to the attention's output.
    pub(crate) fn finish(&self, total: &[f32], value_stride: usize, out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.finish)(total, value_stride, out) }
    }

    /// Result of row `row` of a convolution, `(width)`.
    ///
    /// Panics if the lengths do not fit together.
    pub fn convolve(&self, conv: &CausalConv<'_>, row: usize, out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.convolve)(conv, row, out) }
    }

    /// Takes a head's state, [`DeltaHead::state_len`], past its tokens; their results are `out`,
    /// `(tokens, dim)`.
    ///
    /// Panics if the lengths do not fit together.
    pub fn delta(&self, head: &DeltaHead<'_>, state: &mut [f32], out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.delta)(head, state, out) }
    }

    /// Takes a head's state, [`ScanHead::state_len`], past its tokens; their results are `out`,
    /// `(tokens, dim)`.
    ///
    /// Panics if the lengths do not fit together.
    pub fn scan(&self, head: &ScanHead<'_>, state: &mut [f32], out: &mut [f32]) {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.scan)(head, state, out) }
    }

    /// The highest of `x`, -inf if there is none; NaN where one of them is not finite.
    pub fn finite_highest(&self, x: &[f32]) -> f32 {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.finite_highest)(x) }
    }

    /// The highest of `x`, -inf if there is none; a NaN is none.
    pub fn highest(&self, x: &[f32]) -> f32 {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.highest)(x) }
    }

    /// Where the first group of [`LOOK`](super::LOOK) values begins that has one above `limit`, counted from
    /// the beginning of `x`; its length if there is none.
    pub fn next_above(&self, x: &[f32], limit: f32) -> usize {
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.next_above)(x, limit) }
    }

    /// The moments of each [`MOMENT_BLOCK`] of `x`, whose highest value is `highest`.
    ///
    /// Panics if `out` has not one for each block.
    pub fn moments(&self, x: &[f32], highest: f32, temperature: f32, out: &mut [Moments]) {
        assert_eq!(out.len(), x.len().div_ceil(MOMENT_BLOCK), "moments of {} logits", x.len());
        // SAFETY: the table exists only where its instruction set does.
        unsafe { (self.moments)(x, highest, temperature, out) }
    }
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.set.name())
    }
}

/// What a gated feed-forward applies to its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// x * sigmoid(x).
    Silu,
    /// GELU, tanh form.
    Gelu,
    /// x * sigmoid(1.702 x) with x at most 7, times 1 + up with up within 7 of 0 (gpt-oss).
    ClampedSwiglu,
}
