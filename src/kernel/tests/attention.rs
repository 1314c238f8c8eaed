//! Attention: each instruction set equals the plain one, whatever lies in unwritten places; the plain one is
//! near f64.

use super::*;

const KV_TYPES: [KvType; 2] = [KvType::F16, KvType::Q8_0];

/// Blocks with `tokens` random tokens and NaN in every other place.
fn blocks(layout: &KvLayout, tokens: usize, random: &mut Random) -> Vec<Vec<u16>> {
    let mut blocks = vec![vec![0x7e00; layout.block_len()]; tokens.div_ceil(KV_BLOCK)];
    for token in 0..tokens {
        let (keys, values) = (
            random.values(layout.heads() * layout.key_dim()),
            random.values(layout.heads() * layout.value_dim()),
        );
        let block = &mut blocks[token / KV_BLOCK];
        layout.store(Kernels::scalar(), block, (1, token % KV_BLOCK), &keys, &values);
    }
    blocks
}

/// Element `d` of the key in `slot` of a block, by layer and head.
fn key(layout: &KvLayout, block: &[u16], (layer, head): (usize, usize), slot: usize, d: usize) -> f64 {
    let keys = &block[layout.keys(layer, head)];
    let at = match layout.kv_type() {
        KvType::F16 => d * 32 + slot,
        KvType::Q8_0 => d / 2 * 64 + 2 * slot + d % 2,
    };
    element(layout.kv_type(), keys, layout.key_stride(), at, d / 32 * 32 + slot)
}

/// Element `d` of the value there.
fn value(layout: &KvLayout, block: &[u16], (layer, head): (usize, usize), slot: usize, d: usize) -> f64 {
    let (values, width) = (&block[layout.values(layer, head)], layout.value_stride());
    element(layout.kv_type(), values, width, slot * width + d, d / 32 * 32 + slot)
}

/// Element `at` of 32 rows of `width`, with the scale `scale` behind them.
fn element(kv_type: KvType, part: &[u16], width: usize, at: usize, scale: usize) -> f64 {
    match kv_type {
        KvType::F16 => f16_to_f32(part[at]) as f64,
        KvType::Q8_0 => {
            let code = bytemuck::cast_slice::<_, i8>(part)[at];
            code as f64 * f16_to_f32(part[16 * width + scale]) as f64
        }
    }
}

/// `(queries, key_dim)` as a unit wants them, with NaN in every other place.
fn placed(layout: &KvLayout, queries: &[f32]) -> Vec<[f32; 16]> {
    let count = queries.len() / layout.key_dim();
    let mut parts = vec![[f32::NAN; 16]; layout.query_len() / 16 * count];
    for (place, query) in queries.chunks_exact(layout.key_dim()).enumerate() {
        layout.place_query(query, 1.0, &mut parts, (place, count));
    }
    parts
}

fn section<'a>(
    layout: &'a KvLayout,
    blocks: &'a [Vec<u16>],
    queries: &'a [[f32; 16]],
    start: usize,
    visible: Visible,
) -> Section<'a> {
    let count = queries.len() / (layout.query_len() / 16);
    let head = layout.head(1, 0);
    Section {
        layout,
        blocks: std::array::from_fn(|b| blocks.get(b).map_or(&[][..], |block| &block[head.clone()])),
        start,
        visible,
        count,
        queries,
        query_stride: count,
        soft_cap: None,
    }
}

#[test]
fn every_instruction_set_gives_the_plain_bits() {
    let mut random = Random::new(17);
    let dims = [(1, 1), (8, 8), (16, 16), (48, 48), (64, 64), (80, 96), (128, 100), (256, 256)];
    let halves = dims.map(|dims| (KvType::F16, dims));
    let bytes = [(1, 1), (48, 48), (64, 64), (80, 100)].map(|dims| (KvType::Q8_0, dims));
    for (kv_type, (key_dim, value_dim)) in halves.into_iter().chain(bytes) {
        let layout = KvLayout::new(kv_type, 2, 2, key_dim, value_dim).expect("layout");
        // (tokens there are, position of the first query, heads, window, tokens seen ahead, section's start)
        for (tokens, position, heads, window, ahead, start) in [
            (1, 0, 9, usize::MAX, 0, 0),
            (31, 22, 1, usize::MAX, 0, 0),
            (33, 24, 1, 4, 0, 0),
            (100, 95, 2, 100, 0, 0),
            (133, 124, 1, usize::MAX, 0, 0),
            (300, 290, 3, 170, 0, 0),
            (512, 800, 3, usize::MAX, 0, 512),
            (512, 710, 3, 195, 0, 512),
            (512, 512, 3, 390, 0, 0),
            (512, 507, 3, 4, 0, 0),
            (300, 0, 3, usize::MAX, usize::MAX, 0),
            (300, 120, 1, 21, 20, 0),
            (60, 500, 1, 30, 29, 512),
        ] {
            let tokens: usize = tokens;
            let blocks = blocks(&layout, tokens, &mut random);
            let sight = Sight { window, ahead, end: start + tokens };
            let visible = Visible { position, heads, sight };
            for count in [1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 27] {
                let sees = |query: usize| {
                    let (token, seen) = (position + query / heads, sight.of(position + query / heads));
                    let all = (token + 1).min(start + 512) <= start + tokens;
                    seen.start < seen.end.min(start + 512) && start < seen.end && all
                };
                if count % heads != 0 || !sees(0) || !sees(count - 1) {
                    continue;
                }
                let queries = placed(&layout, &random.values(count * key_dim));
                for soft_cap in [None, Some(0.7)] {
                    let section =
                        Section { soft_cap, ..section(&layout, &blocks, &queries, start, visible.clone()) };
                    let run = |kernels: &Kernels| {
                        let stride = layout.value_stride() + PARTIAL_TAIL;
                        let mut parts = vec![f32::NAN; count * stride];
                        kernels.attend(&section, &mut parts);
                        let mut out = vec![f32::NAN; count * value_dim];
                        for (part, out) in parts.chunks_exact(stride).zip(out.chunks_exact_mut(value_dim)) {
                            let mut total = part.to_vec();
                            kernels.merge(&mut total, part);
                            kernels.finish(&total, layout.value_stride(), out);
                        }
                        out
                    };
                    let truth = run(Kernels::scalar());
                    assert!(truth.iter().all(|x| x.is_finite()), "padding was read: {key_dim} {visible:?}");
                    for kernels in Kernels::available() {
                        same(
                            &run(kernels),
                            &truth,
                            &format!("{kv_type:?} {key_dim} {visible:?} {count} {:?}", kernels.set()),
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_plain_attention_is_near_the_exact_one() {
    let dims = [(24, 40), (16, 16), (64, 96)];
    for (kv_type, (key_dim, value_dim)) in KV_TYPES.into_iter().flat_map(|ty| dims.map(|dims| (ty, dims))) {
        let mut random = Random::new(19);
        let layout = KvLayout::new(kv_type, 2, 2, key_dim, value_dim).expect("layout");
        let blocks = blocks(&layout, 370, &mut random);
        let queries: Vec<f32> = random.values(key_dim).iter().map(|q| q * 3.0).collect();
        let parts = placed(&layout, &queries);
        let sight = Sight { window: 365, ahead: 0, end: 370 };
        let visible = Visible { position: 369, heads: 1, sight };
        let section = section(&layout, &blocks, &parts, 0, visible);
        let mut part = vec![0.0; layout.value_stride() + PARTIAL_TAIL];
        Kernels::scalar().attend(&section, &mut part);
        let mut out = vec![0.0; value_dim];
        Kernels::scalar().finish(&part, layout.value_stride(), &mut out);
        let key = |j: usize, d: usize| key(&layout, &blocks[j / 32], (1, 0), j % 32, d);
        let value = |j: usize, d: usize| value(&layout, &blocks[j / 32], (1, 0), j % 32, d);
        let score = |j: usize| (0..key_dim).map(|d| key(j, d) * queries[d] as f64).sum::<f64>();
        let weights: Vec<f64> = (5..370).map(|j| score(j).exp2()).collect();
        let sum: f64 = weights.iter().sum();
        // Queries are rounded to 16 bits.
        let most = if kv_type == KvType::Q8_0 { 5e-5 } else { 1e-5 };
        for (d, &out) in out.iter().enumerate() {
            let exact: f64 = weights.iter().enumerate().map(|(j, w)| w * value(j + 5, d)).sum::<f64>() / sum;
            assert!((out as f64 - exact).abs() < most, "{kv_type:?} {key_dim}: {out} is not {exact}");
        }
    }
}

#[test]
fn what_is_stored_is_near_what_was_given() {
    for (key_dim, value_dim) in [(1, 33), (24, 40), (64, 128), (80, 16)] {
        let mut random = Random::new(29);
        // Each block of 32 has a size of its own.
        let mut row = |len: usize| -> Vec<f32> {
            (0..len).map(|i| random.unit() * [1.0, 1e-3, 300.0][i / 32 % 3]).collect()
        };
        let (keys, values) = (row(2 * key_dim), row(2 * value_dim));
        for kv_type in KV_TYPES {
            let layout = KvLayout::new(kv_type, 2, 2, key_dim, value_dim).expect("layout");
            for kernels in Kernels::available() {
                let mut block = vec![0x7e00; layout.block_len()];
                layout.store(kernels, &mut block, (1, 7), &keys, &values);
                for head in 0..2 {
                    let near = |row: &[f32], d: usize, stored: f64| {
                        let first = d / 32 * 32;
                        let max =
                            row[first..row.len().min(first + 32)].iter().fold(0f32, |m, x| m.max(x.abs()));
                        let (x, off) = (row[d] as f64, (stored - row[d] as f64).abs());
                        let most = match kv_type {
                            KvType::F16 => x.abs() / 2048.0,
                            // Half a step, and the scale's own rounding.
                            KvType::Q8_0 => max as f64 * (0.5 / 127.0 + 1.0 / 1024.0),
                        };
                        assert!(off <= most + 4e-6, "{kv_type:?} {key_dim} [{d}]: {stored} is not {x}");
                    };
                    let (own_key, own_value) =
                        (&keys[head * key_dim..][..key_dim], &values[head * value_dim..][..value_dim]);
                    for d in 0..key_dim {
                        near(own_key, d, key(&layout, &block, (1, head), 7, d));
                    }
                    for d in 0..value_dim {
                        near(own_value, d, value(&layout, &block, (1, head), 7, d));
                    }
                }
            }
        }
    }
}

#[test]
fn q8_0_takes_34_bytes_for_32_elements_and_says_so() {
    let bytes = |kv_type, dim| KvLayout::new(kv_type, 30, 3, dim, dim).expect("layout").block_len() * 2;
    assert_eq!(bytes(KvType::F16, 64), 30 * 3 * 32 * 2 * 64 * 2);
    assert_eq!(bytes(KvType::Q8_0, 64), 30 * 3 * 32 * 2 * 2 * 34);
    assert_ne!(KvType::F16.layout(), KvType::Q8_0.layout());
    // A block that ends with the row has a scale too.
    assert_eq!(bytes(KvType::Q8_0, 80), 30 * 3 * 32 * 2 * (80 + 3 * 2));
}

#[test]
fn what_is_not_finite_does_not_look_sound() {
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38] {
        for kv_type in KV_TYPES {
            let layout = KvLayout::new(kv_type, 1, 1, 40, 40).expect("layout");
            let mut row = vec![1.0; 40];
            row[35] = broken;
            for kernels in Kernels::available() {
                let mut block = vec![0; layout.block_len()];
                layout.store(kernels, &mut block, (0, 3), &row, &row);
                let (key, value) =
                    (key(&layout, &block, (0, 0), 3, 35), value(&layout, &block, (0, 0), 3, 35));
                assert!(!key.is_finite() && !value.is_finite(), "{kv_type:?} {broken}: {key} {value}");
            }
        }
    }
}

#[test]
fn a_copied_block_holds_the_copied_tokens_only() {
    let mut random = Random::new(23);
    for kv_type in KV_TYPES {
        let layout = KvLayout::new(kv_type, 2, 2, 40, 24).expect("layout");
        let from = blocks(&layout, 32, &mut random).remove(0);
        // NaN, and a scale that is NaN.
        let mut to = vec![0x7e00; layout.block_len()];
        let untouched = to.clone();
        layout.copy(&from, &mut to, 5);
        let mut blank: Vec<u16> = to[layout.layer(1)].to_vec();
        layout.blank(bytemuck::cast_slice_mut(&mut blank), 3);
        let blank = [vec![0; blank.len()], blank].concat();
        for (head, slot) in (0..2).flat_map(|head| (0..32).map(move |slot| (head, slot))) {
            let expected = if slot < 5 { &from } else { &untouched };
            let both = |read: &dyn Fn(&[u16]) -> f64| {
                let (ours, theirs) = (read(&to).to_bits(), read(expected).to_bits());
                assert_eq!(ours, theirs, "{kv_type:?} head {head}, slot {slot}");
                let left = if slot < 3 { read(&from) } else { 0.0 };
                assert_eq!(read(&blank).to_bits(), left.to_bits(), "{kv_type:?} head {head}, slot {slot}");
            };
            (0..40).for_each(|d| both(&|block| key(&layout, block, (1, head), slot, d)));
            (0..24).for_each(|d| both(&|block| value(&layout, block, (1, head), slot, d)));
        }
    }
}
