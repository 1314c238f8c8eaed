//! Products of weights and activations, split over threads by rows and tokens; knows no layer.

use super::disjoint::Disjoint;
use super::low_rank::Added;
use super::pace::{Pace, Step, finish};
use super::{Compute, SCRATCH};
use crate::kernel::{Activations, GROUP, Gate, Kernels, Weights};
use smallvec::SmallVec;
use std::ops::Range;

/// What happens with a product's results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Output {
    /// They are written.
    Store,
    /// They are added to what is there.
    Add,
    /// They are multiplied, then added (one rounding) to what is there.
    AddScaled(f32),
}

/// One matrix of a sweep over the same activations.
pub struct Product<'a> {
    /// `(rows, cols)`.
    pub weights: Weights<'a>,
    /// Added to each token's results: `(rows)`.
    pub bias: Option<&'a [f32]>,
    /// Added to some tokens' results.
    pub added: Added<'a>,
    /// How results go to `out`.
    pub output: Output,
    /// `(tokens, rows)`.
    pub out: &'a mut [f32],
}

impl<'a> Product<'a> {
    /// A product to which nothing is added, to be written to `out`.
    pub fn new(weights: Weights<'a>, out: &'a mut [f32]) -> Self {
        Self { weights, bias: None, added: Added::default(), output: Output::Store, out }
    }
}

/// `act(gate . activations) * (up . activations)`: both matrices of a gated feed-forward.
pub struct GatedProduct<'a> {
    /// `(rows, cols)`.
    pub gate: Weights<'a>,
    /// `(rows, cols)`.
    pub up: Weights<'a>,
    /// Added to what each of them gives: `(rows)`.
    pub biases: Option<[&'a [f32]; 2]>,
    /// What adapters add to each of them.
    pub added: [Added<'a>; 2],
    /// What the gate goes through.
    pub act: Gate,
    /// `(tokens, rows)`.
    pub out: &'a mut [f32],
}

/// Elements of a chunk's results.
const TILE: usize = SCRATCH / 4;
/// Tokens of a chunk at most: enough to pay for unpacking weights, few enough to end a slice in time.
const TOKENS: usize = 128;

/// Columns from which on many tokens take 32 rows a chunk, not 64: both are over in time then.
const MANY_COLS: usize = 4096;
/// Bytes of a chunk's weights at most, for a few tokens: such a chunk is over in time too.
const BYTES: usize = 1 << 20;

/// How products of `tokens` tokens are cut: the same at every call, so that a cursor is a number of chunks.
struct Cut {
    /// Rows of a chunk: a multiple of 16, for many tokens of 32.
    rows: usize,
    /// Tokens of a chunk: a multiple of [`GROUP`].
    tokens: usize,
    /// Chunks beside each other over the same rows.
    across: usize,
}

impl Cut {
    /// For matrices of `rows` rows in all, of `cols` columns and `row_bytes` bytes at most; what a chunk
    /// takes from two matrices counts together.
    fn new(rows: usize, tokens: usize, threads: usize, (cols, row_bytes): (usize, usize)) -> Self {
        let chunk = tokens.next_multiple_of(GROUP).clamp(GROUP, TOKENS);
        // Some chunks for each thread, so that a late one leaves its share to the others.
        let fair = rows.div_ceil(threads * 6).max(1);
        // Rows that follow each other are asked for ahead of time: a few tokens, bound by memory, take many
        // of them.
        let most = match tokens {
            0..=GROUP => (BYTES / row_bytes.max(1)).clamp(32, 512) / 16 * 16,
            _ if cols < MANY_COLS => 64,
            _ => 32,
        };
        // Many tokens take rows 32 at a time where they can: two panels share each token's bytes.
        let unit = if tokens > GROUP { 32 } else { 16 };
        let rows = fair.next_multiple_of(unit).min(most);
        Self { rows, tokens: chunk, across: tokens.div_ceil(chunk).max(1) }
    }

    fn chunks(&self, rows: usize) -> usize {
        rows.div_ceil(self.rows) * self.across
    }

    /// Rows and tokens of chunk `chunk`.
    fn part(&self, chunk: usize, rows: usize, tokens: usize) -> (Range<usize>, Range<usize>) {
        let (down, across) = (chunk / self.across, chunk % self.across);
        let first = down * self.rows;
        let token = across * self.tokens;
        (first..rows.min(first + self.rows), token..tokens.min(token + self.tokens))
    }
}

impl Compute {
    /// `product.out = product.weights . activations` for each product, in one sweep: a chunk is a block of
    /// rows for a block of tokens.
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`].
    ///
    /// Panics if a shape does not fit: `cols` of the activations, `tokens * rows` of `out`, `rows` of a bias,
    /// or if the activations lack a form.
    pub fn products(
        &mut self,
        products: &mut [Product<'_>],
        activations: &Activations,
        at: &mut usize,
        pace: &Pace,
    ) -> Step {
        let tokens = activations.tokens();
        let rows: usize = products.iter().map(|product| product.weights.rows()).sum();
        let row_bytes = products.iter().map(|product| product.weights.row_bytes()).max().unwrap_or_default();
        let cut = Cut::new(rows, tokens, self.threads(), (activations.cols(), row_bytes));
        let mut chunks = 0;
        for product in products.iter() {
            assert_eq!(product.out.len(), tokens * product.weights.rows(), "out of {:?}", product.weights);
            assert!(product.bias.is_none_or(|bias| bias.len() == product.weights.rows()), "bias");
            chunks += cut.chunks(product.weights.rows());
        }
        let (kernels, scratch) = (self.kernels, Disjoint::new(&mut self.scratch));
        let shared: SmallVec<[Shared<'_>; 4]> = products.iter_mut().map(Shared::new).collect();
        *at = self.pool.run_from(*at, chunks, pace, &|chunk, thread| {
            // SAFETY: each thread has its own scratch memory.
            let tile = unsafe { scratch.slice(thread * SCRATCH..thread * SCRATCH + TILE) };
            let Some((product, chunk)) = find(&shared, chunk, &cut) else { return };
            let (rows, tokens) = cut.part(chunk, product.weights.rows(), tokens);
            kernels.product(&product.weights, rows.clone(), activations, tokens.clone(), tile, rows.len());
            product.added.to(kernels, &rows, &tokens, tile);
            for (token, results) in tokens.zip(tile.chunks_exact_mut(rows.len().max(1))) {
                let place = token * product.weights.rows();
                // SAFETY: each row of each token is in one chunk only.
                let out = unsafe { product.out.slice(place + rows.start..place + rows.end) };
                deliver(kernels, product, &rows, results, out);
            }
        });
        finish(at, chunks)
    }

    /// Writes what a [`GatedProduct`] comes to, both matrices in one sweep.
    ///
    /// Call again with the same arguments and cursor `at` after [`Step::Paused`].
    ///
    /// Panics if a shape does not fit, or if the activations lack a form.
    pub fn gated(
        &mut self,
        product: &mut GatedProduct<'_>,
        activations: &Activations,
        at: &mut usize,
        pace: &Pace,
    ) -> Step {
        let GatedProduct { gate, up, biases, added, act, out } = product;
        let (gate, up, biases, act) = (&*gate, &*up, *biases, *act);
        let (rows, tokens) = (gate.rows(), activations.tokens());
        assert_eq!(rows, up.rows(), "{gate:?} beside {up:?}");
        assert_eq!(out.len(), tokens * rows, "out of {gate:?}");
        assert!(biases.is_none_or(|biases| biases.iter().all(|bias| bias.len() == rows)), "biases");
        let cut =
            Cut::new(rows, tokens, self.threads(), (2 * gate.cols(), gate.row_bytes() + up.row_bytes()));
        let chunks = cut.chunks(rows);
        let (kernels, scratch, out) = (self.kernels, Disjoint::new(&mut self.scratch), Disjoint::new(out));
        *at = self.pool.run_from(*at, chunks, pace, &|chunk, thread| {
            // SAFETY: each thread has its own scratch memory.
            let scratch = unsafe { scratch.slice(thread * SCRATCH..thread * SCRATCH + 2 * TILE) };
            let (left, right) = scratch.split_at_mut(TILE);
            let (part, tokens) = cut.part(chunk, rows, tokens);
            kernels.product(gate, part.clone(), activations, tokens.clone(), left, part.len());
            kernels.product(up, part.clone(), activations, tokens.clone(), right, part.len());
            added[0].to(kernels, &part, &tokens, left);
            added[1].to(kernels, &part, &tokens, right);
            let width = part.len().max(1);
            let results = left.chunks_exact_mut(width).zip(right.chunks_exact_mut(width));
            for (token, (gate, up)) in tokens.zip(results) {
                if let Some([gate_bias, up_bias]) = biases {
                    kernels.add(gate, &gate_bias[part.clone()]);
                    kernels.add(up, &up_bias[part.clone()]);
                }
                kernels.gate(act, gate, up);
                // SAFETY: each row of each token is in one chunk only.
                let out = unsafe { out.slice(token * rows + part.start..token * rows + part.end) };
                out.copy_from_slice(gate);
            }
        });
        finish(at, chunks)
    }
}

/// A product as the threads see it.
struct Shared<'a> {
    weights: Weights<'a>,
    bias: Option<&'a [f32]>,
    added: Added<'a>,
    output: Output,
    out: Disjoint<'a, f32>,
}

impl<'a> Shared<'a> {
    fn new(product: &'a mut Product<'_>) -> Self {
        let out = Disjoint::new(&mut *product.out);
        let Product { weights, bias, added, output, .. } = *product;
        Self { weights, bias, added, output, out }
    }
}

/// The product that chunk `chunk` of all belongs to, and which of its chunks that is.
fn find<'a, 'b>(products: &'b [Shared<'a>], mut chunk: usize, cut: &Cut) -> Option<(&'b Shared<'a>, usize)> {
    for product in products {
        let chunks = cut.chunks(product.weights.rows());
        if chunk < chunks {
            return Some((product, chunk));
        }
        chunk -= chunks;
    }
    None
}

/// Brings one token's results of one chunk to their place.
fn deliver(
    kernels: &Kernels,
    product: &Shared<'_>,
    rows: &Range<usize>,
    results: &mut [f32],
    out: &mut [f32],
) {
    if let Some(bias) = product.bias {
        let sums = results.iter_mut().zip(&bias[rows.clone()]);
        match product.output {
            // In one go: rows of a chunk are short.
            Output::Store => return out.iter_mut().zip(sums).for_each(|(to, (x, bias))| *to = *x + bias),
            Output::Add => return out.iter_mut().zip(sums).for_each(|(to, (x, bias))| *to += *x + bias),
            Output::AddScaled(_) => sums.for_each(|(x, bias)| *x += bias),
        }
    }
    match product.output {
        Output::Store => out.copy_from_slice(results),
        Output::Add => kernels.add(out, results),
        Output::AddScaled(scale) => kernels.add_scaled(out, results, scale),
    }
}
