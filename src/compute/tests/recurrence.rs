//! What the tests of nets that recur have in common: their numbers, and what must change no bit.

use crate::compute::{Compute, Pool, PoolOptions};
use crate::kernel::Kernels;

/// Numbers from -1 to 1.
pub(in crate::compute) fn values(seed: usize, len: usize) -> Vec<f32> {
    let value = |index: usize| ((index * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
    (0..len).map(value).collect()
}

/// Checks that results are near those of the formulas.
pub(in crate::compute) fn near(found: &[f32], exact: &[f64]) {
    assert_eq!(found.len(), exact.len());
    let size = (exact.iter().map(|x| x * x).sum::<f64>() / exact.len() as f64).sqrt();
    assert!(size > 0.05, "{size}");
    for (at, (found, exact)) in found.iter().zip(exact).enumerate() {
        assert!((f64::from(*found) - exact).abs() < 2e-5 * size, "{found} is not {exact}, at {at}");
    }
}

/// Results and the last state of passes that end behind those rows, each of parts of so many rows.
type Passes<'a> = &'a dyn Fn(&mut Compute, &[usize], usize) -> (Vec<f32>, Vec<f32>);

/// Checks that a net over `rows` rows gives the same bits however they are cut into passes and parts, on
/// any number of threads, by every instruction set.
pub(in crate::compute) fn no_bit_changes(rows: usize, passes: Passes<'_>) {
    let bits = |(results, state): (Vec<f32>, Vec<f32>)| -> Vec<u32> {
        results.into_iter().chain(state).map(f32::to_bits).collect()
    };
    let mut plain = Compute::new(Pool::alone(), Kernels::scalar()).expect("memory");
    let truth = bits(passes(&mut plain, &[rows], rows));
    for kernels in Kernels::available() {
        for threads in [1, 3] {
            let options = PoolOptions { threads, ..PoolOptions::default() };
            let pool = Pool::new(&options).expect("threads");
            let mut compute = Compute::new(pool, kernels).expect("memory");
            let mut check = |ends: &[usize], part: usize| {
                let found = bits(passes(&mut compute, ends, part));
                let set = kernels.set();
                assert!(found == truth, "{set:?}, {threads} threads, ends {ends:?}, parts of {part}");
            };
            (1..rows).for_each(|cut| check(&[cut, rows], usize::MAX));
            let each: Vec<usize> = (1..=rows).collect();
            check(&each, 1);
            [1, 2, 7].into_iter().for_each(|part| check(&[rows], part));
        }
    }
}
