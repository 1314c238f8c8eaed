//! Whole operations: the same bits for any number of threads, any pause, any cut of a prompt, alone or
//! batched.

pub(super) mod recurrence;

use super::*;
use crate::kernel::*;
use std::ops::Range;
use std::time::Instant;

fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn f16_weights(seed: u64, rows: usize, cols: usize) -> Vec<u8> {
    values(seed, rows * cols).iter().flat_map(|&x| f32_to_f16(x).to_le_bytes()).collect()
}

/// Random Q8_0 rows.
fn q8_weights(seed: u64, rows: usize, cols: usize) -> Vec<u8> {
    let codes = values(seed, rows * cols);
    let blocks = codes.as_chunks::<32>().0.iter();
    blocks.flat_map(|block| [0x66, 0x1c].into_iter().chain(block.map(|x| (x * 127.0) as i8 as u8))).collect()
}

/// Every table, with 1 to 3 threads.
fn computes() -> impl Iterator<Item = Compute> {
    Kernels::available().iter().flat_map(|kernels| {
        (1..=3).map(|threads| {
            let options = PoolOptions { threads, ..PoolOptions::default() };
            Compute::new(Pool::new(&options).expect("threads"), kernels).expect("memory")
        })
    })
}

/// Runs `step` to its end, with pauses as often as possible if `pause`; returns the number of slices.
fn to_the_end(pause: bool, mut step: impl FnMut(&mut usize, &Pace) -> Step) -> usize {
    let (mut at, mut slices) = (0, 1);
    let pace = || if pause { Pace::until(Instant::now()) } else { Pace::UNBOUNDED };
    while step(&mut at, &pace()) == Step::Paused {
        slices += 1;
    }
    assert_eq!(at, 0);
    slices
}

#[track_caller]
fn same(ours: &[f32], truth: &[f32], what: &str) {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(ours) == bits(truth), "{what}");
}

/// A bias, an addition, a gate and a plain product of 150 tokens; results after each other.
fn feed_forward(compute: &mut Compute, x: &[f32], pause: bool) -> (Vec<f32>, usize) {
    let (rows, cols) = (80, 96);
    let tokens = x.len() / cols;
    let (a, b, c) = (q8_weights(1, rows, cols), f16_weights(2, 33, cols), q8_weights(3, rows, cols));
    let a = Weights::new(Type::Q8_0, rows, cols, &a).expect("sizes");
    let b = Weights::new(Type::F16, 33, cols, &b).expect("sizes");
    let c = Weights::new(Type::Q8_0, rows, cols, &c).expect("sizes");
    let bias = values(4, rows);
    let mut activations = Activations::default();
    let forms = Forms::NONE.with(Form::F32).with(Form::Q32);
    compute.activations(x, cols, forms, &mut activations).expect("memory");
    let (mut first, mut second, mut third) =
        (vec![1.0; tokens * rows], vec![0.0; tokens * 33], vec![0.0; tokens * rows]);
    let mut slices = to_the_end(pause, |at, pace| {
        let mut products = [
            Product { bias: Some(&bias), output: Output::AddScaled(0.5), ..Product::new(a, &mut first) },
            Product::new(b, &mut second),
        ];
        compute.products(&mut products, &activations, at, pace)
    });
    let biases = Some([&bias[..], &bias]);
    let mut gated =
        GatedProduct { gate: a, up: c, biases, added: Default::default(), act: Gate::Silu, out: &mut third };
    slices += to_the_end(pause, |at, pace| compute.gated(&mut gated, &activations, at, pace));
    ([first, second, third].concat(), slices)
}

#[test]
fn products_do_not_depend_on_threads_pauses_or_instruction_set() {
    let x = values(5, 150 * 96);
    let truth =
        feed_forward(&mut Compute::new(Pool::alone(), Kernels::scalar()).expect("memory"), &x, false).0;
    for mut compute in computes() {
        for pause in [false, true] {
            let (ours, slices) = feed_forward(&mut compute, &x, pause);
            same(&ours, &truth, &format!("{:?}, {} threads", compute.kernels().set(), compute.threads()));
            // How much the other threads take before the first one looks at the time is up to the system.
            let alone = compute.threads() == 1;
            assert!(!pause || !alone || slices > 4, "{slices} slices");
        }
    }
}

#[test]
fn row_operations_do_not_depend_on_threads() {
    let (x, weight) = (values(7, 200 * 320), values(8, 320));
    let run = |compute: &mut Compute| {
        let mut out = vec![0.0; x.len()];
        compute.rms_norm(&x, &weight, 1e-6, &mut out);
        compute.add(&mut out, &x);
        compute.rms_norm_in_place(&mut out, &weight[..64], 1e-6);
        let config = RopeConfig {
            dims: 64,
            base: 1e4,
            style: RopeStyle::Halves,
            scaling: RopeScaling::None,
            magnitude: 1.0,
            factors: None,
        };
        let mut table = RopeTable::default();
        Rope::new(&config).expect("config").fill(40..240, &mut table).expect("memory");
        compute.rope(&mut out, 64, &table);
        compute.soft_cap(&mut out, 3.0);
        compute.scale(&mut out, 1.5);
        compute.add_scaled(&mut out, &x, 0.25);
        let mut normed = out.clone();
        compute.rms_norm(&out, &weight, 1e-6, &mut normed);
        normed
    };
    let truth = run(&mut Compute::new(Pool::alone(), Kernels::scalar()).expect("memory"));
    for mut compute in computes() {
        same(
            &run(&mut compute),
            &truth,
            &format!("{:?}, {} threads", compute.kernels().set(), compute.threads()),
        );
    }
}

#[test]
fn embeddings_are_rows() {
    let table = q8_weights(9, 50, 64);
    let table = Weights::new(Type::Q8_0, 50, 64, &table).expect("sizes");
    let (ids, mut row) = ([49, 0, 7], vec![0.0; 64]);
    for mut compute in computes() {
        let mut out = vec![0.0; 3 * 64];
        compute.embed(&table, &ids, &mut out);
        for (out, &id) in out.chunks_exact(64).zip(&ids) {
            dequantise(Type::Q8_0, table.row(id as usize).expect("row"), &mut row);
            same(out, &row, "a row");
        }
    }
}

const HEADS: usize = 6;
const TOKENS: usize = 1100;
/// The tokens whose attention is computed: at the beginning, across a section's end, behind two.
const COMPUTED: [Range<usize>; 3] = [0..20, 500..531, 1040..TOKENS];

/// How attention is computed: so many tokens at a time, with pauses or without, with memory for so many
/// sections' results of each query, or, for `None`, no memory at all.
type Way = (usize, bool, Option<usize>);

/// The attention of `COMPUTED` tokens, beside another sequence's single token.
fn attention(
    compute: &mut Compute,
    kv_type: KvType,
    window: Option<usize>,
    (chunk, pause, sections): Way,
) -> Vec<f32> {
    let layout = KvLayout::new(kv_type, 2, 2, 16, 24).expect("layout");
    let (queries, keys, vals) =
        (values(11, TOKENS * HEADS * 16), values(12, TOKENS * 32), values(13, TOKENS * 48));
    // Unwritten places hold NaN.
    let count = TOKENS.div_ceil(KV_BLOCK);
    // The last one is the other sequence's.
    let mut blocks = vec![vec![0x7e00u16; layout.block_len()]; count + 1];
    let (ours, other): (Vec<u32>, _) = ((0..count as u32).collect(), [count as u32]);
    let kernels = compute.kernels();
    layout.store(kernels, &mut blocks[count], (1, 0), &keys[..32], &vals[..48]);
    let (mut out, mut stored) = (Vec::new(), 0);
    for first in COMPUTED.into_iter().flat_map(|range| range.step_by(chunk)) {
        let range = COMPUTED.into_iter().find(|range| range.contains(&first)).expect("one of them");
        let end = range.end.min(first + chunk);
        for t in stored..end {
            let (keys, vals) = (&keys[t * 32..][..32], &vals[t * 48..][..48]);
            layout.store(kernels, &mut blocks[t / KV_BLOCK], (1, t % KV_BLOCK), keys, vals);
        }
        stored = end;
        let own = &queries[first * HEADS * 16..end * HEADS * 16];
        let queries = [&queries[..HEADS * 16], own].concat();
        let spans = [
            Span { blocks: &other, position: 0, tokens: 1 },
            Span { blocks: &ours, position: first, tokens: end - first },
        ];
        let job = Attention {
            layout: &layout,
            memory: &blocks[..],
            layer: 1,
            heads: HEADS,
            scale: 0.25,
            window,
            both_ways: false,
            sinks: &[],
            soft_cap: None,
            queries: &queries,
            spans: &spans,
        };
        let lines = (end - first + 1) * HEADS;
        let mut work = vec![f32::NAN; sections.map_or(0, |sections| lines * (2 + sections * 34))];
        let mut part = vec![f32::NAN; lines * 24];
        to_the_end(pause, |at, pace| compute.attention(&job, &mut work, &mut part, at, pace));
        out.extend_from_slice(&part[HEADS * 24..]);
    }
    out
}

#[test]
fn attention_does_not_depend_on_threads_pauses_memory_or_the_cut_of_a_prompt() {
    let windows = [None, Some(1), Some(40), Some(600)].map(|window| (KvType::F16, window));
    for (kv_type, window) in windows.into_iter().chain([(KvType::Q8_0, Some(600))]) {
        let mut plain = Compute::new(Pool::alone(), Kernels::scalar()).expect("memory");
        let truth = attention(&mut plain, kv_type, window, (TOKENS, false, None));
        assert!(truth.iter().all(|x| x.is_finite()));
        for mut compute in computes() {
            for way in [
                (TOKENS, false, Some(8)),
                (TOKENS, true, Some(0)),
                (1, false, Some(3)),
                (1, true, Some(1)),
                (7, false, Some(2)),
                (29, true, None),
            ] {
                let (ours, set) = (attention(&mut compute, kv_type, window, way), compute.kernels().set());
                same(
                    &ours,
                    &truth,
                    &format!("{kv_type:?}, window {window:?}, {way:?}, {set:?}, {}", compute.threads()),
                );
            }
        }
    }
}

#[test]
fn attention_is_near_the_exact_one() {
    let (queries, keys, vals) =
        (values(11, TOKENS * HEADS * 16), values(12, TOKENS * 32), values(13, TOKENS * 48));
    let half = |x: f32| f16_to_f32(f32_to_f16(x)) as f64;
    for window in [None, Some(40)] {
        let ours =
            attention(&mut Compute::alone().expect("memory"), KvType::F16, window, (TOKENS, false, Some(8)));
        for (t, place, head) in [(0, 0, 0), (1, 1, 5), (513, 33, 2), (1099, 110, 0), (1099, 110, 5)] {
            let seen = (t + 1usize).saturating_sub(window.unwrap_or(TOKENS))..t + 1;
            let kv = head / 3;
            let dot = |j: usize| -> f64 {
                (0..16)
                    .map(|d| queries[(t * HEADS + head) * 16 + d] as f64 * half(keys[j * 32 + kv * 16 + d]))
                    .sum()
            };
            let weights: Vec<f64> = seen.clone().map(|j| (dot(j) * 0.25).exp()).collect();
            for d in 0..24 {
                let exact: f64 = seen
                    .clone()
                    .zip(&weights)
                    .map(|(j, w)| w * half(vals[j * 48 + kv * 24 + d]))
                    .sum::<f64>()
                    / weights.iter().sum::<f64>();
                let ours = ours[(place * HEADS + head) * 24 + d] as f64;
                assert!((ours - exact).abs() < 1e-5, "token {t} head {head}: {ours} is not {exact}");
            }
        }
    }
}

/// Tokens of a sequence that sees both ways: across a section's end.
const WHOLE: usize = 560;

/// The attention of a whole sequence that sees both ways, as far as `window` says, with `sinks`; with memory
/// for so many sections' results of each query.
fn both_ways(
    compute: &mut Compute,
    window: Option<usize>,
    sinks: &[f32],
    pause: bool,
    sections: usize,
) -> Vec<f32> {
    let layout = KvLayout::new(KvType::F16, 1, 2, 16, 24).expect("layout");
    let (queries, keys, vals) =
        (values(11, WHOLE * HEADS * 16), values(12, WHOLE * 32), values(13, WHOLE * 48));
    let count = WHOLE.div_ceil(KV_BLOCK);
    // Unwritten places hold NaN.
    let mut blocks = vec![vec![0x7e00u16; layout.block_len()]; count];
    let kernels = compute.kernels();
    for t in 0..WHOLE {
        let (keys, vals) = (&keys[t * 32..][..32], &vals[t * 48..][..48]);
        layout.store(kernels, &mut blocks[t / KV_BLOCK], (0, t % KV_BLOCK), keys, vals);
    }
    let ids: Vec<u32> = (0..count as u32).collect();
    let job = Attention {
        layout: &layout,
        memory: &blocks[..],
        layer: 0,
        heads: HEADS,
        scale: 0.25,
        window,
        both_ways: true,
        sinks,
        soft_cap: None,
        queries: &queries,
        spans: &[Span { blocks: &ids, position: 0, tokens: WHOLE }],
    };
    let lines = WHOLE * HEADS;
    let mut work = vec![f32::NAN; lines * (2 + sections * 34)];
    let mut out = vec![f32::NAN; lines * 24];
    to_the_end(pause, |at, pace| compute.attention(&job, &mut work, &mut out, at, pace));
    out
}

#[test]
fn attention_that_sees_both_ways_is_near_the_exact_one_whoever_computes_it() {
    let (queries, keys, vals) =
        (values(11, WHOLE * HEADS * 16), values(12, WHOLE * 32), values(13, WHOLE * 48));
    let half = |x: f32| f16_to_f32(f32_to_f16(x)) as f64;
    // Nothing beside the scores, about as much, and all there is.
    let sinks = [-200.0, -3.0, 0.0, 2.0, 5.0, 200.0];
    for (window, sinks) in [(None, &[][..]), (Some(21), &[]), (Some(300), &sinks), (None, &sinks)] {
        let truth = both_ways(&mut Compute::alone().expect("memory"), window, sinks, false, 3);
        for (t, head) in [(0usize, 0), (1, 5), (20, 4), (513, 2), (550, 1), (559, 3), (300, 5)] {
            let reach = window.unwrap_or(WHOLE) - 1;
            let seen = t.saturating_sub(reach)..(t + reach + 1).min(WHOLE);
            let dot = |j: usize| -> f64 {
                let key = |d: usize| half(keys[j * 32 + head / 3 * 16 + d]);
                (0..16).map(|d| queries[(t * HEADS + head) * 16 + d] as f64 * key(d)).sum()
            };
            let weights: Vec<f64> = seen.clone().map(|j| (dot(j) * 0.25).exp()).collect();
            let sum = weights.iter().sum::<f64>() + sinks.get(head).map_or(0.0, |sink| (*sink as f64).exp());
            for d in 0..24 {
                let value = |j: usize| half(vals[j * 48 + head / 3 * 24 + d]);
                let exact = seen.clone().zip(&weights).map(|(j, w)| w * value(j)).sum::<f64>() / sum;
                let ours = truth[(t * HEADS + head) * 24 + d] as f64;
                assert!((ours - exact).abs() < 1e-5, "token {t} head {head}: {ours} is not {exact}");
            }
        }
        for mut compute in computes() {
            for (pause, sections) in [(true, 0), (false, 2)] {
                let what = format!("{window:?}, {:?}, {}", compute.kernels().set(), compute.threads());
                same(&both_ways(&mut compute, window, sinks, pause, sections), &truth, &what);
            }
        }
    }
}
