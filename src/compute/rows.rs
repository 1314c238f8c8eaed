//! Operations on rows of tokens, split over threads by tokens; knows no layer. Those that are short cannot be
//! paused.

use super::Compute;
use super::disjoint::Disjoint;
use super::pace::{Pace, Step, finish};
use crate::error::Result;
use crate::kernel::{
    Activations, Form, Forms, GROUP, Gate, Group32, Group256, RopeTable, ShortConv, Weights, dequantise,
};

/// Elements that are worth a chunk of their own: about 5 µs.
const CHUNK: usize = 16 * 1024;

impl Compute {
    /// Calls `work(first row, rows)` on blocks of rows of `x`, `(rows, cols)`.
    pub(super) fn rows(&mut self, x: &mut [f32], cols: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
        assert!(cols > 0 && x.len().is_multiple_of(cols), "{} elements in rows of {cols}", x.len());
        let (rows, per_chunk) = (x.len() / cols, (CHUNK / cols).max(1));
        let x = Disjoint::new(x);
        self.pool.run(rows.div_ceil(per_chunk), &|chunk, _| {
            let first = chunk * per_chunk;
            let end = rows.min(first + per_chunk);
            // SAFETY: each row is in one chunk only.
            work(first, unsafe { x.slice(first * cols..end * cols) });
        });
    }

    /// Results of rows of a short convolution from row `first` on, into `out`, `(rows, width)`.
    ///
    /// Panics if the lengths do not fit together.
    pub fn short_conv(&mut self, conv: &ShortConv<'_>, first: usize, out: &mut [f32]) {
        self.rows(out, conv.width, |at, out| {
            for (index, out) in out.chunks_exact_mut(conv.width).enumerate() {
                conv.row(first + at + index, out);
            }
        });
    }

    /// Each row of `x`, `(tokens, weight.len())`, normed into `out`: see `Kernels::rms_norm`.
    ///
    /// Panics if the lengths of `x`, `out` and `weight` do not fit together.
    pub fn rms_norm(&mut self, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "a norm keeps its shape");
        let (kernels, cols) = (self.kernels, weight.len());
        self.rows(out, cols, |first, out| {
            for (x, out) in x[first * cols..].chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
                kernels.rms_norm(x, Some(weight), eps, out);
            }
        });
    }

    /// As [`Compute::rms_norm`] in place; rows may be heads (`cols = weight.len()`).
    pub fn rms_norm_in_place(&mut self, x: &mut [f32], weight: &[f32], eps: f32) {
        let (kernels, cols) = (self.kernels, weight.len());
        self.rows(x, cols, |_, x| {
            x.chunks_exact_mut(cols).for_each(|x| kernels.rms_norm_in_place(x, Some(weight), eps));
        });
    }

    /// Each row of `x`, `(tokens, weight.len())`, to mean 0 and variance 1 in place, times `weight`, plus
    /// `bias`: see `Kernels::layer_norm_in_place`.
    ///
    /// Panics if the lengths of `x`, `weight` and `bias` do not fit together.
    pub fn layer_norm_in_place(&mut self, x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
        let (kernels, cols) = (self.kernels, weight.len());
        self.rows(x, cols, |_, x| {
            x.chunks_exact_mut(cols).for_each(|x| kernels.layer_norm_in_place(x, weight, bias, eps));
        });
    }

    /// `x = gelu(x)`, GELU itself, for rows of `cols` elements.
    pub fn gelu_erf(&mut self, x: &mut [f32], cols: usize) {
        let kernels = self.kernels;
        self.rows(x, cols, |_, x| kernels.gelu_erf(x));
    }

    /// Each `cols` elements of `x` normed in place, without weights.
    ///
    /// Panics if `x` is no multiple of `cols`.
    pub fn rms_norm_unweighted(&mut self, x: &mut [f32], cols: usize, eps: f32) {
        let kernels = self.kernels;
        self.rows(x, cols, |_, x| {
            x.chunks_exact_mut(cols).for_each(|x| kernels.rms_norm_in_place(x, None, eps));
        });
    }

    /// `x = act(x) * y` for rows of `cols` elements: y's row t begins at `from + t * stride`.
    ///
    /// Panics if `x` is no multiple of `cols` or `y` is too short.
    pub fn gate(&mut self, act: Gate, x: &mut [f32], cols: usize, y: &[f32], (from, stride): (usize, usize)) {
        let kernels = self.kernels;
        self.rows(x, cols, |first, x| {
            for (row, x) in x.chunks_exact_mut(cols).enumerate() {
                let start = from + (first + row) * stride;
                kernels.gate(act, x, &y[start..start + cols]);
            }
        });
    }

    /// `x = x * sigmoid(y)` for rows of `cols` elements: y's row t begins at `from + t * stride`.
    ///
    /// Panics if `x` is no multiple of `cols` or `y` is too short.
    pub fn sigmoid_gate(&mut self, x: &mut [f32], cols: usize, y: &[f32], (from, stride): (usize, usize)) {
        let kernels = self.kernels;
        self.rows(x, cols, |first, x| {
            for (row, x) in x.chunks_exact_mut(cols).enumerate() {
                let start = from + (first + row) * stride;
                kernels.sigmoid_mul(x, &y[start..start + cols]);
            }
        });
    }

    /// `x += y`. Panics if their lengths differ.
    pub fn add(&mut self, x: &mut [f32], y: &[f32]) {
        assert_eq!(x.len(), y.len(), "sum");
        let kernels = self.kernels;
        self.rows(x, 1, |first, x| kernels.add(x, &y[first..]));
    }

    /// `x += scale * y`, rounded once. Panics if their lengths differ.
    pub fn add_scaled(&mut self, x: &mut [f32], y: &[f32], scale: f32) {
        assert_eq!(x.len(), y.len(), "sum");
        let kernels = self.kernels;
        self.rows(x, 1, |first, x| kernels.add_scaled(x, &y[first..], scale));
    }

    /// `x *= scale`.
    pub fn scale(&mut self, x: &mut [f32], scale: f32) {
        let kernels = self.kernels;
        self.rows(x, 1, |_, x| kernels.scale(x, scale));
    }

    /// `x = cap * tanh(x / cap)`.
    pub fn soft_cap(&mut self, x: &mut [f32], cap: f32) {
        let kernels = self.kernels;
        self.rows(x, 1, |_, x| kernels.soft_cap(x, cap));
    }

    /// Turns the heads of all tokens: `x` is `(tokens, heads, head_dim)`, the table has the angles of those
    /// tokens.
    ///
    /// Panics if the table's tokens do not fit.
    pub fn rope(&mut self, x: &mut [f32], head_dim: usize, table: &RopeTable) {
        let tokens = table.tokens();
        assert!(tokens > 0 && x.len().is_multiple_of(tokens * head_dim), "rope of {tokens} tokens");
        let (kernels, cols) = (self.kernels, x.len() / tokens);
        self.rows(x, cols, |first, x| {
            for (token, row) in x.chunks_exact_mut(cols).enumerate() {
                row.chunks_exact_mut(head_dim).for_each(|head| kernels.rope(head, table, first + token));
            }
        });
    }

    /// Row `ids[t]` of `table` to row t of `out`, `(tokens, cols)`.
    ///
    /// Panics if an id is not below the table's rows, or if `out` has another length.
    pub fn embed(&mut self, table: &Weights<'_>, ids: &[u32], out: &mut [f32]) {
        assert_eq!(out.len(), ids.len() * table.cols(), "embeddings");
        let cols = table.cols();
        self.rows(out, cols, |first, out| {
            for (row, &id) in out.chunks_exact_mut(cols).zip(&ids[first..]) {
                let bytes = table.row(id as usize);
                dequantise(table.ty(), bytes.unwrap_or_else(|| panic!("no row {id} in {table:?}")), row);
            }
        });
    }

    /// Brings rows `x`, `(tokens, cols)`, into the `forms` that the weights to come need.
    pub fn activations(
        &mut self,
        x: &[f32],
        cols: usize,
        forms: Forms,
        into: &mut Activations,
    ) -> Result<()> {
        self.activations_from(x, cols, forms, into, &mut 0, &Pace::UNBOUNDED).map(|_| ())
    }

    /// As [`Compute::activations`], until `pace` is over.
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`].
    pub fn activations_from(
        &mut self,
        x: &[f32],
        cols: usize,
        forms: Forms,
        into: &mut Activations,
        at: &mut usize,
        pace: &Pace,
    ) -> Result<Step> {
        assert!(cols > 0 && x.len().is_multiple_of(cols), "{} elements in rows of {cols}", x.len());
        let tokens = x.len() / cols;
        into.prepare(tokens, cols, forms)?;
        let kernels = self.kernels;
        let (has_32, has_256) = (into.forms().contains(Form::Q32), into.forms().contains(Form::Q256));
        let has_f32 = into.forms().contains(Form::F32);
        let floats = Disjoint::new(&mut into.f32);
        let small = Parts32 {
            values: Disjoint::new(&mut into.q32.values),
            scales: Disjoint::new(&mut into.q32.scales),
            scaled_sums: Disjoint::new(&mut into.q32.scaled_sums),
            sums: Disjoint::new(&mut into.q32.sums),
            sums16: Disjoint::new(&mut into.q32.sums16),
        };
        let large = Parts256 {
            values: Disjoint::new(&mut into.q256.values),
            scales: Disjoint::new(&mut into.q256.scales),
            sums16: Disjoint::new(&mut into.q256.sums16),
            sums32: Disjoint::new(&mut into.q256.sums32),
        };
        let groups = tokens.div_ceil(GROUP);
        *at = self.pool.run_from(*at, groups, pace, &|group, _| {
            let (first, end) = (group * GROUP, tokens.min(group * GROUP + GROUP));
            let x = &x[first * cols..end * cols];
            if has_f32 {
                // SAFETY: each token is in one group only.
                unsafe { floats.slice(first * cols..end * cols) }.copy_from_slice(x);
            }
            if has_32 {
                kernels.quantise_32(x, end - first, small.group(first, end, cols));
            }
            if has_256 {
                kernels.quantise_256(x, end - first, large.group(first, end, cols));
            }
        });
        Ok(finish(at, groups))
    }
}

/// The arrays of the form with blocks of 32.
struct Parts32<'a> {
    values: Disjoint<'a, i8>,
    scales: Disjoint<'a, f32>,
    scaled_sums: Disjoint<'a, f32>,
    sums: Disjoint<'a, i32>,
    sums16: Disjoint<'a, i16>,
}

impl Parts32<'_> {
    fn group(&self, first: usize, end: usize, cols: usize) -> Group32<'_> {
        let blocks = first * cols / 32..end * cols / 32;
        // SAFETY: each group of tokens is written by one chunk.
        unsafe {
            Group32 {
                values: self.values.slice(first * cols..end * cols),
                scales: self.scales.slice(blocks.clone()),
                scaled_sums: self.scaled_sums.slice(blocks.clone()),
                sums: self.sums.slice(blocks),
                sums16: self.sums16.slice(first * cols / 16..end * cols / 16),
            }
        }
    }
}

/// The arrays of the form with blocks of 256.
struct Parts256<'a> {
    values: Disjoint<'a, i8>,
    scales: Disjoint<'a, f32>,
    sums16: Disjoint<'a, i16>,
    sums32: Disjoint<'a, i16>,
}

impl Parts256<'_> {
    fn group(&self, first: usize, end: usize, cols: usize) -> Group256<'_> {
        // SAFETY: each group of tokens is written by one chunk.
        unsafe {
            Group256 {
                values: self.values.slice(first * cols..end * cols),
                scales: self.scales.slice(first * cols / 256..end * cols / 256),
                sums16: self.sums16.slice(first * cols / 16..end * cols / 16),
                sums32: self.sums32.slice(first * cols / 32..end * cols / 32),
            }
        }
    }
}
