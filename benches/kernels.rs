//! How close the kernels come to the machine: products per type, shape and instruction set, beside the
//! machine's own limits measured in the same run. Knows no model.
//!
//! cargo bench --no-default-features --features native --bench kernels -- [SET ...] [TYPE ...] [--threads N]
#![allow(clippy::print_stdout, unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};
use wick::compute::{Compute, Pace, Pool, PoolOptions, Product};
use wick::kernel::{Activations, Forms, InstructionSet, Kernels, Type, Weights};

/// Time per figure.
const TIME: Duration = Duration::from_millis(250);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let threads = after(&arguments, "--threads").unwrap_or_else(wick::compute::default_threads);
    let types: Vec<Type> = Type::ALL.into_iter().filter(|ty| arguments.contains(&ty.to_string())).collect();
    let types = if types.is_empty() { Type::ALL.to_vec() } else { types };
    let sets = Kernels::available().iter().rev().filter(|k| k.set() != InstructionSet::Scalar);
    let asked = |k: &Kernels| arguments.contains(&format!("{:?}", k.set()));
    let all = !sets.clone().any(|k| asked(k));
    for set in sets.filter(|k| all || asked(k)) {
        let limit = Limits::measure(threads);
        println!(
            "\n{:?}, {threads} threads; reading {:.1} GB/s, int8 dots {:.0} Gop/s",
            set.set(),
            limit.read,
            limit.int8
        );
        println!(
            "{:8} {:>11} | {:>9} {:>6} | {:>9} {:>6} | {:>9} | {:>9}",
            "type", "shape", "1 tok", "of read", "128 tok", "of dot", "8 tok", "4 tok"
        );
        for &ty in &types {
            for (rows, cols) in [(2048, 2048), (5632, 2048), (2048, 5632), (1536, 576)] {
                if ty.row_bytes(cols).is_some() {
                    line(ty, rows, cols, set, threads, &limit);
                }
            }
        }
    }
}

fn after(arguments: &[String], flag: &str) -> Option<usize> {
    let at = arguments.iter().position(|a| a == flag)?;
    arguments.get(at + 1)?.parse().ok()
}

fn line(ty: Type, rows: usize, cols: usize, kernels: &'static Kernels, threads: usize, limits: &Limits) {
    let options = PoolOptions { threads, ..PoolOptions::default() };
    let mut compute = Compute::new(Pool::new(&options).expect("threads"), kernels).expect("memory");
    // Enough copies of the matrix that one token's sweep comes from memory.
    let size = ty.row_bytes(cols).expect("whole blocks") * rows;
    let copies = ((192 << 20) / size).max(1);
    let bytes: Vec<u8> =
        (0..size * copies).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] & 0x3b).collect();
    let matrices: Vec<Weights<'_>> =
        bytes.chunks_exact(size).map(|bytes| Weights::new(ty, rows, cols, bytes).expect("sizes")).collect();
    let seconds = |tokens: usize, compute: &mut Compute| time(tokens, &matrices, compute);
    let one = size as f64 / seconds(1, &mut compute) / 1e9;
    let gops = |tokens: usize, compute: &mut Compute| {
        (2 * rows * cols * tokens) as f64 / seconds(tokens, compute) / 1e9
    };
    let (four, eight, many) = (gops(4, &mut compute), gops(8, &mut compute), gops(128, &mut compute));
    println!(
        "{:8} {:>5}x{:<5} | {one:>5.1} GB/s {:>5.0}% | {many:>5.0} Gop {:>5.0}% | {eight:>5.0} Gop | {four:>5.0} Gop",
        ty.to_string(),
        rows,
        cols,
        100.0 * one / limits.read,
        100.0 * many / limits.int8,
    );
}

/// The best time of one product with `tokens` tokens, going through the matrices.
fn time(tokens: usize, matrices: &[Weights<'_>], compute: &mut Compute) -> f64 {
    let (rows, cols) = (matrices[0].rows(), matrices[0].cols());
    let x: Vec<f32> = (0..tokens * cols).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let mut activations = Activations::default();
    let forms = Forms::NONE.with(matrices[0].ty().form());
    compute.activations(&x, cols, forms, &mut activations).expect("memory");
    let mut out = vec![0.0; tokens * rows];
    // A few products are timed in a row; the best of many such rows is what the kernel can do on a shared
    // machine.
    let batch = if tokens == 1 { (matrices.len() / 16).clamp(1, 32) } else { 1 };
    let (mut times, start) = (Vec::new(), Instant::now());
    let mut next = 0;
    while start.elapsed() < TIME || times.len() < 3 {
        let begin = Instant::now();
        for _ in 0..batch {
            let weights = matrices[next % matrices.len()];
            next += 1;
            _ = compute.products(
                &mut [Product::new(weights, &mut out)],
                &activations,
                &mut 0,
                &Pace::UNBOUNDED,
            );
        }
        times.push(begin.elapsed().as_secs_f64() / batch as f64);
    }
    black_box(&out);
    times.into_iter().fold(f64::INFINITY, f64::min)
}

/// What the machine can do at most, with as many threads.
struct Limits {
    /// GB/s.
    read: f64,
    /// 10^9 operations per second, two per product of bytes.
    int8: f64,
}

impl Limits {
    fn measure(threads: usize) -> Self {
        let mut pool = Pool::new(&PoolOptions { threads, ..PoolOptions::default() }).expect("threads");
        let data = vec![1u64; (256 << 20) / 8];
        let mut best = [f64::INFINITY; 2];
        for _ in 0..8 {
            let begin = Instant::now();
            pool.run(256, &|chunk, _| {
                black_box(sum(&data[chunk * (data.len() / 256)..][..data.len() / 256]));
            });
            best[0] = best[0].min(begin.elapsed().as_secs_f64());
            let begin = Instant::now();
            pool.run(threads * 8, &|_, _| dots());
            best[1] = best[1].min(begin.elapsed().as_secs_f64());
        }
        let operations = (threads * 8 * DOTS * 16 * 128) as f64;
        Self { read: (256 << 20) as f64 / best[0] / 1e9, int8: operations / best[1] / 1e9 }
    }
}

/// A plain read.
fn sum(data: &[u64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn wide(data: &[u64]) -> u64 {
        data.iter().fold(0, |sum, x| sum ^ x)
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { wide(data) };
    }
    data.iter().fold(0, |sum, x| sum ^ x)
}

/// Rounds of 16 independent dot instructions.
const DOTS: usize = 40_000;

/// The widest dot-product instructions, independent and in registers: as many operations whatever their
/// width.
fn dots() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        // SAFETY: the processor has AVX-512 F and VNNI.
        unsafe { dots_512() };
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni") {
        // SAFETY: the processor has AVX2 and AVX-VNNI.
        unsafe { dots_256() };
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("i8mm") {
        // SAFETY: the processor has products of matrices, and every aarch64 has NEON.
        unsafe { squares() };
    } else if std::arch::is_aarch64_feature_detected!("dotprod") {
        // SAFETY: the processor has dot products, and every aarch64 has NEON.
        unsafe { dots_128() };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dots_512() {
    use std::arch::x86_64::*;
    let mut sums = [_mm512_set1_epi32(1); 16];
    let (a, b) = (black_box(_mm512_set1_epi8(3)), black_box(_mm512_set1_epi8(5)));
    for _ in 0..DOTS {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avxvnni")]
fn dots_256() {
    use std::arch::x86_64::*;
    // Twelve sums and two operands fit the registers.
    let mut sums = [_mm256_set1_epi32(1); 12];
    let (a, b) = (black_box(_mm256_set1_epi8(3)), black_box(_mm256_set1_epi8(5)));
    for _ in 0..(2 * DOTS * 16).div_ceil(12) {
        for sum in &mut sums {
            *sum = _mm256_dpbusd_avx_epi32(*sum, a, b);
        }
    }
    black_box(sums);
}

/// One instruction of 16 registers with two others, as it has no stable intrinsic.
#[cfg(target_arch = "aarch64")]
macro_rules! assembled {
    ($instruction:literal, $rounds:expr) => {{
        use std::arch::aarch64::*;
        let mut sums = [vdupq_n_s32(1); 16];
        let (a, b) = (black_box(vdupq_n_s8(3)), black_box(vdupq_n_s8(5)));
        for _ in 0..$rounds {
            for sum in &mut sums {
                // SAFETY: registers only; the instruction is one of the calling function's features.
                unsafe {
                    std::arch::asm!(concat!($instruction, " {0:v}.4s, {1:v}.16b, {2:v}.16b"), inout(vreg) *sum,
                        in(vreg) a, in(vreg) b, options(pure, nomem, nostack, preserves_flags));
                }
            }
        }
        black_box(sums);
    }};
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,dotprod")]
fn dots_128() {
    assembled!("sdot", 4 * DOTS);
}

/// Twice the operations of an instruction of dot products.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,i8mm")]
fn squares() {
    assembled!("smmla", 2 * DOTS);
}
