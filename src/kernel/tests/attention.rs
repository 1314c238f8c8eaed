//! Attention: each instruction set equals the plain one, whatever lies in unwritten places; the plain one is
//! near f64.

use super::*;

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

/// `(queries, key_dim)` as a unit wants them, with NaN in every other place.
fn by_sixteen(queries: &[f32], key_dim: usize) -> Vec<[f32; 16]> {
    let count = queries.len() / key_dim;
    let mut parts = vec![[f32::NAN; 16]; key_dim.div_ceil(16) * count];
    for (i, &x) in queries.iter().enumerate() {
        parts[i % key_dim / 16 * count + i / key_dim][i % key_dim % 16] = x;
    }
    parts
}

fn unit<'a>(
    layout: &KvLayout,
    blocks: &'a [Vec<u16>],
    queries: &'a [[f32; 16]],
    visible: Visible,
) -> Unit<'a> {
    let count = queries.len() / layout.key_dim().div_ceil(16);
    Unit {
        keys: std::array::from_fn(|b| blocks.get(b).map_or(&[][..], |block| &block[layout.keys(1, 0)])),
        values: std::array::from_fn(|b| blocks.get(b).map_or(&[][..], |block| &block[layout.values(1, 0)])),
        visible,
        count,
        queries,
        query_stride: count,
        key_dim: layout.key_dim(),
        value_stride: layout.value_stride(),
        soft_cap: None,
    }
}

#[test]
fn every_instruction_set_gives_the_plain_bits() {
    let mut random = Random::new(17);
    for (key_dim, value_dim) in
        [(1, 1), (8, 8), (16, 16), (48, 48), (64, 64), (80, 96), (128, 100), (256, 256)]
    {
        let layout = KvLayout::new(2, 2, key_dim, value_dim).expect("layout");
        // (tokens there are, position of the first query, heads, window, unit's start)
        for (tokens, position, heads, window, start) in [
            (1, 0, 9, usize::MAX, 0),
            (31, 22, 1, usize::MAX, 0),
            (33, 24, 1, 4, 0),
            (100, 95, 2, 100, 0),
            (128, 119, 1, usize::MAX, 0),
            (128, 300, 3, usize::MAX, 128),
            (128, 200, 3, 70, 128),
            (128, 128, 3, 130, 0),
            (128, 126, 3, 4, 0),
        ] {
            let tokens: usize = tokens;
            let blocks = blocks(&layout, tokens, &mut random);
            let visible = Visible { start, position, heads, window };
            for count in (1..=9).chain([12, 16, 17, 24]) {
                let last = Visible::of(position + (count - 1) / heads, window, start);
                if last.is_empty() || last.end > tokens {
                    continue;
                }
                let queries = by_sixteen(&random.values(count * key_dim), key_dim);
                for soft_cap in [None, Some(0.7)] {
                    let unit = Unit { soft_cap, ..unit(&layout, &blocks, &queries, visible.clone()) };
                    let run = |kernels: &Kernels| {
                        let stride = layout.value_stride() + PARTIAL_TAIL;
                        let mut parts = vec![f32::NAN; count * stride];
                        kernels.attend(&unit, &mut parts);
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
                            &format!("{key_dim} {visible:?} {count} {:?}", kernels.set()),
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_plain_attention_is_near_the_exact_one() {
    let mut random = Random::new(19);
    let layout = KvLayout::new(2, 2, 24, 40).expect("layout");
    let blocks = blocks(&layout, 70, &mut random);
    let queries: Vec<f32> = random.values(24).iter().map(|q| q * 3.0).collect();
    let parts = by_sixteen(&queries, 24);
    let unit = unit(&layout, &blocks, &parts, Visible { start: 0, position: 69, heads: 1, window: 65 });
    let mut part = vec![0.0; layout.value_stride() + PARTIAL_TAIL];
    Kernels::scalar().attend(&unit, &mut part);
    let mut out = vec![0.0; 40];
    Kernels::scalar().finish(&part, layout.value_stride(), &mut out);
    let key = |j: usize, d: usize| f16_to_f32(unit.keys[j / 32][d * 32 + j % 32]) as f64;
    let value = |j: usize, d: usize| f16_to_f32(unit.values[j / 32][j % 32 * 48 + d]) as f64;
    let weights: Vec<f64> =
        (5..70).map(|j| (0..24).map(|d| key(j, d) * queries[d] as f64).sum::<f64>().exp()).collect();
    let sum: f64 = weights.iter().sum();
    for (d, &out) in out.iter().enumerate() {
        let exact: f64 = weights.iter().enumerate().map(|(j, w)| w * value(j + 5, d)).sum::<f64>() / sum;
        assert!((out as f64 - exact).abs() < 1e-5, "{out} is not {exact}");
    }
}

#[test]
fn a_copied_block_holds_the_copied_tokens_only() {
    let mut random = Random::new(23);
    let layout = KvLayout::new(2, 2, 8, 8).expect("layout");
    let from = blocks(&layout, 32, &mut random).remove(0);
    let mut to = vec![7; layout.block_len()];
    layout.copy(&from, &mut to, 5);
    for head in 0..2 {
        for d in 0..8 {
            let at = layout.keys(1, head).start + d * 32;
            assert_eq!((&to[at..at + 5], &to[at + 5..at + 32]), (&from[at..at + 5], &[7; 27][..]));
        }
        let at = layout.values(1, head).start;
        assert_eq!((&to[at..at + 80], &to[at + 80..at + 512]), (&from[at..at + 80], &[7; 432][..]));
    }
}
