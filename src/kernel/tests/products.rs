//! Products: each instruction set equals the plain one; the plain one equals f64 on dequantised values.

use super::*;

fn product(kernels: &Kernels, weights: &Weights<'_>, activations: &Activations) -> Vec<f32> {
    let rows = weights.rows();
    let mut tile = vec![f32::NAN; activations.tokens() * rows];
    kernels.product(weights, 0..rows, activations, 0..activations.tokens(), &mut tile, rows);
    tile
}

/// Lengths of rows: every remainder of panels and of lanes that the type allows.
fn lengths(ty: Type) -> Vec<usize> {
    match (ty.form(), ty.block_len()) {
        (Form::F32, _) => vec![1, 2, 15, 16, 17, 31, 33, 64, 100],
        (Form::Q32, 32) => vec![32, 64, 480, 512, 544, 576, 1056],
        (Form::Q32, block) => [1, 2, 4, 5, 8, 9, 10, 19].map(|blocks| blocks * block).to_vec(),
        (Form::Q256, _) => vec![256, 512, 768, 1280],
    }
}

#[test]
fn every_instruction_set_gives_the_plain_bits() {
    let mut random = Random::new(1);
    for ty in Type::ALL {
        for cols in lengths(ty) {
            for (rows, tokens) in [
                (1, 1),
                (16, 1),
                (33, 2),
                (17, 3),
                (40, 4),
                (16, 5),
                (8, 6),
                (48, 7),
                (31, 8),
                (16, 9),
                (32, 21),
            ] {
                let bytes = weights(ty, rows, cols, &mut random);
                let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
                let x = random.values(tokens * cols);
                let truth = product(Kernels::scalar(), &weights, &activations(Kernels::scalar(), &x, cols));
                for kernels in Kernels::available() {
                    let ours = product(kernels, &weights, &activations(kernels, &x, cols));
                    same(&ours, &truth, &format!("{ty} {rows}x{cols}, {tokens} tokens, {:?}", kernels.set()));
                }
            }
        }
    }
}

#[test]
fn extreme_codes_do_not_saturate() {
    for ty in Type::ALL.into_iter().filter(|ty| ty.form() != Form::F32) {
        let (rows, cols) = (16, 256);
        for fill in [0x00, 0xff, 0x80, 0x7f, 0x88, 0x77] {
            let mut bytes = vec![fill; rows * ty.row_bytes(cols).expect("whole blocks")];
            let clean = super::weights(ty, rows, cols, &mut Random::new(3));
            // The scales of random weights, the codes of `fill`.
            for (block, clean) in
                bytes.chunks_exact_mut(ty.block_bytes()).zip(clean.chunks_exact(ty.block_bytes()))
            {
                let scales: &[usize] = match ty {
                    Type::Q4_1 | Type::Q5_1 | Type::Q4_K | Type::Q5_K => &[0, 2],
                    Type::Q2_K => &[80, 82],
                    Type::Q3_K => &[108],
                    Type::Q6_K => &[208],
                    Type::NVFP4 => &[0, 2],
                    _ => &[0],
                };
                scales.iter().for_each(|&at| block[at..at + 2].copy_from_slice(&clean[at..at + 2]));
            }
            let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
            for sign in [1.0, -1.0] {
                let x = vec![sign; 8 * cols];
                let truth = product(Kernels::scalar(), &weights, &activations(Kernels::scalar(), &x, cols));
                for kernels in Kernels::available() {
                    let ours = product(kernels, &weights, &activations(kernels, &x, cols));
                    same(&ours, &truth, &format!("{ty} codes {fill:#x}, {:?}", kernels.set()));
                }
            }
        }
    }
}

/// Every byte as a scale: the least, those that are none, and those with a sign.
#[test]
fn every_scale_of_eight_bits_gives_the_plain_bits() {
    let mut random = Random::new(17);
    let (rows, cols) = (64, 64);
    let mut bytes = weights(Type::NVFP4, rows, cols, &mut random);
    for (scale, block) in bytes.chunks_exact_mut(36).enumerate() {
        (0..4).for_each(|place| block[place] = (scale * 4 + place) as u8);
    }
    let weights = Weights::new(Type::NVFP4, rows, cols, &bytes).expect("sizes");
    for tokens in [1, 2, 9] {
        let x = random.values(tokens * cols);
        let truth = product(Kernels::scalar(), &weights, &activations(Kernels::scalar(), &x, cols));
        assert!(truth.iter().all(|y| y.is_finite()), "a scale is no number");
        for kernels in Kernels::available() {
            let ours = product(kernels, &weights, &activations(kernels, &x, cols));
            same(&ours, &truth, &format!("{tokens} tokens, {:?}", kernels.set()));
        }
    }
}

#[test]
fn a_factor_multiplies_what_the_product_comes_to() {
    let mut random = Random::new(19);
    for kernels in Kernels::available() {
        for (ty, tokens) in [(Type::F32, 3), (Type::NVFP4, 1), (Type::Q4_0, 9)] {
            let (rows, cols) = (33, 64);
            let bytes = weights(ty, rows, cols, &mut random);
            let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
            let right = activations(kernels, &random.values(tokens * cols), cols);
            let plain: Vec<f32> = product(kernels, &weights, &right).iter().map(|y| y * 0.37).collect();
            let part = weights.times(0.37).slice(0..rows).expect("rows");
            same(&product(kernels, &part, &right), &plain, &format!("{ty}, {:?}", kernels.set()));
        }
    }
}

#[test]
fn a_token_alone_gives_the_bits_it_gives_among_others() {
    let mut random = Random::new(5);
    for kernels in Kernels::available() {
        for ty in Type::ALL {
            let (rows, cols, tokens) = (32, 512, 19);
            let bytes = weights(ty, rows, cols, &mut random);
            let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
            let x = random.values(tokens * cols);
            let all = product(kernels, &weights, &activations(kernels, &x, cols));
            for t in 0..tokens {
                let alone = activations(kernels, &x[t * cols..(t + 1) * cols], cols);
                let alone = product(kernels, &weights, &alone);
                same(&alone, &all[t * rows..(t + 1) * rows], &format!("{ty} token {t}, {:?}", kernels.set()));
            }
        }
    }
}

#[test]
fn plain_products_are_near_the_exact_ones() {
    let mut random = Random::new(7);
    for ty in Type::ALL {
        let (rows, cols) = (7, 512);
        let bytes = weights(ty, rows, cols, &mut random);
        let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
        let x = random.values(cols);
        let ours = product(Kernels::scalar(), &weights, &activations(Kernels::scalar(), &x, cols));
        let mut row = vec![0.0; cols];
        for (r, &ours) in ours.iter().enumerate() {
            dequantise(ty, weights.row(r).expect("row"), &mut row);
            let exact: f64 = row.iter().zip(&x).map(|(&w, &x)| w as f64 * x as f64).sum();
            let size: f64 =
                row.iter().zip(&x).map(|(&w, &x)| (w as f64 * x as f64).powi(2)).sum::<f64>().sqrt();
            // Activations are rounded to 1 / 254 of the greatest.
            assert!(
                (ours as f64 - exact).abs() <= 0.03 * size + 1e-6,
                "{ty}: {ours} is not {exact}, of {size}"
            );
        }
    }
}

#[test]
fn values_that_are_not_finite_reach_the_result() {
    let mut random = Random::new(9);
    for kernels in Kernels::available() {
        for ty in Type::ALL {
            let (rows, cols) = (16, 512);
            let bytes = weights(ty, rows, cols, &mut random);
            let weights = Weights::new(ty, rows, cols, &bytes).expect("sizes");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = random.values(2 * cols);
                x[cols + 300] = bad;
                let ours = product(kernels, &weights, &activations(kernels, &x, cols));
                assert!(ours[..rows].iter().all(|y| y.is_finite()), "{ty}: a neighbour was hurt");
                assert!(ours[rows..].iter().all(|y| !y.is_finite()), "{ty} {bad} {:?}", kernels.set());
            }
        }
    }
}
